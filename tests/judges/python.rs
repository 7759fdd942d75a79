use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    fake::{Ca, Fake, Reply},
    python::Python,
};

#[test]
fn the_client_of_microsoft_trusts_the_test_authority() {
    let Some(python) = Python::shared() else { return };
    let (ca, dir) = (Ca::new(), TempDir::new().unwrap());
    let fake = Fake::tls(ca.server(), |_| Reply::status(204).with_header("x-ms-request-id", "r-1"));
    let file = dir.path().join("records.json");
    fs::write(&file, r#"[{"id":"audit_log-1"},{"id":"audit_log-2"}]"#).unwrap();
    let (ca, file) = (ca.path(), file.to_str().unwrap());
    let said = python.run(
        "logs_ingestion.py",
        &[fake.url(), ca.to_str().unwrap(), "a-token", "dcr-1", "Custom-X_CL", file],
    );
    assert_eq!(said["requests"], json!([{ "status": 204, "request_id": "r-1" }]), "{said}");
    let request = &fake.requests()[0];
    assert_eq!(request.path, "/dataCollectionRules/dcr-1/streams/Custom-X_CL");
    assert_eq!(request.query_field("api-version").as_deref(), Some("2023-01-01"));
    assert_eq!(request.header("authorization"), Some("Bearer a-token"));
    assert_eq!(request.json(), json!([{ "id": "audit_log-1" }, { "id": "audit_log-2" }]));
}

#[test]
fn the_client_of_microsoft_says_what_was_refused() {
    let Some(python) = Python::shared() else { return };
    let error = json!({ "error": { "code": "OperationFailed", "message": "no access" } });
    let fake = Fake::plain(move |_| Reply::json(403, &error));
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("records.json");
    fs::write(&file, r#"[{"id":"audit_log-1"}]"#).unwrap();
    let file = file.to_str().unwrap();
    let said = python.run("logs_ingestion.py", &[fake.url(), "-", "t", "dcr-1", "Custom-X_CL", file]);
    assert_eq!(
        (&said["errors"][0]["status"], &said["errors"][0]["code"]),
        (&json!(403), &json!("OperationFailed"))
    );
    assert_eq!(said["failed_logs"], 1);
}

#[test]
fn kibana_py_asks_for_connectors() {
    let Some(python) = Python::shared() else { return };
    let fake = Fake::plain(|_| Reply::json(200, &json!([])));
    assert_eq!(python.run("kibana.py", &[fake.url(), "key", "default", "list"]), json!([]));
    let request = &fake.requests_to("/api/actions/connectors")[0];
    assert_eq!(request.header("authorization"), Some("ApiKey key"));
}
