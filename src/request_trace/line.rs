//! One line of a trace: the parts of a request that may be shown to others. Everything that is not known to
//! be harmless is omitted or masked, so that new fields are not shown by mistake.

use chrono::{DateTime, SecondsFormat, Utc};
use collectors::Exchange;
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

/// Replaces values that are not shown.
const MASK: &str = "***";
/// The longest path, query or header that is shown, to limit the length of a line.
const CHARS_MAX: usize = 1000;

/// Parameters whose values describe the list and the call, and no people or search terms.
const HARMLESS_PARAMETERS: [&str; 14] = [
    "after",
    "api-version",
    "before",
    "effective_at[gt]",
    "effective_at[gte]",
    "effective_at[lt]",
    "effective_at[lte]",
    "event_types[]",
    "expand_wildcards",
    "filter_path",
    "limit",
    "order",
    "refresh",
    "tenant_only",
];

const REQUEST_HEADERS: [&str; 5] =
    ["accept", "content-encoding", "content-type", "kbn-xsrf", "x-ms-client-request-id"];
/// Headers that are shown without their values.
const MASKED_HEADERS: [&str; 3] = ["authorization", "openai-organization", "openai-project"];
const RESPONSE_HEADERS: [&str; 18] = [
    "age",
    "cf-ray",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "openai-processing-ms",
    "openai-version",
    "retry-after",
    "retry-after-ms",
    "server",
    "via",
    "x-cloud-request-id",
    "x-elastic-product",
    "x-ms-client-request-id",
    "x-ms-correlation-request-id",
    "x-ms-request-id",
    "x-request-id",
];
/// Headers with this prefix are shown too.
const RESPONSE_PREFIX: &str = "x-ratelimit-";

#[derive(Serialize)]
struct TraceLine<'a> {
    time: String,
    method: &'a str,
    host: String,
    path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    query: String,
    status: Option<u16>,
    error: Option<&'static str>,
    duration_ms: u64,
    request_bytes: usize,
    response_bytes: usize,
    request_headers: Map<String, Value>,
    response_headers: Map<String, Value>,
}

/// The line for a request, with its line break.
pub(super) fn of(exchange: &Exchange) -> Vec<u8> {
    let url = Url::parse(&exchange.url).ok();
    let answer = exchange.answer.as_ref();
    let line = TraceLine {
        time: time(exchange.at.into()),
        method: exchange.method.as_str(),
        host: url.as_ref().map(host).unwrap_or_default(),
        path: url.as_ref().map(|url| short(url.path())).unwrap_or_default(),
        query: url.as_ref().and_then(Url::query).map(query).unwrap_or_default(),
        status: answer.map(|(status, _)| status.as_u16()),
        error: exchange.failed.map(collectors::FailedRequest::as_str),
        duration_ms: u64::try_from(exchange.took.as_millis()).unwrap_or(u64::MAX),
        request_bytes: exchange.request_bytes,
        response_bytes: exchange.response_bytes,
        request_headers: request_headers(&exchange.headers),
        response_headers: answer.map(|(_, headers)| response_headers(headers)).unwrap_or_default(),
    };
    whole(&line)
}

/// Any value as a line.
pub(super) fn whole(content: &impl Serialize) -> Vec<u8> {
    // Serialization cannot fail: keys are strings, and no I/O is involved.
    let mut line = serde_json::to_vec(content).unwrap_or_default();
    line.push(b'\n');
    line
}

/// A time with milliseconds.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Host and port, without the credentials before an `@`.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn query(query: &str) -> String {
    let shown = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| {
        if HARMLESS_PARAMETERS.contains(&name.as_ref()) {
            return format!("{name}={value}");
        }
        // The operator chose the names of metadata entries.
        let name = name.split_once('[').map_or_else(
            || name.to_string(),
            |(name, rest)| if rest == "]" { format!("{name}[]") } else { format!("{name}[{MASK}]") },
        );
        format!("{name}={MASK}")
    });
    short(&shown.collect::<Vec<_>>().join("&"))
}

fn request_headers(headers: &HeaderMap) -> Map<String, Value> {
    let masked = MASKED_HEADERS.iter().filter(|name| headers.contains_key(**name));
    let masked = masked.map(|name| ((*name).to_owned(), MASK.into()));
    shown(headers, |name| REQUEST_HEADERS.contains(&name)).chain(masked).collect()
}

fn response_headers(headers: &HeaderMap) -> Map<String, Value> {
    let is_shown = |name: &str| RESPONSE_HEADERS.contains(&name) || name.starts_with(RESPONSE_PREFIX);
    shown(headers, is_shown).collect()
}

fn shown(headers: &HeaderMap, is_shown: impl Fn(&str) -> bool) -> impl Iterator<Item = (String, Value)> {
    headers
        .iter()
        .filter(move |(name, value)| is_shown(name.as_str()) && !value.is_sensitive())
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), short(value.to_str().ok()?).into())))
}

fn short(text: &str) -> String {
    text.chars().take(CHARS_MAX).collect()
}
