//! One event to PagerDuty.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    super::{
        fields::required,
        outgoing::{OutgoingRequest, OutgoingResponse},
        response::{redirected, retry_at},
        run::{ErrorSource, Retry, RunContext, RunFailure, RunOutput},
        said::Hidden,
    },
    api_url,
    event::Event,
};

/// Kibana sends the key in this header, PagerDuty documents it in the body: whatever is in between gets both.
const ROUTING_KEY: HeaderName = HeaderName::from_static("x-routing-key");

/// Sends one event.
pub async fn run(run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
    let unusable = |why| RunFailure::thrown(why, ErrorSource::User);
    let url = api_url(&run.connector.config).map_err(unusable)?;
    let routing_key = required(run.secrets, "routingKey").map_err(unusable)?.expose_secret();
    let event = Event::read(run.params).map_err(unusable)?;
    let mut body = event.body(run.connector.id.as_str(), run.idempotency_key);
    body.insert("routing_key".to_owned(), routing_key.into());
    let mut key = HeaderValue::try_from(routing_key)
        .map_err(|_| unusable("[routingKey]: has characters that a header cannot carry".to_owned()))?;
    key.set_sensitive(true);
    let json = HeaderValue::from_static("application/json");
    let body = Value::from(body).to_string();
    let hidden = Hidden::of(run.secrets).and_address(&url).and_body(body.as_bytes());
    let request = OutgoingRequest {
        method: Method::POST,
        url,
        headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json), (ROUTING_KEY, key)]),
        body: body.into(),
        timeout: None,
        is_streamed: false,
        is_beginning_enough: true,
        identity: None,
    };
    match run.outgoing.send(request).await {
        Ok(response) if response.status == StatusCode::ACCEPTED => {
            let body = response.whole_body();
            // Whatever it says, it has the event.
            Ok(RunOutput::data(serde_json::from_slice(&body).unwrap_or(Value::Null)))
        }
        Ok(response) => Err(refused(&run, response, &hidden)),
        Err(error) => {
            let said = hidden.said(&error.to_string());
            Err(RunFailure::returned("error posting pagerduty event", Some(said), error.retry()))
        }
    }
}

fn refused(run: &RunContext<'_>, response: OutgoingResponse, hidden: &Hidden) -> RunFailure {
    let (status, retry) = (response.status.as_u16(), response.retry(run.now));
    let what = "error posting pagerduty event:";
    let message = match retry {
        Retry::No => format!("{what} unexpected status {status}"),
        Retry::Yes | Retry::Rest => format!("{what} http status {status}, retry later"),
        Retry::After(wait) => format!("{what} http status {status}, retry at {}", retry_at(run.now, wait)),
    };
    let redirected = redirected(response.status, &response.headers);
    let said = reasons(response).map(|text| hidden.said(&text)).or(redirected);
    RunFailure::returned(message, said, retry)
}

/// PagerDuty's reasons: `{ "message": "…", "errors": ["…"] }`.
fn reasons(response: OutgoingResponse) -> Option<String> {
    let body: Value = serde_json::from_slice(&response.whole_body()).ok()?;
    let errors = body["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let texts: Vec<_> = body["message"].as_str().into_iter().chain(errors).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
