//! What a run is asked to do: a sub-action and its parameters.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::connectors::fields::{StrictFields, kind_of};

/// How long `run`, `test` and `invokeAI` wait for an answer unless the parameters say otherwise.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(200);
/// The longest time that parameters may ask for.
const TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// A request for a sub-action.
#[derive(Debug, PartialEq)]
pub(super) enum GenAiAction {
    /// Sends a body and returns the answer.
    Answer {
        /// What the caller wants to be sent.
        body: String,
        /// How long the answer may take; `None` for the limit of all connectors.
        timeout: Option<Duration>,
    },
    /// Sends a body and passes the answer on as it comes.
    Stream {
        /// What the caller wants to be sent.
        body: String,
        /// How long the other side may be silent; `None` for the limit of all connectors.
        timeout: Option<Duration>,
    },
    /// Sends messages and returns only the text of the answer.
    Message {
        /// The messages and options as a body.
        body: String,
        /// How long the answer may take.
        timeout: Option<Duration>,
    },
    /// Says whether a dashboard is there.
    Dashboard,
}

/// Why there is no sub-action.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoGenAiAction {
    /// None has this name.
    Unknown(String),
    /// Its parameters are invalid.
    Invalid(String),
}

/// Checks what all sub-actions have in common; the rest is reported by the run, as in Kibana.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub(super) fn check(params: &Map<String, Value>) -> Result<(), String> {
    let mut fields = StrictFields::exact(params);
    fields.required_text("subAction")?;
    fields.required_map("subActionParams")?;
    fields.finish()
}

/// Reads the parameters of a run.
pub(super) fn read(params: &Map<String, Value>) -> Result<GenAiAction, NoGenAiAction> {
    let mut fields = StrictFields::exact(params);
    let name = fields.required_text("subAction").map_err(NoGenAiAction::Invalid)?;
    let given = fields.required_map("subActionParams").map_err(NoGenAiAction::Invalid)?;
    let read = match name {
        "run" | "test" => of_body(given, false),
        "stream" => of_body(given, true),
        "invokeAI" => of_messages(given, false),
        "invokeStream" => of_messages(given, true),
        "getDashboard" => of_dashboard(given),
        _ => return Err(NoGenAiAction::Unknown(name.to_owned())),
    };
    read.map_err(NoGenAiAction::Invalid)
}

fn of_body(given: &Map<String, Value>, may_stream: bool) -> Result<GenAiAction, String> {
    let mut fields = StrictFields::exact(given);
    let body = fields.required_text("body")?.to_owned();
    let timeout = timeout(&mut fields)?;
    let streams = may_stream && fields.flag("stream")?.unwrap_or(false);
    of_the_caller(&mut fields)?;
    fields.finish()?;
    Ok(if streams {
        GenAiAction::Stream { body, timeout }
    } else {
        GenAiAction::Answer { body, timeout: timeout.or((!may_stream).then_some(ANSWER_TIMEOUT)) }
    })
}

/// The options of a request that messages may come with.
const OPTIONS: [&str; 9] = [
    "model",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "n",
    "stop",
    "temperature",
    "response_format",
];

