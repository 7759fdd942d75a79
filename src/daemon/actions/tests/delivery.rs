//! What is done when nothing fails.

use serde_json::json;

use super::{Does, Stage, sends, settings};
use crate::{cases::action::CasesAction, config::ActionDoes};

#[tokio::test(start_paused = true)]
async fn each_action_of_each_alert_is_done_once_with_texts_of_the_alert_and_a_key_of_its_own() {
    let stage = Stage::new(vec![sends("call", "oncall"), sends("note", "chat")], &[]);
    stage.raise(&["a", "b"]);
    let working = stage.start();
    stage.seen(4).await;
    assert!(working.drained().await.is_empty());
    assert_eq!(stage.states(), ["done"; 4]);
    stage.raise(&["a", "b"]);
    assert!(stage.start().drained().await.is_empty());
    let mut keys = stage.played.keys();
    let params = stage.played.seen.lock().unwrap()[0].params.clone();
    assert_eq!(params["body"], r#"{"text":"A key was created by ann@example.com"}"#);
    assert_eq!(keys.len(), 4, "a record that comes again acts no more");
    keys.sort();
    let mut wanted: Vec<String> = stage
        .alerts()
        .iter()
        .flat_map(|alert| ["call", "note"].map(|action| format!("{}:{action}", alert.id)))
        .collect();
    wanted.sort();
    assert_eq!(keys, wanted);
    assert_eq!((stage.status("call").delivered, stage.status("call").waiting), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn recipients_that_a_server_refuses_for_good_are_named_in_the_list_of_actions() {
    let sent = json!({ "accepted": ["bob@example.com"], "rejected": ["ada@example.com"] });
    let stage = Stage::new(vec![sends("mail", "mailer")], &[("mailer", vec![Does::Answers(sent)])]);
    stage.raise(&["a"]);
    stage.start().drained().await;
    let answer = stage.rows()[0].answer.clone();
    assert_eq!(answer.as_deref(), Some("done, but the server has refused ada@example.com"));
}

#[tokio::test(start_paused = true)]
async fn cases_are_made_of_the_alerts_of_a_rule_together() {
    let group = CasesAction { group_by: vec!["Actor".to_owned()], ..CasesAction::default() };
    let stage = Stage::new(vec![settings("cases", ActionDoes::Cases(group))], &[]);
    stage.raise(&["a", "b"]);
    stage.raise_shown(&["c"], &[("Actor", "bob@example.com")]);
    assert!(stage.start().drained().await.is_empty());
    let answers: Vec<String> = stage.rows().into_iter().filter_map(|row| row.answer).collect();
    assert_eq!(answers, ["in case 1, 2"; 3]);
    assert!(stage.played.keys().is_empty(), "no connector is run");
}

#[tokio::test(start_paused = true)]
async fn rows_of_an_action_that_is_no_longer_in_the_settings_are_kept_as_failed() {
    let mut stage = Stage::new(vec![sends("old", "oncall")], &[]);
    stage.raise(&["a"]);
    stage.actions = vec![sends("new", "oncall")];
    assert!(stage.start().drained().await.is_empty());
    assert_eq!(stage.rows()[0].answer.as_deref(), Some("the settings have no action of this name"));
    assert!(stage.played.keys().is_empty());
}
