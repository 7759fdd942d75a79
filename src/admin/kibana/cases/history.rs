//! What was done to a case.

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri};

use super::{Cases, query};
use crate::{
    admin::kibana::{Kibana, KibanaError, PathId, call::ApiCall, fields::RequestFields},
    cases::{HistoryFilter, HistoryPage, UserAction},
};

/// What a page has if the query does not say so.
const PAGE: u32 = 20;
/// As much as a case can have.
const ALL: u32 = 20_000;

pub(super) async fn find(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    uri: Uri,
) -> Result<Json<HistoryPage>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let mut fields = RequestFields::of_query(uri.query());
    let ((page, per_page), ascending) =
        (query::page(&mut fields, PAGE)?, query::ascending(&mut fields, true)?);
    let types = query::list(&mut fields, "types");
    fields.finish()?;
    let filter = HistoryFilter { types, newest_first: !ascending, page, per_page };
    Ok(Json(cases.run(move |cases, _| cases.history(&id, &filter)).await?))
}

/// All of it.
pub(super) async fn list(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
) -> Result<Json<Vec<UserAction>>, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let filter = HistoryFilter { page: 1, per_page: ALL, ..HistoryFilter::default() };
    Ok(Json(cases.run(move |cases, _| cases.history(&id, &filter)).await?.actions))
}
