//! `.pagerduty`

use serde_json::{Value, json};

use super::{made, made_with, not_made, settings};
use crate::support::fake::{Fake, Reply, Request};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Events API v2, as far as its documents say: a routing key, an action, and a payload for what is new.
fn events() -> Fake {
    Fake::plain(|request: &Request| {
        let event = request.json();
        let mut errors = Vec::new();
        if event["routing_key"] != KEY {
            errors.push(format!("Length of 'routing_key' is incorrect: {}", event["routing_key"]));
        }
        let is_new = event["event_action"] == "trigger";
        if is_new && !event["payload"]["summary"].is_string() {
            errors.push("'payload.summary' is missing or blank".to_owned());
        }
        if !is_new && !event["dedup_key"].is_string() {
            errors.push("'dedup_key' is missing".to_owned());
        }
        if !errors.is_empty() {
            let body =
                json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
            return Reply::json(400, &body);
        }
        let key = event["dedup_key"].as_str().unwrap_or("made up");
        Reply::json(202, &json!({ "status": "success", "message": "Event processed", "dedup_key": key }))
    })
}

fn config(server: &Fake) -> Value {
    json!({ "apiUrl": format!("{}/v2/enqueue", server.url()) })
}

#[tokio::test]
async fn an_event_opens_acknowledges_and_resolves_one_alert() {
    let server = events();
    let pagerduty = made(".pagerduty", config(&server), &[("routingKey", KEY)]);
    for action in ["trigger", "acknowledge", "resolve"] {
        let params = json!({ "eventAction": action, "dedupKey": "alert-1", "summary": "s" });
        let expected = json!({ "status": "success", "message": "Event processed", "dedup_key": "alert-1" });
        assert_eq!(pagerduty.run(params).await, Ok(expected));
    }
    let seen = server.requests();
    assert!(
        seen.iter()
            .all(|request| request.path == "/v2/enqueue" && request.header("x-routing-key") == Some(KEY))
    );
    pagerduty.test().await.unwrap();
    assert_eq!(server.requests()[3].json()["event_action"], "resolve", "nobody is woken by a test");
}

#[tokio::test]
async fn all_attempts_of_a_run_are_one_alert() {
    let server = events();
    let pagerduty = made(".pagerduty", config(&server), &[("routingKey", KEY)]);
    for _ in 0..2 {
        pagerduty.attempt(json!({ "summary": "s" }), Some("alert-7:2")).await.unwrap();
    }
    assert!(server.requests().iter().all(|request| request.json()["dedup_key"] == "alert-7:2"));
}

#[tokio::test]
async fn failures_are_worded_as_kibana_words_them() {
    let server = events();
    let wrong = "this-is-not-the-key-of-anything";
    let pagerduty = made(".pagerduty", config(&server), &[("routingKey", wrong)]);
    let failed = pagerduty.run(json!({ "summary": "s" })).await.unwrap_err();
    assert_eq!(failed.message, "error posting pagerduty event: unexpected status 400");
    let said = "Event object is invalid; Length of 'routing_key' is incorrect: \"[secret]\"";
    assert_eq!(failed.service_message.as_deref(), Some(said));
    for (reply, message) in [
        (Reply::status(429), "error posting pagerduty event: http status 429, retry later"),
        (Reply::status(500), "error posting pagerduty event: http status 500, retry later"),
        (Reply::status(200), "error posting pagerduty event: unexpected status 200"),
    ] {
        server.script([reply.into()]);
        let failed = pagerduty.run(json!({ "summary": "s" })).await.unwrap_err();
        assert_eq!((failed.message.as_str(), failed.service_message), (message, None));
    }
    drop(server);
    let failed = pagerduty.run(json!({ "summary": "s" })).await.unwrap_err();
    assert_eq!(failed.message, "error posting pagerduty event");
}

#[test]
fn settings_and_secrets_are_strict() {
    let refused = |config, secrets: &[(&str, &str)]| not_made(".pagerduty", config, secrets);
    let missing = "[routingKey]: expected value of type [string] but got [undefined]";
    assert_eq!(refused(json!({ "apiUrl": "http://127.0.0.1:1" }), &[]), missing);
    let elsewhere = refused(json!({}), &[("routingKey", KEY)]);
    assert!(
        elsewhere
            .starts_with("error configuring pagerduty action: target url \"https://events.pagerduty.com")
    );
    assert!(
        refused(json!({ "apiUrl": "ftp://127.0.0.1" }), &[("routingKey", KEY)])
            .contains("unable to parse apiUrl")
    );
    assert!(refused(json!({ "url": "x" }), &[("routingKey", KEY)]).contains("[url]"));
    let mut everyone = settings();
    everyone.allowed_hosts.has_public = true;
    let made = made_with(".pagerduty", json!({}), &[("routingKey", KEY)], everyone).unwrap();
    assert_eq!(Value::from(made.connector.config), json!({ "apiUrl": null }));
}
