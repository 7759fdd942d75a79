use std::{fs, time::Duration};

use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    fake::Step,
    fake_azure::{
        ASSERTION, Azure, CLIENT_ID, CLIENT_SECRET, DCR, Entra, IDENTITY_HEADER, Loss, TENANT, entra_error,
    },
    http,
    python::Python,
};

const MONITOR: &str = "https://monitor.azure.com";
const AUDIT: &str = "Custom-OpenAIAuditLogs_CL";

fn client(azure: &Azure) -> Client {
    let ca = Certificate::from_pem(azure.ca.pem().as_bytes()).unwrap();
    Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap()
}

async fn ask(azure: &Azure, form: &str) -> (u16, Value) {
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", azure.entra.server.url());
    let response = client(azure).post(url).body(form.to_owned()).send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

fn form(secret: &str) -> String {
    format!(
        "client_id={CLIENT_ID}&grant_type=client_credentials&scope=https%3A%2F%2Fmonitor.azure.com%2F.default&{secret}"
    )
}

async fn send_to(azure: &Azure, path: &str, token: &str, gzip: bool, body: Vec<u8>) -> u16 {
    let url = format!("{}{path}?api-version=2023-01-01", azure.ingestion.server.url());
    let mut request = client(azure).post(url).bearer_auth(token).body(body);
    if gzip {
        request = request.header("content-encoding", "gzip");
    }
    let response = request.send().await.unwrap();
    assert!(response.headers().contains_key("x-ms-request-id"));
    response.status().as_u16()
}

async fn send(azure: &Azure, body: &str) -> u16 {
    let token = azure.entra.token(MONITOR);
    let path = format!("/dataCollectionRules/{DCR}/streams/{AUDIT}");
    send_to(azure, &path, &token, false, body.to_owned().into_bytes()).await
}

#[tokio::test]
async fn a_secret_or_an_assertion_earns_a_token() {
    let azure = Azure::start();
    let assertion = format!(
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={ASSERTION}"
    );
    for proof in [format!("client_secret={CLIENT_SECRET}"), assertion] {
        let (status, token) = ask(&azure, &form(&proof)).await;
        assert_eq!((status, &token["expires_in"]), (200, &json!(3599)));
    }
    let (status, refusal) = ask(&azure, &form("client_secret=guessed")).await;
    assert_eq!((status, &refusal["error_codes"][0]), (401, &json!(7_000_215)));
    assert_eq!(azure.entra.count(), 2);
}

#[tokio::test]
async fn the_authority_fails_as_scripted() {
    let azure = Azure::start();
    azure.entra.server.script([Step::from(entra_error(503, "temporarily_unavailable", 90033))]);
    assert_eq!(ask(&azure, &form("")).await.0, 503);
}

#[test]
fn a_managed_identity_gets_numbers_as_strings() {
    let entra = Entra::start(None);
    let vm = format!("{}/metadata/identity/oauth2/token", entra.server.url());
    for (url, header) in
        [(entra.identity_endpoint(), ("x-identity-header", IDENTITY_HEADER)), (vm, ("metadata", "true"))]
    {
        let url = format!("{url}?api-version=2019-08-01&resource={MONITOR}");
        let (status, token) = http::send(reqwest::Method::GET, &url, &[header], Vec::new());
        assert_eq!((status, &token["expires_in"]), (200, &json!("3599")));
        assert_eq!(http::send(reqwest::Method::GET, &url, &[], Vec::new()).0, 400);
    }
}

#[tokio::test]
async fn rows_arrive_with_a_good_token_only() {
    let azure = Azure::start();
    assert_eq!(send(&azure, r#"[{"id":"audit_log-1"}]"#).await, 204);
    assert_eq!(azure.ingestion.rows(AUDIT), [json!({ "id": "audit_log-1" })]);
    let path = format!("/dataCollectionRules/{DCR}/streams/{AUDIT}");
    assert_eq!(send_to(&azure, &path, "unknown", false, b"[]".to_vec()).await, 401);
    let token = azure.entra.token(MONITOR);
    azure.entra.revoke();
    assert_eq!(send_to(&azure, &path, &token, false, b"[]".to_vec()).await, 401);
    azure.entra.set_lifetime(Duration::ZERO);
    assert_eq!(send(&azure, "[]").await, 401);
}

#[tokio::test]
async fn a_token_for_another_cloud_is_unknown() {
    let azure = Azure::start();
    azure.ingestion.set_audience("https://monitor.azure.us");
    assert_eq!(send(&azure, "[]").await, 401);
}

#[tokio::test]
async fn what_is_denied_or_nowhere_is_said() {
    let azure = Azure::start();
    azure.ingestion.set_denied(true);
    assert_eq!(send(&azure, "[]").await, 403);
    let token = azure.entra.token(MONITOR);
    for path in [
        format!("/dataCollectionRules/dcr-0/streams/{AUDIT}"),
        format!("/dataCollectionRules/{DCR}/streams/x"),
    ] {
        assert_eq!(send_to(&azure, &path, &token, false, b"[]".to_vec()).await, 404);
    }
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused() {
    let azure = Azure::start();
    let body = |bytes: usize| format!("[{}]", " ".repeat(bytes - 2));
    assert_eq!(send(&azure, &body(1_048_576)).await, 204);
    assert_eq!(send(&azure, &body(1_048_577)).await, 413);
}

#[tokio::test]
async fn what_is_lost_behind_a_204_is_remembered() {
    let azure = Azure::start();
    let long = "é".repeat(40_000);
    let body =
        json!([{ "id": "audit_log-1", "EventDetails": { "text": long }, "unheard_of": 1 }]).to_string();
    assert_eq!(send(&azure, &body).await, 204);
    assert_eq!(send(&azure, r#"{"id":"audit_log-2"}"#).await, 204);
    let path = format!("/dataCollectionRules/{DCR}/streams/{AUDIT}");
    let token = azure.entra.token(MONITOR);
    assert_eq!(send_to(&azure, &path, &token, true, b"[]".to_vec()).await, 204);
    let of = |field: &str| (AUDIT.to_owned(), field.to_owned());
    let ((stream, field), (other, unheard_of)) = (of("EventDetails"), of("unheard_of"));
    let lost = [
        Loss::Cut { stream, field, bytes: 80_011 },
        Loss::Undeclared { stream: other, field: unheard_of },
        Loss::BareObject,
        Loss::NotGzip,
    ];
    assert_eq!(azure.ingestion.losses(), lost);
    assert_eq!(azure.ingestion.rows(AUDIT).len(), 1);
    assert_eq!(send(&azure, "[1]").await, 400);
}

#[tokio::test]
async fn more_than_50_mib_inflated_are_lost() {
    use std::io::Write;
    let azure = Azure::start();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(format!("[{}]", " ".repeat(50 << 20)).as_bytes()).unwrap();
    let path = format!("/dataCollectionRules/{DCR}/streams/{AUDIT}");
    let token = azure.entra.token(MONITOR);
    assert_eq!(send_to(&azure, &path, &token, true, gzip.finish().unwrap()).await, 204);
    assert_eq!(azure.ingestion.losses(), [Loss::TooLarge { inflated_bytes: (50 << 20) + 2 }]);
}

#[test]
fn the_client_of_microsoft_delivers() {
    let Some(python) = Python::shared() else { return };
    let (azure, dir) = (Azure::start(), TempDir::new().unwrap());
    let file = dir.path().join("records.json");
    fs::write(&file, r#"[{"id":"audit_log-1"},{"id":"audit_log-2"}]"#).unwrap();
    let (ca, token) = (azure.ca.path(), azure.entra.token(MONITOR));
    let url = azure.ingestion.server.url();
    let said = python
        .run("logs_ingestion.py", &[url, ca.to_str().unwrap(), &token, DCR, AUDIT, file.to_str().unwrap()]);
    assert_eq!((&said["requests"][0]["status"], &said["failed_logs"]), (&json!(204), &json!(0)));
    assert_eq!(azure.ingestion.rows(AUDIT), [json!({ "id": "audit_log-1" }), json!({ "id": "audit_log-2" })]);
    assert_eq!(azure.ingestion.losses(), []);
}
