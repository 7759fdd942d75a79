use std::{sync::Arc, time::Duration};

use ccfd::{
    daemon::health::{HealthTarget, keep},
    pipeline::{
        backoff::RetryDelays, progress::RouteState, route::Ended, route_registry::RouteRegistry,
        shutdown::shutdown,
    },
    simulator::SimulatedList,
};
use tokio::time::Instant;

use super::{Bench, HOUR};
use crate::support::{
    route::{RouteRig, pass, records},
    sink::{SinkAnswer, SpySink},
    time::BEGIN,
};

/// A sink that never answers.
fn stuck() -> Arc<SpySink> {
    let sink = Arc::new(SpySink::new("health"));
    sink.hold();
    sink
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_never_answers_holds_up_neither_the_route_nor_the_end() {
    let sink = stuck();
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 500));
    let registry = RouteRegistry::default();
    rig.progress = registry.put(rig.progress.status());
    let (_stops, stop) = shutdown();
    let (ends, end) = shutdown();
    let target = {
        let sink = sink.clone();
        move || {
            Some(HealthTarget {
                sink: sink.clone(),
                retry: RetryDelays::default(),
                interval: Duration::from_secs(1),
            })
        }
    };
    let keeping = tokio::spawn(keep(registry, rig.world.right_clock(), target, false, stop, end));
    let begun = Instant::now();
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    pass(10).await;
    assert!(!sink.seen().writes.is_empty(), "it was asked");
    let ending = Instant::now();
    ends.request();
    keeping.await.unwrap();
    assert!(ending.elapsed() <= Duration::from_secs(5), "{:?}", ending.elapsed());
}

#[tokio::test(start_paused = true)]
async fn rows_wait_for_a_sink_that_is_down_and_each_arrives_once() {
    let bench = Bench::daemon();
    bench.sink.otherwise(SinkAnswer::Fail);
    bench.live("acme/local");
    bench.live("other/local");
    pass(10 * HOUR + 60).await;
    assert_eq!(bench.rows().len(), 0);
    bench.sink.script([SinkAnswer::Partly(3)]);
    bench.sink.otherwise(SinkAnswer::Accept);
    // Two delays, each up to a minute and a half by chance.
    pass(600).await;
    assert_eq!(bench.rows().len(), 2 * 11);
    assert_eq!(bench.sink.seen().doubled(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_a_sink_that_is_down_for_long_the_newest_rows_of_two_days_are_kept() {
    let bench = Bench::daemon();
    bench.sink.otherwise(SinkAnswer::DiskFull);
    bench.live("acme/local");
    pass(100 * HOUR + 1).await;
    bench.sink.otherwise(SinkAnswer::Accept);
    pass(600).await;
    let rows = bench.rows();
    assert_eq!(rows.len(), 48);
    assert_eq!(rows[0]["at"].as_i64(), Some(BEGIN + 53 * HOUR.cast_signed()));
    assert_eq!(rows[47]["at"].as_i64(), Some(BEGIN + 100 * HOUR.cast_signed()));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_the_sink_refuses_goes_and_the_others_arrive() {
    let bench = Bench::daemon();
    bench.sink.script([SinkAnswer::Refuse(0)]);
    bench.live("acme/local");
    bench.live("other/local");
    pass(60).await;
    assert_eq!(bench.rows().len(), 1);
    assert_eq!(bench.sink.seen().writes.len(), 1, "it is not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_change_does_not_wait_for_the_hour() {
    let bench = Bench::daemon();
    let route = bench.live("acme/local");
    pass(60).await;
    bench.fails(&route, RouteState::Parked);
    let begun = Instant::now();
    while bench.rows().len() < 2 {
        bench.sink.called.notified().await;
        tokio::task::yield_now().await;
    }
    assert!(begun.elapsed() <= Duration::from_secs(5), "{:?}", begun.elapsed());
}
