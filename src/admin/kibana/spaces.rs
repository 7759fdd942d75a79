//! `/api/spaces/space`: spaces. Deleting one deletes what is in it.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri},
    routing::get,
};

use super::{
    Kibana, KibanaError, PathId,
    call::ApiCall,
    fields::RequestFields,
    json::JsonBody,
    space_shape::{self, ShownSpace},
};
use crate::detect_db::{KeyScope, SpaceError, StoredSpace};

/// The largest space: one with a picture.
const SPACE_BYTES: usize = 1 << 20;

pub(super) fn routes() -> Router<Arc<Kibana>> {
    Router::new()
        .route("/api/spaces/space", get(list).post(create))
        .route("/api/spaces/space/{id}", get(read).put(update).delete(delete))
}

/// The spaces that the caller may see.
async fn list(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    uri: Uri,
) -> Result<Json<Vec<ShownSpace>>, KibanaError> {
    let mut fields = RequestFields::of_query(uri.query());
    // Both choose what Kibana says of privileges, which ccfd does not have.
    for name in ["purpose", "include_authorized_purposes"] {
        _ = fields.any(name);
    }
    fields.finish()?;
    let mut spaces = kibana.database.run(|db| db.spaces()).await?;
    spaces.retain(|space| call.has_space(&space.id));
    Ok(Json(spaces.into_iter().map(ShownSpace::from).collect()))
}

async fn read(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<Json<ShownSpace>, KibanaError> {
    if !call.has_space(&id) {
        return Err(KibanaError::forbidden(format!("Unauthorized to get {id} space")));
    }
    let found = kibana.database.run(move |db| db.space(&id)).await?;
    Ok(Json(found.ok_or(SpaceError::Unknown)?.into()))
}

async fn create(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    body: JsonBody<SPACE_BYTES>,
) -> Result<Json<ShownSpace>, KibanaError> {
    let (fields, _room) = body.fields();
    let space = space_shape::space(fields)?;
    call.for_all_spaces(KeyScope::Manage, "create spaces")?;
    let created = kibana.database.run(move |db| db.create_space(&space).map(|()| space)).await?;
    tracing::info!(space = created.id, by = call.by(), "space created");
    Ok(Json(created.into()))
}

async fn update(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    body: JsonBody<SPACE_BYTES>,
) -> Result<Json<ShownSpace>, KibanaError> {
    let (fields, _room) = body.fields();
    // The id in the path counts: an id does not change.
    let space = StoredSpace { id, ..space_shape::space(fields)? };
    call.for_all_spaces(KeyScope::Manage, "update spaces")?;
    let updated = kibana.database.run(move |db| db.update_space(&space).map(|()| space)).await?;
    tracing::info!(space = updated.id, by = call.by(), "space updated");
    Ok(Json(updated.into()))
}

async fn delete(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<StatusCode, KibanaError> {
    call.for_all_spaces(KeyScope::Manage, "delete spaces")?;
    let deleted = kibana.database.run(move |db| db.delete_space(&id).map(|()| id)).await?;
    tracing::info!(space = deleted, by = call.by(), "space deleted with all that was in it");
    Ok(StatusCode::NO_CONTENT)
}
