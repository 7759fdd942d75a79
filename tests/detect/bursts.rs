//! The cost of many matches of one group: rows read, and not seconds, which depend on the machine.

use ccfd::detect::model::{Comparison, CorrelationKind, Match, Rule};

use super::{
    Alerts, number,
    rules::{Event, correlation, detection, matches_of},
};

const HOUR: i64 = 3_600;

fn event(number: i64, count: i64) -> Event {
    Event {
        id: format!("log-{number:06}"),
        at: 1_000_000 + number * HOUR / count,
        user: Some("ann".to_owned()),
        value: number as f64,
        // One in ten thousand passes.
        matches: vec![u32::from(number % 10_000 == 9_999)],
    }
}

fn rules() -> Vec<Rule> {
    let at_least = |count| [(Comparison::AtLeast, count)];
    vec![
        detection("failed", false),
        detection("passed", false),
        correlation("many_failed", CorrelationKind::EventCount, &[0], true, 1_800, &at_least(5.0)),
        correlation("many_accounts", CorrelationKind::ValueCount, &[0], true, 1_800, &at_least(10.0)),
        correlation("guessed", CorrelationKind::TemporalOrdered, &[2, 1], true, 1_800, &[]),
        correlation("failed_and_passed", CorrelationKind::Temporal, &[0, 1], true, 1_800, &[]),
    ]
}

/// Rows read for each match, delivered in this order.
fn rows_per_match(events: &[Event], batch: usize) -> u64 {
    let rules = rules();
    let mut alerts = Alerts::new(rules.clone());
    for batch in events.chunks(batch) {
        let matches: Vec<Match> = batch.iter().flat_map(|event| matches_of(&rules, event)).collect();
        alerts.deliver(&matches);
    }
    let facts = alerts.facts();
    let count = |slug: &str| {
        let of: Vec<_> = facts.iter().filter(|one| one.rule == slug).collect();
        assert_eq!(of.len(), 1, "{slug}: {of:?}");
        of[0].count
    };
    let all = events.len() as u64;
    assert_eq!([count("failed_and_passed"), count("guessed")], [all; 2]);
    assert_eq!([count("many_failed"), count("many_accounts")], [all - all / 10_000; 2]);
    let rows = alerts.db.rows_read() / all;
    println!("{rows} rows a match");
    rows
}

fn events() -> (Vec<Event>, usize) {
    // A debug build takes minutes for 500,000; smaller batches show the same.
    let long = number("CCFD_DETECT_SEEDS", 0) > 0;
    let (count, batch) = if long { (500_000, 3_000) } else { (30_000, 300) };
    ((0..count).map(|number| event(number, count)).collect(), batch)
}

#[test]
fn a_burst_of_one_group_costs_each_match_a_few_rows_whatever_its_size() {
    let (events, batch) = events();
    assert!(rows_per_match(&events, batch) <= 30);
}

#[test]
fn a_burst_that_is_delivered_newest_first_costs_the_same() {
    let (mut events, batch) = events();
    events.reverse();
    assert!(rows_per_match(&events, batch) <= 30);
}
