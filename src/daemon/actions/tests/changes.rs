//! Settings that change while actions run.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Does, Stage, sends};
use crate::{
    actions::ParamsTemplate,
    config::{ActionDoes, ActionSettings},
    connectors::Retry,
    pipeline::progress::RouteState,
};

fn slow(seconds: u64, then: Does) -> Does {
    Does::After(Duration::from_secs(seconds), Box::new(then))
}

fn with_params(name: &str, connector: &str, params: Value) -> ActionSettings {
    let mut action = sends(name, connector);
    let Value::Object(params) = params else { panic!("an object") };
    let ActionDoes::Run { params: given, .. } = &mut action.does else { panic!("a run") };
    *given = ParamsTemplate::new(params).unwrap();
    action
}

#[tokio::test(start_paused = true)]
async fn an_action_that_changes_ends_no_attempt_of_another() {
    let other = with_params("note", "chat", json!({ "body": { "text": "other" } }));
    let stage = Stage::new(
        vec![sends("call", "oncall"), sends("note", "chat")],
        &[("oncall", vec![slow(60, Does::Succeeds)]), ("chat", vec![slow(30, Does::Fails(Retry::Yes))])],
    );
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(2).await;
    working.settings.send_replace(vec![sends("call", "oncall"), other]);
    stage.becomes(0, "done").await;
    stage.becomes(1, "done").await;
    assert!(working.drained().await.is_empty());
    let seen = stage.played.seen.lock().unwrap();
    let runs = |connector: &str| seen.iter().filter(|run| run.connector == connector).count();
    assert_eq!((runs("oncall"), runs("chat")), (1, 2), "each attempt ends as it began");
}

#[tokio::test(start_paused = true)]
async fn what_only_other_settings_help_is_tried_as_soon_as_there_are_others() {
    let unfit = json!({ "links": [{ "href": "https://{{ title }}/", "text": "x" }] });
    let stage = Stage::of_type(".pagerduty", vec![with_params("call", "oncall", unfit)], &[]);
    stage.raise(&["a"]);
    let working = stage.start();
    while stage.status("call").state != RouteState::Parked {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let fit = with_params("call", "oncall", json!({ "summary": "{{ title }}" }));
    working.settings.send_replace(vec![fit]);
    stage.raise(&["b"]);
    stage.becomes(0, "done").await;
    stage.becomes(1, "done").await;
    assert!(stage.played.times().iter().all(|at| *at < 60), "{:?}", stage.played.times());
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_of_an_action_that_is_removed_ends_and_the_rest_of_it_fails() {
    let (works, fails) = (slow(60, Does::Succeeds), slow(60, Does::Fails(Retry::Yes)));
    let stage = Stage::new(
        vec![sends("call", "oncall"), sends("note", "chat")],
        &[("oncall", vec![works.clone(), works.clone(), works, fails])],
    );
    stage.raise(&["a", "b", "c", "d", "e"]);
    let working = stage.start();
    stage.seen(9).await;
    working.settings.send_replace(vec![sends("note", "chat")]);
    let ended =
        |state: &str| stage.rows().iter().filter(|row| row.action == "call" && row.state == state).count();
    while ended("waiting") + ended("running") > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((ended("done"), ended("failed")), (3, 2), "one had no slot, and one would be tried again");
    assert!(stage.registry.get("actions/call").is_none());
    assert!(working.drained().await.is_empty());
}
