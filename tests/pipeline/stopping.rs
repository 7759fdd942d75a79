//! Shutdown: what was fetched is delivered and committed, and the next start repeats nothing.

use std::time::Duration;

use ccfd::{pipeline::route::Ended, simulator::SimulatedList};
use tokio::time::Instant;

use crate::support::{
    route::{RouteRig, pass, records},
    sink::SinkAnswer,
};

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_moment_delivers_what_was_fetched_and_doubles_nothing() {
    for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
        let mut rig = RouteRig::new(list, records(list, 3_000)).page_by_page();
        rig.sink.otherwise(SinkAnswer::Slow(Duration::from_millis(30)));
        for stop in 0..25 {
            let running = rig.start();
            tokio::time::sleep(Duration::from_millis(17 * stop)).await;
            let asked = Instant::now();
            assert!(matches!(running.stop().await, Ended::Stopped | Ended::ReadAll));
            assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
            let delivered = rig.checkpoint().await.map_or(0, |found| found.delivered);
            assert_eq!(delivered, rig.sink.seen().acknowledged(), "all that was written is committed");
            rig.restart().await;
        }
        assert!(matches!(rig.run().await, Ended::ReadAll));
        rig.assert_conserved();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_what_fails() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 1_000)).for_ever();
    for answer in [SinkAnswer::Fail, SinkAnswer::DiskFull] {
        rig.sink.otherwise(answer);
        let running = rig.start();
        pass(500).await;
        let asked = Instant::now();
        assert!(matches!(running.stop().await, Ended::Stopped));
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    rig.sink.otherwise(SinkAnswer::Accept);
    let running = rig.start();
    pass(60).await;
    running.stop().await;
    rig.assert_conserved();
}
