use serde_json::json;

use super::super::classify::*;
use crate::{connectors::said::Hidden, sinks::remote::RemoteErrorKind};

fn judge(outcome: serde_json::Value) -> RunVerdict {
    let text = outcome.to_string();
    let outcome: ConnectorRun<'_> = serde_json::from_str(&text).unwrap();
    outcome.judge(2, "audit")
}

fn failed(service_message: &str) -> RunVerdict {
    judge(json!({
        "status": "error", "connector_id": "c", "message": "error indexing documents",
        "service_message": service_message, "errorSource": "user",
    }))
}

fn conflict(id: &str) -> String {
    format!("[{id}]: version conflict, document already exists (current version [1])")
}

#[test]
fn a_run_that_is_ok_is_believed_unless_its_documents_say_otherwise() {
    let there = RunVerdict::There { already: 0 };
    assert_eq!(judge(json!({ "status": "ok" })), there);
    assert_eq!(judge(json!({ "status": "ok", "data": { "errors": false, "items": [{}, {}] } })), there);
    for data in [json!({ "errors": true, "items": [{}, {}] }), json!({ "errors": false, "items": [{}] })] {
        let verdict = judge(json!({ "status": "ok", "data": data }));
        assert!(
            matches!(verdict, RunVerdict::Failed(RemoteErrorKind::NotUnderstood(_))),
            "{data}: {verdict:?}"
        );
    }
}

#[test]
fn conflicts_and_nothing_else_mean_that_all_is_there() {
    assert_eq!(failed(&conflict("a")), RunVerdict::There { already: 1 });
    assert_eq!(failed(&format!("{};{}", conflict("a"), conflict("b"))), RunVerdict::There { already: 2 });
}

#[test]
fn what_a_document_holds_cannot_pass_for_a_conflict() {
    let preview = format!("failed to parse field [n]. Preview of field's value: '{}'", conflict("a"));
    for message in [
        preview.clone(),
        format!("{};{preview}", conflict("a")),
        format!("{preview};{}", conflict("a")),
        format!("{} (failed to parse)", conflict("a")),
    ] {
        assert!(matches!(failed(&message), RunVerdict::Documents { .. }), "{message}");
    }
    let three = [conflict("a"), conflict("b"), conflict("c")].join(";");
    assert!(matches!(failed(&three), RunVerdict::Failed(_)), "more conflicts than documents");
}

#[test]
fn a_mixed_message_names_what_is_there() {
    let message = format!("failed to parse field [n];{}", conflict("a"));
    assert!(names_as_there(&message, "a") && !names_as_there(&message, "b"));
}

#[test]
fn a_run_that_kibana_would_try_again_blames_no_document() {
    for service_message in ["connect ECONNREFUSED", "failed to parse", "closed", ""] {
        for retry in [json!(true), json!("2026-02-13T10:52:05.000Z")] {
            let thrown = json!({ "status": "error", "service_message": service_message, "retry": retry });
            let verdict = judge(thrown);
            let passes = matches!(verdict, RunVerdict::Failed(RemoteErrorKind::RunFailed { .. }));
            assert!(passes, "{service_message}: {verdict:?}");
        }
    }
}

#[test]
fn parameters_that_kibana_does_not_take_are_no_documents_fault() {
    let message = "error validating action params: [documents]: array size is [500]";
    let verdict = judge(json!({ "status": "error", "message": message, "retry": false }));
    assert_eq!(
        verdict,
        RunVerdict::Failed(RemoteErrorKind::Refused { status: 200, code: "invalid_parameters".to_owned() })
    );
}

#[test]
fn what_kibana_says_repeats_no_credentials() {
    let key = secrecy::SecretString::from("aWQtMTpzZWNyZXQtb2Yta2V5");
    let body = |text: &str| json!({ "statusCode": 401, "message": text }).to_string();
    let text = body("unable to authenticate with ApiKey aWQtMTpzZWNyZXQtb2Yta2V5");
    assert_eq!(
        message(text.as_bytes(), &Hidden::one(Some(&key))),
        "unable to authenticate with ApiKey [secret]"
    );
    let long = body(&format!("{}aWQtMTpzZWNyZXQtb2Yta2V5", "x".repeat(150)));
    assert!(!message(long.as_bytes(), &Hidden::one(Some(&key))).contains("aWQt"), "also where it is cut");
}

#[test]
fn what_kibana_says_is_recognised_in_full_and_shown_in_part() {
    let text = format!("{} with owners", "x".repeat(1_000));
    let body = json!({ "statusCode": 403, "message": text }).to_string();
    let hidden = Hidden::one(None);
    assert_eq!(whole_message(body.as_bytes(), &hidden), text);
    assert!(message(body.as_bytes(), &hidden).len() <= 160);
}
