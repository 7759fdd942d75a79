//! A case is sent with a connector.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Map, Value, json};

use super::{CasePart, Cases};
use crate::{
    admin::kibana::{Kibana, KibanaError, call::ApiCall},
    cases::{AttachedContent, Case},
    connectors::{Caller, Connector, Registry, RunOutput},
    detect_db::KeyScope,
};

/// Comments that are sent with a case.
const COMMENTS_MAX: usize = 1_000;
/// What a case's connector says of an incident.
const INCIDENT_FIELDS: [&str; 5] = ["urgency", "severity", "impact", "category", "subcategory"];

pub(super) async fn push(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    Path(CasePart { id, part }): Path<CasePart>,
) -> Result<Json<Case>, KibanaError> {
    let cases = Cases::to_change(kibana.clone(), &call)?;
    call.for_scope(KeyScope::Run, "execute actions")?;
    let connector = kibana.connectors.get(&cases.space, &part).await?;
    let asked = id.clone();
    let case = cases.run(move |cases, _| cases.get(&asked)).await?;
    let (registry, space, caller) = (kibana.connectors.clone(), cases.space.clone(), call.caller());
    let params = params(&case, &connector)?;
    let connector_id = connector.id.to_string();
    // A task of its own, because what was sent must be kept, also if the peer no longer waits for it.
    let sending = tokio::spawn(async move {
        let sent = send(&registry, &space, &connector_id, params, caller).await?;
        let external = json!({
            "connector_id": connector_id,
            "connector_name": connector.name,
            "external_id": sent["id"],
            "external_title": sent["title"],
            "external_url": sent["url"],
        });
        cases.run(move |cases, stamp| cases.pushed(&id, &external, stamp)).await
    });
    let case = sending.await.map_err(|error| KibanaError::internal(&error))??;
    Ok(Json(case))
}

async fn send(
    registry: &Registry,
    space: &str,
    connector: &str,
    params: Map<String, Value>,
    caller: Caller,
) -> Result<Value, KibanaError> {
    match registry.run(space, connector, params, caller, None).await? {
        Ok(RunOutput::Data { data, .. }) => Ok(data),
        Ok(RunOutput::Nothing | RunOutput::Stream { .. }) => Ok(Value::Null),
        Err(failure) => {
            let message = format!("The case was not sent: {}", failure.message);
            Err(KibanaError::new(StatusCode::FAILED_DEPENDENCY, message))
        }
    }
}

/// What a type of connector gets.
fn params(case: &Case, connector: &Connector) -> Result<Map<String, Value>, KibanaError> {
    let params = match &*connector.type_id {
        ".servicenow" => incident(case, connector),
        ".webhook" => json!({ "body": json!(case).to_string() }),
        other => {
            let message = format!("Cases cannot be sent with a connector of type {other}.");
            return Err(KibanaError::bad_request(message));
        }
    };
    match params {
        Value::Object(params) => Ok(params),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Ok(Map::new())
        }
    }
}

/// An incident, with the id that it has there, and its comments.
fn incident(case: &Case, connector: &Connector) -> Value {
    let is_this = |id: &Value| id.as_str() == Some(connector.id.as_str());
    let mut incident = json!({
        "short_description": case.title, "description": case.description, "correlation_id": case.id,
    });
    if case.connector.id == connector.id.as_str() {
        for name in INCIDENT_FIELDS {
            if let Some(text) = case.connector.fields[name].as_str() {
                incident[name] = json!(text);
            }
        }
    }
    let known = case.external_service.as_ref().filter(|sent| is_this(&sent["connector_id"]));
    if let Some(id) = known.and_then(|sent| sent["external_id"].as_str()) {
        incident["externalId"] = json!(id);
    }
    let comments: Vec<Value> = case
        .comments
        .iter()
        .flatten()
        .filter_map(|one| match &one.content {
            AttachedContent::Comment { comment } if one.pushed_at.is_none() => {
                Some(json!({ "commentId": one.id, "comment": comment }))
            }
            AttachedContent::Comment { .. }
            | AttachedContent::Alerts { .. }
            | AttachedContent::File { .. } => None,
        })
        .take(COMMENTS_MAX)
        .collect();
    json!({ "subAction": "pushToService", "subActionParams": { "incident": incident, "comments": comments } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cases::{CaseChange, CaseConnector, CasePerson, CaseStamp, DEFAULT_SPACE, NewCase},
        connectors::ConnectorId,
        detect_db::DetectDb,
    };

    fn connector(id: &str, type_id: &str) -> Connector {
        Connector {
            id: ConnectorId::parse(id).unwrap(),
            space: None,
            name: "A connector".into(),
            type_id: type_id.into(),
            config: Map::new(),
            is_preconfigured: false,
            is_missing_secrets: false,
        }
    }

    #[test]
    fn a_case_is_sent_as_an_incident_and_again_under_the_id_that_it_has_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        let (person, sn) = (CasePerson::named("ann"), connector("sn", ".servicenow"));
        let stamp = CaseStamp { by: &person, now: 1_790_000_000 };
        let mut cases = db.cases(DEFAULT_SPACE);
        let new = NewCase { title: "t".into(), description: "d".into(), ..NewCase::default() };
        let id = cases.create(&new, stamp).unwrap().id;
        let case = cases.comment(&id, "first", stamp).unwrap();
        let comment = case.comments.as_ref().unwrap()[0].id.clone();
        let incident = json!({ "short_description": "t", "description": "d", "correlation_id": id });
        let expected = json!({ "subAction": "pushToService", "subActionParams": {
            "incident": incident, "comments": [{ "commentId": comment, "comment": "first" }],
        } });
        assert_eq!(Value::Object(params(&case, &sn).unwrap()), expected);
        let external = json!({ "connector_id": "sn", "external_id": "abc" });
        cases.pushed(&id, &external, stamp).unwrap();
        let fields = json!({ "urgency": "1", "unheard_of": "x", "impact": 2 });
        let own = CaseConnector { id: "sn".into(), name: "n".into(), kind: ".servicenow".into(), fields };
        let change = CaseChange { connector: Some(own), ..CaseChange::default() };
        cases.change(&id, &change, stamp).unwrap();
        let again = params(&cases.get(&id).unwrap(), &sn).unwrap();
        let sent = &again["subActionParams"]["incident"];
        assert_eq!((&sent["externalId"], &sent["urgency"]), (&json!("abc"), &json!("1")));
        assert!(sent.get("unheard_of").is_none() && sent.get("impact").is_none());
        assert_eq!(again["subActionParams"]["comments"], json!([]), "a comment is sent once");
        let elsewhere = params(&cases.get(&id).unwrap(), &connector("sn2", ".servicenow")).unwrap();
        assert!(elsewhere["subActionParams"]["incident"].get("externalId").is_none());
    }

    #[test]
    fn a_connector_that_knows_no_cases_gets_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        let person = CasePerson::named("ann");
        let new = NewCase { title: "t".into(), description: "d".into(), ..NewCase::default() };
        let stamp = CaseStamp { by: &person, now: 1_790_000_000 };
        let case = db.cases(DEFAULT_SPACE).create(&new, stamp).unwrap();
        assert!(params(&case, &connector("i", ".index")).is_err());
        let hook = params(&case, &connector("w", ".webhook")).unwrap();
        let body: Value = serde_json::from_str(hook["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["id"], json!(case.id));
    }
}
