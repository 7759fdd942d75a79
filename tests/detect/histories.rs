//! Random histories in every order of delivery, against alerts by their definition.

use std::time::Duration;

use ccfd::{
    detect::model::{Match, Rule},
    detect_db::AlertLimits,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    Alerts, naive, number,
    rules::{Event, SLOW, all_kinds, matches_of, slow},
};

fn history(rng: &mut StdRng) -> Vec<Event> {
    let (count, long) = (rng.random_range(1..70), rng.random_range(20..300));
    let event = |number: usize, rng: &mut StdRng| {
        let user = [Some("ann"), Some("bob"), None][rng.random_range(0..3)].map(str::to_owned);
        let mut matches: Vec<u32> = (0..3).filter(|_| rng.random_ratio(2, 5)).collect();
        if matches.is_empty() {
            matches.push(0);
        }
        let value = f64::from(rng.random_range(-1..4));
        Event { id: format!("log-{number:03}"), at: rng.random_range(0..long), user, value, matches }
    };
    (0..count).map(|number| event(number, rng)).collect()
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Sorted,
    Newest,
    Shuffled,
}

/// Delivers in batches of any size, some of them twice, with the database opened again between them.
fn delivered(rules: &[Rule], events: &[Event], order: Order, rng: &mut StdRng) -> Alerts {
    let mut events = events.to_vec();
    match order {
        Order::Sorted => events.sort_by_key(|event| event.at),
        Order::Newest => events.sort_by_key(|event| -event.at),
        Order::Shuffled => events.shuffle(rng),
    }
    let mut alerts = Alerts::new(rules.to_vec());
    if rng.random_ratio(1, 2) {
        alerts.limit_memory(rng.random_range(1_000..60_000));
    }
    let pieces = |rng: &mut StdRng| Duration::from_secs(rng.random_range(0..100) * 24 * 3600);
    alerts.db.keep_for(pieces(rng));
    let mut rest = &events[..];
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(rng.random_range(1..=rest.len().min(12)));
        let matches: Vec<Match> = batch.iter().flat_map(|event| matches_of(rules, event)).collect();
        alerts.deliver(&matches);
        if rng.random_ratio(1, 4) {
            alerts.deliver(&matches);
        }
        if rng.random_ratio(1, 6) {
            alerts.reopen();
            alerts.db.keep_for(pieces(rng));
        }
        if rng.random_ratio(1, 6) {
            // What is in the journal for days moves to its pieces.
            let later = alerts.now + 9 * 24 * 3600;
            let limits = AlertLimits { retention: Duration::from_secs(1 << 40), size_max: u64::MAX };
            alerts.db.clear_up(&limits, later).unwrap();
        }
        rest = later;
    }
    alerts
}

#[test]
fn the_alerts_are_those_of_the_definition_in_any_order_of_delivery() {
    let seeds = number("CCFD_DETECT_SEEDS", 20);
    let mut count = 0;
    for seed in 0..seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut rules, mut events) = (all_kinds(), history(&mut rng));
        if rng.random_ratio(1, 2) {
            // In several pieces, whatever their length.
            rules = rules.into_iter().map(slow).collect();
            events.iter_mut().for_each(|event| event.at *= SLOW);
        }
        let matches: Vec<Match> = events.iter().flat_map(|event| matches_of(&rules, event)).collect();
        let expected = naive::alerts(&rules, &matches);
        count += expected.len();
        for order in [Order::Sorted, Order::Newest, Order::Shuffled] {
            let found = delivered(&rules, &events, order, &mut rng).facts();
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "seed {seed}, {order:?}");
            }
            assert_eq!(found.len(), expected.len(), "seed {seed}, {order:?}");
        }
    }
    println!("{seeds} histories in three orders: {count} alerts each");
}

#[test]
fn every_kind_of_correlation_raises_alerts_in_these_histories() {
    let rules = all_kinds();
    let mut raised = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let events = history(&mut StdRng::seed_from_u64(seed));
        let matches: Vec<Match> = events.iter().flat_map(|event| matches_of(&rules, event)).collect();
        raised.extend(naive::alerts(&rules, &matches).into_iter().map(|facts| facts.rule));
    }
    let silent: Vec<_> = rules
        .iter()
        .filter(|rule| rule.alerts && !raised.contains(&*rule.slug))
        .map(|rule| &rule.slug)
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}
