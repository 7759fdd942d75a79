//! Several batches in flight at once, and batches that are partly acknowledged.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ccfd::{
    pipeline::{
        backoff::RetryDelays,
        flight::{Flight, Trying},
        plan::Plan,
        poll_now::PollNow,
        progress::{Progress, RouteState, RouteStatus},
        route::Ended,
        shutdown::shutdown,
        write::BatchWriter,
    },
    simulator::{NewRecord, SimulatedList},
    sinks::PartialWrite,
    tables,
};
use collectors::{IdHash, Record};

use crate::support::{
    route::{RouteRig, Running, START, pass, records},
    sink::{SinkAnswer, SpySink},
    time::BEGIN,
};

fn rig(count: u64) -> RouteRig {
    RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, count)).page_by_page()
}

#[tokio::test(start_paused = true)]
async fn as_many_writes_are_under_way_as_the_sink_allows() {
    let rig = rig(2_000);
    rig.sink.allow_writes(3);
    rig.sink.hold();
    let running = rig.start();
    pass(30).await;
    let begun = rig.sink.seen().writes;
    assert_eq!(begun.len(), 3);
    assert!(begun.iter().all(|(_, acknowledged)| !acknowledged));
    rig.sink.release();
    assert!(matches!(running.end().await, Ended::ReadAll));
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_write_that_ends_before_an_earlier_one_is_not_committed_before_it() {
    let mut rig = rig(2_000);
    rig.sink.allow_writes(4);
    let slow = SinkAnswer::Slow(Duration::from_secs(600));
    rig.sink.script([SinkAnswer::Accept, slow]);
    let running = rig.start();
    pass(120).await;
    let first = rig.sink.seen().writes[0].0.len() as u64;
    assert_eq!(rig.checkpoint().await.map(|checkpoint| checkpoint.delivered), Some(first));
    running.kill().await;
    rig.restart().await;
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_all_arrived();
}

#[tokio::test(start_paused = true)]
async fn deaths_with_several_writes_under_way_lose_nothing() {
    for place in 0..6 {
        let mut rig = rig(1_500);
        rig.sink.allow_writes(4);
        let slow = SinkAnswer::Slow(Duration::from_millis(700));
        rig.sink.otherwise(slow);
        rig.sink.script([vec![slow; place], vec![SinkAnswer::Die]].concat());
        rig.run_through_a_death().await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_not_acknowledged_is_written_again() {
    for taken in [0, 1, 50, 99] {
        let rig = rig(500);
        rig.sink.script([
            SinkAnswer::Accept,
            SinkAnswer::Partly(taken),
            SinkAnswer::Partly(0),
            SinkAnswer::Fail,
        ]);
        assert!(matches!(rig.run().await, Ended::ReadAll));
        rig.assert_conserved();
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_refused_after_a_part_was_acknowledged_is_kept_by_its_own_name() {
    let rig = rig(300);
    rig.sink.script([SinkAnswer::Partly(10), SinkAnswer::Refuse(3)]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let missing: Vec<String> = {
        let rows = rig.sink.seen().rows;
        let issued = rig.simulator.issued(rig.list).into_iter().map(|(id, _)| id);
        issued.filter(|id| !rows.contains_key(&collectors::IdHash::of(id))).collect()
    };
    let kept = std::fs::read_to_string(rig.rejects_dir().join("collector+sink.ndjson")).unwrap();
    assert_eq!(missing.len(), 1);
    assert!(kept.contains(&format!("{:?}", missing[0])), "the missing record is the one that is kept");
}

/// It waits for an operator, continues by itself, and duplicates nothing.
async fn parks_and_heals(rig: &RouteRig, running: Running) {
    pass(60).await;
    assert_eq!(rig.progress.status().state, RouteState::Parked);
    pass(1_200).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    running.stop().await;
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_partly_acknowledged_waits_for_the_person_and_doubles_nothing() {
    let rig = rig(500).for_ever();
    rig.sink.script([SinkAnswer::PartlyFull(40), SinkAnswer::DiskFull, SinkAnswer::DiskFull]);
    let running = rig.start();
    parks_and_heals(&rig, running).await;
}

#[tokio::test(start_paused = true)]
async fn a_field_that_no_column_holds_is_counted_whatever_the_sink_looks_at() {
    let rig = rig(0);
    let body = format!(
        r#"{{"object":"organization.audit_log","id":"audit_log-odd","type":"a.b","effective_at":{BEGIN},"in_flight_news":1}}"#
    );
    let record = NewRecord {
        list: SimulatedList::AuditLogs,
        second: BEGIN,
        visible_at: BEGIN,
        body: Some(Bytes::from(body)),
    };
    rig.simulator.add(vec![record]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let unknown = tables::unknown_fields(&tables::AUDIT_LOGS);
    assert!(unknown.contains(&("in_flight_news".to_owned(), 1)), "{unknown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_for_a_person_costs_those_behind_it_nothing() {
    let rig = rig(2_000).for_ever();
    rig.sink.allow_writes(4);
    rig.sink.script([
        SinkAnswer::Accept,
        SinkAnswer::DiskFull,
        SinkAnswer::Accept,
        SinkAnswer::DiskFull,
        SinkAnswer::Accept,
    ]);
    rig.sink.hold();
    let running = rig.start();
    pass(10).await;
    assert_eq!(rig.sink.seen().writes.len(), 4);
    rig.sink.release();
    parks_and_heals(&rig, running).await;
}

#[tokio::test(start_paused = true)]
async fn no_batch_is_begun_behind_one_that_was_given_up_while_an_earlier_one_was_on_its_way() {
    let rig = rig(0).for_ever();
    rig.sink.allow_writes(4);
    rig.sink.script([SinkAnswer::Slow(Duration::from_secs(600)), SinkAnswer::DiskFull]);
    let running = rig.start();
    // A poll each: one is written slowly, one is given up, one comes too late.
    for _ in 0..3 {
        pass(60).await;
        rig.simulator.push_audit(rig.world.now(), rig.world.now());
    }
    pass(3_000).await;
    running.stop().await;
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_depend_on_a_batch_that_is_given_up_is_committed() {
    let mut rig = rig(4_000);
    rig.plan = Plan::Past { from: START, to: BEGIN, parallel: 4 };
    rig.sink.allow_writes(4);
    rig.sink.otherwise(SinkAnswer::Slow(Duration::from_secs(5)));
    rig.sink.script([SinkAnswer::DiskFull]);
    rig.sink.hold();
    let running = rig.start();
    pass(5).await;
    rig.sink.release();
    assert!(matches!(running.end().await, Ended::Failed(_)));
    let written = rig.sink.seen().rows.len() as u64;
    assert!(written > 0);
    assert_eq!(rig.checkpoint().await.map(|checkpoint| checkpoint.delivered), Some(written));
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert_eq!(rig.sink.seen().doubled(), 0);
}

#[tokio::test]
async fn a_batch_that_is_given_up_says_what_of_it_is_acknowledged() {
    let sink = Arc::new(SpySink::new("a"));
    sink.script([SinkAnswer::PartlyFull(3)]);
    let trying = Trying {
        progress: Progress::new(RouteStatus::default(), Arc::default()),
        poll_now: PollNow::default(),
        ends: true,
    };
    let writer = BatchWriter {
        connector: "acme".into(),
        table: tables::AUDIT_LOGS.clone(),
        sink,
        retry: RetryDelays::default(),
        trying,
    };
    let record = |number: i64| {
        let id = format!("audit_log-{number}");
        let raw = format!(r#"{{"id":"{id}","effective_at":{BEGIN}}}"#);
        Record::new(Bytes::from(raw), BEGIN, IdHash::of(&id), None)
    };
    let (_sender, stop) = shutdown();
    let written = writer.write((0..5).map(record).collect(), &mut Flight::default().begin(), &stop).await;
    let PartialWrite { receipt, left } = *written.unwrap_err().partial.unwrap();
    assert_eq!((receipt.accepted, left), (3, vec![3, 4]));
}
