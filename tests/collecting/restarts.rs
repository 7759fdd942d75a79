//! Seeded random runs: both lists, any habits, late records, bursts, deletions, restarts, pauses, wrong clocks.
//!
//! `CCFD_SEEDS=2000` runs more of them, `CCFD_SEED=17` one alone.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use collectors::{IdHash, Page, Reader, ReaderStep};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::support::{rig::Rig, time::BEGIN};

const DAY: i64 = 86_400;
/// A record shows at most this late; the overlap is 1,800 s.
const LATE_MAX: i64 = 1_700;
/// Habits that change nothing about which records can be had. Not `same-page`: after a restart no page can be known again.
const HABITS: [&str; 12] = [
    "oldest",
    "order-ignored",
    "crowded",
    "throttle",
    "errors",
    "cut",
    "null-edges",
    "pretty",
    "has-more-forever",
    "empty-pages",
    "large-throttled",
    "order-disliked",
];
const GONE: [&str; 4] = ["deleted-404", "deleted-400", "deleted-empty", "deleted-ignored"];
const CLOCK_ERRORS: [i64; 6] = [0, 0, DAY, 10 * 365 * DAY, -600, -2 * 3600];

struct Run {
    rng: StdRng,
    list: SimulatedList,
    rig: Rig,
    /// Pages that were read and are not committed yet; the first `delivered` of them have been delivered.
    ahead: VecDeque<Page>,
    delivered: usize,
    /// How often a record was delivered without a commit: so often it may come again.
    excused: HashMap<IdHash, u32>,
    deleted: HashSet<String>,
}

impl Run {
    fn new(seed: u64, always: &[&'static str]) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let list = if rng.random() { SimulatedList::AuditLogs } else { SimulatedList::Completions };
        // Where cursors drop ties and the order is stable, a crowded second cannot be had whole by any means.
        let mut habits = if rng.random_ratio(1, 4) { vec![] } else { vec!["ties", "shuffle"] };
        habits.extend(HABITS.iter().filter(|_| rng.random_ratio(1, 4)));
        habits.push(GONE.choose(&mut rng).unwrap());
        habits.extend(always);
        let count = if rng.random_ratio(1, 4) { 0 } else { rng.random_range(1..4_000) };
        let days = rng.random_range(1..10);
        let options = SimulatorOptions {
            audit_logs: count,
            completions: count,
            spread: Duration::from_secs(86_400 * days),
            seed,
            habits: habits.join(",").parse().expect("habits"),
            ..SimulatorOptions::default()
        };
        eprintln!("{list:?} {} {count}", habits.join(","));
        let back = rng.random_range(0..=days as i64 + 1);
        let rig = Rig::new(list, options, BEGIN - back * DAY);
        Self {
            rng,
            list,
            rig,
            ahead: VecDeque::new(),
            delivered: 0,
            excused: HashMap::new(),
            deleted: HashSet::new(),
        }
    }

    /// Some seconds come late, some are bursts, one in eight holds more than a page.
    fn issue(&mut self) {
        let now = self.rig.world.now();
        for _ in 0..self.rng.random_range(0..12) {
            let second = now - self.rng.random_range(0..120);
            let visible_at = match self.rng.random_range(0..3) {
                0 => second,
                1 => second + self.rng.random_range(0..10),
                _ => second + self.rng.random_range(0..LATE_MAX),
            };
            let many = self.rng.random_range(1..8);
            for _ in 0..if self.rng.random_ratio(1, 60) { 150 } else { many } {
                match self.list {
                    SimulatedList::AuditLogs => self.rig.simulator.push_audit(second, visible_at.max(now)),
                    SimulatedList::Completions => {
                        self.rig.simulator.push_completion(second, visible_at.max(now))
                    }
                };
            }
        }
    }

    /// Deletes what was delivered: a few, the newest, or everything.
    fn delete(&mut self) {
        let mut known: Vec<_> = self.rig.simulator.issued(self.list);
        known.retain(|(id, _)| self.rig.delivered.contains_key(&IdHash::of(id)));
        known.sort_by_key(|(_, second)| *second);
        let chosen: Vec<_> = match self.rng.random_range(0..8) {
            0 => known,
            1 | 2 => known.split_off(known.len() - known.len().min(200)),
            3 | 4 => known.into_iter().filter(|_| self.rng.random_ratio(1, 10)).collect(),
            _ => Vec::new(),
        };
        for (id, _) in chosen {
            self.rig.simulator.delete(&id);
            self.deleted.insert(id);
        }
    }

    /// Delivers and commits what was read ahead, down to so many pages.
    fn drain(&mut self, left: usize) {
        while self.ahead.len() > left {
            let Some(page) = self.ahead.pop_front() else {
                return;
            };
            if self.delivered == 0 {
                self.rig.deliver(&page);
            } else {
                self.delivered -= 1;
            }
            self.rig.commit(page);
        }
    }

    /// The process dies: what was read ahead is lost, and some of it had been delivered.
    async fn restart(&mut self) -> Reader {
        let written = self.rng.random_range(self.delivered..=self.ahead.len());
        for (n, page) in self.ahead.drain(..).enumerate().take(written) {
            if n >= self.delivered {
                self.rig.deliver(&page);
            }
            for record in &page.records {
                *self.excused.entry(record.id).or_default() += 1;
            }
        }
        self.delivered = 0;
        self.rig.reader().await
    }

    async fn step(&mut self, reader: &mut Reader) {
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => {
                if std::env::var("CCFD_SEED").is_ok() {
                    eprintln!(
                        "{:?} n={} more={} watermark={} tail={:?} sweep={:?} dir={:?}",
                        page.task,
                        page.records.len(),
                        page.more,
                        page.change.cursor.watermark,
                        page.change.cursor.tail,
                        page.change.cursor.sweep,
                        page.change.cursor.direction
                    );
                }
                self.ahead.push_back(*page);
                let left = self.rng.random_range(0..6);
                self.drain(left);
                // A write has ended whose commit has not.
                if self.delivered == 0
                    && self.rng.random_ratio(1, 4)
                    && let Some(page) = self.ahead.front()
                {
                    self.rig.deliver(page);
                    self.delivered = 1;
                }
            }
            Ok(ReaderStep::Idle(at)) => tokio::time::sleep_until(at).await,
            Ok(ReaderStep::Finished) => {}
            Err(error) => self.rig.failed(error).await,
        }
    }

