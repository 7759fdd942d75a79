use std::{fs, process::Command};

use ccfd::config::{Config, Environment, SecretSource};
use serde_json::json;
use tempfile::TempDir;

use super::{file, path};
use crate::support::{process::Place, python::Python};

const CHART: &str = "deploy/kubernetes/chart";
const MANIFESTS: &str = "deploy/kubernetes/ccfd.yaml";

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

#[test]
fn the_manifests_are_those_of_the_chart() {
    let text = file(MANIFESTS);
    let sum = render(&["--sum"]);
    assert!(text.contains(&format!("\n# chart: {sum}")), "deploy/kubernetes/render writes them anew");
    assert_eq!(block(&text, "ccfd.toml"), block(&file(&format!("{CHART}/values.yaml")), "config"));
}

#[test]
fn kubernetes_knows_every_key_of_the_manifests() {
    let Some(python) = Python::shared() else { return };
    let kinds = json!(["ConfigMap", "NetworkPolicy", "Service", "StatefulSet"]);
    let said = python.run("kubernetes.py", &[path(MANIFESTS).to_str().unwrap()]);
    assert_eq!(said, json!({ "kinds": kinds, "faults": [] }));

    let dir = TempDir::new().unwrap();
    let manifests = dir.path().join("manifests.yaml");
    let judged = |text: &str| {
        fs::write(&manifests, text).unwrap();
        python.run("kubernetes.py", &[manifests.to_str().unwrap()])["faults"].clone()
    };
    assert_ne!(judged(&file(MANIFESTS).replace("replicas:", "replikas:")), json!([]));
}

#[test]
fn the_settings_in_the_chart_load_and_take_their_key_from_where_it_is_mounted() {
    let dir = TempDir::new().unwrap();
    let (settings, manifests) = (dir.path().join("ccfd.toml"), file(MANIFESTS));
    fs::write(&settings, block(&manifests, "ccfd.toml")).unwrap();
    let config = Config::load(Some(&settings), &Environment::default(), &[]).unwrap();
    assert!(config.state.dir.starts_with("/var/lib/ccfd"));
    for collector in config.collectors.values() {
        let SecretSource::File(key) = &collector.api_key else { panic!("no file") };
        let key = key.strip_prefix("/run/secrets/ccfd/").unwrap().display().to_string();
        assert!(manifests.contains(&format!("path: {key}\n")), "{key} is not mounted");
    }
}

#[test]
fn the_probes_are_commands_of_ccfd() {
    let place = Place::bare();
    let text = file(MANIFESTS);
    let probes: Vec<Vec<String>> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("command: "))
        .map(|list| serde_json::from_str(list).unwrap())
        .collect();
    assert_eq!(probes.len(), 3);
    for probe in probes {
        let words: Vec<&str> = probe.iter().map(String::as_str).collect();
        assert_eq!(words[..3], ["/usr/bin/ccfd", "--config", "/etc/ccfd/ccfd.toml"]);
        let ended = place.run_to(2, &[&["--config", "missing.toml"], &words[3..]].concat());
        assert!(ended.stderr.contains("missing.toml"), "{}", ended.stderr);
    }
}

#[test]
fn the_chart_is_of_the_version_of_ccfd() {
    let chart = file(&format!("{CHART}/Chart.yaml"));
    let version = env!("CARGO_PKG_VERSION");
    assert!(chart.contains(&format!("\nversion: {version}\nappVersion: {version}\n")), "{chart}");
}
