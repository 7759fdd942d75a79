//! Answers that are not JSON, all of them or in one place, and services that ask for no delay.

use std::fs;

use bytes::Bytes;
use ccfd::{
    pipeline::{
        backoff::RetryDelays,
        plan::{Begin, Plan},
        policy::Failure,
        progress::RouteState,
        route::Ended,
    },
    simulator::{Fault, NewRecord, SimulatedList},
};
use collectors::CollectErrorKind;

use crate::support::{
    route::{RouteRig, pass, records},
    sink::SinkAnswer,
    time::BEGIN,
};

const DAY: i64 = 86_400;

fn kept(rig: &RouteRig) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(rig.rejects_dir().join("collector+sink.ndjson")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Records that are not JSON, each in its own way, between others.
async fn damaged(list: SimulatedList) {
    let time = match list {
        SimulatedList::AuditLogs => "effective_at",
        SimulatedList::Completions => "created",
    };
    let rig = RouteRig::new(list, records(list, 500));
    let damages = ["\"x\":NaN", "\"x\":\"a\tb\"", "\"x\":\"\\q\"", "\"x\":[1,,2]", "\"x\":'a'"];
    for (n, damage) in (1..).zip(damages) {
        let second = BEGIN - n * DAY;
        let body = format!(r#"{{"id":"damaged-{n}","{time}":{second},{damage}}}"#);
        let body = Some(Bytes::from(body));
        rig.simulator.add(vec![NewRecord { list, second, visible_at: second, body }]);
    }
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    let mut kept = kept(&rig);
    assert_eq!(kept.len(), damages.len());
    kept.sort_by_key(|one| one["record"].as_str().map(str::to_owned));
    for (n, (one, damage)) in (1..).zip(kept.iter().zip(damages)) {
        let record = one["record"].as_str().expect("a text, for it is no JSON");
        assert!(record.contains(&format!("damaged-{n}")) && record.contains(damage), "{record}");
        assert_eq!((&one["side"], &one["reason"]), (&"source".into(), &"not JSON".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_json_is_set_aside_by_its_bytes_and_its_neighbours_delivered() {
    damaged(SimulatedList::AuditLogs).await;
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_is_not_json_is_set_aside_by_its_bytes_and_its_neighbours_delivered() {
    damaged(SimulatedList::Completions).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_that_no_checkpoint_can_hold_is_set_aside_and_the_route_continues() {
    let list = SimulatedList::Completions;
    let mut rig = RouteRig::new(list, records(list, 300)).for_ever();
    rig.rejects_max = 8 << 20;
    let (second, id) = (BEGIN + 30, "x".repeat(2 << 20));
    let body = Some(Bytes::from(format!(r#"{{"id":"{id}","created":{second}}}"#)));
    let running = rig.start();
    pass(60).await;
    rig.simulator.add(vec![NewRecord { list, second, visible_at: second, body }]);
    rig.simulator.push_completion(BEGIN + 70, BEGIN + 70);
    pass(600).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    running.stop().await;
    let kept = kept(&rig);
    assert_eq!((kept.len(), &kept[0]["reason"]), (1, &"an id of more than 512 bytes".into()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stays_unreadable_calls_a_person_and_heals_by_itself() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 300)).for_ever();
    rig.simulator.script(vec![Fault::Garbage; 60]);
    let running = rig.start();
    pass(30).await;
    assert_eq!(rig.progress.status().state, RouteState::BackingOff);
    pass(2 * RetryDelays::default().parked.as_secs()).await;
    let status = rig.progress.status();
    assert_eq!(status.state, RouteState::Parked);
    assert!(status.error.is_some_and(|error| error.reason == "unreadable" && error.advice.contains("curl")));
    pass(5 * RetryDelays::default().parked.as_secs()).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    running.stop().await;
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_ends_with_an_answer_that_stays_unreadable() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 300));
    rig.simulator.script(vec![Fault::Garbage; 1000]);
    let Ended::Failed(Failure::Collect(error)) = rig.run().await else { panic!("not for a person") };
    assert!(matches!(error.kind, CollectErrorKind::Unreadable(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_asks_for_no_delay_is_asked_less_and_less_often() {
    for asked in ["0", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", "0.001"] {
        let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 100)).for_ever();
        let fault = Fault::status(429, "rate_limit_exceeded", &[("retry-after", asked)]);
        rig.simulator.script(vec![fault; 100_000]);
        let running = rig.start();
        pass(600).await;
        let sent = rig.wire.sent();
        assert!((5..40).contains(&sent), "{sent} requests in ten minutes, asked for {asked:?}");
        running.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_asks_for_no_delay_is_asked_ever_more_seldom() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 100)).for_ever();
    rig.sink.otherwise(SinkAnswer::Throttle(std::time::Duration::ZERO));
    let running = rig.start();
    pass(600).await;
    let tries = rig.sink.seen().writes.len();
    assert!((5..40).contains(&tries), "{tries} tries in ten minutes");
    running.kill().await;
}

/// A route that looks back a week, with these errors of the local clock and of the API's.
fn looking_back(local: i64, server: i64) -> RouteRig {
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 300));
    rig.plan = Plan::Follow { begin: Begin::LookBack(7 * DAY), once: true };
    rig.world.local_clock_is_off_by(local);
    rig.simulator.date_offset(server);
    rig
}

#[tokio::test(start_paused = true)]
async fn a_look_back_counts_by_the_clock_that_may_be_right() {
    for (local, server) in [(-BEGIN, 0), (0, -BEGIN), (-3_600, 0)] {
        let rig = looking_back(local, server);
        assert!(matches!(rig.run().await, Ended::ReadAll));
        let checkpoint = rig.checkpoint().await.unwrap();
        let off = checkpoint.start - (rig.world.now() - 7 * DAY);
        assert!(off.abs() <= 3_700, "{off} s off with clocks off by {local} and {server}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_back_waits_for_a_person_where_either_clock_may_be_right() {
    for (local, server) in [(0, -365 * DAY), (-365 * DAY, 0), (2 * DAY, 0)] {
        let rig = looking_back(local, server);
        let Ended::Failed(failure) = rig.run().await else { panic!("something was read") };
        assert!(matches!(failure, Failure::Clocks(_)), "{failure}");
        let text = failure.to_string();
        assert!(text.contains("2026-01-01T") && text.contains("this machine's clock says"), "{text}");
        assert_eq!(rig.checkpoint().await, None, "the next start would believe that it was delivered");
    }
}
