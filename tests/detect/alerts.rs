//! Alerts one by one: what they say, when they notify, what people do with them, what is removed.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, time::Duration};

use ccfd::{
    detect::model::{Comparison, CorrelationKind, Level, Match, Rule, RuleState},
    detect_db::{Alert, AlertFilter, AlertLimits, AlertStatus, DetectDb, Disposition, VerdictError},
    sinks::SinkError,
};

use super::{
    Alerts,
    rules::{Event, correlation, detection, matches_of},
};

fn event(id: &str, at: i64, detection: u32) -> Event {
    Event { id: id.to_owned(), at, user: Some("ann".to_owned()), value: 1.0, matches: vec![detection] }
}

pub(super) fn matches(rules: &[Rule], events: &[(&str, i64)]) -> Vec<Match> {
    events.iter().flat_map(|(id, at)| matches_of(rules, &event(id, *at, 0))).collect()
}

/// Three of a kind in ten seconds.
pub(super) fn three() -> Vec<Rule> {
    let at_least = [(Comparison::AtLeast, 3.0)];
    vec![
        detection("failed", false),
        correlation("many_failed", CorrelationKind::EventCount, &[0], true, 10, &at_least),
    ]
}

fn single() -> Vec<Rule> {
    vec![detection("created", true)]
}

#[test]
fn a_late_record_that_joins_two_alerts_merges_the_younger_into_the_older() {
    let mut alerts = Alerts::new(three());
    let rules = three();
    alerts.deliver(&matches(&rules, &[("a", 100), ("b", 101), ("c", 102)]));
    alerts.deliver(&matches(&rules, &[("g", 114), ("h", 115), ("i", 116)]));
    let before = alerts.all();
    assert_eq!(before.len(), 2);
    alerts.deliver(&matches(&rules, &[("e", 108)]));
    let after = alerts.all();
    let joined = after.iter().find(|alert| alert.merged_into.is_none()).unwrap();
    let merged = after.iter().find(|alert| alert.merged_into.is_some()).unwrap();
    assert_eq!(merged.merged_into.as_ref(), Some(&joined.id));
    assert_eq!(joined.id, before.iter().min_by_key(|alert| alert.seq).unwrap().id, "the older one remains");
    assert_eq!((joined.event_count, joined.record_ids.len()), (7, 7));
    assert_eq!(joined.first_event_at, "1970-01-01T00:01:40Z");
    assert_eq!(joined.last_event_at, "1970-01-01T00:01:56Z");
}

#[test]
fn a_late_record_that_proves_an_alert_wrong_withdraws_it_and_no_one_else_sees_it() {
    let few = [(Comparison::Less, 2.0)];
    let rules = vec![
        detection("passed", false),
        correlation("few", CorrelationKind::EventCount, &[0], true, 10, &few),
    ];
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("b", 105)]));
    let id = alerts.all()[0].id.clone();
    alerts.deliver(&matches(&rules, &[("a", 104)]));
    let withdrawn = alerts.all().into_iter().find(|alert| alert.id == id).unwrap();
    assert!(withdrawn.withdrawn);
    assert_eq!(withdrawn.status, AlertStatus::Closed);
    assert!(alerts.listed(&AlertFilter::default()).iter().all(|alert| alert.id != id));
    let refused = alerts.db.judge_alert(&id, None, "ann", None, 0).unwrap_err();
    assert!(matches!(refused, VerdictError::Settled(_)), "{refused}");
}

#[test]
fn an_alert_about_records_older_than_its_rule_is_historical_until_it_has_newer_ones() {
    let rules = three();
    let mut alerts = Alerts::new(rules.clone());
    alerts.now = 1_000;
    alerts.rules = vec![
        Rule { slug: "failed".into(), ..rules[0].clone() },
        Rule { slug: "later".into(), ..rules[1].clone() },
    ]
    .into();
    alerts.db.adopt(alerts.rules.clone(), alerts.now).unwrap();
    alerts.deliver(&matches(&rules, &[("a", 996), ("b", 997), ("c", 998)]));
    let one = &alerts.all()[0];
    assert_eq!((one.historical, one.notify, one.notify_reason.as_deref()), (true, false, Some("historical")));
    alerts.deliver(&matches(&rules, &[("d", 1_003)]));
    let one = &alerts.all()[0];
    assert_eq!((one.historical, one.notify, one.notify_reason.as_deref()), (false, true, None));
}

