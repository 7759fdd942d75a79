//! `_execute`: a run. That it failed is in the body; the status only says that it was tried.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{Kibana, KibanaError, PathId, call::ApiCall, json::JsonBody};
use crate::{
    connectors::{ErrorSource, Retry, RunFailure, RunOutput},
    detect_db::KeyScope,
};

/// The largest parameters of a run: a batch of documents.
const RUN_BYTES: usize = 10 << 20;

pub(super) async fn execute(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    body: JsonBody<RUN_BYTES>,
) -> Result<Response, KibanaError> {
    let (mut fields, room) = body.fields();
    let params = fields.object("params")?;
    fields.finish()?;
    let space = call.for_scope(KeyScope::Run, "execute actions")?;
    let (registry, caller) = (kibana.connectors.clone(), call.caller());
    // A task of its own, because a run that has begun is done and recorded, also if the peer no longer waits for it.
    let run = tokio::spawn(async move {
        let done = registry.run(&space, &id, params, caller, None).await;
        drop(room);
        (id, done)
    });
    let (id, done) = run.await.map_err(|error| KibanaError::internal(&error))?;
    Ok(match done? {
        Ok(output) => succeeded(&id, output),
        Err(failure) => Json(FailedRun::of(&id, failure, Utc::now())).into_response(),
    })
}

#[derive(Serialize)]
struct SuccessfulRun<'a> {
    status: &'static str,
    connector_id: &'a str,
    #[serde(skip_serializing_if = "Value::is_null")]
    data: Value,
}

fn succeeded(id: &str, output: RunOutput) -> Response {
    match output {
        RunOutput::Nothing => StatusCode::NO_CONTENT.into_response(),
        RunOutput::Data { data, .. } => {
            Json(SuccessfulRun { status: "ok", connector_id: id, data }).into_response()
        }
        // Nothing between here and the caller may gather the chunks.
        RunOutput::Stream { content_type, bytes, .. } => (
            [
                (header::CONTENT_TYPE, content_type.as_str()),
                (header::CACHE_CONTROL, "no-cache, no-transform"),
                (header::HeaderName::from_static("x-accel-buffering"), "no"),
            ],
            Body::from_stream(bytes),
        )
            .into_response(),
    }
}

/// Kibana names all but one of these fields in the same style.
#[derive(Serialize)]
struct FailedRun<'a> {
    status: &'static str,
    connector_id: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_message: Option<String>,
    retry: Value,
    #[serde(rename = "errorSource")]
    error_source: &'static str,
}

impl<'a> FailedRun<'a> {
    fn of(id: &'a str, failure: RunFailure, now: DateTime<Utc>) -> Self {
        let retry = match failure.retry {
            Retry::No => false.into(),
            Retry::Yes | Retry::Rest => true.into(),
            Retry::After(wait) => {
                let wait = chrono::Duration::from_std(wait).ok();
                // The time that the message names, too.
                let at = failure.retry_at.or_else(|| now.checked_add_signed(wait?));
                at.map_or(Value::Bool(true), |at| at.to_rfc3339_opts(SecondsFormat::Millis, true).into())
            }
        };
        let error_source = match failure.source_of {
            ErrorSource::User => "user",
            ErrorSource::Framework => "framework",
        };
        let RunFailure { message, service_message, .. } = failure;
        Self { status: "error", connector_id: id, message, service_message, retry, error_source }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_run_has_the_fields_of_kibana() {
        let now = DateTime::from_timestamp(1_770_979_925, 0).unwrap();
        let failed = |failure| json!(FailedRun::of("c-1", failure, now));
        let returned = RunFailure::returned("error indexing documents", Some("x".to_owned()), Retry::No);
        let wanted = json!({
            "status": "error", "connector_id": "c-1", "message": "error indexing documents", "service_message": "x",
            "retry": false, "errorSource": "user",
        });
        assert_eq!(failed(returned), wanted);
        let thrown = failed(RunFailure::thrown("y", ErrorSource::Framework));
        assert_eq!((&thrown["retry"], &thrown["errorSource"]), (&json!(true), &json!("framework")));
        let later = RunFailure::returned("z", None, Retry::After(Duration::from_secs(75)));
        let later = failed(later);
        assert_eq!(later["retry"], "2026-02-13T10:53:20.000Z");
        assert!(later.get("service_message").is_none());
        let at = DateTime::from_timestamp(1_770_979_999, 0);
        let later = RunFailure::returned("z", None, Retry::After(Duration::from_secs(75)));
        let named = failed(RunFailure { retry_at: at, ..later });
        assert_eq!(named["retry"], "2026-02-13T10:53:19.000Z", "the time that the message names");
    }

    #[tokio::test]
    async fn data_is_shown_nothing_is_no_content_and_chunks_pass_through() {
        let body = |response: Response| async {
            let status = response.status().as_u16();
            (status, response.into_body().collect().await.unwrap().to_bytes())
        };
        let (status, shown) = body(succeeded("c-1", RunOutput::data(json!([1])))).await;
        let wanted = json!({ "status": "ok", "connector_id": "c-1", "data": [1] });
        assert_eq!((status, serde_json::from_slice(&shown).ok()), (200, Some(wanted)));
        let (_, shown) = body(succeeded("c-1", RunOutput::data(Value::Null))).await;
        let wanted = json!({ "status": "ok", "connector_id": "c-1" });
        assert_eq!(serde_json::from_slice(&shown).ok(), Some(wanted));
        assert_eq!(body(succeeded("c-1", RunOutput::Nothing)).await, (204, bytes::Bytes::new()));
        let chunks = futures::stream::iter(["data: 1\n\n", "data: 2\n\n"].map(|chunk| Ok(chunk.into())));
        let content_type = "text/event-stream".to_owned();
        let response =
            succeeded("c-1", RunOutput::Stream { content_type, bytes: Box::pin(chunks), end: None });
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let mut response = response.into_body();
        let first = response.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "data: 1\n\n");
        let second = response.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(second, "data: 2\n\n");
    }
}
