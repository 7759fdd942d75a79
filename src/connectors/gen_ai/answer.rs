//! Whole answers: what a provider must answer, and what a run says where it does not.

use chrono::Utc;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::usage;
use crate::connectors::{
    fields::{StrictFields, kind_of},
    outgoing::OutgoingError,
    response::{redirected, retry_of},
    run::{ErrorSource, Retry, RunFailure, TokenUsage},
    said::Hidden,
};

/// The longest reason of a provider that is passed on, in characters.
const REASON_CHARS_MAX: usize = 1_000;
/// What a provider answers, with 429, to an account without money. Waiting does not help.
const NO_QUOTA: &str = "insufficient_quota";

/// Reads an answer that a run returns, with the tokens that it names.
///
/// # Errors
///
/// If it is not what OpenAI answers, such as an error with status 200 or a page of a proxy.
pub(super) fn read(body: &[u8]) -> Result<(Value, TokenUsage), RunFailure> {
    let invalid = |reason: String| RunFailure {
        retry: Retry::No,
        ..RunFailure::thrown(format!("Response validation failed (Error: {reason})"), ErrorSource::User)
    };
    let answer: Value = serde_json::from_slice(body).map_err(|_| invalid(not_an_object("string")))?;
    check(&answer).map_err(invalid)?;
    let mut tokens = TokenUsage::default();
    usage::take(&mut tokens, &answer);
    Ok((answer, tokens))
}

/// The text of an answer, if it has one.
pub(super) fn text_of(answer: &Value) -> Option<&str> {
    let text = answer.pointer("/choices/0/message/content")?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

fn not_an_object(found: &str) -> String {
    format!("expected a plain object value, but found [{found}] instead.")
}

/// The form of an answer; members that are not named here may be anything.
fn check(answer: &Value) -> Result<(), String> {
    let answer = answer.as_object().ok_or_else(|| not_an_object(kind_of(answer)))?;
    let mut maybe = StrictFields::new(answer);
    for name in ["id", "object", "model"] {
        maybe.text(name)?;
    }
    maybe.number("created")?;
    let mut fields = StrictFields::exact(answer);
    let usage = fields.required_map("usage")?;
    let mut counts = StrictFields::exact_at("usage", usage);
    for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        counts.required_number(name)?;
    }
    for (place, choice) in fields.required_list("choices")?.iter().enumerate() {
        let place = format!("choices.{place}");
        let choice = object(&place, choice)?;
        let message = StrictFields::exact_at(&place, choice).required_map("message")?;
        let place = format!("{place}.message");
        StrictFields::exact_at(&place, message).required_text("role")?;
        if message.get("content").is_some_and(|content| !content.is_null()) {
            StrictFields::exact_at(&place, message).text("content")?;
        }
    }
    Ok(())
}

fn object<'a>(place: &str, value: &'a Value) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("[{place}]: {}", not_an_object(kind_of(value))))
}

/// The failure of a run that got another status than success.
pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8], hidden: &Hidden) -> RunFailure {
    let error = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|mut body| body.get_mut("error").map(Value::take));
    let reason = error.as_ref().and_then(|error| {
        // Some servers answer the text alone.
        let text = error.get("message").and_then(Value::as_str).or(error.as_str());
        let text = text.filter(|text| !text.is_empty())?;
        Some(hidden.said_within(text, REASON_CHARS_MAX))
    });
    let behind = reason
        .or_else(|| redirected(status, headers))
        .map(|reason| format!(" - {reason}"))
        .unwrap_or_default();
    let text = if status == StatusCode::UNAUTHORIZED {
        format!("Unauthorized API Error{behind}")
    } else {
        format!("API Error: {}{behind}", status.canonical_reason().unwrap_or_default())
    };
    let has_quota =
        error.as_ref().and_then(|error| error.get("code")).and_then(Value::as_str) != Some(NO_QUOTA);
    let retry = match status {
        _ if !has_quota => Retry::No,
        StatusCode::CONFLICT => Retry::Yes,
        _ => retry_of(status, headers, Utc::now()),
    };
    let message = format!("Status code: {}. Message: {text}", status.as_u16());
    RunFailure { retry, ..RunFailure::thrown(message, ErrorSource::User) }
}

