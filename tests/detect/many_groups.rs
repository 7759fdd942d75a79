//! So many groups that memory is for a few of them: each is forgotten, and read again when it comes back.

use ccfd::detect::model::{Comparison, CorrelationKind, Match, Rule};

use super::{
    Alerts, naive,
    rules::{Event, correlation, detection, matches_of},
};

const PERSONS: usize = 100_000;
/// One person in so many comes back.
const FAITHFUL: usize = 4;
const HOUR: i64 = 3_600;
/// What groups take in memory: about a thousand of them.
const MEMORY: usize = 1 << 20;

fn rules() -> Vec<Rule> {
    vec![
        detection("failed", false),
        correlation("twice", CorrelationKind::EventCount, &[0], true, 900, &[(Comparison::AtLeast, 2.0)]),
    ]
}

/// Every so many persons fail in an hour, at another second of each.
fn hour(rules: &[Rule], hour: i64, every: usize) -> Vec<Match> {
    let event = |person: i64| Event {
        id: format!("log-{hour}-{person}"),
        at: hour * HOUR + (person * (7_919 + 104_729 * hour)).rem_euclid(HOUR),
        user: Some(format!("person-{person}")),
        value: 1.0,
        matches: vec![0],
    };
    (0..PERSONS as i64).step_by(every).flat_map(|person| matches_of(rules, &event(person))).collect()
}

#[test]
fn a_hundred_thousand_persons_some_of_whom_were_there_hour_after_hour_raise_the_alerts_of_the_definition() {
    let rules = rules();
    let mut alerts = Alerts::new(rules.clone());
    alerts.limit_memory(MEMORY);
    let mut known = Vec::new();
    // The newest hour comes first.
    for (number, every) in [(2, 1), (1, FAITHFUL), (0, FAITHFUL)] {
        let matches = hour(&rules, number, every);
        let rows = alerts.db.rows_read();
        matches.chunks(12_500).for_each(|some| alerts.deliver(some));
        let read = alerts.db.rows_read() - rows;
        assert!(
            every == 1 || read >= matches.len() as u64,
            "only {read} rows were read: groups stayed in memory"
        );
        known.extend(matches);
    }
    let expected = naive::alerts(&rules, &known);
    let found = alerts.facts();
    assert!(expected.len() > 1_000, "{}", expected.len());
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}
