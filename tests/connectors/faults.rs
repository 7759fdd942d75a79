//! What every type that uses HTTP makes of a receiver that is not well.

use std::time::Duration;

use ccfd::connectors::{Retry, RunFailure};
use serde_json::{Value, json};

use super::{Made, made};
use crate::support::fake::{Fake, Fate, Reply, Step};

/// In every secret, so that it is seen wherever it is repeated.
const SECRET: &str = "hunter2hunter2hunter2";

/// A type, with a receiver that is well unless it is scripted.
struct Case {
    server: Fake,
    made: Made,
    params: Value,
}

fn cases() -> Vec<Case> {
    let webhook = {
        let server = Fake::plain(|_| Reply::status(200));
        let secrets = [("user", "ccfd-user"), ("password", SECRET)];
        let made = made(".webhook", json!({ "url": format!("{}/hook", server.url()) }), &secrets);
        Case { server, made, params: json!({ "body": "{}" }) }
    };
    let slack = {
        let server = Fake::plain(|_| Reply::status(200).with_body("ok"));
        let url = format!("{}/services/T/B/{SECRET}", server.url());
        Case {
            made: made(".slack", json!({}), &[("webhookUrl", &url)]),
            server,
            params: json!({ "message": "m" }),
        }
    };
    let pagerduty = {
        let server = Fake::plain(|_| Reply::json(202, &json!({ "status": "success" })));
        let config = json!({ "apiUrl": format!("{}/v2/enqueue", server.url()) });
        Case {
            made: made(".pagerduty", config, &[("routingKey", SECRET)]),
            server,
            params: json!({ "summary": "s" }),
        }
    };
    let servicenow = {
        let server =
            Fake::plain(|_| Reply::json(200, &json!({ "result": { "sys_id": "1", "number": "INC1" } })));
        let secrets = [("username", "ccfd-user"), ("password", SECRET)];
        let made = made(".servicenow", json!({ "apiUrl": server.url() }), &secrets);
        let incident = json!({ "short_description": "s", "correlation_id": "c" });
        let params = json!({ "subAction": "pushToService", "subActionParams": { "incident": incident } });
        Case { server, made, params }
    };
    vec![webhook, slack, pagerduty, servicenow]
}

impl Case {
    /// What a run makes of this answer to its first request.
    async fn after(&self, step: impl Into<Step>) -> RunFailure {
        self.server.script([step.into()]);
        let failed = self.made.run(self.params.clone()).await.expect_err(self.name());
        let text = format!("{failed} {failed:?}");
        assert!(!text.contains(SECRET), "{}: {text}", self.name());
        assert!(text.chars().count() < 2000 && !text.chars().any(char::is_control), "{text}");
        failed
    }

    fn name(&self) -> &str {
        &self.made.connector.type_id
    }
}

