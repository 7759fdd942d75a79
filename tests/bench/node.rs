//! Into a real OpenSearch node: its CPU seconds and ours, with the templates and with fields that it finds by itself.

use serde_json::json;

use crate::{
    measure::measure,
    runs::{Simulator, ccfd},
    support::opensearch::Node,
};

pub fn opensearch(events: u64) {
    let Some(node) = Node::shared() else { return };
    let simulator = Simulator::start(events, "0s");
    println!("\n{events} audit events into a real OpenSearch node");
    println!("{:<28} {:>8} {:>12} {:>12} {:>12}", "", "wall s", "node CPU s", "ccfd CPU s", "node MiB");
    // The first run pays for the warming up of the node, and is not shown.
    for (name, templates, shown) in
        [("", true, false), ("fields found by itself", false, true), ("our templates", true, true)]
    {
        let dir = tempfile::tempdir().unwrap();
        let index = format!("bench-{templates}-{shown}");
        let sink = format!(
            "type = \"elasticsearch\"\nurls = [\"{}\"]\nindex = {{ audit_logs = \"{index}\" }}",
            node.url()
        );
        if templates {
            // Its upstream is there; whatever else it finds, the templates are put.
            _ = ccfd(dir.path(), &simulator.url, &sink, &["check", "--install"]).status().unwrap();
        }
        let before = node.cpu_seconds();
        let run = measure(&mut ccfd(dir.path(), &simulator.url, &sink, &["run", "--once"]));
        assert_eq!(node.count(&index), events);
        node.post(&format!("/{index}/_flush"), &json!({}));
        let cpu = node.cpu_seconds() - before;
        let stored = node.get(&format!("/{index}/_stats/store"));
        let bytes = stored["_all"]["total"]["store"]["size_in_bytes"].as_f64().unwrap();
        if shown {
            let mib = bytes / f64::from(1 << 20);
            println!("{name:<28} {:>8.2} {cpu:>12.1} {:>12.2} {mib:>12.1}", run.wall, run.cpu);
        }
        node.delete(&format!("/{index}"));
    }
}
