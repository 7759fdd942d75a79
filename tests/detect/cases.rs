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
fn alerts_give_way_neither_to_what_a_case_holds_nor_to_others_of_the_same_hour() {
    let mut alerts = raised(&["audit-1", "audit-2"]);
    let id = create(&mut alerts, CaseSettings::default()).id;
    let of_size = |size_max| AlertLimits { retention: Duration::from_secs(1 << 40), size_max };
    let small = 1 << 20;
    let ann = CasePerson::named("ann");
    for number in 0..80 {
        let comment = format!("{number}{}", "x".repeat(29_000));
        alerts.db.cases(DEFAULT_SPACE).comment(&id, &comment, by_ann(&ann)).unwrap();
    }
    let day = 24 * 3_600;
    assert_eq!(alerts.db.clear_up(&of_size(small), NOW + day).unwrap().alerts, 0, "a case takes the place");
    assert_eq!(alerts.db.clear_up(&of_size(1), NOW + 3_599).unwrap().alerts, 0, "they have just changed");
    assert_eq!(alerts.db.clear_up(&of_size(1), NOW + 3_601).unwrap().alerts, 2);
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

/// Cases and alerts of one scene, changed by Ann.
struct Followed {
    scene: Alerts,
    alerts: Vec<String>,
}

impl Followed {
    fn new(records: &[&str]) -> Self {
        let scene = raised(records);
        let alerts = scene.all().into_iter().map(|alert| alert.id).collect();
        Self { scene, alerts }
    }

    fn case(&mut self, sync_alerts: bool, alerts: &[usize]) -> String {
        let id = create(&mut self.scene, CaseSettings { sync_alerts }).id;
        self.attach(&id, alerts);
        id
    }

    fn attach(&mut self, case: &str, alerts: &[usize]) {
        let named = alerts.iter().map(|place| AlertToAttach {
            id: self.alerts[*place].clone(),
            index: "logs".into(),
            summary: Value::Null,
        });
        let (named, ann): (Vec<_>, _) = (named.collect(), CasePerson::named("ann"));
        let mut store = self.scene.db.cases(DEFAULT_SPACE);
        store.attach_alerts(case, &named, &AttachedRule::default(), by_ann(&ann)).unwrap();
    }

    fn detach_all(&mut self, case: &str) {
        let ann = CasePerson::named("ann");
        self.scene.db.cases(DEFAULT_SPACE).detach_all(case, by_ann(&ann)).unwrap();
    }

    fn change(&mut self, case: &str, change: &CaseChange) {
        let ann = CasePerson::named("ann");
        self.scene.db.cases(DEFAULT_SPACE).change(case, change, by_ann(&ann)).unwrap();
    }

    fn close(&mut self, case: &str, verdict: Disposition) {
        self.change(case, &closed_as(verdict));
    }

    fn reopen(&mut self, case: &str) {
        self.change(case, &CaseChange { status: Some(CaseStatus::Open), ..CaseChange::default() });
    }

    /// The status of an alert, with its verdict.
    fn state(&self, alert: usize) -> (AlertStatus, Option<String>) {
        let alert = self.scene.db.alert_named(&self.alerts[alert]).unwrap();
        (alert.status, alert.disposition)
    }
}

fn closed_as(verdict: Disposition) -> CaseChange {
    CaseChange { status: Some(CaseStatus::Closed), disposition: Some(verdict), ..CaseChange::default() }
}

const OPEN: (AlertStatus, Option<String>) = (AlertStatus::Open, None);

fn closed(verdict: &str) -> (AlertStatus, Option<String>) {
    (AlertStatus::Closed, Some(verdict.to_owned()))
}

#[test]
fn what_a_case_closed_it_opens_and_judges_again_and_what_a_person_judged_it_never_changes() {
    for sync_alerts in [true, false] {
        let mut followed = Followed::new(&["audit-1", "audit-2", "audit-3"]);
        let (mine, persons) = (0, 1);
        let person = followed.alerts[persons].clone();
        followed.scene.db.judge_alert(&person, Some(Disposition::Benign), "bob", None, NOW).unwrap();
        let case = followed.case(sync_alerts, &[mine, persons]);
        let with_alerts = CaseChange { with_alerts: true, ..closed_as(Disposition::TruePositive) };
        followed.change(&case, &with_alerts);
        assert_eq!(followed.state(mine), closed("true-positive"));
        followed.reopen(&case);
        assert_eq!(followed.state(mine), OPEN, "it is open again with its case");
        followed.change(&case, &with_alerts);
        followed.close(&case, Disposition::FalsePositive);
        assert_eq!(followed.state(mine), closed("false-positive"), "the case has another verdict now");
        assert_eq!(followed.state(persons), closed("benign"));
        // From here on it is a person's.
        let alert = followed.alerts[mine].clone();
        followed.scene.db.judge_alert(&alert, Some(Disposition::Benign), "bob", None, NOW).unwrap();
        followed.reopen(&case);
        followed.close(&case, Disposition::TruePositive);
        for alert in [mine, persons] {
            assert_eq!(followed.state(alert), closed("benign"), "a person's verdict remains");
        }
        assert_eq!(followed.state(2), OPEN, "it is of no case");
    }
}

#[test]
fn a_closed_case_can_still_close_its_alerts() {
    let mut followed = Followed::new(&["audit-1"]);
    let case = followed.case(false, &[0]);
    followed.close(&case, Disposition::Benign);
    assert_eq!(followed.state(0), OPEN);
    followed.change(&case, &CaseChange { with_alerts: true, ..closed_as(Disposition::Benign) });
    assert_eq!(followed.state(0), closed("benign"));
}

#[test]
fn an_alert_of_two_cases_belongs_to_the_one_that_closed_it() {
    let mut followed = Followed::new(&["audit-1"]);
    let (first, second) = (followed.case(true, &[0]), followed.case(true, &[0]));
    followed.close(&first, Disposition::TruePositive);
    followed.close(&second, Disposition::FalsePositive);
    assert_eq!(followed.state(0), closed("true-positive"), "it was closed already");
    followed.reopen(&second);
    assert_eq!(followed.state(0), closed("true-positive"));
    followed.reopen(&first);
    assert_eq!(followed.state(0), OPEN);
    // Kibana's clients close without a verdict; one with a verdict says more.
    followed.change(&first, &CaseChange { status: Some(CaseStatus::Closed), ..CaseChange::default() });
    assert_eq!(followed.state(0), (AlertStatus::Closed, None));
    followed.close(&second, Disposition::Benign);
    assert_eq!(followed.state(0), closed("benign"));
}

#[test]
fn an_alert_that_is_moved_follows_the_case_that_it_is_moved_to() {
    let mut followed = Followed::new(&["audit-1", "audit-2"]);
    let (first, second) = (followed.case(true, &[0, 1]), followed.case(true, &[]));
    followed.close(&first, Disposition::FalsePositive);
    followed.attach(&second, &[0]);
    assert_eq!(followed.state(0), closed("false-positive"), "the first one still has it");
    followed.detach_all(&first);
    assert_eq!(followed.state(1), closed("false-positive"), "what is removed stays as it was judged");
    followed.attach(&second, &[1]);
    assert_eq!(followed.state(1), OPEN, "its case is open");
    followed.reopen(&first);
    followed.close(&second, Disposition::TruePositive);
    assert_eq!((followed.state(0), followed.state(1)), (closed("true-positive"), closed("true-positive")));
    // A case that is deleted leaves the verdicts, and nobody who may keep them.
    followed.scene.db.cases(DEFAULT_SPACE).delete(&[second]).unwrap();
    assert_eq!(followed.state(0), closed("true-positive"));
    let third = followed.case(true, &[0]);
    assert_eq!(followed.state(0), OPEN);
    followed.change(&third, &CaseChange { status: Some(CaseStatus::InProgress), ..CaseChange::default() });
    assert_eq!(followed.state(0), (AlertStatus::Acknowledged, None));
}

#[test]
fn alerts_that_begin_to_follow_a_case_get_its_status() {
    let mut followed = Followed::new(&["audit-1", "audit-2"]);
    let case = followed.case(false, &[0]);
    followed.change(&case, &CaseChange { status: Some(CaseStatus::InProgress), ..CaseChange::default() });
    assert_eq!(followed.state(0), OPEN);
    let settings = Some(CaseSettings { sync_alerts: true });
    followed.change(&case, &CaseChange { settings, ..CaseChange::default() });
    followed.attach(&case, &[1]);
    for alert in [0, 1] {
        assert_eq!(followed.state(alert), (AlertStatus::Acknowledged, None));
    }
    // An open case does not hide that somebody looks at an alert.
    let open = followed.case(true, &[0]);
    assert_eq!(followed.state(0), (AlertStatus::Acknowledged, None));
    followed.close(&open, Disposition::Benign);
    assert_eq!(followed.state(0), closed("benign"));
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
