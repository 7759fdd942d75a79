//! Failures that pass: only the failed step is retried, and pages that were fetched meanwhile remain valid.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ccfd::{
    pipeline::{progress::RouteState, route::Ended},
    simulator::List,
};

use crate::support::{
    route::{Mishap, RouteRig, Running, pass, records},
    sink::SinkAnswer,
};

#[tokio::test(start_paused = true)]
async fn a_route_finishes_although_every_third_request_fails_and_writes_are_slower_than_fetching() {
    for list in [List::AuditLogs, List::Completions] {
        let rig = RouteRig::new(list, records(list, 3_000))
            .page_by_page()
            .with_mishaps(|number| (number % 3 == 2).then_some(Mishap::Lost));
        rig.sink.otherwise(SinkAnswer::Slow(Duration::from_millis(50)));
        assert!(matches!(rig.run().await, Ended::ReadAll));
        rig.assert_conserved();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_write_repeats_the_same_batch_and_keeps_what_was_fetched_ahead() {
    let rig = RouteRig::new(List::AuditLogs, records(List::AuditLogs, 2_000)).page_by_page();
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let undisturbed = rig.wire.sent();

    let rig = RouteRig::new(List::AuditLogs, records(List::AuditLogs, 2_000)).page_by_page();
    rig.sink.script([vec![SinkAnswer::Accept; 3], vec![SinkAnswer::Fail; 5]].concat());
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let writes = rig.sink.seen().writes;
    assert!(writes[3..9].iter().all(|(ids, _)| *ids == writes[3].0), "the same batch each time");
    assert_eq!(rig.wire.sent(), undisturbed, "nothing is asked for twice");
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_failing_destination_is_shown_although_reading_continues() {
    let rig = RouteRig::new(List::AuditLogs, records(List::AuditLogs, 2_000)).for_ever().page_by_page();
    rig.sink.otherwise(SinkAnswer::Fail);
    let running = rig.start();
    for _ in 0..20 {
        pass(90).await;
        let status = rig.progress.status();
        assert_eq!(status.state, RouteState::BackingOff);
        assert!(status.error.is_some_and(|error| error.text.contains("memory a")));
    }
    rig.sink.otherwise(SinkAnswer::Accept);
    pass(120).await;
    let status = rig.progress.status();
    assert_eq!((status.state, status.error), (RouteState::Live, None));
    running.stop().await;
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_failing_source_is_shown_although_writing_continues() {
    let rig = RouteRig::new(List::AuditLogs, records(List::AuditLogs, 2_000))
        .for_ever()
        .page_by_page()
        .with_mishaps(|number| (number >= 16).then_some(Mishap::Refused));
    rig.sink.otherwise(SinkAnswer::Slow(Duration::from_secs(9)));
    let running = rig.start();
    for _ in 0..10 {
        pass(10).await;
        assert_eq!(rig.progress.status().state, RouteState::BackingOff);
    }
    assert!(rig.sink.seen().writes.len() > 3, "what was fetched is delivered meanwhile");
    running.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_ordered_while_something_else_is_tried_again_is_a_poll() {
    let sent = async |ordered: bool| {
        let failing = Arc::new(AtomicBool::new(false));
        let fails = failing.clone();
        let mut rig = RouteRig::new(List::AuditLogs, records(List::AuditLogs, 50))
            .for_ever()
            .with_mishaps(move |_| fails.load(Ordering::Relaxed).then_some(Mishap::Refused));
        // Within the test only sweeps are due by themselves.
        rig.timing.poll_interval = Duration::from_secs(36_000);
        rig.timing.sweep_interval = Duration::from_secs(600);
        let route = rig.route();
        let poll_now = route.poll_now.clone();
        let running = Running::new(route);
        pass(500).await;
        // A sweep of one request would be a poll by itself.
        let now = rig.world.right_clock().now();
        for number in 0..150 {
            rig.simulator.push_audit(now - number, now);
        }
        failing.store(true, Ordering::Relaxed);
        pass(120).await;
        assert_eq!(rig.progress.status().state, RouteState::BackingOff);
        let before = rig.wire.sent();
        failing.store(false, Ordering::Relaxed);
        if ordered {
            poll_now.request();
        }
        pass(300).await;
        running.stop().await;
        rig.wire.sent() - before
    };
    assert_eq!(sent(true).await, sent(false).await + 1);
}
