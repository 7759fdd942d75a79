//! Cases of the alerts that rules raise.

use std::time::Duration;

use ccfd::{
    cases::{
        AlertToAttach, AttachedRule, Case, CaseChange, CasePerson, CaseSettings, CaseStamp, CaseStatus,
        DEFAULT_SPACE, NewCase,
        action::{CaseAlert, CaseRule, CasesAction, run},
    },
    detect_db::{Alert, AlertLimits, AlertStatus, Disposition},
};
use serde_json::{Value, json};

use super::{
    Alerts,
    rules::{Event, detection, matches_of},
};

const NOW: i64 = 1_790_000_000;

fn by_ann(person: &CasePerson) -> CaseStamp<'_> {
    CaseStamp { by: person, now: NOW }
}

/// One alert for each of these records.
fn raised(records: &[&str]) -> Alerts {
    let mut alerts = Alerts::new(vec![detection("created", true)]);
    alerts.now = NOW;
    for record in records {
        let event = Event { id: (*record).to_owned(), at: NOW, user: None, value: 1.0, matches: vec![0] };
        alerts.deliver(&matches_of(&alerts.rules.clone(), &event));
    }
    alerts
}

fn create(alerts: &mut Alerts, settings: CaseSettings) -> Case {
    let new = NewCase { title: "one".into(), description: "d".into(), settings, ..NewCase::default() };
    alerts.db.cases(DEFAULT_SPACE).create(&new, by_ann(&CasePerson::named("ann"))).unwrap()
}

#[test]
fn a_case_can_be_read_when_its_alerts_are_gone() {
    let mut alerts = raised(&["audit-1"]);
    let id = create(&mut alerts, CaseSettings::default()).id;
    let alert = alerts.all().remove(0);
    // By its id alone, as a script attaches it.
    let named = AlertToAttach { id: alert.id.clone(), index: "logs".into(), summary: Value::Null };
    let ann = CasePerson::named("ann");
    let mut store = alerts.db.cases(DEFAULT_SPACE);
    store.attach_alerts(&id, &[named], &AttachedRule::default(), by_ann(&ann)).unwrap();
    let limits = AlertLimits { retention: Duration::from_secs(60), size_max: u64::MAX };
    assert_eq!(alerts.db.clear_up(&limits, NOW + 1_000).unwrap().alerts, 1);
    let mut store = alerts.db.cases(DEFAULT_SPACE);
    let attached = store.alerts(&id).unwrap();
    assert_eq!(attached[0].summary["title"], json!(alert.title));
    assert_eq!(attached[0].summary["record_ids"], json!(["audit-1"]));
    assert_eq!(store.get(&id).unwrap().total_alerts, 1);
}

#[test]
fn the_alerts_of_a_case_follow_it_if_it_says_so() {
    for (sync_alerts, with_alerts) in [(true, false), (false, true), (false, false)] {
        let mut scene = raised(&["audit-1", "audit-2", "audit-3"]);
        let alerts = scene.all();
        scene.db.judge_alert(&alerts[1].id, Some(Disposition::Benign), "bob", None, NOW).unwrap();
        let id = create(&mut scene, CaseSettings { sync_alerts }).id;
        let ann = CasePerson::named("ann");
        let these: Vec<_> = alerts[..2].iter().map(|alert| CaseAlert::of(alert).to_attach()).collect();
        let mut store = scene.db.cases(DEFAULT_SPACE);
        store.attach_alerts(&id, &these, &AttachedRule::default(), by_ann(&ann)).unwrap();
        let change = CaseChange {
            status: Some(CaseStatus::Closed),
            disposition: Some(Disposition::TruePositive),
            with_alerts,
            ..CaseChange::default()
        };
        let before = scene.db.newest_change().unwrap();
        let case = scene.db.cases(DEFAULT_SPACE).change(&id, &change, by_ann(&ann)).unwrap();
        assert_eq!(case.disposition.as_deref(), Some("true-positive"));
        let now: Vec<Alert> = alerts.iter().map(|one| scene.db.alert_named(&one.id).unwrap()).collect();
        let follows = sync_alerts || with_alerts;
        assert_eq!(now[0].status, if follows { AlertStatus::Closed } else { AlertStatus::Open });
        assert_eq!(now[0].disposition.as_deref(), follows.then_some("true-positive"));
        assert_eq!(now[1].disposition.as_deref(), Some("benign"), "a verdict on the alert itself remains");
        assert_eq!(now[2].status, AlertStatus::Open, "it is not of the case");
        let after = scene.db.newest_change().unwrap();
        assert_eq!(after > before, follows, "sinks that get alerts get the change");
    }
}

#[test]
fn the_alerts_of_a_rule_become_a_case_that_names_them() {
    let mut scene = raised(&["audit-1", "audit-2"]);
    let alerts = scene.all();
    let given: Vec<CaseAlert> = alerts.iter().map(CaseAlert::of).collect();
    let rule = CaseRule::of(&alerts[0]);
    let outcome = run(&mut scene.db, &CasesAction::default(), &rule, &given, NOW).unwrap();
    assert_eq!((outcome.cases.len(), outcome.cases[0].attached), (1, 2));
    let mut store = scene.db.cases(DEFAULT_SPACE);
    let case = store.get(&outcome.cases[0].id).unwrap();
    assert!(case.title.starts_with(&rule.name) && case.tags.contains(&format!("rule:{}", rule.id)));
    assert_eq!(store.of_alert(&alerts[0].id, &[]).unwrap()[0].id, case.id);
}
