//! `/api/actions`: connectors and their types.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri},
    routing::{get, post},
};
use serde_json::{Map, Value};

use super::{
    Kibana, KibanaError, PathId,
    call::ApiCall,
    connector_shape::{ConnectorAnswer, TypeAnswer, feature_id},
    execute::execute,
    fields::{RequestFields, kind},
    json::JsonBody,
    oauth,
};
use crate::{
    connectors::{ConnectorChange, ConnectorError, ConnectorId, ConnectorSecrets, NewConnector},
    detect_db::KeyScope,
};

/// The largest connector: certificates and templates of texts.
const CONNECTOR_BYTES: usize = 1 << 20;

pub(super) fn routes() -> Router<Arc<Kibana>> {
    Router::new()
        .route("/api/actions/connector", post(create))
        .route("/api/actions/connector/{id}", get(read).post(create_named).put(update).delete(delete))
        .route("/api/actions/connector/{id}/_execute", post(execute))
        .route("/api/actions/connector/_oauth_callback", get(oauth::page))
        .route("/api/actions/connector/_oauth_callback_script", get(oauth::script))
        .route("/api/actions/connectors", get(list))
        .route("/internal/actions/connectors", get(list_all))
        .route("/api/actions/connector_types", get(types))
}

async fn create(
    kibana: State<Arc<Kibana>>,
    call: ApiCall,
    body: JsonBody<CONNECTOR_BYTES>,
) -> Result<Json<ConnectorAnswer>, KibanaError> {
    create_as(kibana, call, None, body).await
}

async fn create_named(
    kibana: State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    body: JsonBody<CONNECTOR_BYTES>,
) -> Result<Json<ConnectorAnswer>, KibanaError> {
    let id = ConnectorId::parse(&id)
        .map_err(|error| KibanaError::bad_request(format!("[request params.id]: {error}")))?;
    create_as(kibana, call, Some(id), body).await
}

async fn create_as(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    id: Option<ConnectorId>,
    body: JsonBody<CONNECTOR_BYTES>,
) -> Result<Json<ConnectorAnswer>, KibanaError> {
    let (mut fields, _room) = body.fields();
    let name = fields.filled_text("name")?;
    let type_id = fields.filled_text("connector_type_id")?;
    let (config, secrets) = (fields.filled_object("config")?, fields.filled_object("secrets")?);
    fields.finish()?;
    let space = call.for_scope(KeyScope::Manage, &format!("create a \"{type_id}\" action"))?;
    let new = NewConnector { id, name, type_id, config, secrets: texts(secrets)? };
    let made = kibana.connectors.create(&space, new).await?;
    tracing::info!(connector = %made.id, space = &*space, by = call.by(), "connector created");
    Ok(Json(made.into()))
}

async fn read(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<Json<ConnectorAnswer>, KibanaError> {
    let space = call.for_scope(KeyScope::Read, "get actions")?;
    Ok(Json(kibana.connectors.get(&space, &id).await?.into()))
}

async fn list(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
) -> Result<Json<Vec<ConnectorAnswer>>, KibanaError> {
    let space = call.for_scope(KeyScope::Read, "get actions")?;
    let listed = kibana.connectors.list(&space).await?;
    Ok(Json(listed.into_iter().map(ConnectorAnswer::from).collect()))
}

/// As Kibana's own pages ask for them: with those of the system.
async fn list_all(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
) -> Result<Json<Vec<ConnectorAnswer>>, KibanaError> {
    let space = call.for_scope(KeyScope::Read, "get actions")?;
    let mut listed = kibana.connectors.list(&space).await?;
    listed.extend(kibana.connectors.system_connectors());
    listed.sort_by(|one, other| one.connector.name.cmp(&other.connector.name));
    Ok(Json(listed.into_iter().map(ConnectorAnswer::from).collect()))
}

async fn update(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    body: JsonBody<CONNECTOR_BYTES>,
) -> Result<Json<ConnectorAnswer>, KibanaError> {
    let (mut fields, _room) = body.fields();
    let name = fields.filled_text("name")?;
    let (config, secrets) = (fields.filled_object("config")?, fields.filled_object("secrets")?);
    fields.finish()?;
    let space = call.for_scope(KeyScope::Manage, "update actions")?;
    let change = ConnectorChange { name, config, secrets: texts(secrets)? };
    let made = kibana.connectors.update(&space, &id, change).await?;
    tracing::info!(connector = %made.id, space = &*space, by = call.by(), "connector updated");
    Ok(Json(made.into()))
}

async fn delete(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<StatusCode, KibanaError> {
    let space = call.for_scope(KeyScope::Manage, "delete actions")?;
    kibana.connectors.delete(&space, &id).await?;
    tracing::info!(connector = id, space = &*space, by = call.by(), "connector deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Types are no secret: every caller sees them.
async fn types(
    State(kibana): State<Arc<Kibana>>,
    _: ApiCall,
    uri: Uri,
) -> Result<Json<Vec<TypeAnswer>>, KibanaError> {
    let mut fields = RequestFields::of_query(uri.query());
    let wanted = fields.optional_text("feature_id")?;
    fields.finish()?;
    let listed = kibana.connectors.types().into_iter();
    let shown = listed.filter(|listed| {
        let has = |wanted: &String| listed.info.features.iter().any(|one| feature_id(*one) == wanted);
        wanted.as_ref().is_none_or(has)
    });
    Ok(Json(shown.map(TypeAnswer::from).collect()))
}

/// Secrets are texts; one that is null is left out.
fn texts(secrets: Map<String, Value>) -> Result<ConnectorSecrets, ConnectorError> {
    let mut texts = ConnectorSecrets::default();
    for (name, value) in secrets {
        match value {
            Value::String(text) => _ = texts.0.insert(name, text.into()),
            Value::Null => {}
            // Headers that are secrets.
            Value::Object(headers) => {
                _ = texts.0.insert(name, Value::from(headers).to_string().into());
            }
            other => {
                let found = kind(Some(&other));
                let what = format!("[{name}]: expected value of type [string] but got [{found}]");
                return Err(ConnectorError::Secrets(what));
            }
        }
    }
    Ok(texts)
}
