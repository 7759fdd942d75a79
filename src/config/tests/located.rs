use std::path::Path;

use super::{
    super::{ConfigFile, Listen},
    *,
};

/// Every setting that is a path, each with a relative one.
const PATHS: &str = r#"
[state]
dir = "REL-state"
[admin]
listen = "unix:REL-admin.sock"
token = { file = "REL-token" }
metrics_listen = "unix:REL-metrics.sock"
metrics_token = { file = "REL-metrics-token" }
[collector.acme-audit]
source = "audit_logs"
api_key = { file = "REL-key" }
ca_file = "REL-ca.pem"
proxy = { file = "REL-proxy" }
hash = ["actor.session.user.email"]
hash_key = { file = "REL-hash" }
sinks = ["local"]
[sink.local]
type = "sqlite"
path = "REL-tables.db"
[sink.lines]
type = "ndjson"
dir = "REL-lines"
[sink.elastic]
type = "elasticsearch"
urls = ["https://es.example:9200"]
ca_file = "REL-es-ca.pem"
client_cert_file = "REL-cert"
client_key_file = "REL-cert-key"
auth = { basic = { user = "u", password = { file = "REL-password" } } }
[sink.kibana]
type = "kibana_index"
url = "https://kibana.example"
auth = { api_key = { file = "REL-kibana" } }
[sink.azure]
type = "logs_ingestion"
endpoint = "https://a.westeurope-1.ingest.monitor.azure.com"
dcr_immutable_id = "dcr-00000000000000000000000000000000"
[sink.azure.auth]
kind = "workload_identity"
token_file = "REL-jwt"
[sink.azure-secret]
type = "logs_ingestion"
endpoint = "https://b.westeurope-1.ingest.monitor.azure.com"
dcr_immutable_id = "dcr-00000000000000000000000000000001"
[sink.azure-secret.auth]
kind = "client_secret"
tenant_id = "t"
client_id = "c"
client_secret = { file = "REL-azure" }
"#;

#[test]
fn every_relative_path_begins_at_the_directory_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let config = load_in(&directory, PATHS.as_bytes()).unwrap();
    let shown = format!("{config:?}");
    let below = format!("{}/REL-", directory.path().display());
    let (all, located) = (shown.matches("REL-").count(), shown.matches(&below).count());
    assert_eq!(located, all, "{} are relative: {shown}", all - located);
    // A proxy's Debug shows it as well, so each of them is there.
    assert!(all >= PATHS.matches("REL-").count(), "{all}");
}

#[test]
fn one_file_named_in_two_ways_leads_to_one_path() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().canonicalize().unwrap();
    std::fs::create_dir_all(place.join("conf")).unwrap();
    std::fs::create_dir_all(place.join("other")).unwrap();
    let base = |file: &str| ConfigFile::named(place.join(file)).base();
    assert_eq!(base("other/../conf/ccfd.toml"), base("conf/ccfd.toml"));
}

#[test]
fn a_file_in_the_working_directory_and_no_file_leave_paths_as_they_are() {
    assert_eq!(ConfigFile::named("ccfd.toml").base(), None);
    assert_eq!(ConfigFile::named("conf/ccfd.toml").base().as_deref(), Some(Path::new("conf")));
    for stream in ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0"] {
        assert_eq!(ConfigFile::named(stream).base(), None, "{stream}");
    }
    let config = Config::load(None, &environment(&[("OPENAI_API_KEY", "k")]), &[]).unwrap();
    assert_eq!(config.state.dir, Path::new("./ccfd-data"));
}

#[test]
fn absolute_paths_and_what_is_no_path_stay() {
    let text = MINIMAL.replace("path = \"tables.db\"", "path = \"/srv/tables.db\"");
    let config = load(&format!("[admin]\nlisten = \"127.0.0.1:1\"\n{text}")).unwrap();
    assert!(format!("{:?}", config.sinks).contains("\"/srv/tables.db\""));
    assert!(matches!(config.admin.listen, Some(Listen::Tcp(_))));
}
