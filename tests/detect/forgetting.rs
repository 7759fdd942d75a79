//! Random histories of which parts are removed at random moments, by age and by size, and delivered again, while rules go out of
//! use and come back: against alerts by their definition, which knows what is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ccfd::{
    detect::model::{Match, Rule, RuleKind, RuleState},
    detect_db::AlertLimits,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    Alerts, Facts, LONG_AGO,
    naive::{self, Past},
    number,
    rules::{Event, SLOW, all_kinds, matches_of, slow},
};

const DAY: i64 = 24 * 3_600;

fn history(rng: &mut StdRng) -> Vec<Event> {
    let (count, long) = (rng.random_range(10..120), rng.random_range(40..400));
    let event = |number: usize, rng: &mut StdRng| {
        let user = [Some("ann"), Some("bob"), None][rng.random_range(0..3)].map(str::to_owned);
        let mut matches: Vec<u32> = (0..3).filter(|_| rng.random_ratio(2, 5)).collect();
        if matches.is_empty() {
            matches.push(0);
        }
        let (at, value) = (rng.random_range(0..long) * SLOW, f64::from(rng.random_range(-1..4)));
        Event { id: format!("log-{number:03}"), at, user, value, matches }
    };
    let mut events: Vec<Event> = (0..count).map(|number| event(number, rng)).collect();
    match rng.random_range(0..4) {
        0 => events.shuffle(rng),
        // Live, with records that are late.
        _ => {
            let late = |event: &Event, rng: &mut StdRng| event.at + rng.random_range(0..20) * SLOW;
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
    /// The places of rules that are not in use.
    out: BTreeSet<usize>,
    /// What happened, to be shown if it went wrong.
    steps: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let rules: Vec<Rule> = all_kinds().into_iter().map(slow).collect();
        let alerts = Alerts::new(rules.clone());
        let (known, settled, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { alerts, rules, known, past: Past::default(), settled, out: BTreeSet::new(), steps }
    }

    fn deliver(&mut self, events: &[Event]) {
        self.store(events);
        let matches = events.iter().flat_map(|event| matches_of(&self.rules, event));
        let mark = |past: &Past, place: u32| past.marks.get(&(place as usize)).copied().unwrap_or(i64::MIN);
        let matches: Vec<Match> = matches.collect();
        for mut one in matches {
            let (at, own) = (one.at, one.rule);
            one.seen_by.retain(|seen| at > mark(&self.past, seen.by.0) || seen.by == own);
            one.seen_by.retain(|seen| !self.out.contains(&(seen.by.0 as usize)));
            match self.known.iter_mut().find(|other| (other.rule, &other.record) == (own, &one.record)) {
                Some(known) => {
                    one.seen_by.retain(|seen| !known.seen_by.iter().any(|other| other.by == seen.by));
                    one.seen_by.iter().for_each(|seen| known.seen_by.add(seen));
                }
                None => self.known.push(one),
            }
        }
        self.steps.push(format!("{} records up to {:?}", events.len(), events.last().map(|one| one.at)));
    }

    /// Everything that was delivered again changes nothing.
    fn replay(&mut self, events: &[Event]) {
        let before = self.alerts.db.newest_change().unwrap();
        self.store(events);
        let changed = self.alerts.db.changed_after(before, 10).unwrap();
        assert!(changed.is_empty(), "a replay changed {changed:#?} after {:#?}", self.steps);
    }

    fn store(&mut self, events: &[Event]) {
        let rules = self.alerts.rules.clone();
        let matches: Vec<Match> = events.iter().flat_map(|event| matches_of(&rules, event)).collect();
        self.alerts.deliver(&matches);
    }

    /// Some rules, and those that are about them, go out of use: they are switched off, or their files are gone.
    fn take_out(&mut self, rng: &mut StdRng) {
        self.out = (0..rng.random_range(1..3)).map(|_| rng.random_range(3..self.rules.len())).collect();
        for place in 3..self.rules.len() {
            let inputs = &self.rules[place].correlation().unwrap().inputs;
            if inputs.iter().any(|input| self.out.contains(&(input.rule.0 as usize))) {
                self.out.insert(place);
            }
        }
        let is_off = rng.random_bool(0.5);
        self.steps.push(format!("{:?} {}", self.out, if is_off { "are off" } else { "are gone" }));
        self.alerts.rules = if is_off { self.switched_off() } else { self.left() }.into();
        self.alerts.reopen();
    }

    fn switched_off(&self) -> Vec<Rule> {
        let state = |place| if self.out.contains(&place) { RuleState::Off } else { RuleState::Active };
        let rules = self.rules.iter().cloned().enumerate();
        rules.map(|(place, rule)| Rule { state: state(place), ..rule }).collect()
    }

    fn left(&self) -> Vec<Rule> {
        let gone_before = |place: u32| self.out.range(..place as usize).count();
        let left = self.rules.iter().cloned().enumerate().filter(|(place, _)| !self.out.contains(place));
        let moved = |(_, mut rule): (usize, Rule)| {
            if let RuleKind::Correlation(correlation) = &mut rule.kind {
                for input in &mut correlation.inputs {
                    input.rule.0 -= u32::try_from(gone_before(input.rule.0)).unwrap();
                }
            }
            rule
        };
        left.map(moved).collect()
    }

    fn take_back(&mut self) {
        self.out.clear();
        self.steps.push("all rules are in use".to_owned());
        self.alerts.rules = self.rules.clone().into();
        self.alerts.reopen();
        self.compare();
    }

    /// Whether a rule is about other correlations, or another one is about it.
    fn is_of_chain(&self, place: usize) -> bool {
        let uses = |rule: &Rule, of: &dyn Fn(usize) -> bool| {
            let inputs = rule.correlation().map(|correlation| &correlation.inputs[..]).unwrap_or_default();
            inputs.iter().any(|input| of(input.rule.0 as usize))
        };
        uses(&self.rules[place], &|input| self.rules[input].correlation().is_some())
            || self.rules.iter().any(|rule| uses(rule, &|input| input == place))
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
        // A rule of a chain that is not in use does not see what becomes of the others.
        let is_behind = |one: &Facts| {
            self.out.iter().any(|place| *self.rules[*place].slug == *one.rule && self.is_of_chain(*place))
        };
        let mut current = naive::alerts_after(&self.rules, &self.known, &self.past);
        current.retain(|one| !is_behind(one));
        let mut found = self.alerts.facts();
        found.retain(|one| !is_behind(one));
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
fn what_is_forgotten_raises_and_changes_nothing_however_often_it_is_delivered_and_whatever_rules_are_in_use()
{
    let seeds = number("CCFD_DETECT_SEEDS", 40);
    let (mut removals, mut replays, mut kept, mut outages) = (0, 0, 0, 0);
    for seed in 0..seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bench = Bench::new();
        if seed % 2 == 1 {
            bench.alerts.limit_memory(20_000);
        }
        let kept_for = |rng: &mut StdRng| Duration::from_secs(rng.random_range(0..100) * 24 * 3_600);
        bench.alerts.db.keep_for(kept_for(&mut rng));
        bench.steps.push(format!("seed {seed}"));
        let events = history(&mut rng);
        let newest = events.iter().map(|event| event.at).max().unwrap();
        let mut delivered = 0;
        while delivered < events.len() {
            let is_chain_out = bench.out.iter().any(|place| bench.is_of_chain(*place));
            match rng.random_range(0..12) {
                0..5 => {
                    let count = rng.random_range(1..=(events.len() - delivered).min(15));
                    bench.deliver(&events[delivered..delivered + count]);
                    delivered += count;
                }
                5 => {
                    let from = rng.random_range(0..=delivered);
                    bench.deliver(&events[from..delivered]);
                    bench.compare();
                    bench.replay(&events[from..delivered]);
                    replays += 1;
                }
                10 | 11 => {
                    match bench.out.is_empty() {
                        true => bench.take_out(&mut rng),
                        false => bench.take_back(),
                    }
                    outages += 1;
                }
                6..=8 if is_chain_out => {}
                6 | 7 => {
                    let seen = events[..delivered].iter().map(|event| event.at).max().unwrap_or(0);
                    let old = rng.random_range(0..=seen / SLOW + 10) * SLOW;
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
                    bench.alerts.db.keep_for(kept_for(&mut rng));
                    // What arrives late may be kept for longer.
                    bench.alerts.now = [LONG_AGO, rng.random_range(0..newest.max(1))][rng.random_range(0..2)];
                }
            }
        }
        bench.take_back();
        bench.deliver(&events);
        bench.compare();
        bench.replay(&events);
        bench.alerts.reopen();
        bench.replay(&events);
        bench.compare();
        kept += bench.alerts.facts().len();
    }
    println!(
        "{seeds} histories: {removals} removals, {replays} replays and {outages} changes of rules between them, {kept} alerts left"
    );
}
