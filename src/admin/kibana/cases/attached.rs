//! Comments and alerts.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
};

use super::{
    CasePart, Cases, query,
    requests::{AttachRequest, attachment, required},
    whole::CASE_BYTES,
};
use crate::{
    admin::kibana::{Kibana, KibanaError, PathId, call::ApiCall, fields::RequestFields, json::JsonBody},
    cases::{AttachedAlert, AttachmentPage, Case, CaseAttachment, CaseTitle},
};

/// What a page of comments has if the query does not say so.
const PAGE: u32 = 20;

pub(super) async fn add(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    body: JsonBody<CASE_BYTES>,
) -> Result<Json<Case>, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    let (mut fields, _room) = body.fields();
    let new = attachment(&mut fields)?;
    fields.finish()?;
    let case = cases.run(move |cases, stamp| match &new {
        AttachRequest::Comment(comment) => cases.comment(&id, comment, stamp),
        AttachRequest::Alerts(alerts, rule) => cases.attach_alerts(&id, alerts, rule, stamp),
    });
    Ok(Json(case.await?))
}

pub(super) async fn edit(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(case): PathId,
    body: JsonBody<CASE_BYTES>,
) -> Result<Json<Case>, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    let (mut fields, _room) = body.fields();
    let (id, version): (String, String) = (required(&mut fields, "id")?, required(&mut fields, "version")?);
    let new = attachment(&mut fields)?;
    fields.finish()?;
    let AttachRequest::Comment(comment) = new else {
        return Err(KibanaError::bad_request("You cannot change the type of the comment."));
    };
    Ok(Json(cases.run(move |cases, stamp| cases.edit_comment(&case, &id, &version, &comment, stamp)).await?))
}

pub(super) async fn delete(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    CasePart { id, part }: CasePart,
) -> Result<StatusCode, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    cases.run(move |cases, stamp| cases.detach(&id, &part, stamp)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn delete_all(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<StatusCode, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    cases.run(move |cases, stamp| cases.detach_all(&id, stamp)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn read(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    CasePart { id, part }: CasePart,
) -> Result<Json<CaseAttachment>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    Ok(Json(cases.run(move |cases, _| cases.attachment(&id, &part)).await?))
}

/// All of them.
pub(super) async fn list(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<Json<Vec<CaseAttachment>>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    Ok(Json(cases.run(move |cases, _| cases.get(&id)).await?.comments.unwrap_or_default()))
}

pub(super) async fn find(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    uri: Uri,
) -> Result<Json<AttachmentPage>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let ((page, per_page), ascending) =
        (query::page(&mut fields, PAGE)?, query::ascending(&mut fields, true)?);
    fields.finish()?;
    Ok(Json(cases.run(move |cases, _| cases.attachments(&id, page, per_page, !ascending)).await?))
}

pub(super) async fn alerts(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<Json<Vec<AttachedAlert>>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    Ok(Json(cases.run(move |cases, _| cases.alerts(&id)).await?))
}

pub(super) async fn cases_of_alert(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    uri: Uri,
) -> Result<Json<Vec<CaseTitle>>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let owners = query::owners(&mut fields)?;
    fields.finish()?;
    Ok(Json(cases.run(move |cases, _| cases.of_alert(&id, &owners)).await?))
}
