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
