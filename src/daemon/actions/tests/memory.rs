//! What is remembered of an action: that an alert has acted, and what was sent.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::{Does, NOW, Stage, rule, sends};
use crate::{
    actions::ParamsTemplate,
    cases::{
        AlertToAttach, AttachedRule, CaseChange, CasePerson, CaseSettings, CaseStamp, CaseStatus, NewCase,
    },
    config::{ActionDoes, ActionSettings},
    connectors::Retry,
    detect_db::{ActionEvent, AlertLimits, Disposition, OutboxFilter},
};

fn closes(name: &str) -> ActionSettings {
    let mut closes = sends(name, "chat");
    closes.outbox.on = BTreeSet::from([ActionEvent::Closed]);
    closes
}

fn close(stage: &Stage) {
    let id = stage.alerts()[0].id.clone();
    stage.db().judge_alert(&id, Some(Disposition::Benign), "ann", None, NOW).unwrap();
}

/// How many alerts are known to have acted.
fn acted(stage: &Stage) -> i64 {
    let connection = rusqlite::Connection::open(&stage.path).unwrap();
    connection.query_row("SELECT count(*) FROM acted", [], |row| row.get(0)).unwrap()
}

fn with_text(text: &str) -> ActionSettings {
    let mut action = sends("call", "oncall");
    let Value::Object(params) = json!({ "body": { "text": text } }) else { panic!("an object") };
    let ActionDoes::Run { params: given, .. } = &mut action.does else { panic!("a run") };
    *given = ParamsTemplate::new(params).unwrap();
    action
}

