//! Maps status, headers and error body of an answer to one kind of error.
//!
//! The cases come from the API's error envelope and guide, and from bodies quoted from live traffic. Codes
//! take precedence over types, types over statuses, because a 429 may mean "slow down" or "no money", and a
//! 401 any of five things.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::error::{CollectError, CollectErrorKind};

/// The parts of an error body, each of which may be missing.
#[derive(Debug, Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    error: Option<ErrorBody>,
    /// What gateways written with FastAPI send instead.
    #[serde(default)]
    detail: Option<serde_json::Value>,
}

impl Envelope {
    fn into_error(self) -> Option<ErrorBody> {
        let located = || {
            let place = self.detail.as_ref()?.get(0)?.get("loc")?.as_array()?;
            let of_query = place.first()?.as_str()? == "query";
            let param = place.get(1)?.as_str().filter(|_| of_query)?;
            Some(ErrorBody { param: Some(param.to_owned()), ..ErrorBody::default() })
        };
        self.error.or_else(located)
    }
}

#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    message: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    param: Option<String>,
    #[serde(default)]
    code: Option<String>,
}

/// The error of an answer that is not 2xx. `scope` is the one that the list is known to need, for answers
/// that do not name it.
pub fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    scope: &str,
    retry_after_max: Duration,
) -> CollectError {
    let sent = serde_json::from_slice::<Envelope>(body).ok().and_then(Envelope::into_error);
    let is_page = sent.is_none() && is_web_page(headers, body);
    let kind = kind_of(status, headers, &sent.unwrap_or_default(), scope, retry_after_max);
    let kind = match kind {
        CollectErrorKind::Unauthorized | CollectErrorKind::Forbidden | CollectErrorKind::Refused { .. }
            if is_page =>
        {
            CollectErrorKind::Intercepted { status: status.as_u16() }
        }
        kind => kind,
    };
    CollectError { kind, request_id: request_id(headers) }
}

/// Whether the body is a web page, which the API never sends.
fn is_web_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
        || body.trim_ascii_start().starts_with(b"<")
}

/// `x-request-id`, if it is safe to log.
pub fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-request-id")?.to_str().ok().map(plain)
}

fn kind_of(
    status: StatusCode,
    headers: &HeaderMap,
    sent: &ErrorBody,
    scope: &str,
    retry_after_max: Duration,
) -> CollectErrorKind {
    let code = sent.code.as_deref().unwrap_or("");
    let message = sent.message.as_deref().unwrap_or("");
    let retry_after = retry_after(headers, SystemTime::now(), retry_after_max);
    let overloaded = CollectErrorKind::Overloaded { status: status.as_u16(), retry_after };
    if out_of_money(status, sent) {
        return CollectErrorKind::OutOfMoney {
            code: plain(if code.is_empty() { "insufficient_quota" } else { code }),
        };
    }
    match headers.get("x-should-retry").map(|value| value.as_bytes()) {
        Some(b"true") if status != StatusCode::TOO_MANY_REQUESTS => return overloaded,
        Some(b"false") => {
            if let Some(kind) = passing(status, retry_after) {
                drop(kind);
                return CollectErrorKind::Refused { status: status.as_u16(), code: code_or_type(sent) };
            }
        }
        _ => {}
    }
    if let Some(kind) = passing(status, retry_after) {
        return kind;
    }
    match status {
        status if status.is_redirection() => CollectErrorKind::Redirected { status: status.as_u16() },
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => CollectErrorKind::ProxyAuthentication,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => keyed(status, code, message, scope),
        StatusCode::METHOD_NOT_ALLOWED => CollectErrorKind::MethodNotAllowed,
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
            match parameter(sent, message) {
                Some(param) => CollectErrorKind::ParameterRefused { status: status.as_u16(), param },
                None if status == StatusCode::NOT_FOUND => CollectErrorKind::NotFound,
                None => CollectErrorKind::Refused { status: status.as_u16(), code: code_or_type(sent) },
            }
        }
        _ => CollectErrorKind::Refused { status: status.as_u16(), code: code_or_type(sent) },
    }
}