fn of_messages(given: &Map<String, Value>, streams: bool) -> Result<GenAiAction, String> {
    let mut fields = StrictFields::exact(given);
    let messages = fields.required_list("messages")?;
    for (place, message) in messages.iter().enumerate() {
        check_message(&format!("messages.{place}"), message)?;
    }
    let mut body = Map::new();
    body.insert("messages".to_owned(), Value::from(messages));
    for name in OPTIONS {
        if let Some(value) = fields.any(name) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    let timeout = timeout(&mut fields)?;
    of_the_caller(&mut fields)?;
    fields.finish()?;
    let body = Value::Object(body).to_string();
    Ok(if streams {
        GenAiAction::Stream { body, timeout }
    } else {
        GenAiAction::Message { body, timeout: timeout.or(Some(ANSWER_TIMEOUT)) }
    })
}

fn check_message(place: &str, message: &Value) -> Result<(), String> {
    let Value::Object(message) = message else {
        let found = kind_of(message);
        return Err(format!("[{place}]: expected a plain object value, but found [{found}] instead."));
    };
    let mut fields = StrictFields::exact_at(place, message);
    fields.required_text("role")?;
    for name in ["content", "name", "function_call", "tool_calls", "tool_call_id"] {
        fields.any(name);
    }
    fields.finish()
}

fn of_dashboard(given: &Map<String, Value>) -> Result<GenAiAction, String> {
    let mut fields = StrictFields::exact(given);
    fields.required_text("dashboardId")?;
    fields.finish()?;
    Ok(GenAiAction::Dashboard)
}

/// What only those who run Kibana's code in one process with it can use.
fn of_the_caller(fields: &mut StrictFields<'_>) -> Result<(), String> {
    fields.any("signal");
    fields.map("telemetryMetadata").map(drop)
}

fn timeout(fields: &mut StrictFields<'_>) -> Result<Option<Duration>, String> {
    let Some(milliseconds) = fields.number("timeout")? else { return Ok(None) };
    let wanted = Duration::try_from_secs_f64(milliseconds / 1000.0);
    match wanted {
        Ok(wanted) if !wanted.is_zero() => Ok(Some(wanted.min(TIMEOUT_MAX))),
        // As for Node, zero is no limit of its own; a negative one is a mistake.
        Ok(_) => Ok(None),
        Err(_) if milliseconds > 0.0 => Ok(Some(TIMEOUT_MAX)),
        Err(_) => Err("[timeout]: Value must be equal to or greater than [0].".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(name: &str, given: Value) -> Result<GenAiAction, NoGenAiAction> {
        let params = json!({ "subAction": name, "subActionParams": given });
        read(params.as_object().unwrap())
    }

    #[test]
    fn a_run_waits_as_long_as_kibana_waits() {
        let answer = |timeout| Ok(GenAiAction::Answer { body: "{}".to_owned(), timeout });
        for name in ["run", "test"] {
            assert_eq!(read_json(name, json!({ "body": "{}" })), answer(Some(Duration::from_secs(200))));
        }
        let given = json!({ "body": "{}", "timeout": 1500, "signal": {}, "telemetryMetadata": {} });
        assert_eq!(read_json("run", given), answer(Some(Duration::from_millis(1500))));
        assert_eq!(read_json("run", json!({ "body": "{}", "timeout": 1e300 })), answer(Some(TIMEOUT_MAX)));
        assert_eq!(read_json("stream", json!({ "body": "{}" })), answer(None), "the limit of all connectors");
    }

    #[test]
    fn only_a_stream_that_is_asked_for_is_one() {
        let stream = GenAiAction::Stream { body: "{}".to_owned(), timeout: None };
        assert_eq!(read_json("stream", json!({ "body": "{}", "stream": true })), Ok(stream));
        let refused = "[stream]: definition for this key is missing".to_owned();
        assert_eq!(
            read_json("run", json!({ "body": "{}", "stream": true })),
            Err(NoGenAiAction::Invalid(refused))
        );
    }

    #[test]
    fn messages_become_a_body_with_their_options_and_nothing_else() {
        let given = json!({
            "messages": [{ "role": "user", "content": "hi" }], "temperature": 0.5, "stop": null, "timeout": 10,
            "telemetryMetadata": { "pluginId": "x" },
        });
        let Ok(GenAiAction::Message { body, timeout }) = read_json("invokeAI", given) else {
            panic!("refused")
        };
        let expected =
            json!({ "messages": [{ "role": "user", "content": "hi" }], "temperature": 0.5, "stop": null });
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
        assert_eq!(timeout, Some(Duration::from_millis(10)));
    }

    #[test]
    fn what_cannot_be_is_named() {
        let said = |name, given| match read_json(name, given) {
            Err(NoGenAiAction::Invalid(said)) => said,
            other => panic!("{other:?}"),
        };
        let body = "[body]: expected value of type [string] but got [undefined]";
        assert_eq!(said("run", json!({})), body);
        assert_eq!(
            said("invokeAI", json!({ "messages": [{ "content": "x" }] })),
            "[messages.0.role]: expected value of type [string] but got [undefined]"
        );
        assert_eq!(
            said("invokeAI", json!({ "messages": [1] })),
            "[messages.0]: expected a plain object value, but found [number] instead."
        );
        assert_eq!(
            said("invokeStream", json!({ "messages": [], "max_tokens": 5 })),
            "[max_tokens]: definition for this key is missing"
        );
        assert_eq!(
            said("run", json!({ "body": "", "timeout": -1 })),
            "[timeout]: Value must be equal to or greater than [0]."
        );
        let unknown = read_json("invokeAsyncIterator", json!({}));
        assert_eq!(unknown, Err(NoGenAiAction::Unknown("invokeAsyncIterator".to_owned())));
        assert!(check(json!({ "subAction": "run" }).as_object().unwrap()).is_err());
    }
}