fn bodies(stage: &Stage) -> Vec<String> {
    let seen = stage.played.seen.lock().unwrap();
    seen.iter().map(|run| run.params["body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_alert_acts_once_also_if_what_it_had_to_do_was_removed() {
    let stage = Stage::new(vec![closes("tell")], &[]);
    stage.raise(&["a"]);
    close(&stage);
    assert_eq!(stage.db().drop_actions(&OutboxFilter::default()).unwrap(), 1);
    close(&stage);
    stage.start().drained().await;
    assert_eq!((stage.rows().len(), stage.played.keys().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_alert_acts_once_also_if_what_it_did_is_no_longer_kept() {
    let stage = Stage::new(vec![closes("tell")], &[]);
    stage.raise(&["a"]);
    close(&stage);
    stage.start().drained().await;
    stage.db().clear_actions(i64::MAX).unwrap();
    assert!(stage.rows().is_empty());
    close(&stage);
    stage.start().drained().await;
    assert_eq!(stage.played.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn that_an_alert_has_acted_is_forgotten_with_the_alert() {
    let stage = Stage::new(vec![sends("call", "oncall"), closes("tell")], &[]);
    stage.raise(&["a", "b"]);
    close(&stage);
    assert_eq!(acted(&stage), 3);
    let limits = AlertLimits { retention: std::time::Duration::from_secs(60), size_max: u64::MAX };
    let mut db = stage.db();
    db.adopt(Arc::from(vec![rule()]), NOW).unwrap();
    db.clear_up(&limits, NOW + 1_000_000).unwrap();
    assert_eq!((stage.alerts().len(), acted(&stage)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_a_case_closes_acts_as_one_that_somebody_closes() {
    let stage = Stage::new(vec![closes("tell")], &[]);
    stage.raise(&["a"]);
    let id = stage.alerts()[0].id.clone();
    let person = CasePerson::named("ann");
    let stamp = CaseStamp { by: &person, now: NOW };
    let mut db = stage.db();
    let mut cases = db.cases("default");
    let new = NewCase {
        title: "A case".to_owned(),
        description: "Of one alert".to_owned(),
        settings: CaseSettings { sync_alerts: true },
        ..NewCase::default()
    };
    let case = cases.create(&new, stamp).unwrap().id;
    let alert = AlertToAttach { id: id.clone(), index: "alerts".to_owned(), summary: Value::Null };
    cases.attach_alerts(&case, &[alert], &AttachedRule::default(), stamp).unwrap();
    let becomes = |status| CaseChange { status: Some(status), ..CaseChange::default() };
    cases.change(&case, &becomes(CaseStatus::InProgress), stamp).unwrap();
    assert!(stage.rows().is_empty(), "not when somebody works on it");
    for status in [CaseStatus::Closed, CaseStatus::Open, CaseStatus::Closed] {
        cases.change(&case, &becomes(status), stamp).unwrap();
    }
    stage.start().drained().await;
    assert_eq!(stage.played.keys(), [format!("{id}:tell:closed")]);
}

#[tokio::test(start_paused = true)]
async fn one_key_goes_with_one_body_whatever_the_settings_become_meanwhile() {
    let mut stage = Stage::new(vec![with_text("before")], &[("oncall", vec![Does::Fails(Retry::Yes); 2])]);
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(2).await;
    stage.becomes(0, "waiting").await;
    working.task.abort();
    stage.actions = vec![with_text("after")];
    let working = stage.start();
    stage.becomes(0, "done").await;
    working.drained().await;
    let keys = stage.played.keys();
    assert!(keys.len() >= 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(bodies(&stage).iter().all(|body| body == r#"{"text":"before"}"#));
    stage.raise(&["b"]);
    stage.start().drained().await;
    assert_eq!(bodies(&stage).last().unwrap(), r#"{"text":"after"}"#, "only what was sent stays");
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_rendered_again_for_a_retry_by_hand_and_another_body_has_another_key() {
    let mut stage = Stage::new(vec![with_text("wrong")], &[("oncall", vec![Does::Fails(Retry::No); 2])]);
    stage.raise(&["a"]);
    stage.start().drained().await;
    let again = |stage: &Stage| stage.db().retry_actions(&OutboxFilter::default(), NOW).unwrap();
    again(&stage);
    stage.start().drained().await;
    stage.actions = vec![with_text("right")];
    again(&stage);
    stage.start().drained().await;
    let keys = stage.played.keys();
    assert_eq!(bodies(&stage), [r#"{"text":"wrong"}"#, r#"{"text":"wrong"}"#, r#"{"text":"right"}"#]);
    assert_eq!((&keys[0], format!("{}:1", keys[0])), (&keys[1], keys[2].clone()), "{keys:?}");
    assert_eq!(stage.states(), ["done"]);
}

/// One attempt fails, and `then` the next one is done.
async fn tried_before(mut stage: Stage, then: impl FnOnce(&mut Stage)) -> Stage {
    stage.raise(&["a"]);
    let working = stage.start();
    stage.seen(1).await;
    stage.becomes(0, "waiting").await;
    // In an orderly way: what an aborted worker has asked of the database could still be done after the next one began.
    working.stop.request();
    working.task.await.unwrap();
    then(&mut stage);
    let working = stage.start();
    stage.becomes(0, "done").await;
    working.drained().await;
    stage
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_is_rendered_again_for_a_connector_of_another_type_with_the_same_id() {
    let stage = Stage::new(vec![with_text("hook")], &[("oncall", vec![Does::Fails(Retry::Yes)])]);
    let stage = tried_before(stage, |stage| {
        *stage.played.type_id.lock().unwrap() = ".slack";
        let Value::Object(params) = json!({ "message": "{{ title }}" }) else { panic!("an object") };
        let ActionDoes::Run { params: given, .. } = &mut stage.actions[0].does else { panic!("a run") };
        *given = ParamsTemplate::new(params).unwrap();
    })
    .await;
    let seen = stage.played.seen.lock().unwrap();
    assert_eq!(Value::from(seen[1].params.clone()), json!({ "message": "A key was created" }));
    assert_eq!((seen.len(), &seen[1].key), (2, &format!("{}:1", seen[0].key)), "and has another key");
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_is_rendered_again_if_its_connector_reads_another_language() {
    let mut action = sends("call", "oncall");
    let Value::Object(params) = json!({ "body": "\"{{ fields.Actor }}\"" }) else { panic!("an object") };
    let ActionDoes::Run { params: given, .. } = &mut action.does else { panic!("a run") };
    *given = ParamsTemplate::new(params).unwrap();
    let stage = Stage::new(vec![action], &[("oncall", vec![Does::Fails(Retry::Yes)])]);
    stage.raise_shown(&["z"], &[("Actor", "<b>")]);
    let stage = tried_before(stage, |stage| {
        let Value::Object(config) = json!({ "headers": { "Content-Type": "text/html" } }) else { panic!() };
        *stage.played.config.lock().unwrap() = config;
    })
    .await;
    let hostile: Vec<String> = bodies(&stage).into_iter().filter(|body| !body.contains("ann")).collect();
    assert_eq!(hostile, [r#""<b>""#, r#""&lt;b&gt;""#], "a value stays a value");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_some_recipients_have_goes_to_the_others_as_it_was_whichever_connector_brings_it() {
    let mails = |connector: &str, text: &str| {
        let to = ["ann@example.com", "bob@example.com"];
        let mut action = sends("mail", connector);
        let params = json!({ "to": to, "subject": "{{ title }}", "message": text });
        let (Value::Object(params), ActionDoes::Run { params: given, .. }) = (params, &mut action.does)
        else {
            panic!("a run")
        };
        *given = ParamsTemplate::new(params).unwrap();
        action
    };
    let stage = Stage::of_type(".email", vec![mails("old", "m")], &[("old", vec![Does::Fails(Retry::Rest)])]);
    let stage = tried_before(stage, |stage| stage.actions = vec![mails("new", "another")]).await;
    let seen = stage.played.seen.lock().unwrap();
    let by: Vec<&str> = seen.iter().map(|run| &*run.connector).collect();
    assert_eq!(by, ["old", "new"]);
    assert_eq!((&seen[0].key, &seen[0].params), (&seen[1].key, &seen[1].params));
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_taken_out_of_the_settings_leaves_nothing_that_waits_unseen() {
    let mut stage = Stage::new(vec![sends("call", "oncall")], &[]);
    stage.raise(&["a"]);
    stage.actions = Vec::new();
    assert!(stage.start().drained().await.is_empty());
    let row = &stage.rows()[0];
    assert_eq!(row.state, "failed");
    assert_eq!(row.answer.as_deref(), Some("the settings have no action of this name"));
    stage.actions = vec![sends("call", "oncall")];
    assert_eq!(stage.db().retry_actions(&OutboxFilter::default(), NOW).unwrap(), 1);
    stage.start().drained().await;
    assert_eq!((stage.states(), stage.played.keys().len()), (vec!["done".to_owned()], 1));
}
