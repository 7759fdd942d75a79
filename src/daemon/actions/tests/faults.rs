//! Connectors that fail, each in one way.

use std::{sync::atomic::Ordering, time::Duration};

use super::{Does, Stage, sends, store};
use crate::{
    connectors::Retry,
    detect_db::{Disposition, OutboxFilter},
    pipeline::progress::RouteState,
};

#[tokio::test(start_paused = true)]
async fn a_connector_that_hangs_holds_up_no_other() {
    let hangs = vec![Does::Hangs; 100];
    let stage = Stage::new(vec![sends("call", "oncall"), sends("note", "chat")], &[("oncall", hangs)]);
    let records: Vec<String> = (0..50).map(|number| format!("r{number}")).collect();
    stage.raise(&records.iter().map(String::as_str).collect::<Vec<_>>());
    let working = stage.start();
    while stage.rows().iter().filter(|row| row.action == "note" && row.state == "done").count() < 50 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let hanging = stage.rows().iter().filter(|row| row.action == "call" && row.state == "running").count();
    assert_eq!(hanging, 4, "and has a bounded number of attempts itself");
    working.task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_tried_again_with_growing_delays_under_the_same_key() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![Does::Fails(Retry::Yes); 6])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(7).await;
    stage.becomes(0, "done").await;
    working.drained().await;
    let keys = stage.played.keys();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let times = stage.played.times();
    let delays: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(delays[0] <= 3 && delays[5] >= 5, "{delays:?}");
    assert_eq!(stage.rows()[0].tries, 7);
    assert_eq!(stage.status("call").state, RouteState::Stopped);
    assert!(stage.status("call").error.is_none());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_time_that_the_other_system_asked_for() {
    let asked = Does::Fails(Retry::After(Duration::from_secs(120)));
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![asked])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(1).await;
    stage.becomes(0, "waiting").await;
    stage.raise(&["b"]);
    stage.seen(3).await;
    working.drained().await;
    let times = stage.played.times();
    assert!(times[1] >= times[0] + 120, "another alert, too: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_good_is_kept_listed_and_done_when_it_is_retried_by_hand() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![Does::Fails(Retry::No)])]);
    stage.raise(&["a", "b"]);
    let working = stage.start();
    stage.seen(2).await;
    assert!(working.drained().await.is_empty(), "it keeps nothing else from being done");
    let failed = stage.rows().into_iter().find(|row| row.state == "failed").unwrap();
    assert_eq!(failed.answer.as_deref(), Some("it failed: said so"));
    assert_eq!(stage.status("call").rejected, 1);
    let one = OutboxFilter { ids: vec![failed.id], ..OutboxFilter::default() };
    assert_eq!(stage.db().retry_actions(&one, super::NOW).unwrap(), 1);
    stage.start().drained().await;
    assert_eq!(stage.states(), ["done", "done"]);
    assert_eq!(stage.db().retry_actions(&one, super::NOW).unwrap(), 0, "what is done is not done again");
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_is_missing_parks_the_action_until_it_is_there() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![Does::IsMissing; 2])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(1).await;
    stage.becomes(0, "waiting").await;
    assert_eq!(stage.status("call").state, RouteState::Parked);
    stage.seen(3).await;
    stage.becomes(0, "done").await;
    assert!(stage.played.times()[1] >= 300);
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_process_was_doing_is_done_again_under_the_same_key() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![Does::Hangs])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(1).await;
    working.task.abort();
    assert_eq!(stage.states(), ["running"]);
    stage.start().drained().await;
    let keys = stage.played.keys();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    assert_eq!(stage.states(), ["done"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_drops_actions_and_never_alerts_and_they_can_be_retried() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[]);
    let mut db = stage.db();
    db.limit_outbox(2);
    store(&mut db, &["a", "b", "c", "d"], &[]);
    drop(db);
    assert_eq!(stage.alerts().len(), 4);
    assert_eq!(stage.states(), ["waiting", "waiting", "dropped", "dropped"]);
    stage.start().drained().await;
    assert_eq!(stage.played.keys().len(), 2);
    assert_eq!(stage.db().retry_actions(&OutboxFilter::default(), super::NOW).unwrap(), 2);
    stage.start().drained().await;
    assert_eq!(stage.states(), ["done"; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_closed_acts_once_if_the_action_asks_for_that() {
    let mut closes = sends("tell", "chat");
    closes.outbox.on = [crate::detect_db::ActionEvent::Closed].into();
    let stage = Stage::new(vec![closes], &[]);
    stage.raise(&["a"]);
    assert!(stage.states().is_empty(), "not when it opens");
    let id = stage.alerts()[0].id.clone();
    let mut db = stage.db();
    db.judge_alert(&id, None, "ann", None, super::NOW).unwrap();
    assert!(stage.states().is_empty(), "not when somebody looks at it");
    for _ in 0..2 {
        db.judge_alert(&id, Some(Disposition::Benign), "ann", None, super::NOW).unwrap();
    }
    stage.start().drained().await;
    assert_eq!(stage.played.keys(), [format!("{id}:tell:closed")]);
}

#[tokio::test(start_paused = true)]
async fn after_a_week_of_failures_an_action_is_given_up_and_kept() {
    let fails = vec![Does::Fails(Retry::Yes); 1_000];
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", fails)]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(2).await;
    assert_eq!(stage.rows()[0].tries.min(2), 2);
    stage.later.store(8 * 24 * 3600, Ordering::SeqCst);
    stage.becomes(0, "failed").await;
    working.drained().await;
    assert_eq!(stage.rows()[0].answer.as_deref(), Some("given up: it failed: said so"));
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_is_missing_is_shown_before_an_alert_needs_it() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[]);
    stage.played.absent.store(true, Ordering::SeqCst);
    let working = stage.start();
    let becomes = async |state| {
        while stage.status("call").state != state {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    becomes(RouteState::Parked).await;
    stage.played.absent.store(false, Ordering::SeqCst);
    becomes(RouteState::Live).await;
    assert!(working.drained().await.is_empty());
}
