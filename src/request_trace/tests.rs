use std::{
    fs,
    time::{Duration, SystemTime},
};

use collectors::{Exchange, FailedRequest};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    BYTES_MAX, OpenTrace, TraceError,
    kept::{KeptTraces, TraceHead},
    line,
};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    pairs.iter().map(pair).collect()
}

fn exchange(url: &str) -> Exchange {
    Exchange {
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_500),
        took: Duration::from_millis(70),
        method: Method::GET,
        url: url.to_owned(),
        headers: HeaderMap::new(),
        request_bytes: 0,
        answer: None,
        response_bytes: 0,
        failed: Some(FailedRequest::Connect),
    }
}

fn read(exchange: &Exchange) -> Value {
    serde_json::from_slice(&line::of(exchange)).unwrap()
}

#[test]
fn only_what_is_known_to_be_harmless_is_shown_of_a_url() {
    let line = read(&exchange(
        "https://user:hunter2@api.example.com:8443/v1/list?limit=100&effective_at%5Bgte%5D=5&actor_emails%5B%5D=a%40b.example\
         &metadata%5Bpatient%5D=smith&event_types[]=login.failed&token=hunter2",
    ));
    assert_eq!((&line["host"], &line["path"]), (&json!("api.example.com:8443"), &json!("/v1/list")));
    let query = "limit=100&effective_at[gte]=5&actor_emails[]=***&metadata[***]=***&event_types[]=login.failed&token=***";
    assert_eq!(line["query"], query);
    assert_eq!((&line["time"], &line["duration_ms"]), (&json!("1970-01-01T00:00:01.500Z"), &json!(70)));
    assert_eq!((&line["status"], &line["error"]), (&Value::Null, &json!("connect")));
}

#[test]
fn headers_are_shown_by_name_and_secrets_not_at_all() {
    let mut one = exchange("https://api.example.com/v1/list");
    one.headers = headers(&[
        ("authorization", "Bearer sk-secret"),
        ("openai-organization", "org-secret"),
        ("accept", "application/json"),
        ("x-identity-header", "secret"),
    ]);
    let answer = [
        ("x-request-id", "r-1"),
        ("x-ratelimit-remaining-requests", "9"),
        ("set-cookie", "secret"),
        ("openai-organization", "secret"),
    ];
    one.answer = Some((StatusCode::OK, headers(&answer)));
    one.failed = None;
    let line = read(&one);
    assert!(!line.to_string().contains("secret"), "{line}");
    let sent = json!({ "accept": "application/json", "authorization": "***", "openai-organization": "***" });
    assert_eq!(line["request_headers"], sent);
    let got = json!({ "x-request-id": "r-1", "x-ratelimit-remaining-requests": "9" });
    assert_eq!((&line["response_headers"], &line["status"]), (&got, &json!(200)));
}

#[test]
fn a_line_is_bounded_whatever_is_in_it() {
    let one =
        exchange(&format!("https://api.example.com/{}?after={}", "x".repeat(100_000), "y".repeat(100_000)));
    assert!(line::of(&one).len() < 3_000);
}

#[test]
fn a_trace_ends_at_its_bound_and_is_never_written_into_what_is_there() {
    let dir = TempDir::new().unwrap();
    let (path, now) = (dir.path().join("trace"), chrono::Utc::now());
    let mut kept = KeptTraces::load(dir.path(), now.timestamp());
    let mut open = OpenTrace::create(&path, now, &mut kept).unwrap();
    let line = vec![b'x'; 1 << 20];
    let written = (0..1_000).take_while(|_| open.write(&line)).count() as u64;
    assert_eq!(written, BYTES_MAX >> 20);
    assert!(fs::read_to_string(&path).unwrap().ends_with("{\"ended\":\"full\"}\n"));
    assert!(matches!(OpenTrace::create(&path, now, &mut kept), Err(TraceError::Exists(_))));
}

#[test]
fn a_trace_whose_time_has_come_is_removed_and_what_took_its_place_is_not() {
    let dir = TempDir::new().unwrap();
    let (ours, other, later) = (dir.path().join("ours"), dir.path().join("other"), dir.path().join("later"));
    let head = |remove_at| {
        let head = TraceHead { request_trace: 1, ccfd: String::new(), began: String::new(), remove_at };
        line::whole(&head)
    };
    fs::write(&ours, head(50)).unwrap();
    fs::write(&other, "what somebody else put there").unwrap();
    fs::write(&later, head(200)).unwrap();
    let mut kept = KeptTraces::load(dir.path(), 100);
    for (path, remove_at) in [(&ours, 50), (&other, 50), (&later, 200)] {
        kept.add(path.clone(), remove_at, 100).unwrap();
    }
    let mut kept = KeptTraces::load(dir.path(), 100);
    assert_eq!(kept.remove_due(), [ours.clone(), other.clone()]);
    assert!(!ours.exists() && other.exists() && later.exists());
    let mut kept = KeptTraces::load(dir.path(), 300);
    assert_eq!(kept.remove_due(), [later]);
    assert!(KeptTraces::load(dir.path(), 300).is_empty());
}

#[test]
fn what_another_command_has_added_to_the_list_stays_on_it() {
    let dir = TempDir::new().unwrap();
    let (mut daemon, mut check) = (KeptTraces::load(dir.path(), 100), KeptTraces::load(dir.path(), 100));
    daemon.add(dir.path().join("due"), 50, 100).unwrap();
    check.add(dir.path().join("later"), 200, 100).unwrap();
    assert_eq!(KeptTraces::load(dir.path(), 300).remove_due().len(), 2);
    daemon.add(dir.path().join("due"), 50, 100).unwrap();
    check.add(dir.path().join("later"), 200, 100).unwrap();
    daemon.remove_due();
    assert_eq!(KeptTraces::load(dir.path(), 300).remove_due(), [dir.path().join("later")]);
}
