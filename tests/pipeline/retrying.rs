//! Failures that pass: only the failed step is retried, and pages that were fetched meanwhile remain valid.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ccfd::{
    config::{Config, Environment},
    daemon::assembly::Assembly,
    pipeline::{backoff::RetryDelays, progress::RouteState, route::Ended},
    simulator::SimulatedList,
};
use tokio::time::Instant;

use crate::support::{
    route::{Mishap, RouteRig, Running, pass, records},
    sink::SinkAnswer,
};

#[tokio::test(start_paused = true)]
async fn a_route_finishes_although_every_third_request_fails_and_writes_are_slower_than_fetching() {
    for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
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
    let rig =
        RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 2_000)).page_by_page();
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let undisturbed = rig.wire.sent();

    let rig =
        RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 2_000)).page_by_page();
    rig.sink.script([vec![SinkAnswer::Accept; 3], vec![SinkAnswer::Fail; 5]].concat());
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let writes = rig.sink.seen().writes;
    assert!(writes[3..9].iter().all(|(ids, _)| *ids == writes[3].0), "the same batch each time");
    assert_eq!(rig.wire.sent(), undisturbed, "nothing is asked for twice");
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_failing_destination_is_shown_although_reading_continues() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 2_000))
        .for_ever()
        .page_by_page();
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
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 2_000))
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
        let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 50))
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

/// The delays of a sink with these sections, as a daemon has them.
fn delays(sections: &str) -> RetryDelays {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ccfd.toml");
    let collector =
        "[collector.a]\nsource = \"audit_logs\"\napi_key = { env = \"K\" }\nsinks = [\"there\"]\n";
    fs::write(&file, format!("{collector}{sections}")).unwrap();
    let config = Config::load(Some(&file), &Environment::default(), &[]).unwrap();
    Assembly::new(config, Environment::default()).retry("there")
}

const ELASTIC: &str = "[sink.there]\ntype = \"elasticsearch\"\nurls = [\"http://127.0.0.1:9200\"]\n";

#[test]
fn a_sink_without_a_word_on_retries_has_the_delays_of_everything_else() {
    for section in [
        ELASTIC,
        "[sink.there]\ntype = \"sqlite\"\npath = \"./tables.db\"\n",
        "[sink.there]\ntype = \"ndjson\"\ndir = \"./files\"\n",
        "[sink.there]\ntype = \"kibana_index\"\nurl = \"http://127.0.0.1:5601\"\n",
        "[sink.there]\ntype = \"logs_ingestion\"\nendpoint = \"http://127.0.0.1:9\"\n\
         dcr_immutable_id = \"dcr-0123456789abcdef0123456789abcdef\"\nauth = { kind = \"azure_cli\" }\n",
    ] {
        assert_eq!(delays(section), RetryDelays::default(), "{section}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_elasticsearch_answers_with_429_is_repeated_after_the_delay_of_the_settings() {
    // SpySink fails as Elasticsearch does at a 429 without Retry-After.
    for (first, between) in [("2s", 1..4), ("40s", 30..52)] {
        let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 50));
        rig.retry = delays(&format!("{ELASTIC}[sink.there.retry]\nfirst = \"{first}\"\n"));
        rig.sink.script([SinkAnswer::Throttle(Duration::ZERO)]);
        let begun = Instant::now();
        assert!(matches!(rig.run().await, Ended::ReadAll));
        let seconds = begun.elapsed().as_secs();
        assert!(between.contains(&seconds), "{first}: {seconds} s");
        assert_eq!(rig.sink.seen().writes.len(), 2);
        rig.assert_conserved();
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_that_its_sink_parks_tries_again_after_the_delay_of_the_settings() {
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 50)).for_ever();
    rig.retry = delays(&format!("{ELASTIC}[sink.there.retry]\nparked = \"10s\"\n"));
    rig.sink.script([SinkAnswer::DiskFull]);
    let running = rig.start();
    pass(8).await;
    assert_eq!(rig.progress.status().state, RouteState::Parked);
    pass(10).await;
    assert_eq!(rig.progress.status().delivered, 50);
    running.stop().await;
}
