//! What waits for somebody: for another system that asks for it, for connectors that hang, for a secret.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};

use super::{Does, NOW, Stage, Working, sends};
use crate::{
    actions::ParamsTemplate,
    config::{ActionDoes, ActionSettings},
    connectors::Retry,
    detect_db::{ActionEvent, OutboxFilter},
    pipeline::progress::RouteState,
};

fn asks(seconds: u64) -> Does {
    Does::Fails(Retry::After(Duration::from_secs(seconds)))
}

async fn stopped(working: Working) {
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn however_many_connectors_hang_each_other_one_has_its_turn() {
    let names: Vec<String> = (0..50).map(|number| format!("hangs-{number}")).collect();
    let mut actions: Vec<ActionSettings> = names.iter().map(|name| sends(name, name)).collect();
    actions.push(sends("fine", "chat"));
    let does: Vec<(&str, Vec<Does>)> =
        names.iter().map(|name| (name.as_str(), vec![Does::Hangs; 100])).collect();
    let stage = Stage::new(actions, &does);
    let records: Vec<String> = (0..8).map(|number| format!("r{number}")).collect();
    stage.raise(&records.iter().map(String::as_str).collect::<Vec<_>>());
    let working = stage.start();
    let of = |name: &str, state: &str| {
        stage.rows().iter().filter(|row| row.action == name && row.state == state).count()
    };
    while of("fine", "done") < 8 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(names.iter().all(|name| (1..=4).contains(&of(name, "running"))), "each has a slot of its own");
    assert!(stage.played.times().len() <= 8 + 50 + 32, "and the rest is bounded");
    working.task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_success_that_was_in_flight_does_not_end_the_time_that_was_asked_for() {
    let late = Does::After(Duration::from_secs(5), Box::new(Does::Succeeds));
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![asks(120), late])]);
    stage.raise(&["a", "b"]);
    let working = stage.start();
    stage.seen(2).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    stage.raise(&["c"]);
    stage.seen(4).await;
    working.drained().await;
    let times = stage.played.times();
    assert!(times[1] < 5 && times[2] >= 120, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_end_the_time_that_was_asked_for() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![asks(600)])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(1).await;
    stage.becomes(0, "waiting").await;
    stopped(working).await;
    stage.raise(&["b"]);
    let working = stage.start();
    stage.seen(3).await;
    working.drained().await;
    let times = stage.played.times();
    assert!(times[1] >= 600, "another alert, too: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_retried_by_hand_waits_for_no_pause_and_everything_else_does() {
    let stage = Stage::new(
        vec![sends("call", "oncall"), sends("note", "oncall")],
        &[("oncall", vec![asks(600), asks(600)])],
    );
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(2).await;
    stage.becomes(0, "waiting").await;
    stage.becomes(1, "waiting").await;
    let row = stage.rows().remove(0);
    let one = OutboxFilter { ids: vec![row.id], ..OutboxFilter::default() };
    assert_eq!(stage.db().retry_actions(&one, NOW).unwrap(), 1);
    stage.becomes(0, "done").await;
    assert!(stage.played.times()[2] < 60, "{:?}", stage.played.times());
    stage.becomes(1, "done").await;
    assert!(stage.played.times()[3] >= 600, "{:?}", stage.played.times());
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_retried_by_hand_waits_for_no_action_that_is_parked() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[]);
    stage.raise(&["a"]);
    stage.played.secretless.store(true, Ordering::SeqCst);
    let working = stage.start();
    while stage.rows()[0].answer.is_none() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stage.played.secretless.store(false, Ordering::SeqCst);
    stage.db().retry_actions(&OutboxFilter::default(), NOW).unwrap();
    stage.becomes(0, "done").await;
    assert!(stage.played.times()[0] < 60, "{:?}", stage.played.times());
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn each_action_of_a_connector_that_waits_shows_why_and_until_when() {
    let mut idle = sends("idle", "oncall");
    idle.outbox.on = [ActionEvent::Closed].into();
    let stage = Stage::new(
        vec![sends("call", "oncall"), sends("note", "oncall"), idle, sends("fine", "chat")],
        &[("oncall", vec![asks(600), asks(600)])],
    );
    stage.raise(&["a"]);
    let working = stage.start();
    while stage.status("note").wait.is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for name in ["call", "note"] {
        let wait = stage.status(name).wait.unwrap();
        assert!((NOW + 590..=NOW + 620).contains(&wait.until), "{wait:?}");
        assert!(wait.reason.contains("said so"), "{wait:?}");
    }
    assert_eq!((stage.status("idle").wait, stage.status("fine").wait), (None, None));
    let paused = stage.db().paused_connectors(NOW).unwrap();
    assert!(paused.iter().all(|pause| pause.connector == "oncall" && pause.reason.contains("said so")));
    while stage.status("note").wait.is_some() {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    stage.becomes(0, "done").await;
    working.drained().await;
    assert_eq!(stage.db().paused_connectors(NOW + 700).unwrap(), [], "a success ends what nobody asked for");
}

fn leads_to(stage: &Stage, url: &str) {
    let Value::Object(config) = json!({ "url": url }) else { panic!("an object") };
    *stage.played.config.lock().unwrap() = config;
}

#[tokio::test(start_paused = true)]
async fn what_one_receiver_asked_for_holds_up_no_other_under_the_same_id() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![asks(600)])]);
    leads_to(&stage, "https://old.example.com");
    stage.raise(&["a", "b"]);
    let working = stage.start();
    while stage.status("call").wait.is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let before = stage.played.times().len();
    leads_to(&stage, "https://new.example.com");
    stage.becomes(0, "done").await;
    stage.becomes(1, "done").await;
    let times = stage.played.times();
    assert!(times.len() > before && times.iter().all(|at| *at < 60), "{times:?}");
    working.drained().await;
    assert_eq!(stage.db().paused_connectors(NOW).unwrap(), [], "nothing shows a wait that there is not");
}

