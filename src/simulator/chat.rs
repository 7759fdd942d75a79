//! A model that answers: `POST /v1/chat/completions`, and the same below Azure's paths. What it answers follows from the
//! request. The name of the model says how: one that ends with `-slow` takes its time, `-late`
//! thinks before its first word, `-cut` breaks off, `-error` fails.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::wire::{Reply, Request, SimulatedRefusal};

/// Between two events of a slow model.
const PACE: Duration = Duration::from_millis(100);
/// The same of a model that only began late.
const QUICK_PACE: Duration = Duration::from_millis(10);
/// Before the first event of such a model, and before the whole answer of a slow one.
const THOUGHT: Duration = Duration::from_secs(2);
/// How many numbers follow the first words of an answer.
const NUMBERS: usize = 20;
/// How many events a model sends that fails after some.
const EVENTS_BEFORE_ERROR: usize = 4;

#[derive(Deserialize)]
struct ChatRequest {
    model: Option<String>,
    messages: Option<Vec<Value>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<Value>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// What is said in every event of one answer.
struct ChatAnswer {
    id: String,
    created: i64,
    model: String,
    words: Vec<String>,
    usage: Value,
}

/// Answers a request; `deployment` names the model below Azure's paths.
pub(super) fn answer(
    request: &Request,
    deployment: Option<&str>,
    now: i64,
) -> Result<Reply, SimulatedRefusal> {
    let asked: ChatRequest = serde_json::from_slice(&request.body)
        .map_err(|_| SimulatedRefusal::new(400, None, "We could not parse the JSON body of your request."))?;
    let (said, model) = said(request, &asked, deployment, now)?;
    let fails = model.ends_with("-error");
    if asked.stream != Some(true) {
        if fails {
            return Err(server_error());
        }
        let mut reply = Reply::json(200, Bytes::from(said.whole().to_string()));
        if model.ends_with("-slow") || model.ends_with("-late") {
            reply.latency = THOUGHT;
        }
        reply.cut = model.ends_with("-cut").then(|| reply.body.len() / 2);
        return Ok(reply);
    }
    let mut events = said.events(asked.stream_options.is_some_and(|options| options.include_usage));
    if fails {
        events.truncate(EVENTS_BEFORE_ERROR);
        events.push(event(&server_error().body()));
    }
    let mut reply = Reply::json(200, Bytes::from(events.concat()));
    reply.headers = vec![("content-type", "text/event-stream; charset=utf-8".to_owned())];
    (reply.latency, reply.pace) = match model.rsplit_once('-') {
        Some((_, "slow")) => (Duration::ZERO, Some(PACE)),
        Some((_, "late")) => (THOUGHT, Some(QUICK_PACE)),
        Some(_) | None => (Duration::ZERO, Some(Duration::ZERO)),
    };
    reply.cut = model.ends_with("-cut").then(|| reply.body.len() / 2);
    Ok(reply)
}

/// What is answered, and by which model.
fn said(
    request: &Request,
    asked: &ChatRequest,
    deployment: Option<&str>,
    now: i64,
) -> Result<(ChatAnswer, String), SimulatedRefusal> {
    let model = deployment.or(asked.model.as_deref()).filter(|model| !model.is_empty());
    let model =
        model.ok_or_else(|| SimulatedRefusal::new(400, None, "you must provide a model parameter"))?;
    let messages = asked.messages.as_deref().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| {
        let code = Some("missing_required_parameter");
        SimulatedRefusal {
            code,
            ..SimulatedRefusal::parameter("messages", "Missing required parameter: 'messages'.")
        }
    })?;
    if asked.max_tokens.is_some() {
        let text = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        let code = Some("unsupported_parameter");
        return Err(SimulatedRefusal { code, ..SimulatedRefusal::parameter("max_tokens", text) });
    }
    if asked.stream_options.is_some() && asked.stream != Some(true) {
        let text = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(SimulatedRefusal::parameter("stream_options", text));
    }
    let hash = xxh3_64(&request.body);
    let first = format!("Simulated answer {:04x} to {} messages:", hash & 0xffff, messages.len());
    let numbers = (1..=NUMBERS).map(|number| number.to_string());
    let words: Vec<String> = first.split(' ').map(str::to_owned).chain(numbers).collect();
    let (prompt, completion) = (request.body.len() / 4, words.len());
    let usage = json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    });
    let id = format!("chatcmpl-simulated{hash:016x}");
    Ok((ChatAnswer { id, created: now, model: model.to_owned(), words, usage }, model.to_owned()))
}

impl ChatAnswer {
    fn whole(&self) -> Value {
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant", "content": self.words.join(" "), "refusal": null, "annotations": [],
                },
                "logprobs": null, "finish_reason": "stop",
            }],
            "usage": self.usage, "service_tier": "default", "system_fingerprint": null,
        })
    }

    /// One event for each word, as OpenAI sends them.
    fn events(&self, include_usage: bool) -> Vec<String> {
        let chunk = |choices: Value, usage: &Value| {
            let mut chunk = json!({
                "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
                "service_tier": "default", "system_fingerprint": null, "choices": choices,
            });
            if include_usage {
                chunk["usage"] = usage.clone();
            }
            event(&chunk)
        };
        let choice = |delta: Value, finish: Option<&str>| {
            let choices = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
            chunk(choices, &Value::Null)
        };
        let begin = json!({ "role": "assistant", "content": "", "refusal": null });
        let mut events = vec![choice(begin, None)];
        events.extend(self.words.iter().enumerate().map(|(place, word)| {
            let space = if place == 0 { "" } else { " " };
            choice(json!({ "content": format!("{space}{word}") }), None)
        }));
        events.push(choice(json!({}), Some("stop")));
        if include_usage {
            events.push(chunk(json!([]), &self.usage));
        }
        events.push("data: [DONE]\n\n".to_owned());
        events
    }
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn server_error() -> SimulatedRefusal {
    let message = "The server had an error while processing your request.";
    SimulatedRefusal { kind: "server_error", ..SimulatedRefusal::new(500, Some("server_error"), message) }
}
