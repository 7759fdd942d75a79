use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    fake_kibana::{AUTHORIZATION, Kibana, boom, thrown},
    http,
    python::Python,
};

fn send(kibana: &Kibana, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let headers =
        [("authorization", AUTHORIZATION), ("kbn-xsrf", "true"), ("content-type", "application/json")];
    let url = format!("{}{path}", kibana.server.url());
    http::send(method, &url, &headers, body.to_string().into_bytes())
}

fn create(kibana: &Kibana, space: &str, config: &Value) -> (u16, Value) {
    let body = json!({ "name": "audit", "connector_type_id": ".index", "config": config });
    send(kibana, Method::POST, &format!("{space}/api/actions/connector"), &body)
}

/// A connector to the index `audit` and a run of it for each list of ids.
fn run(kibana: &Kibana, ids: &[&str]) -> Value {
    if kibana.connectors("default").is_empty() {
        assert_eq!(create(kibana, "", &json!({ "index": "audit" })).0, 200);
    }
    let documents: Vec<_> = ids.iter().map(|id| json!({ "Id": id })).collect();
    execute(kibana, &json!({ "documents": documents }))
}

fn execute(kibana: &Kibana, params: &Value) -> Value {
    let id = kibana.connectors("default")[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/actions/connector/{id}/_execute");
    let (status, outcome) = send(kibana, Method::POST, &path, &json!({ "params": params }));
    assert_eq!(status, 200);
    outcome
}

#[test]
fn a_connector_is_made_shown_changed_and_deleted() {
    let kibana = Kibana::plain();
    let (_, made) = create(&kibana, "", &json!({ "index": "audit" }));
    let path = format!("/api/actions/connector/{}", made["id"].as_str().unwrap());
    assert_eq!(send(&kibana, Method::GET, &path, &Value::Null), (200, made));
    let changed = json!({ "name": "audit logs", "config": { "index": "other", "refresh": true } });
    assert_eq!(send(&kibana, Method::PUT, &path, &changed).1["config"]["index"], "other");
    assert_eq!(send(&kibana, Method::DELETE, &path, &Value::Null).0, 204);
    let (status, refusal) = send(&kibana, Method::GET, &path, &Value::Null);
    let id = path.rsplit('/').next().unwrap();
    assert_eq!((status, &refusal["message"]), (404, &json!(format!("Saved object [action/{id}] not found"))));
}

#[test]
fn a_connector_that_cannot_be_is_refused() {
    let kibana = Kibana::plain();
    for config in [json!({}), json!({ "index": " " }), json!({ "index": "a", "unheard_of": 1 })] {
        assert_eq!(create(&kibana, "", &config).0, 400, "{config}");
    }
    kibana.disable_type(".index");
    assert_eq!(create(&kibana, "", &json!({ "index": "audit" })).0, 403);
    let (_, types) = send(&kibana, Method::GET, "/api/actions/connector_types", &Value::Null);
    assert_eq!((&types[0]["id"], &types[0]["enabled"]), (&json!(".index"), &json!(false)));
}

#[test]
fn spaces_do_not_share_connectors() {
    let kibana = Kibana::plain();
    kibana.add_space("soc");
    assert_eq!(create(&kibana, "/s/soc", &json!({ "index": "audit" })).0, 200);
    assert_eq!(send(&kibana, Method::GET, "/api/actions/connectors", &Value::Null), (200, json!([])));
    assert_eq!(kibana.connectors("soc").len(), 1);
    assert_eq!(send(&kibana, Method::GET, "/api/spaces/space/nowhere", &Value::Null).0, 404);
}

#[test]
fn who_has_no_key_or_no_header_is_refused() {
    let kibana = Kibana::plain();
    let url = format!("{}/api/actions/connector", kibana.server.url());
    assert_eq!(http::send(Method::POST, &url, &[("kbn-xsrf", "true")], Vec::new()).0, 401);
    let (status, refusal) = http::send(Method::POST, &url, &[("authorization", AUTHORIZATION)], Vec::new());
    assert_eq!((status, &refusal["message"]), (400, &json!("Request must contain a kbn-xsrf header.")));
    kibana.require("Basic b3RoZXI6b25l");
    assert_eq!(http::send(Method::GET, &url, &[("authorization", AUTHORIZATION)], Vec::new()).0, 401);
}

#[test]
fn a_body_of_more_than_a_mebibyte_is_refused() {
    let kibana = Kibana::plain();
    let config = json!({ "index": "x".repeat(1 << 20) });
    assert_eq!(create(&kibana, "", &config).0, 413);
}

#[test]
fn a_run_keeps_its_documents() {
    let kibana = Kibana::plain();
    let outcome = run(&kibana, &["a", "b"]);
    assert_eq!((&outcome["status"], &outcome["data"]["errors"]), (&json!("ok"), &json!(false)));
    run(&kibana, &["b"]);
    assert_eq!(kibana.documents("audit"), [json!({ "Id": "a" }), json!({ "Id": "b" }), json!({ "Id": "b" })]);
}

#[test]
fn a_failed_run_is_200_and_keeps_its_good_documents() {
    let kibana = Kibana::plain();
    kibana.refuse("b", "failed to parse field [n]", Some("For input string"));
    let outcome = run(&kibana, &["a", "b", "c"]);
    assert_eq!(outcome["status"], "error");
    assert_eq!(outcome["service_message"], "failed to parse field [n] (For input string)");
    assert_eq!(kibana.documents("audit").len(), 2);
}

#[test]
fn an_index_that_is_closed_fails_every_document() {
    let kibana = Kibana::plain();
    kibana.set_index_fault("audit", Some("closed"));
    assert_eq!(run(&kibana, &["a", "b"])["service_message"], "closed;closed");
    kibana.set_index_fault("audit", None);
    assert_eq!(run(&kibana, &["a", "b"])["status"], "ok");
}

#[test]
fn ids_from_a_pipeline_keep_repeats_out_and_fail_the_run() {
    let kibana = Kibana::plain();
    kibana.set_ids_from("audit", "Id");
    run(&kibana, &["a"]);
    let outcome = run(&kibana, &["a", "b"]);
    let conflict = "[a]: version conflict, document already exists (current version [1])";
    assert_eq!((&outcome["status"], &outcome["service_message"]), (&json!("error"), &json!(conflict)));
    assert_eq!(kibana.documents("audit"), [json!({ "Id": "a" }), json!({ "Id": "b" })]);
}

#[test]
fn documents_are_stamped_where_the_connector_says() {
    let kibana = Kibana::plain();
    create(&kibana, "", &json!({ "index": "audit", "executionTimeField": "@timestamp" }));
    run(&kibana, &["a"]);
    assert!(kibana.documents("audit")[0]["@timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn parameters_that_cannot_be_fail_the_run() {
    let kibana = Kibana::plain();
    create(&kibana, "", &json!({ "index": "audit" }));
    for params in
        [json!({}), json!({ "documents": [1] }), json!({ "documents": [], "indexOverride": "other" })]
    {
        let message = execute(&kibana, &params)["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("error validating action params: "), "{message}");
    }
}

#[test]
fn a_connector_that_somebody_deleted_is_missing() {
    let kibana = Kibana::plain();
    let (_, made) = create(&kibana, "", &json!({ "index": "audit" }));
    let id = made["id"].as_str().unwrap();
    kibana.delete_connector("default", id);
    let path = format!("/api/actions/connector/{id}/_execute");
    assert_eq!(send(&kibana, Method::POST, &path, &json!({ "params": { "documents": [] } })).0, 404);
}

#[test]
fn a_script_refuses_and_throws() {
    let kibana = Kibana::plain();
    run(&kibana, &[]);
    kibana.server.script_for("_execute", [thrown("c", "connect ECONNREFUSED").into()]);
    assert_eq!(run(&kibana, &["a"])["retry"], true);
    kibana.server.script([boom(403, "Unauthorized to get actions").into()]);
    assert_eq!(send(&kibana, Method::GET, "/api/actions/connectors", &Value::Null).0, 403);
}

#[test]
fn kibana_py_makes_lists_reads_and_executes() {
    let Some(python) = Python::shared() else { return };
    let (kibana, dir) = (Kibana::plain(), TempDir::new().unwrap());
    kibana.add_space("soc");
    let key = AUTHORIZATION.strip_prefix("ApiKey ").unwrap();
    let ask =
        |command: &[&str]| python.run("kibana.py", &[&[kibana.server.url(), key, "soc"], command].concat());
    let made = ask(&["create", "audit", "audit"]);
    let id = made["id"].as_str().unwrap();
    assert_eq!((&made["config"]["index"], &ask(&["get", id])), (&json!("audit"), &made));
    assert_eq!(ask(&["list"])[0]["id"], made["id"]);
    assert!(ask(&["types"]).to_string().contains("\".index\""));
    let file = dir.path().join("documents.json");
    fs::write(&file, r#"[{"Id":"audit_log-1"}]"#).unwrap();
    assert_eq!(ask(&["execute", id, file.to_str().unwrap()])["status"], "ok");
    assert_eq!(kibana.documents("audit"), [json!({ "Id": "audit_log-1" })]);
    assert_eq!(ask(&["delete", id]), Value::Null);
    assert_eq!(ask(&["get", id])["error"]["status"], 404);
}