#[tokio::test(start_paused = true)]
async fn what_one_receiver_asked_for_holds_up_no_other_after_a_restart_and_itself_does_wait() {
    for (moves, waits) in [(true, false), (false, true)] {
        let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![asks(600)])]);
        leads_to(&stage, "https://old.example.com");
        stage.raise(&["a"]);
        let working = stage.start();
        stage.seen(1).await;
        stage.becomes(0, "waiting").await;
        stopped(working).await;
        if moves {
            leads_to(&stage, "https://new.example.com");
        }
        let working = stage.start();
        stage.becomes(0, "done").await;
        working.drained().await;
        assert_eq!(stage.played.times()[1] >= 600, waits, "{:?}", stage.played.times());
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_does_not_make_a_connector_wait_for_ever() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![asks(600)])]);
    stage.raise(&["a"]);
    stage.later.store(5 * 24 * 3600, Ordering::SeqCst);
    let working = stage.start();
    stage.seen(1).await;
    stage.becomes(0, "waiting").await;
    stopped(working).await;
    stage.later.store(0, Ordering::SeqCst);
    stage.raise(&["b"]);
    let working = stage.start();
    stage.seen(2).await;
    stage.becomes(1, "done").await;
    assert!(stage.played.times()[1] < 60, "{:?}", stage.played.times());
    working.task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_an_hour_ahead_makes_nothing_wait_for_that_hour() {
    for (does, least, restarts) in
        [(Does::Fails(Retry::Yes), 0, false), (Does::Fails(Retry::Yes), 0, true), (asks(30), 25, false)]
    {
        let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![does])]);
        stage.raise(&["a"]);
        stage.later.store(3600, Ordering::SeqCst);
        let mut working = stage.start();
        stage.seen(1).await;
        stage.becomes(0, "waiting").await;
        stage.later.store(0, Ordering::SeqCst);
        if restarts {
            stopped(working).await;
            working = stage.start();
        }
        stage.becomes(0, "done").await;
        let times = stage.played.times();
        assert!((least..120).contains(&times[1]), "at least {least}, restarted: {restarts}, {times:?}");
        working.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_secret_an_action_is_parked_with_the_reason_and_goes_out_once_the_secret_is_there() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[]);
    stage.raise(&["a", "b", "c", "d", "e", "f"]);
    stage.played.secretless.store(true, Ordering::SeqCst);
    let working = stage.start();
    let status = async |state| {
        while stage.status("call").state != state {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        stage.status("call")
    };
    let shown = status(RouteState::Parked).await;
    let reason = shown.error.map(|error| error.text).unwrap_or_default();
    assert!(reason.contains("`secrets.hmacKey`: no such file"), "{reason}");
    // Longer than what fails is tried.
    stage.later.store(30 * 24 * 3600, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    for row in stage.rows() {
        assert_eq!((&*row.state, row.tries), ("waiting", 0));
        assert!(row.answer.as_deref().is_some_and(|answer| answer.contains("hmacKey")), "{row:?}");
    }
    assert!(stage.played.keys().is_empty(), "nothing is sent");
    stage.played.secretless.store(false, Ordering::SeqCst);
    for place in 0..6 {
        stage.becomes(place, "done").await;
    }
    status(RouteState::Live).await;
    assert!(working.drained().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_action_whose_secret_goes_while_it_runs_waits_too() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![Does::LosesItsSecret])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(1).await;
    stage.becomes(0, "waiting").await;
    assert_eq!(stage.status("call").state, RouteState::Parked);
    stage.played.secretless.store(false, Ordering::SeqCst);
    stage.becomes(0, "done").await;
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn parameters_that_an_alert_could_change_are_not_sent_and_park_the_action() {
    let mut links = sends("call", "oncall");
    let Value::Object(params) = json!({ "links": [{ "href": "https://{{ title }}/", "text": "x" }] }) else {
        panic!()
    };
    let ActionDoes::Run { params: given, .. } = &mut links.does else { panic!("a run") };
    *given = ParamsTemplate::new(params).unwrap();
    let stage = Stage::of_type(".pagerduty", vec![links], &[]);
    stage.raise(&["a"]);
    let working = stage.start();
    while stage.rows()[0].answer.is_none() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let row = &stage.rows()[0];
    assert!(row.answer.as_deref().unwrap().contains("`links.0.href`: is no address"), "{row:?}");
    assert_eq!((&*row.state, stage.status("call").state), ("waiting", RouteState::Parked));
    assert!(stage.played.keys().is_empty());
    assert_eq!(working.drained().await.len(), 1);
}
