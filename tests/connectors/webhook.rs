//! `.webhook`

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ccfd::connectors::Retry;
use serde_json::{Value, json};

use super::{NOW, made, not_made};
use crate::support::fake::{Fake, Reply};

const BASIC: [(&str, &str); 2] = [("user", "ada"), ("password", "lovelace")];

fn receiver() -> Fake {
    Fake::plain(|_| Reply::status(200))
}

#[tokio::test]
async fn a_body_arrives_as_it_was_given() {
    let server = receiver();
    let url = format!("{}/hook?a=b", server.url());
    let config = json!({ "url": url, "method": "put", "headers": { "x-team": "soc" } });
    let webhook = made(".webhook", config, &BASIC);
    let body = "{ \"a\":  1, \"é\": \"\\u0000\" }\n";
    assert_eq!(webhook.run(json!({ "body": body })).await, Ok(Value::from(body)));
    let request = &server.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str(), request.query.as_str()),
        ("PUT", "/hook", "a=b")
    );
    assert_eq!(request.body, body);
    assert_eq!(request.header("x-team"), Some("soc"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("authorization"), Some("Basic YWRhOmxvdmVsYWNl"));
    assert_eq!(request.header("idempotency-key"), None);
    webhook.test().await.unwrap();
}

#[tokio::test]
async fn a_connector_without_secrets_sends_none() {
    let server = receiver();
    made(".webhook", json!({ "url": server.url() }), &[]).run(json!({ "body": "b" })).await.unwrap();
    assert!(!server.requests()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn each_method_is_sent_and_two_of_them_without_a_body() {
    let server = receiver();
    for (method, body) in [("post", "b"), ("put", "b"), ("patch", "b"), ("get", ""), ("delete", "")] {
        let config = json!({ "url": server.url(), "method": method, "hasAuth": false });
        made(".webhook", config, &[]).run(json!({ "body": "b" })).await.unwrap();
        let request = server.requests().pop().unwrap();
        assert_eq!((request.method, request.body), (method.to_uppercase(), body.into()));
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn all_attempts_of_a_run_have_one_key() {
    let server = receiver();
    let webhook = made(".webhook", json!({ "url": server.url(), "hasAuth": false }), &[]);
    for key in ["alert-1:action-2", "alert-1:action-2", "a key\r\nwith: a line break"] {
        webhook.attempt(json!({ "body": "b" }), Some(key)).await.unwrap();
    }
    let seen = server.requests();
    let keys: Vec<_> = seen.iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys[..2], ["alert-1:action-2", "alert-1:action-2"]);
    assert_eq!(keys[2].len(), 64, "what no header can carry is hashed");
    assert!(!seen[2].headers.contains_key("with"));
}

#[tokio::test]
async fn a_receiver_can_verify_who_sent_a_body_and_when() {
    let server = receiver();
    let secrets = [("hmacKey", "a key of 16 bytes or more")];
    let webhook = made(".webhook", json!({ "url": server.url(), "hasAuth": false }), &secrets);
    let body = "{ \"exact\":   \"bytes\" }";
    webhook.attempt(json!({ "body": body }), Some("run-1")).await.unwrap();
    let request = &server.requests()[0];
    let (id, time) = (request.header("webhook-id").unwrap(), request.header("webhook-timestamp").unwrap());
    assert_eq!((id, time), ("run-1", NOW.to_string().as_str()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secrets[0].1.as_bytes());
    let signature = request.header("webhook-signature").unwrap().strip_prefix("v1,").unwrap();
    let tag = STANDARD.decode(signature).unwrap();
    let signed = |body: &str| format!("{id}.{time}.{body}").into_bytes();
    assert!(hmac::verify(&key, &signed(body), &tag).is_ok());
    assert!(hmac::verify(&key, &signed("{ \"exact\": \"bytes\" }"), &tag).is_err());
    webhook.run(json!({ "body": body })).await.unwrap();
    let named = server.requests()[1].header("webhook-id").unwrap().to_owned();
    assert!(named.starts_with("msg_") && named.len() == 36, "{named}");
}

#[tokio::test]
async fn a_secret_header_is_sent_and_not_repeated() {
    let server = Fake::plain(|request| {
        let token = request.header("authorization").unwrap_or_default();
        Reply::json(400, &json!({ "message": format!("unknown token: {token}") }))
    });
    let headers = json!({ "Authorization": "Bearer sekret-token" }).to_string();
    let config = json!({ "url": server.url(), "hasAuth": false });
    let failed = made(".webhook", config, &[("secretHeaders", &headers)]).run(json!({})).await.unwrap_err();
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer sekret-token"));
    let said = "[400] Bad Request: unknown token: [secret]";
    assert_eq!(failed.service_message.as_deref(), Some(said));
}

#[tokio::test]
async fn a_server_that_repeats_what_it_has_decoded_of_a_secret_header_tells_no_secret() {
    // `ccfd:sekret-password`, with and without padding.
    for encoded in ["Basic Y2NmZDpzZWtyZXQtcGFzc3dvcmQ=", "basic  Y2NmZDpzZWtyZXQtcGFzc3dvcmQ"] {
        let server = Fake::plain(|_| {
            Reply::json(
                401,
                &json!({ "message": "no user ccfd with sekret-password (ccfd:sekret-password)" }),
            )
        });
        let headers = json!({ "Authorization": encoded }).to_string();
        let config = json!({ "url": server.url(), "hasAuth": false });
        let failed =
            made(".webhook", config, &[("secretHeaders", &headers)]).run(json!({})).await.unwrap_err();
        let said = "[401] Unauthorized: no user [secret] with [secret] ([secret])";
        assert_eq!(failed.service_message.as_deref(), Some(said), "{encoded}");
    }
}

#[tokio::test]
async fn failures_are_worded_as_kibana_words_them() {
    let server = receiver();
    let webhook = made(".webhook", json!({ "url": server.url(), "hasAuth": false }), &[]);
    let cases = [
        (
            Reply::json(404, &json!({ "message": "no such hook" })),
            "error calling webhook, invalid response",
            "[404] Not Found: no such hook",
        ),
        (
            Reply::status(503).with_body("<html>"),
            "error calling webhook, retry later",
            "[503] Service Unavailable",
        ),
        (Reply::status(429), "error calling webhook, retry later", "[429] Too Many Requests"),
        (
            Reply::status(429).with_header("retry-after", "30"),
            "error calling webhook, retry at 2026-11-29T00:00:30.000Z",
            "[429] Too Many Requests",
        ),
    ];
    for (reply, message, said) in cases {
        server.script([reply.into()]);
        let failed = webhook.run(json!({ "body": "b" })).await.unwrap_err();
        assert_eq!((failed.message.as_str(), failed.service_message.as_deref()), (message, Some(said)));
    }
    drop(server);
    let failed = webhook.run(json!({ "body": "b" })).await.unwrap_err();
    assert_eq!(
        (failed.message.as_str(), failed.retry),
        ("error calling webhook, request failed", Retry::Yes)
    );
}

#[test]
fn settings_and_secrets_are_strict() {
    let url = "http://127.0.0.1:1/";
    let refused = |config: Value, secrets: &[(&str, &str)]| not_made(".webhook", config, secrets);
    assert_eq!(refused(json!({}), &[]), "[url]: expected value of type [string] but got [undefined]");
    assert_eq!(
        refused(json!({ "url": url, "more": 1 }), &BASIC),
        "[more]: definition for this key is missing"
    );
    let elsewhere = refused(json!({ "url": "http://10.0.0.1/x" }), &BASIC);
    assert!(
        elsewhere.starts_with(
            "error validation webhook action config: target url \"http://10.0.0.1\" is not added"
        ),
        "{elsewhere}"
    );
    for (config, secrets, why) in [
        (json!({ "url": "file:///etc/passwd" }), &BASIC[..], "unable to parse url"),
        (json!({ "url": "no url" }), &BASIC[..], "unable to parse url"),
        (json!({ "url": url, "method": "trace" }), &BASIC[..], "[method]: expected value to equal one of"),
        (json!({ "url": url, "headers": { "host": "elsewhere" } }), &BASIC[..], "cannot be set"),
        (json!({ "url": url, "headers": { "x": "a\r\nb: c" } }), &BASIC[..], "no header can carry"),
        (json!({ "url": url, "headers": { "a b": "c" } }), &BASIC[..], "no name of a header"),
        (json!({ "url": url }), &BASIC[..1], "must specify one of the following schemas"),
        (
            json!({ "url": url, "hasAuth": false, "authType": "webhook-authentication-basic" }),
            &[],
            "authType must be null",
        ),
        (json!({ "url": url, "authType": "webhook-oauth2-client-credentials" }), &[], "is not supported"),
        (
            json!({ "url": url, "authType": "webhook-authentication-ssl" }),
            &[],
            "crt and key must be specified",
        ),
        (json!({ "url": url, "certType": "ssl-pfx" }), &BASIC[..], "certType \"ssl-pfx\" is disabled"),
        (json!({ "url": url, "hasAuth": false }), &[("hmacKey", "short")], "fewer than 16 bytes"),
        (
            json!({ "url": url, "hasAuth": false }),
            &[("token", "x")],
            "[token]: definition for this key is missing",
        ),
        (
            json!({ "url": url, "hasAuth": false }),
            &[("secretHeaders", "[1]")],
            "expected an object with texts",
        ),
    ] {
        let refused = refused(config.clone(), secrets);
        assert!(refused.contains(why), "{config}: {refused}");
    }
    let webhook = made(".webhook", json!({ "url": url, "hasAuth": false }), &[]);
    assert_eq!(
        webhook.refused(json!({ "body": 1 })),
        "[body]: expected value of type [string] but got [number]"
    );
    assert_eq!(webhook.refused(json!({ "to": 1 })), "[to]: definition for this key is missing");
    let shown = json!({ "url": url, "hasAuth": false, "method": "post", "headers": null });
    assert_eq!(Value::from(webhook.connector.config), shown);
}
