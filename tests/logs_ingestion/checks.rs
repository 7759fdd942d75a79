use ccfd::{
    sinks::{Sink, remote::RemoteErrorKind},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Tables},
};
use serde_json::json;

use super::{AUDIT, CHAT, Rig, remote};

#[tokio::test]
async fn a_check_proves_each_stream_without_a_row() {
    let rig = Rig::new();
    let said = rig.sink.check(&Tables::built_in().of_records()).await.unwrap().to_string();
    assert!(said.contains(&format!("{AUDIT}: accepts rows")), "{said}");
    assert!(said.contains(&format!("{CHAT}: accepts rows")), "{said}");
    let requests = rig.azure.ingestion.server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.json() == json!([])));
    assert_eq!(rig.azure.ingestion.rows(AUDIT).len(), 0);
}

#[tokio::test]
async fn a_check_fails_as_a_write_would() {
    let rig = Rig::new();
    rig.azure.ingestion.set_denied(true);
    let denied = remote(rig.sink.check(&Tables::built_in().of_records()).await.unwrap_err()).kind;
    assert_eq!(denied, RemoteErrorKind::Forbidden { code: "OperationFailed".to_owned() });
    rig.azure.ingestion.set_denied(false);
    rig.azure.ingestion.set_audience("https://monitor.azure.us");
    let other_cloud = remote(rig.sink.check(&Tables::built_in().of_records()).await.unwrap_err()).kind;
    assert_eq!(other_cloud, RemoteErrorKind::Unauthorized { code: "InvalidToken".to_owned() });
}

#[tokio::test]
async fn a_rule_for_one_of_the_two_lists_is_sound_and_one_for_none_is_not() {
    let one = Rig::with("streams = { chat_completions = \"Custom-Nowhere\" }");
    let said = one.sink.check(&Tables::built_in().of_records()).await.unwrap().to_string();
    assert!(said.contains("Custom-Nowhere: not in this rule"), "{said}");
    let none = Rig::with("streams = { audit_logs = \"Custom-A\", chat_completions = \"Custom-B\" }");
    let error = remote(none.sink.check(&Tables::built_in().of_records()).await.unwrap_err());
    assert!(matches!(error.kind, RemoteErrorKind::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn endpoint_rule_and_stream_name_the_destination() {
    let rig = Rig::new();
    let (audit, chat) = (rig.sink.identity(&AUDIT_LOGS), rig.sink.identity(&CHAT_COMPLETIONS));
    assert!(audit.starts_with("logs_ingestion https://127.0.0.1:") && audit.ends_with(AUDIT), "{audit}");
    assert!(chat.ends_with(CHAT) && audit != chat);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let azure = crate::support::fake_azure::Azure::start();
    let stranger = crate::support::fake::Ca::new();
    let server =
        crate::support::fake::Fake::tls(stranger.server(), |_| crate::support::fake::Reply::status(204));
    let rig = Rig::at(azure, server.url(), "");
    let error = remote(rig.sink.check(&Tables::built_in().of_records()).await.unwrap_err());
    assert!(matches!(error.kind, RemoteErrorKind::Untrusted(_)), "{error}");
    assert_eq!(server.requests().len(), 0);
}