/// The failure of a run that got no answer.
pub(super) fn of_error(error: &OutgoingError) -> RunFailure {
    let (code, retry) = match error {
        OutgoingError::NotAllowed(refused) => {
            let text = format!("error validating url: {refused}");
            return RunFailure { retry: Retry::No, ..RunFailure::thrown(text, ErrorSource::User) };
        }
        OutgoingError::Unreachable(_) => ("ECONNREFUSED", Retry::Yes),
        OutgoingError::Untrusted(_) => ("ERR_TLS", Retry::Yes),
        OutgoingError::TimedOut(_) => ("ECONNABORTED", Retry::Yes),
        OutgoingError::TooLarge(_) => ("ERR_BAD_RESPONSE", Retry::No),
        OutgoingError::Cut(_) => ("ECONNRESET", Retry::Yes),
    };
    let text = format!("Status code: undefined. Message: Unexpected API Error: {code} - {error}");
    RunFailure { retry, ..RunFailure::thrown(text, ErrorSource::User) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn whole() -> Value {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "service_tier": "default",
            "choices": [{
                "index": 0, "finish_reason": "stop", "logprobs": null,
                "message": { "role": "assistant", "content": " Hi. ", "refusal": null },
            }],
            "usage": { "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "prompt_tokens_details": {} },
        })
    }

    fn said(body: &str) -> String {
        let failure = read(body.as_bytes()).expect_err("refused");
        assert_eq!(
            (failure.retry, &*failure.message),
            (Retry::No, "an error occurred while running the action")
        );
        failure.service_message.unwrap()
    }

    fn failure(status: u16, headers: &[(&'static str, &str)], body: &str) -> RunFailure {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let hidden = Hidden::one(Some(&"sk-secret".into()));
        of_status(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), &hidden)
    }

    #[test]
    fn an_answer_is_returned_whole_with_its_tokens() {
        let (answer, tokens) = read(whole().to_string().as_bytes()).unwrap();
        assert_eq!((&answer, text_of(&answer)), (&whole(), Some("Hi.")));
        let expected =
            TokenUsage { model: Some("m".to_owned()), prompt: Some(5), completion: Some(2), total: Some(7) };
        assert_eq!(tokens, expected);
    }

    #[test]
    fn an_answer_that_calls_tools_has_no_text() {
        let mut answer = whole();
        answer["choices"][0]["message"]["content"] = Value::Null;
        assert_eq!(text_of(&read(answer.to_string().as_bytes()).unwrap().0), None);
        answer["choices"] = json!([]);
        assert_eq!(text_of(&read(answer.to_string().as_bytes()).unwrap().0), None);
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let page =
            "Response validation failed (Error: expected a plain object value, but found [string] instead.)";
        assert_eq!(said("<html>Sign in to the network</html>"), page);
        assert_eq!(said("\u{0}\u{1}"), page);
        assert_eq!(
            said(r#"{"error":{"message":"overloaded"}}"#),
            "Response validation failed (Error: [usage]: expected value of type [object] but got [undefined])"
        );
        let mut answer = whole();
        answer["usage"]["total_tokens"] = json!("7");
        assert_eq!(
            said(&answer.to_string()),
            "Response validation failed (Error: [usage.total_tokens]: expected value of type [number] but got [string])"
        );
        let deep = "[".repeat(100_000);
        assert_eq!(said(&deep), page);
    }

    #[test]
    fn tokens_that_no_run_uses_are_unknown_and_the_answer_is_returned_as_it_is() {
        let mut answer = whole();
        answer["usage"]["prompt_tokens"] = json!(u64::MAX);
        let (returned, tokens) = read(answer.to_string().as_bytes()).unwrap();
        assert_eq!((returned, tokens.prompt, tokens.total), (answer, None, Some(7)));
    }

    #[test]
    fn a_refusal_is_reported_in_kibanas_words() {
        let error = json!({ "error": { "message": "no such model" } }).to_string();
        let message = |failure: RunFailure| failure.service_message.unwrap();
        assert_eq!(
            message(failure(422, &[], &error)),
            "Status code: 422. Message: API Error: Unprocessable Entity - no such model"
        );
        assert_eq!(
            message(failure(401, &[], &error)),
            "Status code: 401. Message: Unauthorized API Error - no such model"
        );
        assert_eq!(message(failure(502, &[], "<html>")), "Status code: 502. Message: API Error: Bad Gateway");
        assert_eq!(
            message(failure(404, &[], r#"{"error":"not loaded"}"#)),
            "Status code: 404. Message: API Error: Not Found - not loaded"
        );
        let refused = of_error(&OutgoingError::TimedOut(Duration::from_secs(200)));
        assert_eq!(
            message(refused),
            "Status code: undefined. Message: Unexpected API Error: ECONNABORTED - timeout of 200000 ms exceeded"
        );
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let retry = |status, headers: &[(&'static str, &str)], body| failure(status, headers, body).retry;
        for status in [400, 401, 403, 404, 413, 422] {
            assert_eq!(retry(status, &[("retry-after", "1")], ""), Retry::No, "{status}");
        }
        for status in [408, 429, 500, 503] {
            assert_eq!(retry(status, &[], ""), Retry::Yes, "{status}");
        }
        for status in [429, 503] {
            let asked = retry(status, &[("retry-after", "7")], "");
            assert_eq!(asked, Retry::After(Duration::from_secs(7)), "{status}");
        }
        assert_eq!(retry(429, &[], r#"{"error":{"code":"insufficient_quota"}}"#), Retry::No);
    }

    #[test]
    fn a_key_that_a_server_repeats_is_not_passed_on() {
        let error = json!({ "error": { "message": format!("bad key sk-secret {}", "x".repeat(5_000)) } });
        let said = failure(401, &[], &error.to_string()).service_message.unwrap();
        assert!(!said.contains("sk-secret") && said.contains("bad key [secret]"), "{said}");
        assert!(said.len() < 1_100, "{}", said.len());
    }
}
