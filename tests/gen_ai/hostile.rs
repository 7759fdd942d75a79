use ccfd::connectors::{Retry, StreamEnding, TokenUsage};
use serde_json::json;

use super::{Advisor, KEY, QUESTION, upstream::Upstream};

/// What a run says about an answer.
async fn said(status: &str, content_type: &str, body: &[u8]) -> (String, Retry) {
    let upstream = Upstream::of(status, content_type, &[body]).at_once();
    let failed = Advisor::at(&upstream.url()).reason(QUESTION).await;
    (failed.service_message.unwrap(), failed.retry)
}

#[tokio::test]
async fn a_page_or_an_error_with_a_status_of_success_is_no_answer() {
    let page =
        "Response validation failed (Error: expected a plain object value, but found [string] instead.)";
    for body in [&b"<html>Sign in</html>"[..], b"\xff\xfe\x00", b"{\"usage\":"] {
        assert_eq!(said("200 OK", "text/html", body).await, (page.to_owned(), Retry::No));
    }
    let (error, _) = said("200 OK", "application/json", br#"{"error":{"message":"overloaded"}}"#).await;
    assert!(error.starts_with("Response validation failed (Error: [usage]: "), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let piece = vec![b'x'; 300 << 10];
    let upstream = Upstream::of("200 OK", "application/json", &[&piece[..]; 5]).at_once();
    let failed = Advisor::at(&upstream.url()).reason(QUESTION).await;
    let message = failed.service_message.unwrap();
    assert!(message.ends_with("ERR_BAD_RESPONSE - maxContentLength size of 1048576 exceeded"), "{message}");
}

#[tokio::test]
async fn a_stream_of_anything_passes_and_its_tokens_stay_unknown() {
    let line = vec![b'x'; 300 << 10];
    let pieces: [&[u8]; 5] = [
        b"data: \xff\xfe{\"usage\"}\n",
        &line,
        &line,
        b"\ndata: {\"usage\":{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":-1,\"total_tokens\":1e300}}\n",
        b"data: {\"usage\":[[[[[[\n\n",
    ];
    let upstream = Upstream::of_events(&pieces).at_once();
    let (bytes, is_cut, end) =
        Advisor::at(&upstream.url()).stream(QUESTION).await.unwrap().read_to_end().await;
    assert!(bytes == pieces.concat() && !is_cut, "every byte passes");
    assert_eq!((end.usage, end.ending), (TokenUsage::default(), StreamEnding::Cut));
}

#[tokio::test]
async fn a_stream_that_is_a_page_is_not_passed_on_as_one() {
    let upstream = Upstream::of("200 OK", "text/html", &[b"<script>"]).at_once();
    let passed = Advisor::at(&upstream.url()).stream(QUESTION).await.unwrap();
    assert_eq!(passed.content_type, "application/octet-stream");
}

#[tokio::test]
async fn a_stream_that_is_refused_is_a_failure_in_words() {
    let error = json!({ "error": { "message": format!("no access for {KEY}") } }).to_string();
    let upstream = Upstream::of("403 Forbidden", "application/json", &[error.as_bytes()]).at_once();
    let failed = Advisor::at(&upstream.url()).stream(QUESTION).await.map(drop).expect_err("refused");
    let message = failed.service_message.unwrap();
    assert_eq!(message, "Status code: 403. Message: API Error: Forbidden - no access for [secret]");
}
