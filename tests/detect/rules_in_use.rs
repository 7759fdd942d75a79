//! Rules that are added, changed and switched on while records come.

use ccfd::{
    detect::model::{Comparison, CorrelationKind, Rule, RuleState},
    detect_db::DetectDb,
};
use rusqlite::Connection;

use super::{
    Alerts,
    alerts::{matches, three},
    rules::{correlation, detection},
};

const ABC: [(&str, i64); 3] = [("a", 100), ("b", 101), ("c", 102)];

fn at_least(slug: &str, count: f64, input: u32) -> Rule {
    correlation(slug, CorrelationKind::EventCount, &[input], true, 10, &[(Comparison::AtLeast, count)])
}

/// The rule of each alert, and how many records it is about.
fn raised(alerts: &Alerts) -> Vec<(String, u64)> {
    alerts.facts().into_iter().map(|facts| (facts.rule, facts.count)).collect()
}

fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(slug, count)| ((*slug).to_owned(), *count)).collect()
}

#[test]
fn a_correlation_that_is_added_takes_in_what_is_delivered_again_and_the_others_do_not() {
    let mut alerts = Alerts::new(three());
    alerts.deliver(&matches(&three(), &ABC));
    let rules = [three(), vec![at_least("pair", 2.0, 0)]].concat();
    alerts.rules = rules.clone().into();
    alerts.reopen();
    assert_eq!(raised(&alerts), counts(&[("many_failed", 3)]), "what it needs is not known");
    for _ in 0..2 {
        alerts.deliver(&matches(&rules, &ABC));
        assert_eq!(raised(&alerts), counts(&[("many_failed", 3), ("pair", 3)]));
    }
    let figures = alerts.db.figures(200).unwrap();
    assert_eq!(figures["failed"].matches, [3; 3], "no match is counted twice");
}

#[test]
fn a_correlation_that_is_added_over_another_one_sees_at_once_what_that_one_knows() {
    let mut alerts = Alerts::new(three());
    alerts.deliver(&matches(&three(), &ABC));
    let rules = [three(), vec![at_least("again", 1.0, 1)]].concat();
    alerts.rules = rules.clone().into();
    alerts.reopen();
    assert_eq!(raised(&alerts), counts(&[("again", 3), ("many_failed", 3)]));
    alerts.deliver(&matches(&rules, &[("d", 103)]));
    assert_eq!(raised(&alerts), counts(&[("again", 4), ("many_failed", 4)]));
    alerts.rules = rules
        .iter()
        .cloned()
        .map(|rule| match &*rule.slug {
            "again" => Rule { definition: 8, ..rule },
            _ => rule,
        })
        .collect();
    alerts.reopen();
    assert_eq!(raised(&alerts), counts(&[("again", 4), ("again", 4), ("many_failed", 4)]), "it starts over");
}

#[test]
fn a_correlation_over_another_one_that_is_switched_on_again_sees_what_came_while_it_was_off() {
    let on = [three(), vec![at_least("again", 1.0, 1)]].concat();
    let mut off = on.clone();
    off[2].state = RuleState::Off;
    let mut alerts = Alerts::new(on.clone());
    alerts.rules = off.clone().into();
    alerts.reopen();
    alerts.deliver(&matches(&off, &ABC));
    assert_eq!(raised(&alerts), counts(&[("many_failed", 3)]));
    alerts.rules = on.into();
    alerts.reopen();
    assert_eq!(raised(&alerts), counts(&[("again", 3), ("many_failed", 3)]));
}

#[test]
fn a_correlation_that_begins_to_raise_alerts_raises_those_of_what_it_knows() {
    let mut rules = three();
    rules[1].alerts = false;
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &ABC));
    assert_eq!(raised(&alerts), []);
    alerts.rules = three().into();
    alerts.reopen();
    assert_eq!(raised(&alerts), counts(&[("many_failed", 3)]));
}

#[test]
fn matches_that_two_processes_store_complete_one_alert() {
    let rules = three();
    let mut alerts = Alerts::new(rules.clone());
    let mut other = DetectDb::open(&alerts.path(), 0).unwrap();
    other.adopt(rules.clone().into(), alerts.now).unwrap();
    let store = |db: &mut DetectDb, event: (&str, i64)| {
        db.store("OpenAIAuditLogs_CL", "acme", &matches(&rules, &[event]), 10, 0).unwrap();
    };
    store(&mut alerts.db, ABC[0]);
    store(&mut other, ABC[1]);
    store(&mut alerts.db, ABC[2]);
    store(&mut other, ("d", 103));
    assert_eq!(raised(&alerts), counts(&[("many_failed", 4)]));
}

#[test]
fn what_only_a_rule_uses_that_is_off_is_not_in_use_either() {
    let at_least = [(Comparison::AtLeast, 2.0)];
    let mut rules = vec![
        detection("failed", false),
        correlation("many_failed", CorrelationKind::EventCount, &[0], true, 10, &at_least),
        correlation("again_and_again", CorrelationKind::EventCount, &[1], true, 100, &at_least),
        detection("created", true),
    ];
    rules[1].alerts = false;
    let in_use = |alerts: &Alerts| {
        let database = Connection::open(alerts.path()).unwrap();
        let mut query = database.prepare("SELECT slug FROM rule WHERE is_on ORDER BY id").unwrap();
        let slugs = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
        slugs.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let mut alerts = Alerts::new(rules.clone());
    assert_eq!(in_use(&alerts), ["failed", "many_failed", "again_and_again", "created"]);
    rules[2].state = RuleState::Off;
    alerts.rules = rules.clone().into();
    alerts.reopen();
    assert_eq!(in_use(&alerts), ["created"]);
}
