use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    fake::Fate,
    fake_elastic::{Elastic, elastic_error},
    http,
};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

fn create(ids: &[&str]) -> String {
    ids.iter().map(|id| format!("{{\"create\":{{\"_id\":\"{id}\"}}}}\n{{\"Id\":\"{id}\"}}\n")).collect()
}

fn bulk(elastic: &Elastic, query: &str, body: &str) -> (u16, Value) {
    let url = format!("{}/audit/_bulk{query}", elastic.server.url());
    http::send(Method::POST, &url, &[NDJSON], body.as_bytes().to_vec())
}

fn statuses(answer: &Value) -> Vec<u64> {
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["create"]["status"].as_u64().unwrap()).collect()
}

#[test]
fn what_is_created_twice_is_there_once() {
    let elastic = Elastic::plain();
    assert_eq!(statuses(&bulk(&elastic, "", &create(&["a", "b"])).1), [201, 201]);
    let (status, answer) = bulk(&elastic, "", &create(&["b", "c"]));
    assert_eq!((status, &answer["errors"], statuses(&answer)), (200, &json!(true), vec![409, 201]));
    assert_eq!(elastic.documents("audit").into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn an_index_action_replaces_unless_it_says_create() {
    let elastic = Elastic::plain();
    let line =
        |meta: &str| format!("{{\"index\":{{\"_index\":\"other\",\"_id\":\"a\"{meta}}}}}\n{{\"x\":1}}\n");
    let body = [line(""), line(""), line(",\"op_type\":\"create\"")].concat();
    let (_, answer) = bulk(&elastic, "", &body);
    let status = |place: usize, verb: &str| answer["items"][place][verb]["status"].clone();
    assert_eq!([status(0, "index"), status(1, "index"), status(2, "create")], [201, 200, 409]);
    assert_eq!(elastic.documents("other").len(), 1);
}

#[test]
fn chosen_documents_fail_until_healed() {
    let elastic = Elastic::plain();
    elastic.fail("b", 1, 429, "es_rejected_execution_exception");
    let (_, answer) = bulk(&elastic, "", &create(&["a", "b"]));
    assert_eq!(answer["items"][1]["create"]["error"]["type"], "es_rejected_execution_exception");
    assert_eq!(statuses(&bulk(&elastic, "", &create(&["b"])).1), [201]);
    elastic.fail("*", usize::MAX, 403, "cluster_block_exception");
    assert_eq!(statuses(&bulk(&elastic, "", &create(&["c", "d"])).1), [403, 403]);
    elastic.heal();
    assert_eq!(statuses(&bulk(&elastic, "", &create(&["c", "d"])).1), [201, 201]);
}

#[test]
fn a_poisonous_line_fails_the_whole_request() {
    let elastic = Elastic::plain();
    let long = "x".repeat(513);
    for body in [create(&["a", &long]), "{\"upsert\":{}}\n{}\n".to_owned(), "{}".to_owned(), String::new()] {
        assert_eq!(bulk(&elastic, "", &body).0, 400, "{body}");
    }
    assert!(elastic.documents("audit").is_empty());
}

#[test]
fn a_broken_document_fails_alone() {
    let elastic = Elastic::plain();
    let body = format!("{}{{\"create\":{{\"_id\":\"b\"}}}}\n{{\"Id\":\n", create(&["a"]));
    assert_eq!(statuses(&bulk(&elastic, "", &body).1), [201, 400]);
}

#[test]
fn a_filter_leaves_what_it_names() {
    let elastic = Elastic::plain();
    let (_, answer) = bulk(&elastic, "?filter_path=errors,items.*.status", &create(&["a"]));
    assert_eq!(answer, json!({ "errors": false, "items": [{ "create": { "status": 201 } }] }));
}

#[test]
fn a_script_refuses_the_whole_request() {
    let elastic = Elastic::plain();
    elastic.server.script([elastic_error(503, "cluster_block_exception", "no master").into()]);
    assert_eq!(bulk(&elastic, "", &create(&["a"])).0, 503);
    assert!(elastic.documents("audit").is_empty());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_documents() {
    let elastic = Elastic::plain();
    elastic.server.script([Fate::Lost.into()]);
    let url = format!("{}/audit/_bulk", elastic.server.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(client.post(url).body(create(&["a"])).send().await.is_err());
    assert_eq!(elastic.documents("audit").len(), 1);
}

#[test]
fn who_does_not_say_the_key_is_refused() {
    let elastic = Elastic::plain();
    elastic.require("ApiKey good");
    assert_eq!(bulk(&elastic, "", &create(&["a"])).0, 401);
    let headers = [NDJSON, ("authorization", "ApiKey good")];
    let url = format!("{}/audit/_bulk", elastic.server.url());
    assert_eq!(http::send(Method::PUT, &url, &headers, create(&["a"]).into_bytes()).0, 200);
}

#[test]
fn templates_are_kept() {
    let elastic = Elastic::plain();
    let url = |path: &str| format!("{}/{path}", elastic.server.url());
    for path in ["_index_template/openai", "_component_template/openai"] {
        assert_eq!(http::send(Method::GET, &url(path), &[], Vec::new()).0, 404);
        let template = json!({ "template": {} });
        assert_eq!(http::send(Method::PUT, &url(path), &[], template.to_string().into_bytes()).0, 200);
        assert_eq!(elastic.template(path), Some(template));
    }
    let (_, greeting) = http::send(Method::GET, &url(""), &[], Vec::new());
    assert_eq!(greeting["version"]["number"], "9.1.0");
}
