//! Every record, once, through the whole pipeline: over many seeds, with every habit of the lists at once.
//!
//! `CCFD_SEEDS` asks for more seeds than the few of every run.

use std::{env, time::Duration};

use ccfd::{
    pipeline::route::Ended,
    simulator::{SimulatedList, SimulatorOptions},
};

use crate::support::{
    route::{RouteRig, records},
    sink::SinkAnswer,
};

/// Runs as a daemon does, with records that come late, stops in between, and a destination that has bad moments.
async fn conserves(list: SimulatedList, seed: u64) {
    let habits = "all".parse().expect("habits");
    let options = SimulatorOptions {
        seed,
        habits,
        // So many that the crowded second lies in the past: one that still fills up is read by chance.
        ..records(list, 2_000)
    };
    let mut rig = RouteRig::new(list, options).for_ever();
    for round in 0..6 {
        for number in 0..5 {
            let now = rig.world.now();
            let visible_at = now + i64::from(number) * 70;
            match list {
                SimulatedList::AuditLogs => rig.simulator.push_audit(now - i64::from(number), visible_at),
                SimulatedList::Completions => {
                    rig.simulator.push_completion(now - i64::from(number), visible_at)
                }
            };
        }
        rig.sink.script([SinkAnswer::Fail, SinkAnswer::Accept, SinkAnswer::Slow(Duration::from_secs(3))]);
        let running = rig.start();
        tokio::time::sleep(Duration::from_secs(40 + 31 * (round + seed) % 170)).await;
        assert!(matches!(running.stop().await, Ended::Stopped));
        rig.restart().await;
    }
    let running = rig.start();
    tokio::time::sleep(Duration::from_secs(2_200)).await;
    running.stop().await;
    rig.assert_conserved();
}

fn seeds() -> u64 {
    env::var("CCFD_SEEDS").map_or(20, |text| text.parse().expect("a number"))
}

#[tokio::test(start_paused = true)]
async fn every_audit_event_arrives_once_whatever_the_seed() {
    for seed in 0..seeds() {
        conserves(SimulatedList::AuditLogs, seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_completion_arrives_once_whatever_the_seed() {
    for seed in 0..seeds() {
        conserves(SimulatedList::Completions, seed).await;
    }
}
