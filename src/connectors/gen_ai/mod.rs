//! `.gen-ai`, the connector to OpenAI, to Azure OpenAI, and to others with the same API.
//!
//! | file | what it has |
//! | --- | --- |
//! | `config`, `secrets` | what a connector is made of |
//! | `params` | sub-actions and their parameters |
//! | `body`, `request` | the caller's body, and the request that carries it |
//! | `answer` | a whole answer, and the words for what is none |
//! | `stream`, `sse` | an answer that is passed on as it comes, and what it says of its tokens |
//! | `usage` | tokens, as a response counts them |
//!
//! A body is sent as it was given: models refuse parameters that other models require, so only its author knows which.

mod answer;
mod body;
mod config;
mod params;
mod request;
mod secrets;
mod sse;
mod stream;
mod usage;

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use http::header;
use serde_json::{Map, Value, json};

pub(super) use self::sse::EventReader;
pub use self::usage::count as token_count;
use self::{
    params::{GenAiAction, NoGenAiAction},
    stream::CountedStream,
};
use super::{
    connector::{Connector, ConnectorSecrets},
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    outgoing::{Outgoing, OutgoingBody, OutgoingResponse},
    run::{ErrorSource, Retry, RunContext, RunFailure, RunOutput, TokenUsage},
    said::Hidden,
};

/// The type's id.
pub const TYPE_ID: &str = ".gen-ai";

static INFO: TypeInfo = TypeInfo {
    id: TYPE_ID,
    name: "OpenAI",
    licence: Licence::Enterprise,
    features: &[
        Feature::GenerativeAiForSecurity,
        Feature::GenerativeAiForObservability,
        Feature::GenerativeAiForSearchPlayground,
    ],
    is_system: false,
};

/// What `invokeAI` returns in place of an answer without text, as Kibana does.
const NO_TEXT: &str = "An error occurred sending your message. If the problem persists, please test the connector configuration.";
/// What a test asks for: an answer that is long enough to see whether it arrives piece by piece.
const TEST_BODY: &str = r#"{"messages":[{"role":"user","content":"Write the numbers from 1 to 30, as digits, separated by spaces."}]}"#;
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// The type.
pub struct GenAi;

#[async_trait]
impl ConnectorType for GenAi {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(
        &self,
        config: &Map<String, Value>,
        outgoing: &Outgoing,
    ) -> Result<Map<String, Value>, String> {
        config::check(config, outgoing)
    }

    fn check_secrets(
        &self,
        config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        _: &Outgoing,
    ) -> Result<(), String> {
        let (config, _) = config::read(config)?;
        secrets::read(&config, secrets).map(drop)
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        params::check(params)
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        match params::read(run.params).map_err(|none| refused(none, run.connector))? {
            GenAiAction::Dashboard => {
                // The dashboard is Kibana's. Here, `ccfd usage` shows the tokens.
                Ok(RunOutput::data(json!({ "available": false })))
            }
            GenAiAction::Answer { body, timeout } => {
                let (data, usage) = whole_answer(&run, &body, timeout).await?;
                Ok(RunOutput::Data { data, usage: Some(usage) })
            }
            GenAiAction::Message { body, timeout } => {
                let (answer, usage) = whole_answer(&run, &body, timeout).await?;
                let data = match answer::text_of(&answer) {
                    Some(text) => json!({ "message": text, "usage": answer["usage"] }),
                    None => {
                        let none = json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 });
                        json!({ "message": NO_TEXT, "usage": none })
                    }
                };
                Ok(RunOutput::Data { data, usage: Some(usage) })
            }
            GenAiAction::Stream { body, timeout } => streamed_answer(&run, &body, timeout).await,
        }
    }

    fn test_params(&self, _: &Map<String, Value>) -> Map<String, Value> {
        let given = json!({ "body": TEST_BODY, "stream": true });
        let params = [("subAction".to_owned(), Value::from("stream")), ("subActionParams".to_owned(), given)];
        params.into_iter().collect()
    }
}

