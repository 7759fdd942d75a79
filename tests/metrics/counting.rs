use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use ccfd::{
    pipeline::{
        backoff::RetryDelays, counters::RouteCounters, progress::RouteState, route::Ended, stage::Stage,
    },
    simulator::{Fault, NewRecord, SimulatedList},
};
use collectors::RequestOutcome;

use crate::support::{
    route::{Mishap, RouteRig, pass, records},
    sink::SinkAnswer,
    time::BEGIN,
};

fn rig(count: u64) -> RouteRig {
    RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, count))
}

fn counters(rig: &RouteRig) -> RouteCounters {
    rig.progress.measured().counters
}

fn unusable(note: &str) -> NewRecord {
    let body = format!(r#"{{"effective_at":{BEGIN},"note":"{note}"}}"#);
    NewRecord {
        list: SimulatedList::AuditLogs,
        second: BEGIN,
        visible_at: BEGIN,
        body: Some(Bytes::from(body)),
    }
}

#[tokio::test(start_paused = true)]
async fn of_what_is_fetched_each_record_is_counted_where_it_went() {
    let rig = rig(500);
    rig.simulator.add(vec![unusable("one"), unusable("two")]);
    rig.sink.script([SinkAnswer::Partly(10), SinkAnswer::Refuse(7)]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let counters = counters(&rig);
    assert_eq!((counters.fetched, counters.delivered, counters.already_there), (502, 499, 0));
    assert_eq!(counters.rejected, BTreeMap::from([("refused", 1), ("unusable", 2)]));
    let batches = rig.sink.seen().writes.len() as u64 - 1;
    assert_eq!(
        (counters.batches, counters.writes.count()),
        (batches, batches),
        "one write was not acknowledged"
    );
    assert!(counters.commits.count() >= batches, "{:?}", counters.commits);
    let status = rig.progress.status();
    assert_eq!((status.rejected, status.requests), (3, rig.wire.sent() as u64));
}

#[tokio::test(start_paused = true)]
async fn every_request_is_counted_by_what_came_of_it() {
    let rig = rig(300).with_mishaps(|number| (number == 2).then_some(Mishap::Refused));
    // The first one is repeated at once, for fewer records.
    rig.simulator.script(vec![Fault::status(503, "overloaded", &[]); 2]);
    // A route that does not even learn whose list it is has sent its requests all the same.
    let running = rig.start();
    assert!(matches!(running.end().await, Ended::ReadAll));
    let outcomes = counters(&rig).source.outcomes;
    assert_eq!(outcomes.get(&RequestOutcome::Answered(503)), Some(&2));
    assert_eq!(outcomes.get(&RequestOutcome::Unreachable), Some(&1));
    assert_eq!(outcomes.values().sum::<u64>(), rig.wire.sent() as u64);
    assert_eq!(counters(&rig).retries.get(&(Stage::Reading, "overloaded")), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_counts_each_try_that_is_repeated() {
    let rig = rig(300);
    rig.sink.script([SinkAnswer::Fail, SinkAnswer::Fail, SinkAnswer::Fail]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let counters = counters(&rig);
    assert_eq!(counters.retries, BTreeMap::from([((Stage::Writing, "io"), 3)]));
    assert_eq!(counters.parks, [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_park_counts_once_however_long_it_lasts_and_again_after_it_was_mended() {
    let rig = rig(300).for_ever();
    rig.sink.otherwise(SinkAnswer::DiskFull);
    let running = rig.start();
    pass(4 * RetryDelays::default().parked.as_secs()).await;
    assert_eq!(counters(&rig).parks[Stage::Writing as usize], 1);
    rig.sink.otherwise(SinkAnswer::Accept);
    pass(RetryDelays::default().parked.as_secs()).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    rig.sink.otherwise(SinkAnswer::DiskFull);
    rig.simulator.push_audit(rig.world.now(), rig.world.now());
    pass(2 * RetryDelays::default().parked.as_secs()).await;
    assert_eq!(counters(&rig).parks, [0, 2]);
    assert!(counters(&rig).retries.is_empty(), "what a person must mend is no retry");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_takes_room_until_it_is_committed() {
    let rig = rig(300).for_ever();
    rig.sink.hold();
    let running = rig.start();
    pass(30).await;
    let taken = || rig.progress.measured().budget.map(|budget| budget.taken());
    assert!(taken().is_some_and(|taken| taken > 50_000), "{:?}", taken());
    rig.sink.release();
    pass(30).await;
    assert_eq!(taken(), Some(0));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_shows_behind_the_polls_is_late_by_its_age() {
    let rig = rig(300).for_ever();
    let running = rig.start();
    pass(400).await;
    assert_eq!(counters(&rig).late.count(), 0, "history is not late");
    rig.simulator.push_audit(BEGIN + 400, BEGIN + 400);
    pass(100).await;
    assert_eq!(counters(&rig).late.count(), 0, "a poll found it");
    rig.simulator.push_audit(BEGIN + 380, BEGIN + 600);
    pass(500).await;
    let late = counters(&rig).late;
    assert_eq!((late.count(), counters(&rig).fetched), (1, 302));
    assert!((220.0..=520.0).contains(&late.sum()), "{late:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_came_while_ccfd_was_down_is_not_late_however_often_it_is_restarted_on_the_way() {
    let mut rig = rig(300).for_ever().page_by_page();
    let running = rig.start();
    pass(400).await;
    running.stop().await;
    // More than a page, and over longer than the overlap: sweeps bring it, newest first.
    for number in 0..900 {
        rig.simulator.push_audit(BEGIN + 400 + 20 * number, BEGIN + 400 + 20 * number);
    }
    pass(20_000).await;
    let mut fetched = Vec::new();
    for life in [150, 150, 200, 1_000_000] {
        rig.restart().await;
        let running = rig.start();
        tokio::time::sleep(Duration::from_millis(life)).await;
        running.kill().await;
        assert_eq!(counters(&rig).late.count(), 0, "after {fetched:?} records");
        fetched.push(counters(&rig).fetched);
    }
    assert!(fetched[0] > 0 && fetched[1] > 0, "no restart was on the way: {fetched:?}");
    rig.assert_all_arrived();
}

#[tokio::test(start_paused = true)]
async fn what_came_between_two_polls_and_fills_pages_is_not_late() {
    let rig = rig(300).for_ever().with_mishaps(|number| (200..220).contains(&number).then_some(Mishap::Lost));
    let running = rig.start();
    for minute in 0..60 {
        for number in 0..250 {
            let second = BEGIN + 60 * minute + number / 5;
            rig.simulator.push_audit(second, second);
        }
        pass(60).await;
    }
    pass(1_800).await;
    rig.assert_all_arrived();
    assert_eq!(counters(&rig).late.count(), 0);
    running.stop().await;
}
