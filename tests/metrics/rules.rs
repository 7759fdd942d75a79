use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use ccfd::metrics::markdown;

use crate::support::{judge, promtool::Promtool};

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/alerts.yml")
}

/// Every word of a text that looks like one of our metrics.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("ccfd_")).collect()
}

#[test]
fn the_alert_rules_name_no_metric_that_there_is_not() {
    let (rules, manual) = (fs::read_to_string(rules()).unwrap(), markdown());
    let known = names(&manual);
    for name in names(&rules) {
        assert!(known.contains(name.trim_end_matches("_bucket")), "{name}");
    }
}

#[test]
fn prometheus_accepts_the_alert_rules() {
    let Some(promtool) = Promtool::shared() else { return };
    let said = promtool.run(&["check", "rules", rules().to_str().unwrap()], "");
    assert!(said.as_ref().is_ok_and(|said| said.contains("SUCCESS")), "{said:?}");
}

/// Each of them with the numbers at which it must speak, and those at which it must not.
#[test]
fn each_alert_speaks_when_it_should() {
    let Some(promtool) = Promtool::shared() else { return };
    let said = promtool.run(&["test", "rules", judge::file("metrics/alerts_test.yml").to_str().unwrap()], "");
    assert!(said.as_ref().is_ok_and(|said| said.contains("SUCCESS")), "{said:?}");
}