#[test]
fn a_rule_whose_definition_changes_starts_over_and_its_alerts_stay() {
    let rules = three();
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", 100), ("b", 101), ("c", 102)]));
    let frozen = alerts.all();
    alerts.rules = rules.iter().map(|rule| Rule { definition: 8, ..rule.clone() }).collect();
    alerts.reopen();
    alerts.deliver(&matches(&rules, &[("d", 103), ("e", 104)]));
    assert_eq!(alerts.all(), frozen, "two matches are not three");
    alerts.deliver(&matches(&rules, &[("f", 105)]));
    assert_eq!(alerts.all().len(), 2);
}

#[test]
fn a_correlation_that_is_off_raises_nothing_and_neither_sees_others_nor_shows_itself() {
    let at_least = [(Comparison::AtLeast, 1.0)];
    let chain = correlation("again", CorrelationKind::EventCount, &[1], true, 10, &at_least);
    let raised = |off: usize| -> Vec<String> {
        let mut rules = [three(), vec![chain.clone()]].concat();
        rules[off].state = RuleState::Off;
        let mut alerts = Alerts::new(rules.clone());
        alerts.deliver(&matches(&rules, &[("a", 100), ("b", 101), ("c", 102)]));
        alerts.facts().into_iter().map(|facts| facts.rule).collect()
    };
    assert!(raised(1).is_empty());
    assert_eq!(raised(2), ["many_failed"]);
}

#[test]
fn every_change_of_an_alert_has_a_number_that_deliveries_can_follow() {
    let rules = three();
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", 100), ("b", 101), ("c", 102)]));
    let seen = alerts.db.newest_change().unwrap();
    assert_eq!(alerts.db.changed_after(0, 10).unwrap().len(), 1);
    assert_eq!(alerts.db.changed_after(seen, 10).unwrap(), []);
    alerts.deliver(&matches(&rules, &[("d", 103)]));
    let changed = alerts.db.changed_after(seen, 10).unwrap();
    assert_eq!(changed.iter().map(|alert| alert.event_count).collect::<Vec<_>>(), [4]);
    alerts.deliver(&matches(&rules, &[("d", 103)]));
    assert_eq!(alerts.db.newest_change().unwrap(), changed[0].seq, "a repeat changes nothing");
}

#[test]
fn verdicts_close_alerts_and_count_for_their_rule() {
    let rules = single();
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", 100), ("b", 200)]));
    let ids: Vec<String> = alerts.all().into_iter().map(|alert| alert.id).collect();
    let seen = alerts.db.judge_alert(&ids[0], None, "ann", Some("looking"), 300).unwrap();
    assert_eq!((seen.status, seen.judged_by.as_deref()), (AlertStatus::Acknowledged, Some("ann")));
    let verdict = Some(Disposition::FalsePositive);
    let closed = alerts.db.judge_alert(&ids[0], verdict, "bob", None, 400).unwrap();
    assert_eq!(closed.status, AlertStatus::Closed);
    assert_eq!(closed.disposition.as_deref(), Some("false-positive"));
    assert_eq!(
        (closed.judged_at.as_deref(), closed.note.as_deref()),
        (Some("1970-01-01T00:06:40Z"), Some("looking"))
    );
    let unknown = alerts.db.judge_alert("nonsense", verdict, "bob", None, 400).unwrap_err();
    assert!(matches!(unknown, VerdictError::Unknown(_)));
    let ambiguous = alerts.db.judge_alert("", verdict, "bob", None, 400).unwrap_err();
    assert!(matches!(ambiguous, VerdictError::Ambiguous(_)));
    let figures = alerts.db.figures(500).unwrap().remove("created").unwrap();
    assert_eq!((figures.matches, figures.alerts), ([2; 3], [2; 3]));
    let one = |verdict| u64::from(verdict == Disposition::FalsePositive);
    assert_eq!(figures.verdicts, BTreeMap::from(Disposition::ALL.map(|verdict| (verdict, one(verdict)))));
    let figures = alerts.db.figures(200 + 24 * 3600).unwrap().remove("created").unwrap();
    assert_eq!((figures.matches, figures.alerts), ([0, 2, 2], [0, 2, 2]));
}

