//! What `.servicenow` believes of an answer to a search for incidents.

use serde_json::{Value, json};

use super::servicenow::{Instance, TABLE, push};
use crate::support::fake::{Reply, Step};

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
