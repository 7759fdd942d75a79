use std::{fs, path::Path, process::Command};

use ccfd::config::{Config, Environment, SecretSource};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{file, path};
use crate::support::python::Python;

pub(super) const CHART: &str = "deploy/kubernetes/chart";
pub(super) const MANIFESTS: &str = "deploy/kubernetes/ccfd.yaml";
pub(super) const MONITOR: &str = "deploy/kubernetes/servicemonitor.yaml";
/// What the chart makes of values that reach each of its branches.
const MUCH: &str = "tests/service/much.yaml";
/// Where the keys are mounted.
pub(super) const SECRETS: &str = "/run/secrets/ccfd/";

fn render(arguments: &[&str]) -> String {
    let output = Command::new(path("deploy/kubernetes/render")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The indented block behind a line that ends with `key: |`.
fn block(text: &str, key: &str) -> String {
    let mut lines = text.lines().skip_while(|line| line.trim() != format!("{key}: |")).skip(1).peekable();
    let first = lines.peek().expect("a block");
    let indent = " ".repeat(first.len() - first.trim_start().len());
    let inside = lines.map_while(|line| line.strip_prefix(&indent).or(line.is_empty().then_some("")));
    inside.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// The content of a manifest file, and Kubernetes' verdict on it.
fn judged(python: &Python, manifests: &Path) -> Value {
    python.run("kubernetes.py", &[manifests.to_str().unwrap()])
}

/// The one object of that kind in a file of manifests.
pub(super) fn object(python: &Python, name: &str, kind: &str) -> Value {
    let objects = judged(python, &path(name))["objects"].take();
    let mut found = objects.as_array().unwrap().iter().filter(|one| one["kind"] == kind);
    let one = found.next().unwrap_or_else(|| panic!("no {kind}")).clone();
    assert!(found.next().is_none(), "more than one {kind}");
    one
}

/// The container of the Pod.
pub(super) fn container(python: &Python) -> Value {
    object(python, MANIFESTS, "StatefulSet")["spec"]["template"]["spec"]["containers"][0].take()
}

/// The environment of the container.
pub(super) fn environment(container: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = container["env"].as_array().unwrap().iter();
    pairs.map(|pair| (text(&pair["name"]), text(&pair["value"]))).collect()
}

#[test]
fn the_manifests_are_those_of_the_chart() {
    let sum = render(&["--sum"]);
    for name in [MANIFESTS, MONITOR, MUCH] {
        let begin = format!("\n# chart: {sum}");
        assert!(file(name).contains(&begin), "deploy/kubernetes/render writes {name}");
    }
    let settings = block(&file(MANIFESTS), "ccfd.toml");
    assert_eq!(settings, block(&file(&format!("{CHART}/values.yaml")), "config"));
}

#[test]
fn kubernetes_knows_every_key_of_the_manifests() {
    let Some(python) = Python::shared() else { return };
    let dir = TempDir::new().unwrap();
    let changed = dir.path().join("manifests.yaml");
    for (name, kinds, from, to) in [
        (
            MANIFESTS,
            json!(["ConfigMap", "NetworkPolicy", "Service", "StatefulSet"]),
            "replicas:",
            "replikas:",
        ),
        (MONITOR, json!(["ServiceMonitor"]), "authorization:", "authorisation:"),
        (
            MUCH,
            json!([
                "ConfigMap",
                "NetworkPolicy",
                "Service",
                "ServiceAccount",
                "ServiceMonitor",
                "StatefulSet"
            ]),
            "serviceAccountName:",
            "serviceAcountName:",
        ),
    ] {
        let said = judged(python, &path(name));
        assert_eq!((&said["kinds"], &said["faults"]), (&kinds, &json!([])), "{name}");
        let text = file(name);
        assert!(text.contains(from), "{name}");
        fs::write(&changed, text.replace(from, to)).unwrap();
        assert_ne!(judged(python, &changed)["faults"], json!([]), "{to} in {name}");
    }
}

#[test]
fn a_pod_is_who_the_values_say_and_has_what_they_mount() {
    let Some(python) = Python::shared() else { return };
    let account = object(python, MUCH, "ServiceAccount");
    let set = object(python, MUCH, "StatefulSet");
    let pod = &set["spec"]["template"];
    assert_eq!(pod["spec"]["serviceAccountName"], account["metadata"]["name"]);
    assert!(account["metadata"]["annotations"]["azure.workload.identity/client-id"].is_string());
    assert_eq!(
        (&set["metadata"]["annotations"]["three"], &pod["metadata"]["annotations"]["one"]),
        (&"3".into(), &"1".into())
    );
    let container = &pod["spec"]["containers"][0];
    let named = |list: &Value, name: &str| list.as_array().unwrap().iter().any(|one| one["name"] == name);
    assert!(
        named(&container["volumeMounts"], "authorities") && named(&pod["spec"]["volumes"], "authorities")
    );
    assert_eq!(container["envFrom"][0]["secretRef"]["name"], "more");
}

#[test]
fn the_settings_in_the_chart_load_and_take_their_secrets_from_where_they_are_mounted() {
    let Some(python) = Python::shared() else { return };
    let dir = TempDir::new().unwrap();
    let (settings, manifests) = (dir.path().join("ccfd.toml"), file(MANIFESTS));
    fs::write(&settings, block(&manifests, "ccfd.toml")).unwrap();
    let environment = Environment::from_iter(environment(&container(python)));
    let config = Config::load(Some(&settings), &environment, &[]).unwrap();
    assert!(config.state.dir.starts_with("/var/lib/ccfd"));
    assert!(config.admin.metrics_listen.is_some_and(|listen| listen.is_open()), "probes come from elsewhere");
    let keys = config.collectors.values().map(|collector| &collector.api_key);
    for source in keys.chain(&config.admin.metrics_token) {
        let SecretSource::File(file) = source else { panic!("no file") };
        let name = file.strip_prefix(SECRETS).unwrap().display().to_string();
        assert!(manifests.contains(&format!("path: {name}\n")), "{name} is not mounted");
    }
}

#[test]
fn the_chart_is_of_the_version_of_ccfd() {
    let chart = file(&format!("{CHART}/Chart.yaml"));
    let version = env!("CARGO_PKG_VERSION");
    assert!(chart.contains(&format!("\nversion: {version}\nappVersion: {version}\n")), "{chart}");
}