#[test]
fn alerts_are_listed_by_rule_status_time_and_level() {
    let rules = vec![detection("created", true), Rule { level: Level::High, ..detection("removed", true) }];
    let mut alerts = Alerts::new(rules.clone());
    let of = |id: &str, at, detection| matches_of(&rules, &event(id, at, detection));
    alerts.deliver(&[of("a", 100, 0), of("b", 200, 1), of("c", 300, 0)].concat());
    let id = alerts.all().iter().find(|alert| alert.record_ids == ["a"]).unwrap().id.clone();
    alerts.db.judge_alert(&id, Some(Disposition::Benign), "ann", None, 400).unwrap();
    let ids = |filter: AlertFilter| -> Vec<String> {
        alerts.listed(&filter).into_iter().flat_map(|alert| alert.record_ids).collect()
    };
    assert_eq!(ids(AlertFilter::default()), ["c", "b", "a"]);
    assert_eq!(ids(AlertFilter { rule: Some("created".to_owned()), ..AlertFilter::default() }), ["c", "a"]);
    assert_eq!(ids(AlertFilter { status: Some(AlertStatus::Open), ..AlertFilter::default() }), ["c", "b"]);
    assert_eq!(ids(AlertFilter { since: Some(200), ..AlertFilter::default() }), ["c", "b"]);
    assert_eq!(ids(AlertFilter { level: Some(Level::High), ..AlertFilter::default() }), ["b"]);
    assert_eq!(ids(AlertFilter { limit: Some(1), ..AlertFilter::default() }), ["c"]);
}

#[test]
fn what_is_older_than_the_retention_is_removed_and_the_rest_stays() {
    let rules = [three(), vec![detection("created", true)]].concat();
    let mut alerts = Alerts::new(rules.clone());
    let day = 24 * 3600;
    alerts.now = 0;
    alerts.deliver(&matches(&rules, &[("a", 0), ("b", 1), ("c", 2)]));
    alerts.now = 10 * day;
    alerts.deliver(&matches(&rules, &[("d", alerts.now), ("e", alerts.now + 1), ("f", alerts.now + 2)]));
    let limits = AlertLimits { retention: Duration::from_secs(5 * 24 * 3600), size_max: u64::MAX };
    let gone = alerts.db.clear_up(&limits, 12 * day).unwrap();
    assert_eq!((gone.matches, gone.alerts, gone.more), (3, 1, false));
    let left = alerts.facts();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].records, ["d", "e", "f"]);
    alerts.deliver(&matches(&rules, &[("g", 10 * day + 3)]));
    assert_eq!(alerts.facts()[0].count, 4, "what is kept can still grow");
}

#[test]
fn a_database_that_is_too_large_loses_its_oldest_matches_first_and_no_alert_before_them() {
    let rules = three();
    let mut alerts = Alerts::new(rules.clone());
    let of = |number: i64| event(&format!("log-{number:05}-{}", "x".repeat(400)), number * 7, 0);
    let events: Vec<Match> = (0..6_000).flat_map(|number| matches_of(&rules, &of(number))).collect();
    alerts.deliver(&events);
    alerts.deliver(&matches(&rules, &[("a", 100_000), ("b", 100_001), ("c", 100_002)]));
    let before = alerts.facts();
    let limits = AlertLimits { retention: Duration::from_secs(1 << 40), size_max: 1 << 20 };
    let gone = alerts.db.clear_up(&limits, 200_000).unwrap();
    assert!(gone.matches > 1_000 && gone.alerts == 0, "{gone:?}");
    assert_eq!(alerts.facts(), before);
}

