//! Everything that watches the Pod: probes, scrapers, and ccfd itself, which watches its Secrets.

use std::{fs, os::unix::fs::symlink};

use reqwest::Method;
use serde_json::Value;

use super::kubernetes::{MANIFESTS, MONITOR, SECRETS, container, environment, object};
use crate::support::{
    http::send,
    process::{Place, Running, Simulated, wait_until},
    python::Python,
};

const FEW: [&str; 4] = ["--audit-logs", "5", "--completions", "5"];
const PORT: &str = "metrics";

/// Where a daemon shows its metrics, which it says in its log.
fn metrics_url(daemon: &mut Running) -> String {
    // The admin address is said, too.
    wait_until("both addresses", || daemon.stderr().matches("\"listening\"").count() == 2);
    let log = daemon.stderr();
    let lines = log.lines().filter(|line| line.contains("\"listening\""));
    let listens = lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["listen"].take());
    let mut open = listens.filter_map(|listen| listen.as_str()?.strip_prefix("0.0.0.0:").map(str::to_owned));
    format!("http://127.0.0.1:{}", open.next().expect("an open address"))
}

#[test]
fn the_probes_ask_for_what_the_daemon_answers_and_metrics_want_the_token() {
    let Some(python) = Python::shared() else { return };
    let container = container(python);
    let api = Simulated::start(&FEW);
    let mut place = Place::new(&api.base_url);
    place.write_secret("metrics-token", "of-the-scraper\n");
    let port = container["ports"][0].clone();
    for (name, value) in environment(&container) {
        let here = value.replace(SECRETS, "./").replace(&format!(":{}", port["containerPort"]), ":0");
        assert_ne!(here, value, "{name}");
        place = place.with(&name, &here);
    }
    let mut daemon = place.start(&["run"]);
    let url = metrics_url(&mut daemon);
    let asked = |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("host", "10.1.2.3:9750")];
        send(Method::GET, &format!("{url}{path}"), &headers, Vec::new()).0
    };
    wait_until("the daemon to be ready", || asked("/readyz", "") == 200);
    for (probe, path) in
        [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
    {
        let get = &container[probe]["httpGet"];
        assert_eq!((&get["path"], &get["port"]), (&path.into(), &PORT.into()), "{probe}");
        assert_eq!(asked(path, ""), 200, "{probe}");
    }
    assert_eq!(port["name"], PORT);
    assert_eq!((asked("/metrics", ""), asked("/metrics", "of-the-scraper")), (401, 200));
}

#[test]
fn a_parked_route_restarts_nothing() {
    let api = Simulated::start(&FEW);
    let place = Place::new(&api.base_url)
        .with("SCRAPER", "of-the-scraper")
        .with("CCFD__ADMIN__METRICS_LISTEN", "0.0.0.0:0")
        .with("CCFD__ADMIN__METRICS_TOKEN", "{ env = \"SCRAPER\" }");
    place.run_to(0, &["run", "--once"]);
    let place = place.with("OPENAI_ADMIN_KEY", "sk-not-an-admin-key");
    let mut daemon = place.start(&["run"]);
    daemon.wait_for_log("\"parked\"");
    let url = metrics_url(&mut daemon);
    let asked = |path: &str| send(Method::GET, &format!("{url}{path}"), &[], Vec::new());
    assert_eq!(asked("/healthz").0, 200);
    let (status, readiness) = asked("/readyz");
    assert_eq!((status, &readiness["parked"][0]), (200, &"acme-audit/local".into()), "{readiness}");
}

#[test]
fn the_scraper_finds_the_port_and_brings_the_token_that_the_pod_has() {
    let Some(python) = Python::shared() else { return };
    let monitor = object(python, MONITOR, "ServiceMonitor");
    let service = object(python, MANIFESTS, "Service");
    let pod = object(python, MANIFESTS, "StatefulSet")["spec"]["template"].take();
    let chosen = |selector: &Value, labels: &Value| {
        let selector = selector.as_object().unwrap();
        !selector.is_empty() && selector.iter().all(|(name, value)| labels[name] == *value)
    };
    assert!(chosen(&monitor["spec"]["selector"]["matchLabels"], &service["metadata"]["labels"]));
    assert!(chosen(&service["spec"]["selector"], &pod["metadata"]["labels"]));
    let (endpoint, port) = (&monitor["spec"]["endpoints"][0], &service["spec"]["ports"][0]);
    assert_eq!((&endpoint["path"], &endpoint["port"]), (&"/metrics".into(), &port["name"]));
    assert_eq!(port["targetPort"], pod["spec"]["containers"][0]["ports"][0]["name"]);

    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    let sources = volumes.iter().filter_map(|volume| volume["projected"]["sources"].as_array()).flatten();
    let secrets: Vec<&Value> = sources.map(|source| &source["secret"]).collect();
    let token = secrets.iter().find(|secret| secret["items"][0]["path"] == "metrics-token").unwrap();
    let credentials = &endpoint["authorization"]["credentials"];
    assert_eq!(credentials["name"], token["name"]);
    assert_eq!(credentials["key"], token["items"][0]["key"]);
}

#[test]
fn a_secret_that_changes_in_the_cluster_is_taken_up_without_a_restart() {
    let api = Simulated::start(&FEW);
    let place = Place::new(&api.base_url);
    place.replace("{ env = \"OPENAI_ADMIN_KEY\" }", "{ file = \"secrets/openai-admin\" }");
    // As a node mounts it: the file is a link by way of a directory that is swapped as a whole.
    for (version, key) in [("..1", "sk-not-an-admin-key\n"), ("..2", "sk-admin-second\n")] {
        fs::create_dir_all(place.path("secrets").join(version)).unwrap();
        place.write_secret(&format!("secrets/{version}/openai-admin"), key);
    }
    symlink("..1", place.path("secrets/..data")).unwrap();
    symlink("..data/openai-admin", place.path("secrets/openai-admin")).unwrap();
    let mut daemon = place.start(&["run"]);
    daemon.wait_for_log("\"parked\"");
    symlink("..2", place.path("secrets/..data_tmp")).unwrap();
    fs::rename(place.path("secrets/..data_tmp"), place.path("secrets/..data")).unwrap();
    daemon.wait_for_log("secret or certificate has changed, reopening");
    wait_until("the records", || place.rows() == (5, 5));
}
