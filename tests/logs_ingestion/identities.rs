//! Sources of tokens. Those that depend on the whole process are tested with the real binary.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use ccfd::sinks::remote::RemoteErrorKind;
use serde_json::Value;
use tempfile::TempDir;

use super::{Rig, config, failure};
use crate::support::{
    fake_azure::{ASSERTION, Azure, CLIENT_ID, Entra, IDENTITY_HEADER, Ingestion, TENANT},
    process::{Place, Simulated},
};

const WORKLOAD: &str = "kind = \"workload_identity\"";

fn write_private(file: &Path, content: &str) {
    fs::write(file, content).unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
}

fn workload(auth: &str, variables: &[(&str, &str)]) -> Rig {
    let azure = Azure::start();
    let endpoint = azure.ingestion.server.url().to_owned();
    Rig::as_identity(azure, &endpoint, "", auth, variables)
}

#[tokio::test]
async fn a_workload_is_known_by_the_file_that_its_environment_names() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("token");
    write_private(&file, "an old one");
    let rig = workload(
        WORKLOAD,
        &[
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_ID", CLIENT_ID),
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
        ],
    );
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert!(matches!(error.kind, RemoteErrorKind::Unauthorized { .. }), "{error}");
    // It is replaced from time to time, and read whenever a token is asked for.
    fs::write(&file, ASSERTION).unwrap();
    rig.sink_is_warm().await;
}

#[tokio::test]
async fn a_workload_may_be_named_in_the_settings() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("token");
    write_private(&file, ASSERTION);
    let auth = format!(
        "{WORKLOAD}\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\ntoken_file = \"{}\"",
        file.display()
    );
    workload(&auth, &[]).sink_is_warm().await;
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let rig = workload(&auth, &[]);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert!(error.to_string().contains("is readable by everyone (mode 0644)"), "{error}");
}

#[tokio::test]
async fn what_a_workload_lacks_is_named() {
    let rig = workload(WORKLOAD, &[("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token")]);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert_eq!(error.to_string(), "Entra ID: environment variable AZURE_CLIENT_ID is not set");
    let ids = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT_ID)];
    let rig = workload(&format!("{WORKLOAD}\ntoken_file = \"/nowhere/token\""), &ids);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert!(error.to_string().starts_with("Entra ID: `token_file`: secret file /nowhere/token: "), "{error}");
}

/// What `ccfd check` finds out about the sink: its level, and all that was said.
fn checked(azure: &Azure, auth: &str, variables: &[(&str, &str)]) -> (String, String) {
    let openai = Simulated::start(&["--audit-logs", "10"]);
    let mut place = Place::bare();
    for (name, value) in variables {
        place = place.with(name, value);
    }
    let base_url = format!("[default.collector]\nbase_url = \"{}\"\n", openai.base_url);
    place.write("ccfd.toml", &(base_url + &config(azure, azure.ingestion.server.url(), "", auth)));
    let ended = place.run(&["check", "--json"]);
    assert!(!ended.stderr.contains("verysecret") && !ended.stdout.contains("verysecret"), "{ended:?}");
    let findings: Value = serde_json::from_str(&ended.stdout).unwrap();
    let of_sink = |finding: &&Value| finding["what"] == "sink sentinel";
    let found = findings.as_array().unwrap().iter().find(of_sink).unwrap();
    let said = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (said("level"), format!("{} -> {}", said("text"), said("advice")))
}

#[test]
fn a_machine_of_azure_is_known_by_its_own_issuer_and_no_proxy_is_asked() {
    let ca = crate::support::fake::Ca::new();
    let entra = Entra::start(None);
    let ingestion = Ingestion::start(Some(ca.server()), &entra);
    let azure = Azure { ca, entra, ingestion };
    let auth = format!("kind = \"managed_identity\"\nclient_id = \"{CLIENT_ID}\"");
    let issuer = azure.entra.identity_endpoint();
    let (level, said) = checked(
        &azure,
        &auth,
        &[
            ("IDENTITY_ENDPOINT", &issuer),
            ("IDENTITY_HEADER", IDENTITY_HEADER),
            ("HTTP_PROXY", "http://127.0.0.1:1"),
        ],
    );
    assert_eq!(level, "ok", "{said}");
    let request = &azure.entra.server.requests()[0];
    assert_eq!(request.query_field("resource").as_deref(), Some("https://monitor.azure.com"));
    assert_eq!(request.query_field("client_id").as_deref(), Some(CLIENT_ID));
}

#[test]
fn an_identity_of_azure_arc_is_reported_as_unsupported() {
    let azure = Azure::start();
    let variables = [("IDENTITY_ENDPOINT", "http://127.0.0.1:1"), ("IMDS_ENDPOINT", "http://127.0.0.1:1")];
    let (level, said) = checked(&azure, "kind = \"managed_identity\"", &variables);
    assert_eq!(level, "fail");
    assert!(said.contains("not supported"), "{said}");
}

/// A PATH on which `az` is this script.
fn path_with_az(dir: &TempDir, script: &str) -> String {
    let az = dir.path().join("az");
    fs::write(&az, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", dir.path().display())
}

#[test]
fn whoever_is_logged_in_at_the_azure_cli_may_write() {
    let (azure, dir) = (Azure::start(), TempDir::new().unwrap());
    let token = azure.entra.token("https://monitor.azure.com");
    let end = collectors::Clock::system().now() + 3600;
    let answer = format!(
        "printf '%s' \"$*\" > {}/asked\nprintf '{{\"accessToken\":\"{token}\",\"expires_on\":{end},\"tokenType\":\"Bearer\"}}'",
        dir.path().display()
    );
    let path = path_with_az(&dir, &answer);
    let auth = format!("kind = \"azure_cli\"\ntenant_id = \"{TENANT}\"");
    let (level, said) = checked(&azure, &auth, &[("PATH", &path)]);
    assert_eq!(level, "ok", "{said}");
    let asked = fs::read_to_string(dir.path().join("asked")).unwrap();
    let wanted = "account get-access-token -o json --scope https://monitor.azure.com/.default --tenant";
    assert_eq!(asked, format!("{wanted} {TENANT}"));
}

#[test]
fn an_azure_cli_without_a_login_or_without_itself_says_what_to_do() {
    let (azure, dir) = (Azure::start(), TempDir::new().unwrap());
    let complaint = "echo 'AADSTS70043: the token of someone@example.com has expired' >&2\nexit 1";
    let path = path_with_az(&dir, complaint);
    let auth = "kind = \"azure_cli\"";
    let (level, said) = checked(&azure, auth, &[("PATH", &path)]);
    assert_eq!(level, "fail");
    assert!(said.contains("(AADSTS70043): run `az login`") && !said.contains("example.com"), "{said}");
    let (level, said) = checked(&azure, auth, &[("PATH", "/nowhere")]);
    assert_eq!(level, "fail");
    assert!(said.contains("not on the PATH"), "{said}");
}
