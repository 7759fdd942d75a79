//! A backfill that is killed continues where it was.

use std::time::Duration;

use ccfd::simulator::{SimulatedList, SimulatorOptions};

use super::Moments;
use crate::support::process_kill::Site;

const BACKFILL: [&str; 10] =
    ["backfill", "--collector", "audit", "--sink", "tables", "--from", "30d", "--parallel", "4", "--to"];

#[test]
fn a_killed_backfill_continues_and_says_when_it_is_finished() {
    let site = Site::new(SimulatorOptions {
        audit_logs: 6_000,
        latency: Duration::from_millis(2),
        habits: "ties,shuffle,newest,tenant-ignore".parse().expect("habits"),
        ..SimulatorOptions::default()
    });
    // The same words name the same backfill.
    let to = chrono::DateTime::from_timestamp(collectors::Clock::system().now() + 3600, 0).expect("a time");
    let to = to.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let command: Vec<&str> = BACKFILL.into_iter().chain([to.as_str()]).collect();
    let mut moments = Moments::new(800);
    for _ in 0..20 {
        let ended = site.start(&command).kill_after(moments.next());
        ended.assert_nothing_for_a_person();
    }
    let ended = site.start(&command).wait();
    assert!(ended.status.success(), "{}", ended.log);
    let sent: u64 = site.simulator.requests().values().sum();
    let ended = site.start(&command).wait();
    assert!(ended.status.success(), "{}", ended.log);
    let again: u64 = site.simulator.requests().values().sum();
    assert_eq!(again, sent, "a finished backfill asks for nothing");
    let issued = site.simulator.issued(SimulatedList::AuditLogs).len();
    assert_eq!(site.rows(SimulatedList::AuditLogs), issued);
}