    async fn go(&mut self) {
        let mut reader = self.rig.reader().await;
        for _ in 0..self.rng.random_range(10..50) {
            self.issue();
            for _ in 0..self.rng.random_range(1..40) {
                self.step(&mut reader).await;
            }
            if self.list == SimulatedList::Completions {
                self.delete();
            }
            if self.rng.random_ratio(1, 6) {
                let error = *CLOCK_ERRORS.choose(&mut self.rng).unwrap();
                self.rig.world.local_clock_is_off_by(error);
            }
            if self.rng.random_ratio(1, 12) {
                let hours = self.rng.random_range(1..12);
                tokio::time::sleep(Duration::from_secs(3600 * hours)).await;
            }
            if self.rng.random_ratio(1, 3) {
                reader = self.restart().await;
            }
        }
        self.drain(0);
        self.rig.world.local_clock_is_off_by(0);
        self.rig.run_for(&mut reader, Duration::from_secs(3 * 3600)).await;
    }

    fn judge(&self) {
        if let Some(error) = self.rig.errors.last() {
            eprintln!("last error {error} of {}", self.rig.errors.len());
        }
        self.rig.assert_all_arrived(self.list);
        let doubled = self
            .rig
            .delivered
            .iter()
            .filter(|(id, times)| **times > 1 + self.excused.get(*id).copied().unwrap_or_default());
        let doubled = doubled.count();
        assert!(doubled == 0, "{doubled} records delivered again after a commit");
    }
}

fn run(seed: u64, always: &[&'static str]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let outcome = std::panic::catch_unwind(|| {
        runtime.block_on(async {
            let mut run = Run::new(seed, always);
            run.go().await;
            run.judge();
        });
    });
    outcome.map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        format!("seed {seed}: {said}")
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run_all(default: u64, always: &[&'static str]) {
    let seeds = match number("CCFD_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CCFD_SEEDS").unwrap_or(default),
    };
    let failed: Vec<_> = seeds.filter_map(|seed| run(seed, always).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn whatever_happens_everything_arrives_and_repeats_only_what_was_not_committed() {
    run_all(30, &[]);
}

/// One answer in eight is what a bad gateway makes of it.
#[test]
fn whatever_a_gateway_makes_of_the_answers_everything_arrives() {
    run_all(20, &["chaos"]);
}
