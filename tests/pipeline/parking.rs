//! Failures that an operator must fix: the route waits only for that, and continues by itself.

use std::sync::Arc;

use ccfd::{
    pipeline::{
        backoff::RetryDelays,
        plan::{Begin, Plan},
        policy::{Failure, judge},
        progress::{Progress, RouteState, RouteStatus, ShownError},
        route::Ended,
    },
    simulator::{Fault, SimulatedList},
    sinks::SinkError,
};
use collectors::{CollectErrorKind, IdHash};

use crate::support::{
    route::{RouteRig, Running, pass, records},
    sink::{SinkAnswer, SpySink},
    time::BEGIN,
    wire::ADMIN_KEY,
};

fn rig(count: u64) -> RouteRig {
    RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, count)).for_ever()
}

#[tokio::test(start_paused = true)]
async fn a_parked_route_does_not_hold_up_its_neighbour() {
    let parked = rig(3_000);
    parked.sink.otherwise(SinkAnswer::DiskFull);
    let mut neighbour = rig(3_000);
    // They share what routes of one process share: the store, and here the API, too.
    neighbour.simulator = parked.simulator.clone();
    neighbour.wire = parked.wire.clone();
    neighbour.store = parked.store.clone();
    neighbour.sink = Arc::new(SpySink::new("b"));
    let mut route = neighbour.route();
    let store = parked.store.clone();
    route.store = Box::new(move || store.cursor("collector/b"));
    let (one, other) = (parked.start(), Running::new(route));
    pass(60).await;
    neighbour.assert_conserved();
    assert_eq!(parked.progress.status().state, RouteState::Parked);
    assert_eq!(neighbour.progress.status().state, RouteState::Live);
    one.stop().await;
    other.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_parks_and_what_was_fetched_comes_again_once_there_is_room() {
    let rig = rig(2_000).page_by_page();
    rig.sink.script([vec![SinkAnswer::Accept; 4], vec![SinkAnswer::DiskFull; 3]].concat());
    let running = rig.start();
    pass(60).await;
    let status = rig.progress.status();
    assert_eq!(status.state, RouteState::Parked);
    assert!(status.error.is_some_and(|error| error.advice.contains("free disk space")));
    let asked = rig.wire.sent();
    pass(RetryDelays::default().parked.as_secs() - 70).await;
    assert_eq!(rig.wire.sent(), asked, "a parked route asks for nothing");
    pass(3 * RetryDelays::default().parked.as_secs()).await;
    let writes = rig.sink.seen().writes;
    assert!(writes[4..8].iter().all(|(ids, _)| *ids == writes[4].0), "the same page each time");
    assert_eq!(rig.progress.status().state, RouteState::Live);
    running.stop().await;
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_route_stays_parked_in_the_status_until_a_write_went_well() {
    let rig = rig(500);
    rig.sink.otherwise(SinkAnswer::DiskFull);
    let running = rig.start();
    pass(10).await;
    for _ in 0..100 {
        assert_eq!(rig.progress.status().state, RouteState::Parked);
        pass(13).await;
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_taken_up_without_a_restart() {
    let rig = rig(500);
    *rig.key.lock().unwrap() = "not-a-key".to_owned();
    let running = rig.start();
    pass(30).await;
    assert_eq!(rig.progress.status().state, RouteState::Parked);
    *rig.key.lock().unwrap() = ADMIN_KEY.to_owned();
    pass(RetryDelays::default().parked.as_secs()).await;
    rig.assert_conserved();
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_replaced_while_the_route_runs_is_taken_up_without_a_restart() {
    let rig = rig(500);
    let running = rig.start();
    pass(100).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    // The old key is revoked, and the new one is in its file.
    *rig.key.lock().unwrap() = "sk-admin-new".to_owned();
    rig.simulator.script(vec![Fault::status(401, "invalid_api_key", &[]); 3]);
    pass(100).await;
    assert_eq!(rig.progress.status().state, RouteState::Parked);
    pass(RetryDelays::default().parked.as_secs()).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    assert!(rig.wire.last_key().ends_with("sk-admin-new"), "the old key is still used");
    running.stop().await;
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn being_parked_is_not_stored() {
    let mut rig = rig(500);
    rig.sink.otherwise(SinkAnswer::DiskFull);
    let running = rig.start();
    pass(10).await;
    assert_eq!(rig.progress.status().state, RouteState::Parked);
    running.stop().await;
    rig.sink.otherwise(SinkAnswer::Accept);
    rig.restart().await;
    let running = rig.start();
    pass(10).await;
    rig.assert_conserved();
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_look_back_of_the_first_start_holds_however_long_nothing_can_be_written() {
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 0));
    let old = rig.simulator.push_audit(BEGIN - 3_000, BEGIN - 3_000);
    rig.plan = Plan::Follow { begin: Begin::LookBack(3_600), once: false };
    rig.sink.otherwise(SinkAnswer::DiskFull);
    for _ in 0..3 {
        let running = rig.start();
        pass(7_200).await;
        assert!(matches!(running.stop().await, Ended::Stopped));
        rig.restart().await;
    }
    rig.sink.otherwise(SinkAnswer::Accept);
    let running = rig.start();
    pass(60).await;
    running.stop().await;
    let rows = rig.sink.seen().rows;
    assert!(rows.contains_key(&IdHash::of(&old)), "what was in reach of the first start is lost");
}

#[test]
fn what_is_wrong_is_said_once_for_each_half_of_a_route() {
    let progress = Progress::new(RouteStatus::default(), Arc::default());
    let failure =
        |free| Failure::Sink(SinkError::DiskFull { path: "/tables.db".to_owned(), free, wanted: 10 });
    let shown = |free: u64| ShownError {
        at: 0,
        since: 0,
        reason: failure(free).word().to_owned(),
        text: failure(free).to_string(),
        advice: judge(&failure(free)).advice.to_owned(),
    };
    let stage = failure(1).stage();
    let park = |free| progress.failed(stage, RouteState::Parked, shown(free), failure(free).cause());
    assert_eq!(park(1), Some(1));
    assert_eq!(park(2), None, "the same trouble, other numbers");
    assert!(progress.mended(stage).is_some(), "that it resumes is worth a line");
    assert_eq!(park(3), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_comes_and_goes_is_logged_at_first_and_then_summed() {
    let progress = Progress::new(RouteStatus::default(), Arc::default());
    let failure = Failure::Sink(SinkError::Busy { path: "/tables.db".to_owned() });
    let fail = || {
        let advice = judge(&failure).advice.to_owned();
        let (reason, text) = (failure.word().to_owned(), failure.to_string());
        let error = ShownError { at: 0, since: 0, reason, text, advice };
        progress.failed(failure.stage(), RouteState::BackingOff, error, failure.cause())
    };
    assert_eq!((fail(), fail()), (Some(1), None));
    assert_eq!(progress.mended(failure.stage()), None, "what passed soon is not worth a line");
    assert_eq!(fail(), None);
    pass(400).await;
    assert_eq!(fail(), Some(3));
    assert!(progress.mended(failure.stage()).is_some_and(|lasted| lasted.as_secs() == 400));
}

#[test]
fn another_cause_is_logged_although_the_advice_is_the_same() {
    let progress = Progress::new(RouteStatus::default(), Arc::default());
    let fail = |state, offset, reason| {
        let malformed = collectors::Malformed { offset, reason };
        let failure = Failure::Collect(CollectErrorKind::Malformed(malformed).into());
        let advice = judge(&failure).advice.to_owned();
        let (word, text) = (failure.word().to_owned(), failure.to_string());
        let error = ShownError { at: 0, since: 0, reason: word, text, advice };
        progress.failed(failure.stage(), state, error, failure.cause())
    };
    for state in [RouteState::BackingOff, RouteState::Parked] {
        assert_eq!(fail(state, 0, "`data` is null"), Some(1));
        assert_eq!(fail(state, 417, "not JSON"), Some(1), "an older line hides it");
        assert_eq!(fail(state, 2_000, "not JSON"), None, "the same at another byte");
    }
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_refuses_all_of_small_batches_parks_the_route_and_fills_no_rejects() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 12)).for_ever();
    rig.sink.otherwise(SinkAnswer::RefuseAll);
    let running = rig.start();
    pass(600).await;
    let status = rig.progress.status();
    assert_eq!(status.state, RouteState::Parked);
    assert!(status.error.is_some_and(|error| error.reason == "refuses_all"));
    assert_eq!(rig.checkpoint().await.expect("a checkpoint").delivered, 0);
    assert!(!rig.rejects_dir().join("collector+sink.ndjson").exists());
    rig.sink.otherwise(SinkAnswer::Accept);
    pass(600).await;
    running.stop().await;
    rig.assert_conserved();
}
