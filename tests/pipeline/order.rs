//! What is written when, and what is committed after it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ccfd::{
    pipeline::{checkpoint::Checkpoint, route::Ended},
    simulator::SimulatedList,
    sinks::{Batch, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure},
    tables::Table,
};
use state::Store;
use tokio::time::Instant;

use crate::support::{
    route::{RouteRig, pass, records},
    sink::{SinkAnswer, SpySink},
    time::BEGIN,
};

/// Compares, around each write, what is committed with what was acknowledged.
struct Auditor {
    sink: Arc<SpySink>,
    store: Store,
}

impl Auditor {
    async fn compare(&self) {
        let saved = self.store.cursor::<Checkpoint>("collector/sink").load().await;
        let committed = saved.expect("a store").map_or(0, |saved| saved.cursor.delivered);
        let acknowledged = self.sink.seen().acknowledged();
        assert!(committed <= acknowledged, "{committed} committed, {acknowledged} acknowledged");
    }
}

#[async_trait]
impl Sink for Auditor {
    fn redelivery(&self) -> Redelivery {
        self.sink.redelivery()
    }

    fn batch_bytes(&self) -> usize {
        self.sink.batch_bytes()
    }

    fn identity(&self, table: &Table) -> String {
        self.sink.identity(table)
    }

    async fn check(&self, tables: &[Arc<Table>]) -> Result<Looked, SinkError> {
        self.sink.check(tables).await
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        self.compare().await;
        // Fetching runs ahead during this time, and must take no commit with it.
        pass(1).await;
        self.compare().await;
        self.sink.write(batch).await
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_before_its_write_is_acknowledged() {
    for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
        let rig = RouteRig::new(list, records(list, 2_000)).page_by_page();
        rig.sink.script([SinkAnswer::Accept, SinkAnswer::Fail, SinkAnswer::Accept, SinkAnswer::DiskFull]);
        let auditor = Auditor { sink: rig.sink.clone(), store: rig.store.clone() };
        let (_sender, stop) = ccfd::pipeline::shutdown::shutdown();
        let ended = rig.route_to(Arc::new(auditor)).run(stop.clone()).await;
        assert!(matches!(ended, Ended::Failed(_)), "a full disk ends a run that is to end: {ended:?}");
        assert!(matches!(rig.run().await, Ended::ReadAll));
        rig.assert_conserved();
    }
}

#[tokio::test(start_paused = true)]
async fn many_pages_go_into_one_write_while_catching_up() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 5_000));
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    let writes = rig.sink.seen().writes.len();
    assert!(writes <= 5, "{writes} writes for some 60 pages");
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_more_no_longer_than_it_may() {
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 5_000));
    rig.gathering.batch_wait = Duration::from_millis(100);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    // 20 ms a request, so some five pages a batch.
    let longest = rig.sink.seen().writes.iter().map(|(ids, _)| ids.len()).max();
    assert!(longest.is_some_and(|ids| (200..=700).contains(&ids)), "{longest:?} records in one write");
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_record_alone_is_delivered_at_once() {
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 0)).for_ever();
    rig.gathering.batch_wait = Duration::from_secs(50);
    let running = rig.start();
    pass(30).await;
    rig.simulator.push_audit(BEGIN + 20, BEGIN + 20);
    let asked = Instant::now();
    rig.sink.called.notified().await;
    // The next poll comes at most a minute after the last one.
    assert!(asked.elapsed() < Duration::from_secs(31), "{:?}", asked.elapsed());
    running.stop().await;
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn no_more_is_fetched_ahead_than_the_bound_and_one_page() {
    const BOUND: usize = 512 << 10;
    let mut rig =
        RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 20_000)).page_by_page();
    rig.bytes_in_flight = BOUND;
    rig.sink.hold();
    let running = rig.start();
    pass(3600).await;
    // A page is 100 records of some 550 bytes; a few requests bring none of them.
    let sent = rig.wire.sent();
    assert!(sent >= BOUND / 70_000, "{sent} requests");
    assert!(sent <= BOUND / 45_000 + 12, "{sent} requests while nothing was taken");
    rig.sink.release();
    assert!(matches!(running.end().await, Ended::ReadAll));
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_page_larger_than_the_bound_is_let_through_alone() {
    let mut rig = RouteRig::new(SimulatedList::Completions, records(SimulatedList::Completions, 1_000));
    rig.bytes_in_flight = 8 << 10;
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
}
