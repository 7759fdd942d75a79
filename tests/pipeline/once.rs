//! Routes that end by themselves: `--once`, and past windows.

use std::time::Duration;

use ccfd::{
    pipeline::{plan::Plan, policy::Failure, route::Ended},
    simulator::{Fault, SimulatedList},
};
use collectors::{IdHash, TenantWalk};

use crate::support::{
    route::{RouteRig, START, pass, records},
    sink::SinkAnswer,
    time::BEGIN,
};

#[tokio::test(start_paused = true)]
async fn a_run_ends_once_everything_is_read_and_the_next_one_finds_nothing() {
    for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
        let rig = RouteRig::new(list, records(list, 1_000));
        assert!(matches!(rig.run().await, Ended::ReadAll));
        let sent = rig.wire.sent();
        assert!(matches!(rig.run().await, Ended::ReadAll));
        assert!(rig.wire.sent() - sent <= 6, "{} requests for nothing", rig.wire.sent() - sent);
        rig.assert_conserved();
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_finishes_the_sweep_that_is_due_by_the_stored_time() {
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 1_000));
    assert!(matches!(rig.run().await, Ended::ReadAll));
    // It shows behind everything that was read; only a sweep finds it.
    let late = rig.simulator.push_audit(BEGIN - 600, BEGIN);
    rig.simulator.push_audit(BEGIN, BEGIN);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert!(!rig.sink.seen().rows.contains_key(&IdHash::of(&late)), "no sweep is due yet");
    rig.restart().await;
    pass(400).await;
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_on_an_empty_list() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 0));
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert!(rig.wire.sent() < 20, "{} requests", rig.wire.sent());
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_out_what_the_api_asks_it_to_wait() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 1_000));
    let throttled = || Fault::status(429, "rate_limit_exceeded", &[("retry-after", "30")]);
    rig.simulator.script(vec![throttled(), throttled(), throttled()]);
    let began = tokio::time::Instant::now();
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert!(began.elapsed() >= Duration::from_secs(90));
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_a_person_must_help_ends_after_its_pages_were_delivered() {
    let rig =
        RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 3_000)).page_by_page();
    rig.sink.otherwise(SinkAnswer::Slow(Duration::from_secs(1)));
    let running = rig.start();
    rig.sink.called.notified().await;
    rig.simulator.script(vec![Fault::status(401, "invalid_api_key", &[]); 3]);
    let ended = running.end().await;
    assert!(matches!(ended, Ended::Failed(Failure::Collect(_))), "{ended:?}");
    let delivered = rig.checkpoint().await.expect("a checkpoint").delivered;
    assert_eq!(delivered, rig.sink.seen().acknowledged());
    assert!(delivered > 0);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_although_sweeps_take_longer_than_their_interval() {
    let mut rig =
        RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 20_000)).page_by_page();
    // The overlap holds all of it, so each sweep is some 200 requests of 20 ms.
    rig.timing.overlap = Duration::from_secs(30 * 86_400);
    rig.timing.poll_interval = Duration::from_secs(1);
    rig.timing.sweep_interval = Duration::from_secs(1);
    let run = tokio::time::timeout(Duration::from_secs(600), rig.run());
    assert!(matches!(run.await.expect("an end"), Ended::ReadAll));
    rig.assert_conserved();
}

fn past(list: SimulatedList, parallel: usize) -> RouteRig {
    let mut options = records(list, 4_000);
    options.habits = "ties,shuffle,newest,tenant-ignore".parse().expect("habits");
    let mut rig = RouteRig::new(list, options).page_by_page();
    rig.plan = Plan::Past { from: START, to: BEGIN, parallel };
    rig
}

#[tokio::test(start_paused = true)]
async fn a_past_window_continues_after_each_death_until_it_is_read() {
    for (list, parallel) in
        [(SimulatedList::AuditLogs, 1), (SimulatedList::AuditLogs, 8), (SimulatedList::Completions, 1)]
    {
        let mut rig = past(list, parallel);
        // A look at tenant-scoped events takes longer than a life.
        rig.tenant_walk = TenantWalk::Off;
        let mut deaths = 0;
        loop {
            let running = rig.start();
            pass(1).await;
            let finished = rig.checkpoint().await.is_some_and(|found| found.remaining_seconds() == Some(0));
            running.kill().await;
            rig.restart().await;
            if finished {
                break;
            }
            deaths += 1;
            assert!(deaths < 500, "a past window makes no progress");
        }
        assert!(matches!(rig.run().await, Ended::ReadAll));
        rig.assert_all_arrived();
    }
}

#[tokio::test(start_paused = true)]
async fn windows_that_are_read_side_by_side_bring_every_record_once() {
    let rig = past(SimulatedList::AuditLogs, 8);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    let checkpoint = rig.checkpoint().await.expect("a checkpoint");
    assert!(checkpoint.walks.iter().all(|walk| walk.finished));
}

/// An API that has no other word for an empty list, from the first answer on.
#[tokio::test(start_paused = true)]
async fn a_run_ends_on_a_list_that_is_null() {
    for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
        let rig = RouteRig::new(list, records(list, 0));
        rig.simulator.script((0..1000).map(|_| Fault::Null).collect());
        let began = tokio::time::Instant::now();
        assert!(matches!(rig.run().await, Ended::ReadAll));
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    }
}