#[test]
fn hostile_values_change_nothing_but_their_own_alert() {
    let rules = three();
    let mut alerts = Alerts::new(rules.clone());
    let hostile =
        ["x".repeat(5 << 20), "\u{1b}[2J\u{202e}<script>".to_owned(), "a\0b".to_owned(), String::new()];
    for value in &hostile {
        for number in 0..3 {
            let mut of = matches_of(
                &rules,
                &Event { user: Some(value.clone()), ..event(&format!("{number}{value}"), number, 0) },
            );
            let short: String = value.chars().take(300).collect();
            let fields = (0..200).map(|field| format!("{field}.{short}"));
            let pairs = fields.flat_map(|field| vec![(field, short.clone()); 50]);
            of[0].shown = pairs.chain([("long".to_owned(), value.clone())]).collect();
            alerts.deliver(&of);
        }
    }
    alerts.deliver(&matches(&rules, &[("a", 100), ("b", 101), ("c", 102)]));
    let all = alerts.all();
    assert_eq!(all.len(), hostile.len() + 1);
    for alert in &all {
        assert_eq!(alert.event_count, 3);
        let size = serde_json::to_string(alert).unwrap().len();
        assert!(size < 64 << 10, "an alert of {size} bytes");
    }
    let long = format!("{}y", "x".repeat((5 << 20) - 1));
    for number in 0..3 {
        let of = Event { user: Some(long.clone()), ..event(&format!("long{number}"), number, 0) };
        alerts.deliver(&matches_of(&rules, &of));
    }
    assert_eq!(alerts.all().len(), hostile.len() + 2, "texts that differ at their end are different groups");
}