/// Statuses that the official clients retry: 408, 409, 429 and 5xx.
fn passing(status: StatusCode, retry_after: Option<Duration>) -> Option<CollectErrorKind> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some(CollectErrorKind::Throttled { retry_after }),
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => {
            Some(CollectErrorKind::Overloaded { status: status.as_u16(), retry_after })
        }
        status if status.is_server_error() => {
            Some(CollectErrorKind::Overloaded { status: status.as_u16(), retry_after })
        }
        _ => None,
    }
}

fn out_of_money(status: StatusCode, sent: &ErrorBody) -> bool {
    let of_money = |text: &str| {
        matches!(text, "insufficient_quota" | "credit_balance_exhausted" | "billing_hard_limit_reached")
            || text.ends_with("_spend_limit_exceeded")
            || text.ends_with("_usage_limit_exceeded")
    };
    let by_type = sent.code.is_none() && sent.kind.as_deref().is_some_and(of_money);
    status == StatusCode::TOO_MANY_REQUESTS && (sent.code.as_deref().is_some_and(of_money) || by_type)
}

fn keyed(status: StatusCode, code: &str, message: &str, scope: &str) -> CollectErrorKind {
    let named = message.split_once("Missing scopes:").map(|(_, rest)| {
        let scopes = rest.split(['.', ' ', ',']).collect::<Vec<_>>().join(".");
        plain(scopes.trim_matches('.').split("..").next().unwrap_or_default())
    });
    match (code, named) {
        ("ip_not_authorized", _) => CollectErrorKind::AddressNotAllowed,
        _ if message.contains("IP is not authorized") => CollectErrorKind::AddressNotAllowed,
        ("incorrect_hostname", _) => CollectErrorKind::WrongHost,
        ("unsupported_country_region_territory", _) => CollectErrorKind::UnsupportedCountry,
        ("organization_membership_required", _) => CollectErrorKind::NotAMember,
        (_, Some(scope)) if !scope.is_empty() => CollectErrorKind::MissingScope { scope },
        ("missing_scope", _) => CollectErrorKind::MissingScope { scope: scope.to_owned() },
        _ if message.contains("insufficient permissions") => {
            CollectErrorKind::MissingScope { scope: scope.to_owned() }
        }
        _ if status == StatusCode::UNAUTHORIZED => CollectErrorKind::Unauthorized,
        _ => CollectErrorKind::Forbidden,
    }
}

/// The query parameter that an answer rejects: `param`, or one that its message names.
fn parameter(sent: &ErrorBody, message: &str) -> Option<String> {
    let known = ["tenant_only", "effective_at", "event_types", "order", "limit", "after", "before"];
    sent.param.as_deref().map(plain).filter(|param| !param.is_empty()).or_else(|| {
        let mut named = known.into_iter().filter_map(|name| Some((place_of(name, message)?, name)));
        named.by_ref().min().map(|(_, name)| name.to_owned())
    })
}

/// Where a message mentions this parameter. Most names are English words that any message may contain ("rate
/// limit", "try again after"), so they count only in quotes, with a value, or next to a word such as
/// "parameter".
fn place_of(name: &str, message: &str) -> Option<usize> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let for_parameter = |word: &str| {
        let word = word.trim_matches(|c: char| !is_word(c)).to_ascii_lowercase();
        matches!(word.as_str(), "parameter" | "parameters" | "param" | "argument" | "field")
    };
    let quote = |c: char| matches!(c, '"' | '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}');
    message.match_indices(name).map(|(place, _)| place).find(|place| {
        let (before, behind) = (&message[..*place], &message[place + name.len()..]);
        let (last, next) = (before.chars().next_back(), behind.chars().next());
        if last.is_some_and(is_word) || next.is_some_and(is_word) {
            return false;
        }
        // The API says "Unrecognized request argument supplied: order".
        let mut words_before = before.split_whitespace().rev();
        name.contains('_')
            || (last.is_some_and(quote) && next.is_some_and(|c| quote(c) || c == '['))
            || matches!(next, Some('=' | '['))
            || words_before.find(|word| word.trim_end_matches(':') != "supplied").is_some_and(for_parameter)
            || behind.split_whitespace().next().is_some_and(for_parameter)
    })
}