#[tokio::test]
async fn a_receiver_that_is_well_is_no_failure() {
    for case in cases() {
        let ran = case.made.run(case.params.clone()).await;
        assert!(ran.is_ok(), "{}: {ran:?}", case.name());
        assert!(!case.server.requests().is_empty());
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    for case in cases() {
        for (status, retry) in [
            (500, Retry::Yes),
            (502, Retry::Yes),
            (503, Retry::Yes),
            (429, Retry::Yes),
            (408, Retry::Yes),
            (400, Retry::No),
            (401, Retry::No),
            (404, Retry::No),
            (410, Retry::No),
        ] {
            let failed = case.after(Reply::status(status)).await;
            assert_eq!(failed.retry, retry, "{} {status}: {failed}", case.name());
            assert!(failed.to_string().contains(&status.to_string()), "{}: {failed}", case.name());
        }
    }
}

#[tokio::test]
async fn a_receiver_that_names_a_time_gets_that_time() {
    for case in cases() {
        for (asked, wait) in [
            ("7", Duration::from_secs(7)),
            ("Sun, 29 Nov 2026 00:01:00 GMT", Duration::from_secs(60)),
            ("99999999", Duration::from_secs(3600)),
        ] {
            for status in [429, 500, 502, 503] {
                let failed = case.after(Reply::status(status).with_header("retry-after", asked)).await;
                assert_eq!(failed.retry, Retry::After(wait), "{} {status} {asked}: {failed}", case.name());
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_tried_again() {
    for case in cases() {
        let body = json!({ "result": "x".repeat(100) }).to_string();
        for fate in [Fate::Lost, Fate::Reset, Fate::CutAfter(20)] {
            let failed = case.after(Reply::status(200).with_body(body.clone()).with_fate(fate)).await;
            assert_eq!(failed.retry, Retry::Yes, "{} {fate:?}: {failed}", case.name());
        }
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_is_left_after_the_timeout() {
    for case in cases() {
        case.server.hold();
        let failed = case.made.run(case.params.clone()).await.expect_err(case.name());
        assert_eq!(failed.retry, Retry::Yes, "{}: {failed}", case.name());
        assert!(failed.to_string().contains("timeout of 700 ms exceeded"), "{}: {failed}", case.name());
        case.server.release();
    }
}

#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let elsewhere = Fake::plain(|_| Reply::status(200).with_body("ok"));
    for case in cases() {
        for status in [301, 302, 307, 308] {
            let port = elsewhere.url().rsplit(':').next().unwrap().to_owned();
            for host in ["127.0.0.1", "localhost"] {
                let place = format!("http://{host}:{port}/");
                let failed = case.after(Reply::status(status).with_header("location", &place)).await;
                assert_eq!(failed.retry, Retry::No, "{} {status} {host}: {failed}", case.name());
            }
        }
    }
    let seen = elsewhere.requests();
    assert!(seen.iter().all(|request| request.header("authorization").is_none()), "{seen:?}");
    assert!(seen.iter().all(|request| request.body.is_empty()), "{seen:?}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_read_and_hides_no_status() {
    for case in cases() {
        let huge = |status| Reply::status(status).with_body(vec![b'x'; 1 << 20]);
        let asked = case.after(huge(503).with_header("retry-after", "7")).await;
        assert_eq!(asked.retry, Retry::After(Duration::from_secs(7)), "{}: {asked}", case.name());
        assert_eq!(case.after(huge(500)).await.retry, Retry::Yes, "{}", case.name());
        assert_eq!(case.after(huge(400)).await.retry, Retry::No, "{}", case.name());
        case.server.script([huge(202).into()]);
        let done = case.made.run(case.params.clone()).await;
        match case.name() {
            ".webhook" | ".pagerduty" => assert!(done.is_ok(), "{}: {done:?}", case.name()),
            // It says `ok` itself.
            ".slack" => assert!(done.is_err(), "{done:?}"),
            _ => {
                let text = done.unwrap_err().to_string();
                assert!(text.contains("maxContentLength size of 65536 exceeded"), "{}: {text}", case.name());
            }
        }
    }
    let slack = cases().into_iter().find(|case| case.name() == ".slack").unwrap();
    let ok = format!("ok\n{}", " ".repeat(1 << 20));
    slack.server.script([Reply::status(200).with_body(ok).into()]);
    assert!(slack.made.run(slack.params.clone()).await.is_ok());
}

#[tokio::test]
async fn whatever_a_receiver_says_is_short_harmless_and_without_secrets() {
    for case in cases() {
        let hostile = format!("\u{1b}[31m\r\nSet-Cookie: x\u{202e}{SECRET} {}", "<b>".repeat(5_000));
        let json = json!({ "message": hostile, "error": { "message": hostile, "detail": hostile }, "errors": [hostile] });
        for body in [json.to_string(), hostile.clone(), json!({ "message": { "deep": hostile } }).to_string()]
        {
            for status in [200, 202, 400, 500] {
                case.server.script([Reply::status(status).with_body(body.clone()).into()]);
                match case.made.run(case.params.clone()).await {
                    Ok(_) => assert!(status < 300, "{} {status}", case.name()),
                    Err(failed) => {
                        let text = format!("{failed} {failed:?}");
                        assert!(!text.contains(SECRET), "{} {status}: {text}", case.name());
                        assert!(text.chars().count() < 2000, "{} {status}: {text}", case.name());
                        assert!(!failed.to_string().chars().any(char::is_control), "{}: {text}", case.name());
                    }
                }
                case.server.script([]);
            }
        }
    }
}

/// What no error may have of the requests of `repeating`.
const PRIVATE: [&str; 5] = ["path-part-1", "query part", "query%20part", "granted to a", "203.0.113.7"];

/// Types whose receiver repeats the whole request, and their parameters.
fn repeating(server: &Fake) -> Vec<(Made, Value)> {
    let url = format!("{}/hooks/path-part-1?token=query%20part", server.url());
    let text = "Owner role granted to a stranger from 203.0.113.7";
    let incident = json!({ "short_description": text, "correlation_id": "c" });
    let asked = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] }).to_string();
    let key = |name: &'static str| [(name, SECRET)];
    vec![
        (
            made(".webhook", json!({ "url": url, "hasAuth": false }), &[]),
            json!({ "body": json!({ "text": text }).to_string() }),
        ),
        (made(".pagerduty", json!({ "apiUrl": url }), &key("routingKey")), json!({ "summary": text })),
        (
            made(".servicenow", json!({ "apiUrl": url }), &[("username", "ccfd-user"), ("password", SECRET)]),
            json!({ "subAction": "pushToService", "subActionParams": { "incident": incident } }),
        ),
        (
            made(
                ".gen-ai",
                json!({ "apiProvider": "Other", "apiUrl": url, "defaultModel": "m" }),
                &key("apiKey"),
            ),
            json!({ "subAction": "run", "subActionParams": { "body": asked } }),
        ),
    ]
}

#[tokio::test]
async fn a_receiver_that_repeats_a_request_tells_neither_its_address_nor_its_body() {
    let server = Fake::plain(|request| {
        let body = String::from_utf8_lossy(&request.body);
        let said = format!("Cannot POST {}?{}: {body}", request.path, request.query);
        let error = json!({ "message": said, "detail": said });
        Reply::json(400, &json!({ "message": said, "errors": [said], "error": error }))
    });
    for (made, params) in repeating(&server) {
        let failed = made.run(params).await.unwrap_err();
        let text = format!("{failed} {failed:?}");
        assert!(text.contains("Cannot POST "), "{text}");
        for private in PRIVATE {
            assert!(!text.contains(private), "{}: {text}", made.connector.type_id);
        }
    }
}
