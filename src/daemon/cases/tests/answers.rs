//! What answers mean that come from Kibana, and from other servers.

use collectors::Response;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::super::kibana::{CasesApiError, KibanaCases};
use crate::{
    config::{Config, Environment, SinkSettings},
    sinks::{kibana_index::KibanaClient, remote::RemoteErrorKind},
};

const CONFIG: &str = r#"
[collector.acme-audit]
source = "audit_logs"
api_key = { env = "OPENAI_ADMIN_KEY" }
sinks = ["soc"]

[sink.soc]
type = "kibana_index"
url = "https://kibana.example"
"#;

fn kibana() -> KibanaCases {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ccfd.toml");
    std::fs::write(&path, CONFIG).unwrap();
    let config = Config::load(Some(&path), &Environment::default(), &[]).unwrap();
    let SinkSettings::KibanaIndex(settings) = &config.sinks["soc"] else { panic!("another sink") };
    KibanaCases::new(KibanaClient::for_cases(settings, Environment::default()))
}

/// What a 404 to a request that names a case means.
fn meant(body: String) -> CasesApiError {
    let answer = Response { status: StatusCode::NOT_FOUND, headers: HeaderMap::new(), body: body.into() };
    kibana().meant(&answer, true)
}

fn own(message: &str) -> String {
    json!({ "statusCode": 404, "error": "Not Found", "message": message }).to_string()
}

#[test]
fn a_404_of_another_server_says_nothing_of_a_case_and_delays_it_alone() {
    let route = own("Route PATCH:/api/cases/1/comments not found");
    for body in ["<html>not here</html>".to_owned(), String::new(), route] {
        let meant = meant(body.clone());
        let is_other = matches!(&meant, CasesApiError::Intercepted(error)
            if error.kind == RemoteErrorKind::Intercepted { status: 404 });
        assert!(is_other, "{body}: {meant:?}");
    }
    assert_eq!(meant(own("Saved object [cases-comments/1] not found")), CasesApiError::CommentGone);
    let space = meant(own("Saved object [space/soc] not found"));
    assert!(matches!(space, CasesApiError::Remote(_)), "{space:?}");
}
