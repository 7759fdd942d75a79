//! Records that cannot be delivered: saved before the commit, and never in the way of other records.

use std::fs;

use bytes::Bytes;
use ccfd::{
    pipeline::{backoff::RetryDelays, progress::RouteState, route::Ended},
    simulator::{NewRecord, SimulatedList},
};

use crate::support::{
    route::{RouteRig, pass, records},
    sink::SinkAnswer,
    time::BEGIN,
};

/// An audit event without an id.
fn unusable(note: &str) -> NewRecord {
    let body = format!(r#"{{"object":"organization.audit_log","effective_at":{BEGIN},"note":"{note}"}}"#);
    NewRecord {
        list: SimulatedList::AuditLogs,
        second: BEGIN,
        visible_at: BEGIN,
        body: Some(Bytes::from(body)),
    }
}

fn rig(count: u64) -> RouteRig {
    RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, count))
}

fn kept(rig: &RouteRig) -> Vec<String> {
    let text = fs::read_to_string(rejects_file(rig)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn rejects_file(rig: &RouteRig) -> std::path::PathBuf {
    rig.rejects_dir().join("collector+sink.ndjson")
}

#[tokio::test(start_paused = true)]
async fn refused_rows_and_unusable_records_are_kept_and_their_neighbours_delivered() {
    let rig = rig(500);
    rig.simulator.add(vec![unusable("one"), unusable("two")]);
    rig.sink.script([SinkAnswer::Refuse(7)]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let lines = kept(&rig);
    let of = |side: &str| lines.iter().filter(|line| line.contains(side)).count();
    assert_eq!((of(r#""side":"source""#), of(r#""side":"sink""#), lines.len()), (2, 1, 3));
    let seen = rig.sink.seen();
    assert_eq!((seen.rows.len(), seen.doubled()), (499, 0));
    assert_eq!(rig.progress.status().rejected, 3);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_unusable_records_alone_is_kept_and_passed() {
    let rig = rig(0);
    rig.simulator.add(vec![unusable("alone")]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert!(!kept(&rig).is_empty());
    assert!(rig.sink.seen().writes.is_empty(), "an empty batch is never written");
}

#[tokio::test(start_paused = true)]
async fn rejects_that_cannot_be_kept_hold_up_the_commit() {
    let rig = rig(300);
    rig.simulator.add(vec![unusable("one")]);
    rig.sink.script([SinkAnswer::Refuse(0)]);
    let running = RouteRig::start(&rig);
    // A directory at the file's path makes every write fail.
    fs::create_dir_all(rejects_file(&rig)).unwrap();
    pass(20).await;
    assert_eq!(rig.checkpoint().await.expect("a checkpoint").delivered, 0);
    assert_eq!(rig.progress.status().state, RouteState::BackingOff);
    fs::remove_dir(rejects_file(&rig)).unwrap();
    assert!(matches!(running.end().await, Ended::ReadAll));
    assert!(!kept(&rig).is_empty());
    assert_eq!(rig.checkpoint().await.expect("a checkpoint").delivered, 300);
}

#[tokio::test(start_paused = true)]
async fn full_rejects_park_the_route_before_it_writes_and_emptying_them_heals_it() {
    let mut rig = rig(300).for_ever();
    rig.simulator.add((0..20).map(|number| unusable(&format!("{number}"))).collect());
    rig.rejects_max = 6 << 10;
    fs::create_dir_all(rig.rejects_dir()).unwrap();
    fs::write(rejects_file(&rig), "x".repeat(5 << 10) + "\n").unwrap();
    let running = rig.start();
    pass(4 * RetryDelays::default().parked.as_secs()).await;
    let status = rig.progress.status();
    assert_eq!(status.state, RouteState::Parked);
    assert!(status.error.is_some_and(|error| error.text.contains("full")));
    assert_eq!(rig.checkpoint().await.expect("a checkpoint").delivered, 0);
    fs::rename(rejects_file(&rig), rig.dir.path().join("looked-at")).unwrap();
    pass(2 * RetryDelays::default().parked.as_secs()).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    assert_eq!(kept(&rig).len(), 20);
    running.stop().await;
    // The records beside the unusable ones were not written again with each try.
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn what_a_write_would_refuse_has_room_before_it_is_written() {
    let mut rig = rig(300).for_ever();
    rig.rejects_max = 6 << 10;
    rig.sink.otherwise(SinkAnswer::Refuse(0));
    fs::create_dir_all(rig.rejects_dir()).unwrap();
    fs::write(rejects_file(&rig), "x".repeat((6 << 10) - 100) + "\n").unwrap();
    let running = rig.start();
    pass(4 * RetryDelays::default().parked.as_secs()).await;
    assert_eq!(rig.progress.status().state, RouteState::Parked);
    assert!(rig.sink.seen().writes.is_empty(), "nothing is written whose rejects would not fit");
    fs::rename(rejects_file(&rig), rig.dir.path().join("looked-at")).unwrap();
    pass(2 * RetryDelays::default().parked.as_secs()).await;
    running.stop().await;
    let seen = rig.sink.seen();
    assert_eq!((kept(&rig).len(), seen.rows.len(), seen.doubled()), (1, 299, 0));
}

#[tokio::test(start_paused = true)]
async fn rejects_that_cannot_be_kept_after_a_write_write_nothing_twice() {
    let rig = rig(1_000).page_by_page();
    rig.sink.allow_writes(3);
    rig.sink.otherwise(SinkAnswer::Refuse(0));
    rig.sink.hold();
    let running = rig.start();
    pass(20).await;
    // A directory at the file's path makes every write fail.
    fs::create_dir_all(rejects_file(&rig)).unwrap();
    rig.sink.release();
    pass(300).await;
    assert_eq!(rig.progress.status().state, RouteState::BackingOff);
    assert_eq!(rig.checkpoint().await.expect("a checkpoint").delivered, 0);
    fs::remove_dir(rejects_file(&rig)).unwrap();
    assert!(matches!(running.end().await, Ended::ReadAll));
    let (seen, kept) = (rig.sink.seen(), kept(&rig));
    assert_eq!((seen.doubled(), seen.writes.len()), (0, kept.len()));
    assert_eq!(seen.rows.len() + kept.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_cut_fills_no_rejects_however_much_it_is() {
    let mut rig = rig(2_000).page_by_page();
    (rig.rejects_max, rig.cut_max) = (1 << 10, 64 << 10);
    rig.sink.otherwise(SinkAnswer::Cut);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    assert!(!rejects_file(&rig).exists());
    let counters = rig.progress.measured().counters;
    assert_eq!(counters.cut, 2_000);
    assert!(counters.cut_gone > 0 && counters.cut_gone < 2_000, "{}", counters.cut_gone);
    let files = fs::read_dir(rig.dir.path().join("cut")).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 64 << 10, "{bytes}");
}

#[tokio::test(start_paused = true)]
async fn small_rejects_that_are_full_are_written_beyond_their_bound_and_no_restart_delivers_anything_twice() {
    let mut rig = rig(1_000).page_by_page();
    rig.rejects_max = 1 << 10;
    rig.sink.otherwise(SinkAnswer::Refuse(0));
    for _ in 0..3 {
        assert!(matches!(rig.run().await, Ended::Failed(_)), "no room before the next write");
        let (seen, kept) = (rig.sink.seen(), kept(&rig));
        assert_eq!((seen.doubled(), seen.writes.len()), (0, kept.len()));
        assert!(kept.len() > 1 && seen.rows.len() < 999);
        rig.restart().await;
    }
    rig.rejects_max = 1 << 20;
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let (seen, kept) = (rig.sink.seen(), kept(&rig));
    assert_eq!((seen.doubled(), seen.rows.len() + kept.len()), (0, 1_000));
}
