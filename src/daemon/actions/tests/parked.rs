//! What waits for an operator, and what follows once the operator has acted.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Does, NOW, Stage, sends};
use crate::{
    actions::ParamsTemplate,
    config::{ActionDoes, ActionSettings},
    connectors::Retry,
    detect_db::OutboxFilter,
    pipeline::progress::RouteState,
};

fn first_row(stage: &Stage) -> OutboxFilter {
    OutboxFilter { ids: vec![stage.rows()[0].id], ..OutboxFilter::default() }
}

fn with_params(params: Value) -> ActionSettings {
    let mut action = sends("call", "oncall");
    let Value::Object(params) = params else { panic!("an object") };
    let ActionDoes::Run { params: given, .. } = &mut action.does else { panic!("a run") };
    *given = ParamsTemplate::new(params).unwrap();
    action
}

#[tokio::test(start_paused = true)]
async fn once_an_action_works_again_all_that_it_left_goes_out() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[]);
    stage.raise(&["a", "b", "c"]);
    stage.played.secretless.store(true, Ordering::SeqCst);
    let working = stage.start();
    while stage.rows().iter().any(|row| row.answer.is_none()) {
        sleep(Duration::from_secs(1)).await;
    }
    sleep(Duration::from_secs(10)).await;
    stage.played.secretless.store(false, Ordering::SeqCst);
    stage.db().retry_actions(&first_row(&stage), NOW).unwrap();
    for place in 0..3 {
        stage.becomes(place, "done").await;
    }
    assert!(stage.played.times().iter().all(|at| *at < 60), "{:?}", stage.played.times());
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_what_is_retried_by_hand_makes_nothing_else_wait_longer() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![Does::Fails(Retry::Yes); 13])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(12).await;
    stage.becomes(0, "waiting").await;
    sleep(Duration::from_secs(25)).await;
    stage.db().retry_actions(&first_row(&stage), NOW).unwrap();
    stage.seen(13).await;
    stage.raise(&["b"]);
    stage.becomes(1, "done").await;
    let at = stage.played.times();
    assert!(at[12] < at[11] + 30 && at[13] <= at[11] + 57, "{at:?}");
    working.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_connector_of_another_type_under_the_same_id_fails_nothing_that_waits() {
    for (type_id, text) in
        [(".slack", "{{ title }}"), (".slack", "{{ fields.Actor }}"), (".pagerduty", "{{ fields.Actor }}")]
    {
        let stage = Stage::of_type(type_id, vec![with_params(json!({ "body": { "text": text } }))], &[]);
        stage.raise(&["a", "b"]);
        let working = stage.start();
        while stage.rows().iter().any(|row| row.answer.is_none()) {
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(
            (stage.states(), stage.status("call").state),
            (vec!["waiting".to_owned(); 2], RouteState::Parked)
        );
        let answer = stage.rows()[0].answer.clone().unwrap();
        assert!(
            answer.starts_with(&format!("{type_id} does not take `params` of an example alert: ")),
            "{answer}"
        );
        *stage.played.type_id.lock().unwrap() = ".webhook";
        stage.becomes(0, "done").await;
        stage.becomes(1, "done").await;
        working.drained().await;
    }
}
