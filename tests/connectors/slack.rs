//! `.slack`

use serde_json::json;

use super::{made, made_with, not_made, settings};
use crate::support::fake::{Fake, Reply};

fn channel() -> Fake {
    Fake::plain(|_| Reply::status(200).with_body("ok"))
}

#[tokio::test]
async fn a_message_arrives() {
    let server = channel();
    let url = format!("{}/services/T0/B0/sekret", server.url());
    let slack = made(".slack", json!({}), &[("webhookUrl", &url)]);
    assert_eq!(slack.run(json!({ "message": "é <@U1>" })).await, Ok(json!({ "text": "ok" })));
    let request = &server.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/services/T0/B0/sekret"));
    assert_eq!(request.json(), json!({ "text": "é <@U1>" }));
    slack.test().await.unwrap();
}

#[tokio::test]
async fn failures_are_worded_as_kibana_words_them() {
    let server = channel();
    let url = format!("{}/services/T0/B0/sekret", server.url());
    let slack = made(".slack", json!({}), &[("webhookUrl", &url)]);
    let status = |status| format!("An HTTP protocol error occurred: statusCode = {status}");
    let cases = [
        (Reply::status(200).with_body("no_text"), "error posting slack message", Some("no_text".to_owned())),
        (Reply::status(404), "unexpected http response from slack: 404 Not Found", None),
        (Reply::status(500), "error posting a slack message, retry later", Some(status(500))),
        (Reply::status(429), "error posting a slack message, retry later", Some(status(429))),
        (
            Reply::status(429).with_header("retry-after", "1"),
            "error posting a slack message, retry at 2026-11-29T00:00:01.000Z",
            Some(status(429)),
        ),
    ];
    for (reply, message, said) in cases {
        server.script([reply.into()]);
        let failed = slack.run(json!({ "message": "m" })).await.unwrap_err();
        assert_eq!((failed.message.as_str(), failed.service_message), (message, said));
    }
}

#[tokio::test]
async fn the_address_is_a_secret_in_every_error() {
    let url = "http://10.0.0.1/services/T0/B0/sekret";
    let refused = not_made(".slack", json!({}), &[("webhookUrl", url)]);
    assert!(refused.contains("10.0.0.1") && !refused.contains("sekret"), "{refused}");
    let with_password = not_made(".slack", json!({}), &[("webhookUrl", "http://ada:sekret@127.0.0.1/")]);
    assert!(!with_password.contains("sekret"), "{with_password}");
    // A host that was allowed when the connector was made, and is not any more.
    let url = "http://127.0.0.1:1/services/T0/B0/sekret";
    let mut slack = made_with(".slack", json!({}), &[("webhookUrl", url)], settings()).unwrap();
    for outgoing in [ccfd::connectors::outgoing::Outgoing::only_to(&["example.com"]), slack.outgoing] {
        slack.outgoing = outgoing;
        let failed = slack.run(json!({ "message": "m" })).await.unwrap_err();
        assert!(!format!("{failed:?}").contains("sekret"), "{failed:?}");
    }
}

#[test]
fn secrets_and_parameters_are_strict() {
    let url = ("webhookUrl", "http://127.0.0.1:1/");
    assert_eq!(
        not_made(".slack", json!({}), &[]),
        "[webhookUrl]: expected value of type [string] but got [undefined]"
    );
    assert_eq!(
        not_made(".slack", json!({}), &[("webhookUrl", "sekret")]),
        "error configuring slack action: unable to parse host name from webhookUrl"
    );
    assert_eq!(not_made(".slack", json!({ "a": 1 }), &[url]), "[a]: definition for this key is missing");
    assert_eq!(not_made(".slack", json!({}), &[url, ("b", "c")]), "[b]: definition for this key is missing");
    let slack = made(".slack", json!({}), &[url]);
    for params in [json!({}), json!({ "message": "" }), json!({ "message": "m", "blocks": [] })] {
        assert!(!slack.refused(params).is_empty());
    }
}
