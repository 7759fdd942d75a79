//! Connectors that somebody edits while ccfd writes through them.

use std::time::Duration;

use ccfd::{
    pipeline::policy::Action,
    sinks::{Sink, remote::RemoteErrorKind},
};
use reqwest::Method;
use serde_json::json;

use super::{INDEX, NAME, action, batch, failed, ids, runs, sink};
use crate::support::{
    fake::{Fate, Reply},
    fake_kibana::{AUTHORIZATION, Kibana, boom},
    http,
};

/// Points the connector at another index, as somebody in the user interface would.
fn edit(kibana: &Kibana, index: &str) {
    let id = kibana.connectors("default")[0]["id"].as_str().unwrap().to_owned();
    let url = format!("{}/api/actions/connector/{id}", kibana.server.url());
    let body = json!({ "name": NAME, "config": { "index": index } }).to_string();
    let headers = [("authorization", AUTHORIZATION), ("kbn-xsrf", "true")];
    let (status, answer) = http::send(Method::PUT, &url, &headers, body.into_bytes());
    assert_eq!(status, 200, "{answer}");
}

/// Time goes by for the sink; the sockets do not notice.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_connector_that_now_writes_elsewhere_parks_the_route_before_the_next_write_of_another_minute() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    edit(&kibana, "other");
    pass(61).await;
    let kind = failed(sink.write(batch(&["b"])).await.unwrap_err());
    assert_eq!(kind.to_string(), format!("`index` is {INDEX}, and connector `{NAME}` writes to other"));
    assert_eq!((action(kind), runs(&kibana)), (Action::Park, 1));
    edit(&kibana, INDEX);
    assert_eq!(sink.write(batch(&["b"])).await.unwrap().accepted, 1);
    assert_eq!(ids(&kibana, INDEX), ["a", "b"]);
}

#[tokio::test]
async fn documents_that_went_elsewhere_within_the_minute_are_not_acknowledged() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    edit(&kibana, "other");
    let kind = failed(sink.write(batch(&["b"])).await.unwrap_err());
    assert!(kind.to_string().contains("writes to other"), "{kind}");
    edit(&kibana, INDEX);
    assert_eq!(sink.write(batch(&["b"])).await.unwrap().accepted, 1);
    assert_eq!(ids(&kibana, INDEX), ["a", "b"]);
}

#[tokio::test]
async fn an_index_that_rolls_over_behind_its_name_is_no_edit() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    let rolled = json!({ "create": { "_index": ".ds-openai-audit-logs-000002", "status": 201 } });
    let answer =
        json!({ "status": "ok", "connector_id": "c", "data": { "errors": false, "items": [rolled] } });
    kibana.server.script_for("_execute", [Reply::json(200, &answer).into()]);
    assert_eq!(sink.write(batch(&["b"])).await.unwrap().accepted, 1);
}

/// The next run is carried out, and the look at the connector that follows it fails.
fn fail_the_look(kibana: &Kibana) {
    kibana.server.script_for("/connector/", [Fate::Arrives.into(), boom(503, "busy").into()]);
}

#[tokio::test]
async fn documents_that_were_taken_are_not_sent_again_when_the_look_after_them_fails() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    kibana.roll_over(INDEX, ".ds-openai-audit-logs-000002");
    fail_the_look(&kibana);
    let kind = failed(sink.write(batch(&["b", "c"])).await.unwrap_err());
    assert!(matches!(kind, RemoteErrorKind::Overloaded { status: 503, .. }), "{kind}");
    // It fails once more, and then shows that they went where they should.
    kibana.server.script_for("/connector/", [boom(503, "busy").into()]);
    failed(sink.write(batch(&["b", "c", "d"])).await.unwrap_err());
    assert_eq!(sink.write(batch(&["b", "c", "d"])).await.unwrap().accepted, 3);
    assert_eq!(ids(&kibana, INDEX), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn documents_that_went_elsewhere_are_sent_again_even_if_the_look_after_them_failed() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    edit(&kibana, "other");
    fail_the_look(&kibana);
    failed(sink.write(batch(&["b"])).await.unwrap_err());
    let kind = failed(sink.write(batch(&["b"])).await.unwrap_err());
    assert!(kind.to_string().contains("writes to other"), "{kind}");
    edit(&kibana, INDEX);
    assert_eq!(sink.write(batch(&["b"])).await.unwrap().accepted, 1);
    assert_eq!(ids(&kibana, INDEX), ["a", "b"]);
}

#[tokio::test]
async fn a_connector_of_another_type_under_its_id_parks_the_route() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    let mut shown = kibana.connectors("default").remove(0);
    shown["connector_type_id"] = json!(".server-log");
    pass(61).await;
    kibana.server.script_for("/connector/", [Reply::json(200, &shown).into()]);
    let kind = failed(sink.write(batch(&["b"])).await.unwrap_err());
    assert_eq!(kind.to_string(), format!("connector `{NAME}` is of type .server-log, not .index"));
}

#[tokio::test]
async fn a_connector_that_was_deleted_is_created_again_at_the_next_check() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    kibana.delete_connector("default", kibana.connectors("default")[0]["id"].as_str().unwrap());
    pass(61).await;
    assert_eq!(sink.write(batch(&["b"])).await.unwrap().accepted, 1);
    assert_eq!((ids(&kibana, INDEX).len(), runs(&kibana)), (2, 2));
}
