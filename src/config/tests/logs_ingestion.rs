use super::{
    super::{
        AzureAuth, AzureIdentity, Cloud, LogsIngestionSettings, OldRecords, Profile, SecretSource,
        SinkSettings,
    },
    *,
};
use crate::tables::{AUDIT_LOGS, CHAT_COMPLETIONS};

const SINK: &str = r#"
[sink.sentinel]
type = "logs_ingestion"
endpoint = "https://acme-x1y2.westeurope-1.ingest.monitor.azure.com/"
dcr_immutable_id = "dcr-0123456789abcdef0123456789abcdef"
"#;

const SECRET: &str = r#"
[sink.sentinel.auth]
kind = "client_secret"
tenant_id = "acme.onmicrosoft.com"
client_id = "66666666-7777-8888-9999-000000000000"
client_secret = { env = "AZURE_CLIENT_SECRET" }
"#;

fn with_auth(auth: &str) -> String {
    format!("{MINIMAL}{SINK}{auth}")
}

fn with_sink_keys(keys: &str) -> String {
    with_auth(&format!("{keys}{SECRET}"))
}

fn settings(text: &str) -> LogsIngestionSettings {
    match load(text).unwrap().sinks.remove("sentinel") {
        Some(SinkSettings::LogsIngestion(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn address_rule_and_credentials_are_enough() {
    let settings = settings(&with_auth(SECRET));
    assert_eq!(settings.endpoint.as_str(), "https://acme-x1y2.westeurope-1.ingest.monitor.azure.com/");
    assert_eq!((settings.profile, settings.old_records), (Profile::Table, OldRecords::Send));
    assert_eq!((settings.calls_in_flight, settings.inflated_max), (4, 8 << 20));
    assert_eq!(settings.streams.of(&AUDIT_LOGS), "Custom-OpenAIAuditLogs_CL");
    assert_eq!(settings.streams.of(&CHAT_COMPLETIONS), "Custom-OpenAIChatCompletions_CL");
    let identity = AzureIdentity::ClientSecret {
        tenant_id: "acme.onmicrosoft.com".to_owned(),
        client_id: "66666666-7777-8888-9999-000000000000".to_owned(),
        client_secret: SecretSource::Env("AZURE_CLIENT_SECRET".to_owned()),
    };
    assert_eq!(settings.auth, AzureAuth { identity, authority_host: None, scope: None });
}

#[test]
fn a_cloud_has_its_own_authority_and_scope_unless_they_are_given() {
    for (name, cloud, authority, scope) in [
        ("public", Cloud::Public, "https://login.microsoftonline.com", "https://monitor.azure.com/.default"),
        ("usgov", Cloud::UsGov, "https://login.microsoftonline.us", "https://monitor.azure.us/.default"),
        ("china", Cloud::China, "https://login.chinacloudapi.cn", "https://monitor.azure.cn/.default"),
    ] {
        let settings = settings(&with_sink_keys(&format!("cloud = \"{name}\"")));
        assert_eq!((settings.cloud, settings.authority(), settings.scope()), (cloud, authority, scope));
    }
    let given =
        "authority_host = \"https://login.example.com/\"\nscope = \"https://monitor.azure.com//.default\"";
    let settings = settings(&with_auth(&format!("{SECRET}{given}")));
    assert_eq!(settings.authority(), "https://login.example.com");
    assert_eq!(settings.scope(), "https://monitor.azure.com//.default");
}

#[test]
fn a_stream_that_is_left_out_keeps_its_name() {
    let settings = settings(&with_sink_keys("streams = { audit_logs = \"Custom-Other\" }"));
    assert_eq!(settings.streams.of(&AUDIT_LOGS), "Custom-Other");
    assert_eq!(settings.streams.of(&CHAT_COMPLETIONS), "Custom-OpenAIChatCompletions_CL");
}

#[test]
fn each_kind_wants_no_more_than_it_needs() {
    for (auth, identity) in [
        ("kind = \"managed_identity\"", AzureIdentity::ManagedIdentity { client_id: None }),
        ("kind = \"azure_cli\"", AzureIdentity::AzureCli { tenant_id: None }),
        (
            "kind = \"workload_identity\"\ntoken_file = \"/run/token\"",
            AzureIdentity::WorkloadIdentity {
                tenant_id: None,
                client_id: None,
                token_file: Some("/run/token".into()),
            },
        ),
    ] {
        assert_eq!(settings(&with_auth(&format!("[sink.sentinel.auth]\n{auth}"))).auth.identity, identity);
    }
}

#[test]
fn what_a_kind_lacks_and_what_it_has_no_use_for_is_named() {
    let problems = problems(&with_auth(
        "[sink.sentinel.auth]\nkind = \"client_secret\"\ntenant_id = \"t\"\ntoken_file = \"/run/token\"",
    ));
    let start = "`sink.sentinel.auth.";
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert_eq!(problems[0], format!("{start}token_file` in ccfd.toml: this kind of `auth` does not use it"));
    assert!(problems[1].starts_with(&format!("{start}client_id` is missing")), "{}", problems[1]);
    assert!(problems[2].starts_with(&format!("{start}client_secret` is missing")), "{}", problems[2]);
}

#[test]
fn an_error_says_which_credentials_a_sink_lacks() {
    let problems = problems(&with_auth(""));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("`sink.sentinel.auth.kind` is missing"), "{}", problems[0]);
}

#[test]
fn what_cannot_be_right_is_refused() {
    for (keys, wanted) in [
        ("endpoint = \"http://acme.ingest.monitor.azure.com\"", "http is only allowed to this machine"),
        ("endpoint = \"https://acme.ingest.monitor.azure.com/x\"", "an endpoint is a host without a path"),
        ("dcr_immutable_id = \"dcr-1\"", "32 hexadecimal digits"),
        ("streams = { audit_logs = \"OpenAIAuditLogs_CL\" }", "the name of an input stream, `Custom-…`"),
        ("streams = { audit = \"Custom-X\" }", "did you mean `audit_logs`?"),
        ("profile = \"v2\"", "\"table\" or \"asim\""),
        ("inflated_max = \"49MiB\"", "64.0 KiB to 48.0 MiB"),
        ("calls_in_flight = 0", "1 to 64"),
    ] {
        let key = keys.split(' ').next().unwrap();
        let kept: String = with_sink_keys(keys)
            .lines()
            .filter(|line| *line == keys || !line.starts_with(&format!("{key} =")))
            .map(|line| format!("{line}\n"))
            .collect();
        let problems = problems(&kept);
        assert!(problems.len() == 1 && problems[0].contains(wanted), "{keys}: {problems:?}");
    }
}

#[test]
fn an_authority_without_tls_is_refused_even_on_this_machine() {
    for host in ["http://127.0.0.1:8080", "https://login.example.com/tenant", "login.example.com"] {
        let problems = problems(&with_auth(&format!("{SECRET}authority_host = \"{host}\"")));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("an https URL without a path"), "{}", problems[0]);
    }
}

#[test]
fn a_workspace_is_named_by_its_id_or_by_its_path() {
    const ID: &str = "77777777-8888-9999-aaaa-bbbbbbbbbbbb";
    let path = "/subscriptions/s/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/acme";
    assert_eq!(settings(&with_auth(SECRET)).query, None);
    for (workspace, cloud, url, scope) in [
        (
            ID,
            Cloud::Public,
            format!("https://api.loganalytics.azure.com/v1/workspaces/{ID}/query"),
            "https://api.loganalytics.io/.default",
        ),
        (
            path,
            Cloud::UsGov,
            format!("https://management.usgovcloudapi.net{path}/query?api-version=2017-10-01"),
            "https://management.usgovcloudapi.net/.default",
        ),
    ] {
        let query = settings(&with_sink_keys(&format!("workspace_id = \"{workspace}\"\n"))).query.unwrap();
        assert_eq!((query.url(cloud), query.scope(cloud)), (url, scope.to_owned()));
    }
    for (keys, reason) in [
        ("workspace_id = \"acme\"\n", "the workspace's id"),
        ("workspace_id = \"/subscriptions/s/../x\"\n", "the workspace's id"),
        ("query_endpoint = \"https://example.com\"\n", "requires `workspace_id`"),
    ] {
        let problem = load(&with_sink_keys(keys)).unwrap_err().to_string();
        assert!(problem.contains(reason), "{problem}");
    }
}
