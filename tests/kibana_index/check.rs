//! `check`: what it finds and does not find; it creates nothing.

use ccfd::{
    config::{Environment, KibanaIndexSettings},
    pipeline::policy::Action,
    sinks::{Sink, kibana_index::KibanaIndexSink, remote::RemoteErrorKind},
    tables::Tables,
};
use serde_json::json;

use super::{
    INDEX, NAME, action, api_key, kind, make_connector, settings, settings_with, sink, write_secret,
};
use crate::support::{
    fake::Reply,
    fake_kibana::Kibana,
    process::{Place, Simulated},
};

#[tokio::test]
async fn it_tells_space_type_and_connectors_and_makes_nothing() {
    let kibana = Kibana::plain();
    make_connector(&kibana, NAME, &json!({ "index": INDEX, "refresh": true }));
    kibana.server.forget();
    let found = sink(&kibana, "").check(&Tables::built_in().of_records()).await.unwrap().to_string();
    let lines: Vec<_> = found.lines().collect();
    assert_eq!(lines.len(), 4, "{found}");
    assert!(lines[0].ends_with("space `default` is there"), "{found}");
    assert_eq!(lines[1], "3 connector types, .index is enabled");
    assert!(lines[2].contains("found") && lines[2].contains("refresh is true, not false"), "{found}");
    assert!(lines[3].contains("the first write creates it"), "{found}");
    assert!(kibana.server.requests().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn a_space_that_is_not_there_is_named() {
    let kibana = Kibana::plain();
    let error =
        sink(&kibana, "space = \"nowhere\"").check(&Tables::built_in().of_records()).await.unwrap_err();
    assert_eq!(error.to_string(), "Kibana: space `nowhere` not found");
}

#[tokio::test]
async fn a_type_that_is_switched_off_or_not_licensed_is_said() {
    let kibana = Kibana::plain();
    kibana.disable_type(".index");
    let error = sink(&kibana, "").check(&Tables::built_in().of_records()).await.unwrap_err();
    assert!(error.to_string().contains("xpack.actions.enabledActionTypes"), "{error}");
    assert_eq!(action(kind(error)), Action::Park);
    let unlicensed = json!([{
        "id": ".index", "enabled": false, "enabled_in_config": true, "enabled_in_license": false,
        "minimum_license_required": "gold",
    }]);
    kibana.server.script_for("connector_types", [Reply::json(200, &unlicensed).into()]);
    let error = sink(&kibana, "").check(&Tables::built_in().of_records()).await.unwrap_err();
    assert!(error.to_string().contains("needs the licence gold"), "{error}");
}

#[tokio::test]
async fn a_connector_to_another_index_is_a_fault() {
    let kibana = Kibana::plain();
    make_connector(&kibana, NAME, &json!({ "index": "other" }));
    let error = sink(&kibana, "").check(&Tables::built_in().of_records()).await.unwrap_err();
    assert!(error.to_string().contains("writes to other"), "{error}");
}

#[tokio::test]
async fn an_unknown_key_is_reported_without_the_key_itself() {
    let kibana = Kibana::plain();
    let anonymous = KibanaIndexSettings { auth: None, ..settings(kibana.server.url(), "") };
    let anonymous =
        KibanaIndexSink::new(anonymous, Environment::default()).check(&Tables::built_in().of_records()).await;
    assert!(anonymous.unwrap_err().to_string().contains("status 401"));
    kibana.require("ApiKey another");
    let error = sink(&kibana, "").check(&Tables::built_in().of_records()).await.unwrap_err().to_string();
    assert!(error.contains("status 401") && !error.contains("verysecret"), "{error}");
    // The password is read at each request: from now on it is there.
    kibana.require("Basic Y2NmZDpodW50ZXIy");
    let basic = "basic = { user = \"ccfd\", password = { file = \"PASSWORD\" } }";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    let auth = format!("auth = {{ {} }}", basic.replace("PASSWORD", &file.display().to_string()));
    let sink = KibanaIndexSink::new(settings_with(kibana.server.url(), &auth), Environment::default());
    let missing = kind(sink.check(&Tables::built_in().of_records()).await.unwrap_err());
    assert!(matches!(missing, RemoteErrorKind::Secret(_)), "{missing}");
    write_secret(&file, "hunter2");
    sink.check(&Tables::built_in().of_records()).await.unwrap();
}

#[test]
fn the_command_shows_what_was_found_and_what_to_do() {
    let (kibana, simulated) = (Kibana::plain(), Simulated::start(&["--audit-logs", "5"]));
    let place = Place::new(&simulated.base_url).with("KIBANA_API_KEY", api_key());
    let keys =
        format!("url = \"{}\"\nauth = {{ api_key = {{ env = \"KIBANA_API_KEY\" }} }}", kibana.server.url());
    place.replace("type = \"sqlite\"\npath = \"./tables.db\"", &format!("type = \"kibana_index\"\n{keys}"));
    let well = place.run_to(0, &["check"]);
    assert!(well.stdout.contains("`OpenAI audit logs` to openai-audit-logs"), "{}", well.stdout);
    kibana.disable_type(".index");
    let ill = place.run_to(3, &["check"]);
    assert!(ill.stdout.contains("-> enable what is named"), "{}", ill.stdout);
}

#[tokio::test]
async fn its_requests_are_counted() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.check(&Tables::built_in().of_records()).await.unwrap();
    let requests = sink.counters().requests;
    assert_eq!(requests.values().sum::<u64>(), kibana.server.requests().len() as u64);
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_space() {
    let kibana = Kibana::plain();
    let page = Reply::status(200).with_header("content-type", "text/html").with_body("<html>log in</html>");
    kibana.server.script_for("spaces/space", [page.into()]);
    let error = sink(&kibana, "").check(&Tables::built_in().of_records()).await.unwrap_err();
    assert_eq!(action(kind(error)), Action::BackOff);
}
