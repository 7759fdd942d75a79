//! Attempts of one run of `.servicenow`: each continues where the one before it failed, also if no answer said what that one did.

use ccfd::connectors::Retry;
use serde_json::json;

use super::servicenow::{Instance, TABLE, push};
use crate::support::fake::{Fate, Reply, Step};

#[tokio::test]
async fn an_attempt_whose_answer_was_lost_makes_no_second_incident() {
    let instance = Instance::start();
    let connector = instance.connector();
    let params = push(json!({ "short_description": "s" }));
    // The first request looks for the incident, the second makes it, and nobody hears that.
    let steps: [Step; 2] = [Fate::Arrives.into(), Fate::Lost.into()];
    instance.server.script_for(TABLE, steps);
    let failed = connector.attempt(params.clone(), Some("alert^1")).await.unwrap_err();
    assert_eq!((failed.retry, instance.incidents().len()), (Retry::Yes, 1));
    let pushed = connector.attempt(params.clone(), Some("alert^1")).await.unwrap();
    assert_eq!(instance.incidents().len(), 1, "the same run");
    assert_eq!(pushed["id"], instance.incidents()[0]["sys_id"]);
    connector.attempt(params, Some("alert^2")).await.unwrap();
    assert_eq!(instance.incidents().len(), 2, "another run");
}

#[tokio::test]
async fn an_attempt_changes_the_incident_that_an_earlier_one_has_made_whatever_it_is_known_by() {
    let instance = Instance::start();
    let connector = instance.connector();
    let params = push(json!({ "short_description": "s", "correlation_id": "c" }));
    // It is made, and cannot be read.
    instance.server.script([Fate::Arrives.into(), Step::from(Reply::status(503))]);
    let failed = connector.attempt(params.clone(), Some("alert")).await.unwrap_err();
    assert_eq!((failed.retry, instance.incidents().len()), (Retry::Yes, 1));
    let pushed = connector.attempt(params.clone(), Some("alert")).await.unwrap();
    assert_eq!((instance.incidents().len(), &pushed["id"]), (1, &instance.incidents()[0]["sys_id"]));
    connector.attempt(params, Some("another")).await.unwrap();
    assert_eq!(instance.incidents().len(), 2, "another run makes its own, under the same id");
}

#[tokio::test]
async fn an_incident_with_an_id_that_names_its_alert_is_looked_for_after_a_lost_answer_and_not_before() {
    let instance = Instance::start();
    let connector = instance.connector();
    let looks =
        || instance.server.requests().iter().filter(|one| one.query_field("sysparm_query").is_some()).count();
    let params = push(json!({ "short_description": "s", "correlation_id": "ccfd alert-1" }));
    instance.server.script_for(TABLE, [Step::from(Fate::Lost)]);
    let failed = connector.attempt(params.clone(), Some("alert-1:call")).await.unwrap_err();
    assert_eq!((failed.retry, instance.incidents().len(), looks()), (Retry::Yes, 1, 0));
    let pushed = connector.attempt(params, Some("alert-1:call")).await.unwrap();
    assert_eq!(
        (&pushed["id"], instance.incidents().len(), looks()),
        (&instance.incidents()[0]["sys_id"], 1, 1)
    );
}

#[tokio::test]
async fn an_id_that_several_alerts_may_have_does_not_tell_whose_incident_it_is() {
    let instance = Instance::start();
    let connector = instance.connector();
    let params = push(json!({ "short_description": "s", "correlation_id": "soc" }));
    connector.attempt(params.clone(), Some("alert-1:call")).await.unwrap();
    instance.server.script_for(TABLE, [Step::from(Reply::status(503))]);
    connector.attempt(params.clone(), Some("alert-2:call")).await.unwrap_err();
    connector.attempt(params, Some("alert-2:call")).await.unwrap();
    assert_eq!(instance.incidents().len(), 2, "the second alert does not change the incident of the first");
}

#[tokio::test]
async fn comments_with_one_id_are_added_each_once() {
    let instance = Instance::start();
    let connector = instance.connector();
    let mut params = push(json!({ "short_description": "s", "correlation_id": "c" }));
    let comment = |text: &str| json!({ "commentId": "one", "comment": text });
    params["subActionParams"]["comments"] = json!([comment("first"), comment("second"), comment("second")]);
    // It makes the incident, reads it, adds a comment, and cannot add the next one.
    let steps = (0..3).map(|_| Step::from(Fate::Arrives)).chain([Reply::status(503).into()]);
    instance.server.script(steps);
    connector.attempt(params.clone(), Some("alert")).await.unwrap_err();
    assert_eq!(instance.incidents()[0]["work_notes"], json!(["first"]));
    connector.attempt(params, Some("alert")).await.unwrap();
    assert_eq!(instance.incidents()[0]["work_notes"], json!(["first", "second", "second"]));
}

#[tokio::test]
async fn an_attempt_adds_no_comment_that_an_earlier_one_has_added() {
    let instance = Instance::start();
    let connector = instance.connector();
    let mut params = push(json!({ "short_description": "s" }));
    let comment = |text: &str| json!({ "commentId": text, "comment": text });
    params["subActionParams"]["comments"] = json!([comment("first"), comment("second"), comment("third")]);
    // It looks for the incident, makes and reads it, adds a comment, and cannot add the next one: nothing between the two can
    // fail.
    let steps = (0..4).map(|_| Step::from(Fate::Arrives)).chain([Reply::status(503).into()]);
    instance.server.script(steps);
    let failed = connector.attempt(params.clone(), Some("alert^1")).await.unwrap_err();
    assert_eq!((failed.retry, &instance.incidents()[0]["work_notes"]), (Retry::Yes, &json!(["first"])));
    let pushed = connector.attempt(params, Some("alert^1")).await.unwrap();
    let incidents = instance.incidents();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0]["work_notes"], json!(["first", "second", "third"]));
    assert_eq!(pushed["comments"].as_array().map(Vec::len), Some(3), "{pushed}");
}

#[tokio::test]
async fn an_incident_is_looked_for_after_a_creation_whose_answer_does_not_name_it() {
    let instance = Instance::start();
    let looks =
        || instance.server.requests().iter().filter(|one| one.query_field("sysparm_query").is_some()).count();
    for (uses_table_api, path) in [(true, TABLE), (false, "/api/now/import")] {
        let connector = instance.connector_with(uses_table_api);
        let results = [
            json!({ "number": "INC1" }),
            json!({ "sys_id": { "link": "x" } }),
            json!([]),
            json!([[]]),
            json!([{ "status": "inserted" }]),
        ];
        for (at, result) in results.iter().enumerate() {
            let alert = format!("alert-{at}-{uses_table_api}");
            let params = push(json!({ "short_description": "s", "correlation_id": alert }));
            instance.server.script_for(path, [Reply::json(201, &json!({ "result": result })).into()]);
            instance.server.forget();
            connector.attempt(params.clone(), Some(&alert)).await.unwrap_err();
            connector.attempt(params, Some(&alert)).await.unwrap();
            assert_eq!(looks(), 1, "table {uses_table_api}: {result}");
        }
    }
}
