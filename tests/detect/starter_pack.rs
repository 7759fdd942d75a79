//! The built-in rules on the events beside them, and what pySigma says of their files.

use std::{fs, path::Path};

use ccfd::{
    detect::{
        model::Matches,
        rules::{Placeholders, RuleSet, RuleSource, builtin_events, builtin_files},
    },
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Tables},
};
use collectors::{Record, TimeField};
use serde_json::Value;
use tempfile::TempDir;

use super::Alerts;
use crate::support::python::Python;

fn builtin() -> RuleSet {
    let own = Placeholders::from([("OwnDomains".to_owned(), vec!["@example.com".to_owned()])]);
    RuleSet::load(&[RuleSource::Builtin], &Tables::built_in(), &own).unwrap()
}

/// How many alerts of a rule these events raise.
fn alerts(set: &RuleSet, slug: &str, events: &str) -> u64 {
    let mut alerts = Alerts::new(set.rules.clone());
    let mut matches = Matches::default();
    for line in events.lines().filter(|line| !line.is_empty()) {
        let json: Value = serde_json::from_str(line).unwrap();
        let (table, time) = match json.get("effective_at") {
            Some(_) => (&AUDIT_LOGS, TimeField::EffectiveAt),
            None => (&CHAT_COMPLETIONS, TimeField::Created),
        };
        let record = Record::read(line.as_bytes(), time).unwrap();
        set.judge(table, "acme", &record, &mut matches);
    }
    alerts.deliver(&matches);
    let standing = alerts.all().into_iter().filter(|alert| alert.merged_into.is_none() && !alert.withdrawn);
    standing.filter(|alert| alert.rule == slug).count() as u64
}

#[test]
fn each_rule_raises_the_alerts_that_its_tests_state() {
    let set = builtin();
    let mut wrong = Vec::new();
    let mut run = 0;
    for rule in &set.rules {
        let (tests, _) = set.tests(set.named(&rule.slug).unwrap());
        for test in tests {
            let raised = alerts(&set, &rule.slug, builtin_events(&test.events).unwrap());
            if raised != test.alerts {
                wrong.push(format!("{}: {raised} alerts instead of {}", test.events, test.alerts));
            }
            run += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run >= 54, "only {run} tests");
}

fn write(dir: &Path) {
    for (name, text) in builtin_files().filter(|(name, _)| name.ends_with(".yml")) {
        fs::write(dir.join(name), text).unwrap();
    }
}

#[test]
fn pysigma_finds_nothing_wrong_in_the_files() {
    let Some(python) = Python::shared() else { return };
    let dir = TempDir::new().unwrap();
    write(dir.path());
    let said = python.run("sigma_check.py", &[dir.path().to_str().unwrap()]);
    assert_eq!(said["wrong"], serde_json::json!([]));
    assert!(said["rules"].as_u64() >= Some(27), "{said}");
}
