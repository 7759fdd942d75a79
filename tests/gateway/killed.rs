//! The real binary, killed while it writes through a gateway, and through a wire that cuts, resets and delays.

use std::{collections::BTreeSet, time::Duration};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    seeds,
    there::{ALL, There},
};
use crate::support::{
    process_kill::{Site, hurried},
    proxy::{Fault, Proxy},
};

/// So many runs go on side by side: most of their time they wait.
const SIDE_BY_SIDE: usize = 5;
const KILLS: usize = 5;
/// A 401 or 403 parks a run to the end, which logs it and ends; the next one continues.
const ENDS_MAX: usize = 40;
/// One exchange in so many is spoilt on the wire, beside what the gateway does.
const ONE_IN: u32 = 24;
const TIMEOUTS: &str = "connect_timeout = \"1s\"\ntimeout = \"1s\"";

fn run(seed: u64) {
    let there = ALL[seed as usize % ALL.len()]();
    let wire = Proxy::before(there.server().url(), seed);
    let options = SimulatorOptions {
        audit_logs: 400,
        completions: 200,
        seed,
        spread: Duration::from_secs(3 * 86_400),
        habits: "ties,shuffle".parse().expect("habits"),
        ..SimulatorOptions::default()
    };
    let site = Site::configured(options, |url| {
        hurried(url, &["there"], &there.section(wire.url(), TIMEOUTS))
            .replace("rate_limit_qps = 25", "rate_limit_qps = 200")
    });
    there.put_behind_a_gateway(seed);
    wire.spoil(&[Fault::Cut, Fault::Reset, Fault::Slow], ONE_IN);
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..KILLS {
        site.grow(3);
        let moment = Duration::from_millis(rng.random_range(20..1_500));
        site.start_with(&["run"], &There::variables()).kill_after(moment);
    }
    site.grow(3);
    // What shows late shows within a second.
    std::thread::sleep(Duration::from_secs(2));
    let mut ends = 0;
    loop {
        let ended = site.start_with(&["run", "--once", "--timeout", "2m"], &There::variables()).wait();
        ends += 1;
        if ended.status.success() {
            break;
        }
        assert!(ended.log.contains("parked") && ends < ENDS_MAX, "seed {seed}: {}", ended.log);
    }
    for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
        let issued: BTreeSet<String> = site.simulator.issued(list).into_iter().map(|(id, _)| id).collect();
        let times = there.times(list);
        assert!(times.keys().eq(&issued), "seed {seed}: {} of {} are there", times.len(), issued.len());
        let doubled = times.values().filter(|times| **times > 1).count();
        assert!(matches!(there, There::Azure(_)) || doubled == 0, "seed {seed}: {doubled} doubled");
    }
    assert!(!has_rejects(&site), "seed {seed}: rejected");
}

fn has_rejects(site: &Site) -> bool {
    let Ok(files) = std::fs::read_dir(site.path("state").join("rejects")) else { return false };
    files.map(|file| file.unwrap().metadata().unwrap()).any(|file| file.is_file() && file.len() > 0)
}

#[test]
fn whatever_a_gateway_makes_of_one_answer_in_eight_every_record_is_there_and_every_run_ends() {
    for seeds in seeds().chunks(SIDE_BY_SIDE) {
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
