//! Cases: created, found, changed, deleted.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
};
use collectors::Clock;

use super::{Cases, query, requests};
use crate::{
    admin::kibana::{Kibana, KibanaError, PathId, call::ApiCall, fields::RequestFields, json::JsonBody},
    cases::{Case, CaseCounts, CasePage, CasePerson},
};

/// The largest body of a case: its description takes up to six bytes a character.
pub(super) const CASE_BYTES: usize = 1 << 20;

pub(super) async fn create(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    body: JsonBody<CASE_BYTES>,
) -> Result<Json<Case>, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    let (fields, _room) = body.fields();
    let new = requests::new_case(fields)?;
    let case = cases.run(move |cases, stamp| cases.create(&new, stamp)).await?;
    tracing::info!(case = case.number, space = &*cases.space, by = call.by(), "case created");
    Ok(Json(case))
}

pub(super) async fn update(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    body: JsonBody<CASE_BYTES>,
) -> Result<Json<Vec<Case>>, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    let (fields, _room) = body.fields();
    let changes = requests::changes(fields)?;
    Ok(Json(cases.run(move |cases, stamp| cases.update(&changes, stamp)).await?))
}

pub(super) async fn delete(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    uri: Uri,
) -> Result<StatusCode, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let given = fields.text("ids")?;
    let ids: Vec<String> =
        serde_json::from_str(&given).map_err(|_| fields.wrong("ids", "expected an array of ids as JSON"))?;
    fields.finish()?;
    if ids.is_empty() {
        let message = "The length of the field ids is too short. Array must be of length >= 1.";
        return Err(KibanaError::bad_request(message));
    }
    let count = ids.len();
    cases.run(move |cases, _| cases.delete(&ids)).await?;
    tracing::info!(cases = count, space = &*cases.space, by = call.by(), "cases deleted");
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn read(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<Json<Case>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    Ok(Json(cases.run(move |cases, _| cases.get(&id)).await?))
}

pub(super) async fn find(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    uri: Uri,
) -> Result<Json<CasePage>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let filter = query::filter(&mut fields, Clock::system().now())?;
    fields.finish()?;
    Ok(Json(cases.run(move |cases, _| cases.find(&filter)).await?))
}

pub(super) async fn counts(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    uri: Uri,
) -> Result<Json<CaseCounts>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let owners = query::owners(&mut fields)?;
    fields.finish()?;
    Ok(Json(cases.run(move |cases, _| cases.counts(&owners)).await?))
}

pub(super) async fn tags(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    uri: Uri,
) -> Result<Json<Vec<String>>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let owners = query::owners(&mut fields)?;
    fields.finish()?;
    Ok(Json(cases.run(move |cases, _| cases.tags(&owners)).await?))
}

pub(super) async fn reporters(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    uri: Uri,
) -> Result<Json<Vec<CasePerson>>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let owners = query::owners(&mut fields)?;
    fields.finish()?;
    Ok(Json(cases.run(move |cases, _| cases.reporters(&owners)).await?))
}