/// Why a run cannot begin, in Kibana's words.
fn refused(none: NoGenAiAction, connector: &Connector) -> RunFailure {
    let text = match none {
        NoGenAiAction::Unknown(name) => format!(
            "Sub action \"{name}\" is not registered. Connector id: {}. Connector name: OpenAI. Connector type: {TYPE_ID}",
            connector.id
        ),
        NoGenAiAction::Invalid(reason) => format!("Request validation failed (Error: {reason})"),
    };
    RunFailure { retry: Retry::No, ..RunFailure::thrown(text, ErrorSource::User) }
}

/// Sends a body and waits for all of the answer.
async fn whole_answer(
    run: &RunContext<'_>,
    body: &str,
    timeout: Option<Duration>,
) -> Result<(Value, TokenUsage), RunFailure> {
    let response = send(run, body, timeout, false).await?;
    match response.body {
        OutgoingBody::Whole(body) => answer::read(&body),
        // Not asked for.
        OutgoingBody::Streamed(_) => answer::read(b""),
    }
}

/// Sends a body and passes the answer on.
async fn streamed_answer(
    run: &RunContext<'_>,
    body: &str,
    timeout: Option<Duration>,
) -> Result<RunOutput, RunFailure> {
    let response = send(run, body, timeout, true).await?;
    let given = response.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = passed_type(given.unwrap_or_default());
    let chunks = match response.body {
        OutgoingBody::Streamed(chunks) => chunks,
        OutgoingBody::Whole(body) => futures::stream::iter([Ok(body)]).boxed(),
    };
    let (stream, end) = CountedStream::new(chunks, content_type == EVENTS);
    Ok(RunOutput::Stream { content_type: content_type.to_owned(), bytes: stream.boxed(), end: Some(end) })
}

/// The type of content under which an answer is passed on: never one that a browser would show as a page of ccfd.
fn passed_type(given: &str) -> &'static str {
    let kind = given.split(';').next().unwrap_or_default().trim();
    match [EVENTS, JSON].into_iter().find(|known| kind.eq_ignore_ascii_case(known)) {
        Some(known) => known,
        None => "application/octet-stream",
    }
}

/// Sends a body. `Ok` is a response that says success.
async fn send(
    run: &RunContext<'_>,
    body: &str,
    timeout: Option<Duration>,
    is_streamed: bool,
) -> Result<OutgoingResponse, RunFailure> {
    // They were checked when the connector was made, by this version or an earlier one.
    let invalid =
        |text: String| RunFailure { retry: Retry::No, ..RunFailure::thrown(text, ErrorSource::User) };
    let (config, _) = config::read(&run.connector.config).map_err(invalid)?;
    let secrets = secrets::read(&config, run.secrets).map_err(invalid)?;
    let mut request = request::request(&config, &secrets, body, is_streamed);
    request.timeout = timeout;
    let response = run.outgoing.send(request).await.map_err(|error| answer::of_error(&error))?;
    if response.status.is_success() {
        return Ok(response);
    }
    let hidden = Hidden::one(secrets.key.as_ref()).and_address(&config.url);
    let hidden = hidden.and_body(request::asked(body).as_bytes());
    let answered = match &response.body {
        OutgoingBody::Whole(body) => &body[..],
        OutgoingBody::Streamed(_) => b"",
    };
    Err(answer::of_status(response.status, &response.headers, answered, &hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_never_passed_on_as_a_page() {
        assert_eq!(passed_type("text/event-stream; charset=utf-8"), EVENTS);
        assert_eq!(passed_type("Application/JSON"), JSON);
        for hostile in ["text/html", "image/svg+xml", "", "text/event-streaming"] {
            assert_eq!(passed_type(hostile), "application/octet-stream", "{hostile}");
        }
    }

    #[test]
    fn the_parameters_of_a_test_are_those_of_a_stream() {
        let read = params::read(&GenAi.test_params(&Map::new()));
        assert!(matches!(&read, Ok(GenAiAction::Stream { body, .. }) if body == TEST_BODY), "{read:?}");
    }
}
