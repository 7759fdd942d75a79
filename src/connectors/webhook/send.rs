//! One run of a webhook.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{
        outgoing::{OutgoingError, OutgoingRequest, OutgoingResponse},
        response::retry_at,
        run::{ErrorSource, Retry, RunContext, RunFailure, RunOutput},
        said::Hidden,
        stable_id::stable_id,
    },
    auth::WebhookAuth,
    body,
    config::WebhookConfig,
    signature,
};

/// Receivers that know the key do the work once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Sends one request.
pub async fn run(run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
    let unusable = |why| RunFailure::thrown(why, ErrorSource::User);
    let config = WebhookConfig::read(&run.connector.config).map_err(unusable)?;
    let auth = WebhookAuth::read(&config, run.secrets).map_err(unusable)?;
    let body = body(run.params).map_err(unusable)?;
    let hidden = auth.sent.iter().fold(Hidden::of(run.secrets), |hidden, sent| hidden.and(sent.clone()));
    let hidden = hidden.and_address(&config.url).and_body(body.unwrap_or_default().as_bytes());
    match run.outgoing.send(request(&run, config, auth, body)).await {
        Ok(response) if response.status.is_success() => {
            Ok(RunOutput::data(body.map_or(Value::Null, Value::from)))
        }
        Ok(response) => Err(refused(&run, response, &hidden)),
        Err(error) => Err(unanswered(&error, &hidden)),
    }
}

fn request(
    run: &RunContext<'_>,
    config: WebhookConfig,
    auth: WebhookAuth,
    body: Option<&str>,
) -> OutgoingRequest {
    let body = body.filter(|_| config.has_body()).unwrap_or_default();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut headers = config.headers;
    if !body.is_empty() {
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    headers.extend(auth.headers);
    let id = run.idempotency_key.map(stable_id);
    if let Some(value) = id.as_ref().and_then(|id| HeaderValue::try_from(id).ok()) {
        headers.insert(IDEMPOTENCY_KEY, value);
    }
    if let Some(key) = auth.signing {
        signature::sign(&mut headers, &key, id.as_deref(), run.now, &body);
    }
    let (method, url, identity) = (config.method, config.url, auth.identity);
    OutgoingRequest {
        method,
        url,
        headers,
        body,
        timeout: None,
        is_streamed: false,
        is_beginning_enough: true,
        identity,
    }
}

/// The part of an error that Kibana shows.
#[derive(Deserialize)]
struct Refusal {
    message: Option<Value>,
}

fn refused(run: &RunContext<'_>, response: OutgoingResponse, hidden: &Hidden) -> RunFailure {
    let retry = response.retry(run.now);
    let status = format!("[{}] {}", response.status.as_u16(), response.reason());
    let refusal = serde_json::from_slice::<Refusal>(&response.whole_body()).ok();
    let said = match refusal.and_then(|refusal| refusal.message) {
        None | Some(Value::Null) => status,
        Some(Value::String(text)) => format!("{status}: {}", hidden.said(&text)),
        Some(other) => format!("{status}: {}", hidden.said(&other.to_string())),
    };
    let message = match retry {
        Retry::No => "error calling webhook, invalid response".to_owned(),
        Retry::Yes | Retry::Rest => "error calling webhook, retry later".to_owned(),
        Retry::After(wait) => format!("error calling webhook, retry at {}", retry_at(run.now, wait)),
    };
    RunFailure::returned(message, Some(said), retry)
}

fn unanswered(error: &OutgoingError, hidden: &Hidden) -> RunFailure {
    let text = hidden.said(&error.to_string());
    let said = match error {
        OutgoingError::TimedOut(_) => format!("[ECONNABORTED] {text}"),
        OutgoingError::TooLarge(_) => format!("[ERR_BAD_RESPONSE] {text}"),
        OutgoingError::Cut(_) => format!("[ECONNRESET] {text}"),
        OutgoingError::NotAllowed(_) | OutgoingError::Unreachable(_) | OutgoingError::Untrusted(_) => text,
    };
    RunFailure::returned("error calling webhook, request failed", Some(said), error.retry())
}
