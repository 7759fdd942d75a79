//! The real binary behind a gateway that corrupts one answer in eight; every other run is killed repeatedly.
//!
//! `CCFD_CHAOS_SEEDS=200` runs more of them, `CCFD_CHAOS_SEED=17` one alone.

use std::time::Duration;

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::number;
use crate::support::process_kill::{LISTS, Site, hurried};

/// So many runs go on side by side: most of their time they wait.
const SIDE_BY_SIDE: u64 = 5;

/// Habits that change nothing about which records can be had.
const OTHERS: [&str; 4] = ["", "oldest", "null-edges,pretty", "deleted-404"];

fn site(seed: u64) -> Site {
    let other = OTHERS[seed as usize / 2 % OTHERS.len()];
    let options = SimulatorOptions {
        audit_logs: 1_500,
        completions: 700,
        seed,
        spread: Duration::from_secs(3 * 86_400),
        habits: format!("ties,shuffle,chaos,{other}").parse().expect("habits"),
        ..SimulatorOptions::default()
    };
    let sinks = "[sink.tables]\ntype = \"sqlite\"\npath = \"tables.db\"\nfree_min = \"0B\"\n";
    Site::configured(options, |url| {
        hurried(url, &["tables"], sinks).replace("rate_limit_qps = 25", "rate_limit_qps = 200")
    })
}

fn run(seed: u64) {
    let site = site(seed);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut log = String::new();
    for _ in 0..if seed.is_multiple_of(2) { 0 } else { 8 } {
        site.grow(3);
        log += &site.start(&["run"]).kill_after(Duration::from_millis(rng.random_range(20..1_500))).log;
    }
    site.grow(3);
    // What shows late shows within a second.
    std::thread::sleep(Duration::from_secs(2));
    let ended = site.start(&["run", "--once", "--timeout", "2m"]).wait();
    assert!(ended.status.success(), "seed {seed}: {}", ended.log);
    log += &ended.log;
    for (list, table) in LISTS {
        let missing = missing(&site, list, table);
        let unnamed: Vec<_> = missing.iter().filter(|(_, second)| !names_second(&log, *second)).collect();
        assert!(unnamed.is_empty(), "seed {seed}: missing in {table}, and nothing says so: {unnamed:?}");
        assert!(site.rows(list) + missing.len() == site.simulator.issued(list).len(), "seed {seed}: {table}");
    }
}

fn missing(site: &Site, list: SimulatedList, table: &str) -> Vec<(String, i64)> {
    let tables = rusqlite::Connection::open(site.path("tables.db")).expect("a database");
    let mut query = tables.prepare(&format!("SELECT 1 FROM {table} WHERE Id = ?")).expect("a table");
    let mut issued = site.simulator.issued(list);
    issued.retain(|(id, _)| !query.exists([id]).expect("an answer"));
    issued
}

fn names_second(log: &str, second: i64) -> bool {
    let named = format!("\"second\":{second}");
    log.lines().any(|line| line.contains("crowded second") && line.contains(&named))
}

#[test]
fn whatever_a_gateway_makes_of_one_answer_in_eight_every_record_arrives_once() {
    let seeds: Vec<u64> = match std::env::var("CCFD_CHAOS_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..number("CCFD_CHAOS_SEEDS", 10)).collect(),
    };
    for seeds in seeds.chunks(SIDE_BY_SIDE as usize) {
        std::thread::scope(|scope| {
            let runs: Vec<_> = seeds.iter().map(|seed| scope.spawn(|| run(*seed))).collect();
            for run in runs {
                if let Err(panic) = run.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        });
    }
}
