//! `GET /api/v1/usage`: the tokens that runs of connectors used. Kibana has no such page; the guard is that of the others.

use std::{sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::Uri, routing::get};
use chrono::Utc;
use serde::Serialize;

use super::{Kibana, KibanaError, call::ApiCall, fields::RequestFields};
use crate::{
    connectors::gen_ai,
    detect_db::{KeyScope, UsageBy, UsageRow},
    tables::iso8601,
};

/// How far back it looks unless the query says otherwise.
const LAST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(super) fn routes() -> Router<Arc<Kibana>> {
    Router::new().route("/api/v1/usage", get(usage))
}

#[derive(Serialize)]
struct ShownUsage {
    by: &'static str,
    since: String,
    usage: Vec<UsageRow>,
}

/// Of the space of the path; of all of them if the query asks for that, and the caller may see them.
async fn usage(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    uri: Uri,
) -> Result<Json<ShownUsage>, KibanaError> {
    let mut fields = RequestFields::of_query(uri.query());
    let by = fields.optional_text("by")?;
    let last = fields.optional_text("last")?;
    let all = fields.optional_text("all_spaces")?;
    fields.finish()?;
    let by = by.map_or(Some(UsageBy::Connector), |by| UsageBy::of_word(&by));
    let by = by.ok_or_else(|| {
        KibanaError::bad_request("[request query.by]: expected connector, user, model or day")
    })?;
    let last = last.map_or(Ok(LAST), |last| humantime::parse_duration(&last));
    let last =
        last.map_err(|_| KibanaError::bad_request("[request query.last]: expected a duration such as 30d"))?;
    let space = match all.as_deref() {
        None | Some("false") => Some(call.for_scope(KeyScope::Read, "get usage")?),
        Some("true") => {
            call.for_all_spaces(KeyScope::Read, "get usage")?;
            None
        }
        Some(_) => {
            return Err(KibanaError::bad_request("[request query.all_spaces]: expected true or false"));
        }
    };
    let back = i64::try_from(last.as_secs()).unwrap_or(i64::MAX);
    let since = Utc::now().timestamp().saturating_sub(back).max(0);
    let read = kibana
        .database
        .run(move |db| Ok::<_, KibanaError>(db.token_usage(gen_ai::TYPE_ID, space.as_deref(), by, since)?));
    let usage = read.await?;
    Ok(Json(ShownUsage { by: by.word(), since: iso8601(since).as_str().to_owned(), usage }))
}
