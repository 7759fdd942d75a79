//! Random histories of which parts are removed at random moments, by age and by size, and delivered again: against alerts by
//! their definition, which knows what is forgotten.

use std::{collections::BTreeMap, time::Duration};

use ccfd::{
    detect::model::{CorrelationKind, Match, Rule, RuleKind},
    detect_db::AlertLimits,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    Alerts, Facts, LONG_AGO,
    naive::{self, Past},
    number,
    rules::{Event, all_kinds, matches_of},
};

/// A second of the rules of other tests: what is too old is removed by days.
const SCALE: i64 = 24 * 3_600 / 10;
const DAY: i64 = 24 * 3_600;

/// The same rules over longer times.
fn slow(rule: Rule) -> Rule {
    let RuleKind::Correlation(mut correlation) = rule.kind else { return rule };
    correlation.timespan *= SCALE;
    correlation.kind = match correlation.kind {
        CorrelationKind::FirstSeen { window, learn } => {
            CorrelationKind::FirstSeen { window: window * SCALE, learn: learn * SCALE }
        }
        CorrelationKind::Spike { factor, baseline, at_least } => {
            CorrelationKind::Spike { factor, baseline: baseline * SCALE, at_least }
        }
        kind => kind,
    };
    Rule { kind: RuleKind::Correlation(correlation), ..rule }
}

fn history(rng: &mut StdRng) -> Vec<Event> {
    let (count, long) = (rng.random_range(10..120), rng.random_range(40..400));
    let event = |number: usize, rng: &mut StdRng| {
        let user = [Some("ann"), Some("bob"), None][rng.random_range(0..3)].map(str::to_owned);
        let mut matches: Vec<u32> = (0..3).filter(|_| rng.random_ratio(2, 5)).collect();
        if matches.is_empty() {
            matches.push(0);
        }
        let (at, value) = (rng.random_range(0..long) * SCALE, f64::from(rng.random_range(-1..4)));
        Event { id: format!("log-{number:03}"), at, user, value, matches }
    };
    let mut events: Vec<Event> = (0..count).map(|number| event(number, rng)).collect();
    match rng.random_range(0..4) {
        0 => events.shuffle(rng),
        // Live, with records that are late.
        _ => {
            let late = |event: &Event, rng: &mut StdRng| event.at + rng.random_range(0..20) * SCALE;
            events = {
                let mut timed: Vec<(i64, Event)> =
                    events.into_iter().map(|event| (late(&event, rng), event)).collect();
                timed.sort_by_key(|(arrival, _)| *arrival);
                timed.into_iter().map(|(_, event)| event).collect()
            };
        }
    }
    events
}

/// A database, and what it must contain.
struct Bench {
    alerts: Alerts,
    rules: Vec<Rule>,
    known: Vec<Match>,
    past: Past,
    /// Alerts that can no longer change. They may be removed.
    settled: Vec<Facts>,
    /// What happened, to be shown if it went wrong.
    steps: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let rules: Vec<Rule> = all_kinds().into_iter().map(slow).collect();
        let alerts = Alerts::new(rules.clone());
        let (known, settled, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { alerts, rules, known, past: Past::default(), settled, steps }
    }

    fn deliver(&mut self, events: &[Event]) {
        let matches: Vec<Match> = events.iter().flat_map(|event| matches_of(&self.rules, event)).collect();
        self.alerts.deliver(&matches);
        let mark = |past: &Past, place: u32| past.marks.get(&(place as usize)).copied().unwrap_or(i64::MIN);
        for mut one in matches {
            if self.known.iter().any(|other| (other.rule, &other.record) == (one.rule, &one.record)) {
                continue;
            }
            let (at, own) = (one.at, one.rule);
            one.seen_by.retain(|seen| at > mark(&self.past, seen.by.0) || seen.by == own);
            self.known.push(one);
        }
        self.steps.push(format!("{} records up to {:?}", events.len(), events.last().map(|one| one.at)));
    }

    /// Everything that was delivered again changes nothing.
    fn replay(&mut self, events: &[Event]) {
        let before = self.alerts.db.newest_change().unwrap();
        let matches: Vec<Match> = events.iter().flat_map(|event| matches_of(&self.rules, event)).collect();
        self.alerts.deliver(&matches);
        let changed = self.alerts.db.changed_after(before, 10).unwrap();
        assert!(changed.is_empty(), "a replay changed {changed:#?} after {:#?}", self.steps);
    }

