//! What `.servicenow` believes of an answer: to a search for incidents, and about one of them.

use ccfd::connectors::Retry;
use serde_json::{Map, Value, json};

use super::servicenow::{Instance, TABLE, push};
use crate::support::fake::{Fate, Reply, Step};

/// The answer to a search.
fn found(result: &Value) -> Step {
    Reply::json(200, &json!({ "result": result })).into()
}

/// A request that a gateway ends: nobody knows what became of it.
fn ended_by_a_gateway() -> Step {
    Reply::status(502).into()
}

fn close(correlation_id: &str) -> Value {
    let incident = json!({ "correlation_id": correlation_id });
    json!({ "subAction": "closeIncident", "subActionParams": { "incident": incident } })
}

#[tokio::test]
async fn incidents_of_others_that_a_search_shows_all_the_same_are_left_as_they_are() {
    let instance = Instance::start();
    let connector = instance.connector();
    let theirs = json!({ "short_description": "Payroll is down", "correlation_id": "theirs" });
    connector.run(push(theirs)).await.unwrap();
    let before = instance.incidents();
    let mut hidden = before[0].clone();
    hidden.remove("correlation_id");
    for (alert, incident) in [("alert-1", &before[0]), ("alert-2", &hidden)] {
        let shown = found(&json!([incident]));
        let ours = push(json!({ "short_description": "ours" }));
        let named = push(json!({ "short_description": "ours", "correlation_id": alert }));
        instance.server.script_for(TABLE, [shown.clone()]);
        let new = connector.attempt(ours, Some(alert)).await;
        instance.server.script_for(TABLE, [ended_by_a_gateway(), shown.clone()]);
        let call = format!("{alert}:call");
        connector.attempt(named.clone(), Some(&call)).await.unwrap_err();
        let unheard = connector.attempt(named, Some(&call)).await;
        instance.server.script_for(TABLE, [shown]);
        let closed = connector.attempt(close("ours"), None).await;
        for (attempt, result) in [("a new one", new), ("one unheard", unheard), ("a close", closed)] {
            let failure = result.expect_err(attempt).to_string();
            assert!(failure.contains("may read the field correlation_id"), "{attempt}: {failure}");
        }
        assert_eq!(instance.incidents(), before);
    }
}

#[tokio::test]
async fn an_incident_is_found_in_whichever_case_the_instance_writes_its_correlation_id() {
    let instance = Instance::start();
    let connector = instance.connector();
    connector.run(push(json!({ "short_description": "s", "correlation_id": "Ours" }))).await.unwrap();
    instance.server.script_for(TABLE, [found(&json!(instance.incidents()))]);
    connector.attempt(close("ours "), None).await.unwrap();
    assert_eq!(instance.incidents()[0]["state"], "7");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_does_not_say_that_there_is_no_incident() {
    let instance = Instance::start();
    let connector = instance.connector();
    let params = push(json!({ "short_description": "s" }));
    // It looks for the incident and makes it, and nobody hears that.
    instance.server.script_for(TABLE, [Fate::Arrives.into(), Fate::Lost.into()]);
    connector.attempt(params.clone(), Some("alert")).await.unwrap_err();
    let mut nameless = instance.incidents()[0].clone();
    nameless.remove("sys_id");
    let cancelled =
        json!({ "result": [], "error": { "message": "Transaction cancelled" }, "status": "failure" });
    let results = [
        json!({}),
        json!(""),
        json!(0),
        json!(false),
        json!({ "error": "session expired" }),
        json!([nameless]),
        json!([{ "sys_id": { "display_value": "x" } }]),
    ];
    let answers = results.iter().map(found).chain([Reply::json(200, &cancelled).into()]);
    for answer in answers {
        let shown = format!("{answer:?}");
        instance.server.script_for(TABLE, [answer]);
        let failure = connector.attempt(params.clone(), Some("alert")).await.expect_err(&shown);
        assert_eq!((failure.retry, instance.incidents().len()), (Retry::Yes, 1), "{shown}: {failure}");
    }
    connector.attempt(params, Some("alert")).await.unwrap();
    assert_eq!(instance.incidents().len(), 1);
}

#[tokio::test]
async fn a_field_that_is_shown_with_its_label_is_read() {
    let instance = Instance::start();
    let connector = instance.connector();
    connector.run(push(json!({ "short_description": "s", "correlation_id": "alert" }))).await.unwrap();
    let labelled = |(name, value): (String, Value)| (name, json!({ "display_value": "x", "value": value }));
    let incident: Map<String, Value> =
        instance.incidents().swap_remove(0).into_iter().map(labelled).collect();
    instance.server.script_for(TABLE, [found(&json!([incident]))]);
    let pushed = connector.attempt(push(json!({ "short_description": "t" })), Some("alert")).await.unwrap();
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &pushed["id"]), (1, &incidents[0]["sys_id"]));
    assert_eq!(incidents[0]["short_description"], "t");
}

#[tokio::test]
async fn an_answer_about_another_incident_than_the_one_that_was_asked_for_is_not_believed() {
    let instance = Instance::start();
    for (uses_table_api, path) in [(true, TABLE), (false, "/api/now/import")] {
        let connector = instance.connector_with(uses_table_api);
        let new = push(json!({ "short_description": "s", "correlation_id": "c" }));
        let id = connector.run(new).await.unwrap()["id"].clone();
        let change = push(json!({ "short_description": "t", "externalId": id }));
        let other = json!({ "sys_id": format!("{:032x}", 99), "state": "1" });
        let answered = if uses_table_api { other.clone() } else { json!([other]) };
        let read = json!({ "subAction": "getIncident", "subActionParams": { "externalId": id } });
        let incident = json!({ "externalId": id });
        let close = json!({ "subAction": "closeIncident", "subActionParams": { "incident": incident } });
        for (params, path, answer) in
            [(change, path, &answered), (read, TABLE, &other), (close, TABLE, &other)]
        {
            instance.server.script_for(path, [found(answer)]);
            let failure = connector.run(params.clone()).await.expect_err(&params.to_string());
            assert!(failure.to_string().contains("another incident"), "{params}: {failure}");
        }
    }
}

#[tokio::test]
async fn a_name_that_no_instance_gives_an_incident_is_not_kept() {
    let instance = Instance::start();
    let connector = instance.connector();
    let new = push(json!({ "short_description": "s", "correlation_id": "c" }));
    let id = connector.run(new).await.unwrap()["id"].clone();
    let change = push(json!({ "short_description": "t", "externalId": id }));
    let long = "N".repeat(20_000);
    let answer = json!({ "sys_id": id, "number": long });
    instance.server.script_for(TABLE, [Fate::Arrives.into(), found(&answer)]);
    assert_eq!(connector.run(change.clone()).await.unwrap()["title"], id);
    instance.server.script_for(TABLE, [found(&json!({ "sys_id": long }))]);
    let failure = connector.run(change).await.unwrap_err().to_string();
    assert!(failure.contains("Unexpected result") && failure.len() < 1_000, "{failure}");
}
