import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import org.codelibs.opensearch.runner.OpenSearchRunner;
import org.opensearch.http.HttpServerTransport;

/**
 * One node on a free loopback port. Says its URL once it is green, and ends, with its data, when its standard input does: so it
 * outlives nobody, whichever way they died. The runner's own main class knows no ingest role, and only a hundred ports.
 */
public final class Node {
    public static void main(String[] arguments) throws Exception {
        Path home = Files.createTempDirectory("ccfd-opensearch-");
        OpenSearchRunner runner = new OpenSearchRunner();
        // Also on a signal, and when the start fails.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(runner)));
        runner.onBuild((number, settings) -> {
            settings.put("discovery.type", "single-node");
            settings.put("network.host", "127.0.0.1");
            settings.put("http.port", "0");
            settings.put("transport.port", "0");
            settings.putList("node.roles", "cluster_manager", "data", "ingest");
            // A full disk of the machine is no matter of the tests.
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        });
        runner.build(OpenSearchRunner.newConfigs().basePath(home.toString()).numOfNode(1).clusterName("ccfd-tests")
            .useLogger().disableESLogger());
        runner.ensureGreen();
        var transport = runner.getNode(0).injector().getInstance(HttpServerTransport.class);
        var address = transport.boundAddress().publishAddress();
        System.out.println("http://127.0.0.1:" + address.getPort());
        System.in.transferTo(java.io.OutputStream.nullOutputStream());
        System.exit(0);
    }

    private static void end(OpenSearchRunner runner) {
        try {
            runner.close();
        } catch (IOException error) {
            error.printStackTrace();
        }
        runner.clean();
    }
}
