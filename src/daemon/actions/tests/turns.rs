//! Whose turn it is: actions that share a connector, and the two events of one alert.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};

use super::{Does, NOW, Stage, sends};
use crate::{
    actions::ParamsTemplate,
    config::{ActionDoes, ActionSettings},
    connectors::Retry,
    detect_db::{ActionEvent, Disposition, OutboxFilter},
    pipeline::progress::RouteState,
};

fn on(events: &[ActionEvent], action: ActionSettings) -> ActionSettings {
    let mut action = action;
    action.outbox.on = events.iter().copied().collect::<BTreeSet<_>>();
    action
}

#[tokio::test(start_paused = true)]
async fn actions_without_anything_due_take_no_slots_of_their_connector() {
    let idle = (0..20).map(|number| on(&[ActionEvent::Closed], sends(&format!("idle-{number}"), "oncall")));
    let actions: Vec<ActionSettings> = idle.chain([sends("call", "oncall")]).collect();
    let stage = Stage::new(actions, &[]);
    stage.raise(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    // As `ccfd run --once` does.
    assert!(stage.start().drained().await.is_empty());
    assert_eq!(stage.states(), ["done"; 10]);
    assert!(stage.played.times().iter().all(|at| *at <= 1), "{:?}", stage.played.times());
}

#[tokio::test(start_paused = true)]
async fn an_action_whose_parameters_do_not_fit_holds_up_no_other_of_its_connector() {
    let mut unfit = sends("call", "oncall");
    let Value::Object(params) = json!({ "links": [{ "href": "https://{{ title }}/", "text": "x" }] }) else {
        panic!()
    };
    let ActionDoes::Run { params: given, .. } = &mut unfit.does else { panic!("a run") };
    *given = ParamsTemplate::new(params).unwrap();
    let mut note = sends("note", "oncall");
    let Value::Object(params) = json!({ "summary": "{{ title }}" }) else { panic!("an object") };
    let ActionDoes::Run { params: given, .. } = &mut note.does else { panic!("a run") };
    *given = ParamsTemplate::new(params).unwrap();
    let stage = Stage::of_type(".pagerduty", vec![unfit, note], &[]);
    stage.raise(&["a", "b", "c", "d", "e", "f"]);
    let working = stage.start();
    stage.seen(6).await;
    assert!(stage.played.times().iter().all(|at| *at < 10), "{:?}", stage.played.times());
    let parked = stage.status("call");
    assert_eq!((parked.state, stage.status("note").state), (RouteState::Parked, RouteState::Live));
    assert!(parked.error.is_some_and(|error| error.text.contains("`links.0.href`")));
    assert_eq!(working.drained().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn that_an_alert_was_closed_is_sent_after_its_opening_however_long_that_takes() {
    let both = on(&ActionEvent::ALL, sends("call", "oncall"));
    let stage = Stage::new(vec![both], &[("oncall", vec![Does::Fails(Retry::Yes); 5])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(1).await;
    stage.becomes(0, "waiting").await;
    let id = stage.alerts()[0].id.clone();
    stage.db().judge_alert(&id, Some(Disposition::FalsePositive), "ann", None, NOW).unwrap();
    stage.seen(7).await;
    stage.becomes(1, "done").await;
    working.drained().await;
    let keys = stage.played.keys();
    assert!(keys[..6].iter().all(|key| !key.ends_with(":closed")), "{keys:?}");
    assert!(keys[6].ends_with(":closed"), "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_done_in_part_holds_up_no_other_of_its_connector() {
    let mut does = vec![Does::Fails(Retry::Rest); 8];
    does.extend(vec![Does::Succeeds; 3]);
    let stage = Stage::new(vec![sends("mail", "server")], &[("server", does)]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(8).await;
    assert_eq!((stage.status("mail").state, stage.status("mail").wait), (RouteState::Live, None));
    let at = stage.played.times();
    assert!(at[7] > 15, "this row waits longer and longer: {at:?}");
    stage.raise(&["b", "c"]);
    stage.becomes(1, "done").await;
    stage.becomes(2, "done").await;
    assert!(stage.played.times()[9] <= at[7] + 3, "{:?}", stage.played.times());
    stage.becomes(0, "done").await;
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_retried_by_hand_is_next_if_its_connector_is_busy() {
    let slow = Does::After(Duration::from_secs(10), Box::new(Does::Succeeds));
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![slow; 12])]);
    stage.raise(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]);
    let working = stage.start();
    stage.seen(4).await;
    let last = OutboxFilter { ids: vec![stage.rows()[11].id], ..OutboxFilter::default() };
    stage.db().retry_actions(&last, NOW + 5).unwrap();
    stage.becomes(11, "done").await;
    let (alert, keys) = (stage.rows()[11].alert.clone(), stage.played.keys());
    assert!(keys[4..8].iter().any(|key| key.starts_with(&alert)), "{keys:?}");
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_an_operator_for_weeks_is_not_given_up_at_its_first_failure() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![Does::Fails(Retry::Yes); 2])]);
    stage.raise(&["a"]);
    stage.later.store(30 * 24 * 3600, Ordering::SeqCst);
    let working = stage.start();
    stage.seen(3).await;
    stage.becomes(0, "done").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    working.drained().await;
}