#[test]
fn only_its_owner_reads_the_database_and_what_is_none_is_refused() {
    let alerts = Alerts::new(single());
    assert_eq!(fs::metadata(alerts.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = |content: &[u8]| {
        let path = alerts.dir.path().join("other.db");
        fs::write(&path, content).unwrap();
        match DetectDb::open(&path, 0) {
            Err(SinkError::Misplaced { reason, .. }) => reason,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("opened"),
        }
    };
    assert_eq!(refused(&b"not a database".repeat(100)), "file is not a database");
    let other = alerts.dir.path().join("newer.db");
    for (sql, reason) in [
        ("PRAGMA application_id = 1667458660; PRAGMA user_version = 9; CREATE TABLE a (b)", "newer ccfd"),
        ("CREATE TABLE a (b)", "not a database of ccfd's alerts"),
        ("PRAGMA user_version = 1; CREATE TABLE a (b)", "not a database of ccfd's alerts"),
    ] {
        let _ = fs::remove_file(&other);
        rusqlite::Connection::open(&other).unwrap().execute_batch(sql).unwrap();
        let said = refused(&fs::read(&other).unwrap());
        assert!(said.contains(reason), "{said}");
    }
    assert!(DetectDb::open_existing(&alerts.dir.path().join("none.db")).unwrap().is_none());
}

#[test]
fn a_command_and_a_daemon_use_the_database_beside_each_other() {
    let rules = single();
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", 100)]));
    let mut other = DetectDb::open_existing(&alerts.path()).unwrap().unwrap();
    let id = alerts.all()[0].id.clone();
    other.judge_alert(&id[..13], Some(Disposition::TruePositive), "ann", None, 200).unwrap();
    alerts.deliver(&matches(&rules, &[("b", 300)]));
    let statuses: Vec<AlertStatus> = alerts.all().into_iter().map(|alert| alert.status).collect();
    assert_eq!(statuses, [AlertStatus::Open, AlertStatus::Closed]);
}

/// A correlation over another one that a late record can take back.
fn over_an_exact_count() -> Vec<Rule> {
    let exactly =
        correlation("exactly", CorrelationKind::EventCount, &[0], true, 20, &[(Comparison::Equal, 3.0)]);
    vec![
        detection("failed", false),
        Rule { alerts: false, ..exactly },
        correlation("chain", CorrelationKind::EventCount, &[1], true, 10, &[(Comparison::AtLeast, 1.0)]),
    ]
}

#[test]
fn an_alert_over_hits_that_are_taken_back_is_withdrawn() {
    let rules = over_an_exact_count();
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", 100), ("b", 105), ("c", 110)]));
    assert_eq!(alerts.listed(&AlertFilter::default()).len(), 1);
    // With this one there are never exactly three.
    alerts.deliver(&matches(&rules, &[("late", 100), ("later", 100)]));
    let left = alerts.listed(&AlertFilter::default());
    let mut at_once = Alerts::new(rules.clone());
    at_once.deliver(&matches(&rules, &[("a", 100), ("b", 105), ("c", 110), ("late", 100), ("later", 100)]));
    let counts = |alerts: &[Alert]| {
        alerts.iter().map(|one| (one.first_event_at.clone(), one.event_count)).collect::<Vec<_>>()
    };
    assert_eq!(counts(&left), counts(&at_once.listed(&AlertFilter::default())));
    assert!(left.iter().all(|one| one.event_count > 0), "{left:?}");
}

#[test]
fn a_closed_alert_that_continues_or_takes_an_open_one_in_is_open_again() {
    let rules = three();
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", 100), ("b", 101), ("c", 102)]));
    let id = alerts.all()[0].id.clone();
    let close =
        |alerts: &mut Alerts| alerts.db.judge_alert(&id, Some(Disposition::Benign), "ann", None, 0).unwrap();
    close(&mut alerts);
    alerts.deliver(&matches(&rules, &[("early", 99)]));
    assert_eq!(alerts.all()[0].status, AlertStatus::Closed, "an earlier record is no continuation");
    alerts.deliver(&matches(&rules, &[("d", 103)]));
    assert_eq!((alerts.all()[0].status, alerts.all()[0].disposition.clone()), (AlertStatus::Open, None));
    close(&mut alerts);
    alerts.deliver(&matches(&rules, &[("g", 122), ("h", 123), ("i", 124)]));
    alerts.deliver(&matches(&rules, &[("e", 112), ("f", 113), ("f2", 113)]));
    let keeper = alerts.all().into_iter().find(|one| one.id == id).unwrap();
    assert_eq!((keeper.status, keeper.merged_into), (AlertStatus::Open, None));
    let unmerged = AlertFilter { unmerged: true, ..AlertFilter::default() };
    assert_eq!(alerts.listed(&unmerged).len(), 1);
    assert_eq!(alerts.listed(&AlertFilter::default()).len(), 2);
}

#[test]
fn a_verdict_is_not_erased_by_an_acknowledgement() {
    let mut alerts = Alerts::new(single());
    alerts.deliver(&matches(&single(), &[("a", 100)]));
    let id = alerts.all()[0].id.clone();
    alerts.db.judge_alert(&id, Some(Disposition::TruePositive), "ann", None, 0).unwrap();
    let refused = alerts.db.judge_alert(&id, None, "bob", None, 0).unwrap_err();
    assert!(refused.to_string().contains("is closed as true-positive"), "{refused}");
    assert_eq!(alerts.all()[0].disposition.as_deref(), Some("true-positive"));
}

#[test]
fn a_database_that_somebody_else_writes_to_can_be_read() {
    let mut alerts = Alerts::new(single());
    alerts.deliver(&matches(&single(), &[("a", 100)]));
    let other = rusqlite::Connection::open(alerts.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let db = DetectDb::open_existing(&alerts.path()).unwrap().unwrap();
    assert_eq!(db.count_alerts().unwrap(), 1);
}
