use collectors::TlsVerification;

use super::{
    super::{ElasticsearchSettings, OpType, Refresh, SinkSettings},
    *,
};
use crate::tables::{AUDIT_LOGS, CHAT_COMPLETIONS};

const URLS: &str = "urls = [\"https://es-1.example.com:9200/\"]";

/// The file with a sink of this type and these keys.
fn with(keys: &str) -> String {
    let sink = format!("[sink.local]\ntype = \"elasticsearch\"\n{keys}\n");
    MINIMAL.split_once("[sink.local]").unwrap().0.to_owned() + &sink
}

fn settings(keys: &str) -> ElasticsearchSettings {
    match load(&with(keys)).unwrap().sinks.remove("local").unwrap() {
        SinkSettings::Elasticsearch(settings) => settings,
        other => panic!("{other:?}"),
    }
}

/// The only problem of these keys.
fn problem(keys: &str) -> String {
    let mut problems = problems(&with(keys));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

#[test]
fn an_address_is_enough() {
    let settings = settings(URLS);
    assert_eq!(settings.urls[0].as_str(), "https://es-1.example.com:9200/");
    assert_eq!((settings.op_type, settings.refresh, settings.gzip), (OpType::Create, Refresh::Later, true));
    assert_eq!(settings.index.of(&AUDIT_LOGS), "openai-audit-logs");
    assert_eq!((settings.bulk_bytes_max, settings.calls_in_flight), (8 << 20, 2));
    assert_eq!((settings.auth, settings.pipeline, settings.execution_time_field), (None, None, None));
    assert_eq!(settings.verification, TlsVerification::Full);
}

#[test]
fn one_index_may_be_named_and_the_other_left() {
    let settings = settings(&format!("{URLS}\nindex = {{ audit_logs = \"logs-openai.audit-default\" }}"));
    assert_eq!(settings.index.of(&AUDIT_LOGS), "logs-openai.audit-default");
    assert_eq!(settings.index.of(&CHAT_COMPLETIONS), "openai-chat-completions");
}

#[test]
fn a_refresh_is_a_flag_or_a_word() {
    let refresh = |value: &str| settings(&format!("{URLS}\nrefresh = {value}")).refresh;
    assert_eq!([refresh("true"), refresh("\"wait_for\"")], [Refresh::AtOnce, Refresh::WaitFor]);
    assert!(problem(&format!("{URLS}\nrefresh = \"soon\"")).contains("expected false, true or \"wait_for\""));
}

#[test]
fn a_cloud_id_is_an_address() {
    // localhost-like parts: domain, cluster, Kibana; then with a port behind the domain, and behind the cluster.
    let url = |id: &str| settings(&format!("cloud_id = \"{id}\"")).urls[0].to_string();
    assert_eq!(url("acme:ZXhhbXBsZS5jb20kYWJjMTIzJGRlZjQ1Ng=="), "https://abc123.example.com/");
    assert_eq!(
        url("ZXhhbXBsZS5jb206OTI0MyRhYmMxMjMk".replacen("", "a:", 1).as_str()),
        "https://abc123.example.com:9243/"
    );
    for broken in ["acme", "acme:!!", "acme:ZXhhbXBsZS5jb20=", "acme:YS9iJGMk"] {
        assert!(problem(&format!("cloud_id = \"{broken}\"")).contains("not a cloud id"), "{broken}");
    }
}

#[test]
fn a_cluster_is_named_in_one_of_two_ways() {
    assert!(problem("").contains("`sink.local.urls` is missing"));
    let both = format!("{URLS}\ncloud_id = \"acme:ZXhhbXBsZS5jb20kYWJjMTIzJGRlZjQ1Ng==\"");
    assert!(problem(&both).contains("set one of them"));
    assert!(problem("urls = []").contains("expected a list of https URLs"));
    assert!(problem("urls = [\"http://es.example.com\"]").contains("http is only allowed to this machine"));
}

#[test]
fn a_name_that_no_index_may_have_is_an_error() {
    for name in ["OpenAI", "-a", "_a", "+a", "..", "a b", "a/b", "a*", "a,b", "a:b", "<a-{now}>"] {
        let problem = problem(&format!("{URLS}\nindex = {{ audit_logs = \"{name}\" }}"));
        assert!(problem.contains("the name of an index"), "{problem}");
    }
}

#[test]
fn a_stamp_may_not_take_a_columns_place() {
    let stamp = |field: &str| format!("{URLS}\nexecution_time_field = \"{field}\"");
    assert!(problem(&stamp("TimeGenerated")).contains("is a column of the table"));
    assert_eq!(settings(&stamp("@timestamp")).execution_time_field.as_deref(), Some("@timestamp"));
}

#[test]
fn certificates_without_names_need_an_authority_and_a_certificate_its_key() {
    assert!(problem(&format!("{URLS}\nverification = \"certificate\"")).contains("requires `ca_file`"));
    assert!(problem(&format!("{URLS}\nclient_cert_file = \"a.pem\"")).contains("requires `client_key_file`"));
    let identity =
        settings(&format!("{URLS}\nclient_cert_file = \"a.pem\"\nclient_key_file = \"a.key\"")).identity;
    assert!(identity.unwrap().key_file.ends_with("a.key"));
}