fn code_or_type(sent: &ErrorBody) -> String {
    plain(sent.code.as_deref().or(sent.kind.as_deref()).unwrap_or("no code"))
}

/// A short identifier that is safe to log, whatever the server sent.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "_-. []".contains(*c)).take(80).collect()
}

/// The delay that a service asks for: `retry-after-ms`, else `Retry-After` in seconds or as a date; at most
/// `max`.
pub fn retry_after(headers: &HeaderMap, now: SystemTime, max: Duration) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str| text.parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0);
    let millis = text("retry-after-ms").and_then(seconds).map(|ms| ms / 1000.0);
    let asked = millis.or_else(|| text("retry-after").and_then(seconds));
    let wait = match asked {
        Some(asked) => Duration::try_from_secs_f64(asked).unwrap_or(max),
        None => {
            let date = httpdate::parse_http_date(text("retry-after")?).ok()?;
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(max))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const MAX: Duration = Duration::from_secs(600);

    fn kind(status: u16, headers: &[(&'static str, &str)], body: &str) -> CollectErrorKind {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        refusal(status, &map, body.as_bytes(), "api.audit_logs.read", MAX).kind
    }

    #[test]
    fn being_out_of_money_is_not_a_rate_limit() {
        let body =
            r#"{"error":{"message":"m","type":"insufficient_quota","code":"project_spend_limit_exceeded"}}"#;
        assert_eq!(
            kind(429, &[], body),
            CollectErrorKind::OutOfMoney { code: "project_spend_limit_exceeded".into() }
        );
        let body = r#"{"error":{"message":"m","type":"insufficient_quota","code":"rate_limit_exceeded"}}"#;
        assert_eq!(kind(429, &[], body), CollectErrorKind::Throttled { retry_after: None });
    }

    #[test]
    fn a_delay_is_read_in_all_three_forms_and_bounded() {
        let asked = |headers: &[(&'static str, &str)]| match kind(429, headers, "") {
            CollectErrorKind::Throttled { retry_after } => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(asked(&[("retry-after", "3")]), Some(Duration::from_secs(3)));
        assert_eq!(
            asked(&[("retry-after-ms", "1500.0"), ("retry-after", "9")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(asked(&[("retry-after", "99999999999999999999")]), Some(MAX));
        assert_eq!(asked(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]), Some(MAX));
        assert_eq!(asked(&[("retry-after", "soon")]), None);
    }

    #[test]
    fn the_server_decides_whether_to_retry_when_it_says_so() {
        assert_eq!(
            kind(503, &[("x-should-retry", "false")], ""),
            CollectErrorKind::Refused { status: 503, code: "no code".into() }
        );
        assert!(matches!(
            kind(400, &[("x-should-retry", "true")], ""),
            CollectErrorKind::Overloaded { status: 400, .. }
        ));
    }

    #[test]
    fn each_refusal_of_a_key_has_a_name_of_its_own() {
        let body = r#"{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: api.audit_logs.read. Check","type":"invalid_request_error"}}"#;
        assert_eq!(
            kind(401, &[], body),
            CollectErrorKind::MissingScope { scope: "api.audit_logs.read".into() }
        );
        let body = r#"{"error":{"message":"x","code":"ip_not_authorized"}}"#;
        assert_eq!(kind(401, &[], body), CollectErrorKind::AddressNotAllowed);
        let body = r#"{"error":{"message":"x","code":"incorrect_hostname"}}"#;
        assert_eq!(kind(401, &[], body), CollectErrorKind::WrongHost);
        let body =
            r#"{"error":{"message":"Incorrect API key provided: sk-abc***","code":"invalid_api_key"}}"#;
        assert_eq!(kind(401, &[], body), CollectErrorKind::Unauthorized);
        assert_eq!(kind(401, &[], ""), CollectErrorKind::Unauthorized);
        assert_eq!(kind(403, &[], "{}"), CollectErrorKind::Forbidden);
        assert_eq!(kind(405, &[], ""), CollectErrorKind::MethodNotAllowed);
    }

    #[test]
    fn a_refused_parameter_is_named_even_when_only_the_message_names_it() {
        let body = r#"{"error":{"message":"Invalid 'after': no such object","type":"invalid_request_error","param":null}}"#;
        assert_eq!(
            kind(400, &[], body),
            CollectErrorKind::ParameterRefused { status: 400, param: "after".into() }
        );
        let body = r#"{"detail":[{"type":"extra_forbidden","loc":["query","order"],"msg":"not permitted"}]}"#;
        assert_eq!(
            kind(422, &[], body),
            CollectErrorKind::ParameterRefused { status: 422, param: "order".into() }
        );
        assert_eq!(kind(404, &[], r#"{"detail":"Not Found"}"#), CollectErrorKind::NotFound);
        assert_eq!(kind(404, &[], ""), CollectErrorKind::NotFound);
    }

    #[test]
    fn a_word_of_english_is_no_parameter() {
        let named = |message: &str| {
            let body = serde_json::json!({"error": {"message": message, "type": "invalid_request_error"}});
            match kind(400, &[], &body.to_string()) {
                CollectErrorKind::ParameterRefused { param, .. } => Some(param),
                CollectErrorKind::Refused { .. } => None,
                other => panic!("{other:?}"),
            }
        };
        for message in [
            "You have reached your rate limit.",
            "Please try again after 20 seconds.",
            "Your order of requests is wrong. Contact us before retrying.",
            "The hereafter, \u{e9}after and limitless",
            "Limit exceeded after 3 tries, in order",
        ] {
            assert_eq!(named(message), None, "{message}");
        }
        for (message, param) in [
            ("Invalid 'limit': integer above maximum value.", "limit"),
            ("Unknown parameter: order", "order"),
            ("Unrecognized request argument supplied: order", "order"),
            ("The after parameter names no object.", "after"),
            ("Invalid cursor: before=audit_log-1", "before"),
            ("\u{201c}after\u{201d} is not known", "after"),
            ("tenant_only is not supported", "tenant_only"),
            ("effective_at[gte] must be a number; see the rate limit", "effective_at"),
        ] {
            assert_eq!(named(message).as_deref(), Some(param), "{message}");
        }
    }

    #[test]
    fn what_a_proxy_says_is_not_taken_for_what_the_api_says() {
        let html = [("content-type", "text/html; charset=utf-8")];
        for status in [401, 403, 400, 451] {
            let intercepted = CollectErrorKind::Intercepted { status };
            assert_eq!(kind(status, &html, "Access denied"), intercepted);
            assert_eq!(kind(status, &[], " <!DOCTYPE html><html>"), intercepted);
        }
        for status in [301, 302, 307, 308] {
            assert_eq!(kind(status, &html, "<html>"), CollectErrorKind::Redirected { status });
        }
        assert_eq!(kind(407, &html, "<html>"), CollectErrorKind::ProxyAuthentication);
        assert_eq!(kind(404, &html, "<html>"), CollectErrorKind::NotFound);
        let body = r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#;
        assert_eq!(kind(401, &html, body), CollectErrorKind::Unauthorized, "it speaks as the API");
    }

    #[test]
    fn nothing_of_a_message_reaches_the_error() {
        let body = r#"{"error":{"message":"key sk-secret of alice@example.com","type":"invalid_request_error","code":"c"}}"#;
        let shown = format!("{:?}", kind(400, &[], body));
        assert!(!shown.contains("secret") && !shown.contains("alice"), "{shown}");
    }
}