    /// Removes, and says what the rules have forgotten by then.
    fn clear_up(&mut self, limits: AlertLimits, now: i64) {
        let before = self.alerts.facts();
        let gone = self.alerts.db.clear_up(&limits, now).unwrap();
        let marks = self.marks();
        self.steps.push(format!("{gone:?} by {limits:?} at {now}: {marks:?}"));
        self.settled.extend(naive::forget(&self.rules, &mut self.known, &mut self.past, marks));
        let after = self.alerts.facts();
        assert!(contains(&before, &after), "{before:#?} became {after:#?} after {:#?}", self.steps);
        self.compare();
    }

    /// The mark of each rule by its place.
    fn marks(&self) -> BTreeMap<usize, i64> {
        let connection = rusqlite::Connection::open(self.alerts.path()).unwrap();
        let mut query = connection.prepare("SELECT slug, mark FROM rule WHERE mark IS NOT NULL").unwrap();
        let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).unwrap();
        let place = |slug: &str| self.rules.iter().position(|rule| *rule.slug == *slug).unwrap();
        rows.map(|row| row.map(|(slug, mark)| (place(&slug), mark)).unwrap()).collect()
    }

    fn compare(&self) {
        let current = naive::alerts_after(&self.rules, &self.known, &self.past);
        let found = self.alerts.facts();
        for one in &current {
            assert!(found.contains(one), "missing {one:#?} among {found:#?} after {:#?}", self.steps);
        }
        let mut all = [current, self.settled.clone()].concat();
        all.sort();
        assert!(contains(&all, &found), "{found:#?} is not among {all:#?} after {:#?}", self.steps);
    }

    fn bytes_used(&self) -> u64 {
        let sql = "SELECT (page_count - freelist_count) * page_size
                   FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let connection = rusqlite::Connection::open(self.alerts.path()).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).map(i64::unsigned_abs).unwrap()
    }
}

/// Whether each of some sorted alerts is among others, each once.
fn contains(all: &[Facts], some: &[Facts]) -> bool {
    let mut left = all.iter();
    some.iter().all(|one| left.any(|other| other == one))
}

#[test]
fn what_is_forgotten_raises_and_changes_nothing_however_often_it_is_delivered() {
    let seeds = number("CCFD_DETECT_SEEDS", 40);
    let (mut removals, mut replays, mut kept) = (0, 0, 0);
    for seed in 0..seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bench = Bench::new();
        bench.steps.push(format!("seed {seed}"));
        let events = history(&mut rng);
        let newest = events.iter().map(|event| event.at).max().unwrap();
        let mut delivered = 0;
        while delivered < events.len() {
            match rng.random_range(0..10) {
                0..5 => {
                    let count = rng.random_range(1..=(events.len() - delivered).min(15));
                    bench.deliver(&events[delivered..delivered + count]);
                    delivered += count;
                }
                5 => {
                    let from = rng.random_range(0..=delivered);
                    bench.replay(&events[from..delivered]);
                    replays += 1;
                }
                6 | 7 => {
                    let seen = events[..delivered].iter().map(|event| event.at).max().unwrap_or(0);
                    let old = rng.random_range(0..=seen / SCALE + 10) * SCALE;
                    let retention = Duration::from_secs(DAY.unsigned_abs());
                    bench.clear_up(AlertLimits { retention, size_max: u64::MAX }, old + DAY);
                    removals += 1;
                }
                8 => {
                    let less = rng.random_range(1..20) * 1_024;
                    let size_max = bench.bytes_used().saturating_sub(less);
                    let retention = Duration::from_secs(1 << 40);
                    bench.clear_up(AlertLimits { retention, size_max }, newest);
                    removals += 1;
                }
                _ => {
                    bench.alerts.reopen();
                    // What arrives late may be kept for longer.
                    bench.alerts.now = [LONG_AGO, rng.random_range(0..newest.max(1))][rng.random_range(0..2)];
                }
            }
        }
        bench.compare();
        bench.replay(&events);
        bench.alerts.reopen();
        bench.replay(&events);
        bench.compare();
        kept += bench.alerts.facts().len();
    }
    println!("{seeds} histories: {removals} removals and {replays} replays between them, {kept} alerts left");
}
