//! One message to Slack.

use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::json;

use super::{
    super::{
        outgoing::{OutgoingError, OutgoingRequest, OutgoingResponse},
        response::retry_at,
        run::{ErrorSource, Retry, RunContext, RunFailure, RunOutput},
        said::Hidden,
    },
    message, webhook_url,
};

const FAILED: &str = "error posting slack message";

/// Posts one message.
pub async fn run(run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
    let unusable = |why| RunFailure::thrown(why, ErrorSource::User);
    let url = webhook_url(run.secrets).map_err(unusable)?;
    let text = message(run.params).map_err(unusable)?;
    let body = json!({ "text": text }).to_string();
    let hidden = Hidden::of(run.secrets).and_address(&url).and_body(body.as_bytes());
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let request = OutgoingRequest {
        method: Method::POST,
        url,
        headers: HeaderMap::from_iter(headers),
        body: body.into(),
        timeout: None,
        is_streamed: false,
        is_beginning_enough: true,
        identity: None,
    };
    match run.outgoing.send(request).await {
        Ok(response) if response.status.is_success() => accepted(response, &hidden),
        Ok(response) => Err(refused(&run, &response)),
        Err(error) => Err(unanswered(&error, &hidden)),
    }
}

/// Slack says `ok` in words as well as by its status.
fn accepted(response: OutgoingResponse, hidden: &Hidden) -> Result<RunOutput, RunFailure> {
    let body = response.whole_body();
    let text = String::from_utf8_lossy(&body);
    // It may be the beginning of a longer answer.
    if text.split_whitespace().next() == Some("ok") {
        return Ok(RunOutput::data(json!({ "text": "ok" })));
    }
    Err(RunFailure::returned(FAILED, Some(hidden.said(&text)), Retry::No))
}

fn refused(run: &RunContext<'_>, response: &OutgoingResponse) -> RunFailure {
    let (status, retry) = (response.status.as_u16(), response.retry(run.now));
    let message = match retry {
        Retry::No => {
            let message = format!("unexpected http response from slack: {status} {}", response.reason());
            return RunFailure::returned(message, None, retry);
        }
        Retry::Yes | Retry::Rest => "error posting a slack message, retry later".to_owned(),
        Retry::After(wait) => {
            format!("error posting a slack message, retry at {}", retry_at(run.now, wait))
        }
    };
    let said = format!("An HTTP protocol error occurred: statusCode = {status}");
    RunFailure::returned(message, Some(said), retry)
}

fn unanswered(error: &OutgoingError, hidden: &Hidden) -> RunFailure {
    let said = format!("A request error occurred: {}", hidden.said(&error.to_string()));
    RunFailure::returned(FAILED, Some(said), error.retry())
}
