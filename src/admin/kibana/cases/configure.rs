//! Configurations, and the connectors that cases can be sent with.

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri};

use super::{
    Cases, query,
    requests::{configuration, required},
    whole::CASE_BYTES,
};
use crate::{
    admin::kibana::{
        Kibana, KibanaError, PathId, call::ApiCall, connector_shape::ConnectorAnswer, fields::RequestFields,
        json::JsonBody,
    },
    cases::{CaseConfiguration, CaseOwner},
    connectors::{Feature, ListedConnector},
};

pub(super) async fn list(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    uri: Uri,
) -> Result<Json<Vec<CaseConfiguration>>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let owners = query::owners(&mut fields)?;
    fields.finish()?;
    Ok(Json(cases.run(move |cases, _| cases.configurations(&owners)).await?))
}

pub(super) async fn create(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    body: JsonBody<CASE_BYTES>,
) -> Result<Json<CaseConfiguration>, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    let (mut fields, _room) = body.fields();
    let owner: CaseOwner = required(&mut fields, "owner")?;
    let new = configuration(&mut fields)?;
    fields.finish()?;
    Ok(Json(cases.run(move |cases, stamp| cases.configure(owner, &new, stamp)).await?))
}

pub(super) async fn update(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    body: JsonBody<CASE_BYTES>,
) -> Result<Json<CaseConfiguration>, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    let (mut fields, _room) = body.fields();
    let version: String = required(&mut fields, "version")?;
    let change = configuration(&mut fields)?;
    fields.finish()?;
    Ok(Json(cases.run(move |cases, stamp| cases.reconfigure(&id, &version, &change, stamp)).await?))
}

/// Connectors of types that know cases.
pub(super) async fn connectors(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
) -> Result<Json<Vec<ConnectorAnswer>>, KibanaError> {
    let cases = Cases::to_read(kibana.clone(), &call)?;
    let of_cases: Vec<_> = kibana
        .connectors
        .types()
        .into_iter()
        .filter(|listed| listed.info.features.contains(&Feature::Cases))
        .map(|listed| listed.info.id)
        .collect();
    let listed = kibana.connectors.list(&cases.space).await?.into_iter();
    let is_of_cases = |one: &ListedConnector| of_cases.iter().any(|id| *id == &*one.connector.type_id);
    Ok(Json(listed.filter(is_of_cases).map(ConnectorAnswer::from).collect()))
}
