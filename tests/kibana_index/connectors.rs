//! Connectors: found, created once, created again, deleted.

use ccfd::{
    sinks::{Sink, remote::RemoteErrorKind},
    tables::{CHAT_COMPLETIONS, HEALTH},
};
use serde_json::json;

use super::{INDEX, NAME, batch, batch_of, failed, ids, make_connector, runs, sink};
use crate::support::{
    fake::Reply,
    fake_kibana::{Kibana, boom},
};

fn connector_ids(kibana: &Kibana, space: &str) -> Vec<String> {
    kibana.connectors(space).iter().map(|found| found["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_connector_of_the_name_is_taken_and_none_is_made() {
    let kibana = Kibana::plain();
    let id = make_connector(&kibana, NAME, &json!({ "index": INDEX, "refresh": true }));
    sink(&kibana, "").write(batch(&["a"])).await.unwrap();
    assert_eq!(connector_ids(&kibana, "default"), [id]);
    assert_eq!(ids(&kibana, INDEX), ["a"]);
    assert_eq!(kibana.connectors("default")[0]["config"]["refresh"], true, "left as it was");
}

#[tokio::test]
async fn rows_of_health_have_a_connector_of_their_own() {
    let kibana = Kibana::plain();
    sink(&kibana, "").write(batch_of(&HEALTH, &["r-1"], "")).await.unwrap();
    assert_eq!(kibana.connectors("default")[0]["name"], "OpenAI collector health");
    assert_eq!(kibana.documents("openai-collector-health")[0]["RecordId"], "r-1");
}

#[tokio::test]
async fn of_several_with_the_name_every_start_takes_the_same() {
    let kibana = Kibana::plain();
    let first = make_connector(&kibana, NAME, &json!({ "index": INDEX }));
    make_connector(&kibana, NAME, &json!({ "index": INDEX }));
    let mut listed = kibana.connectors("default");
    listed.reverse();
    // Kibana promises no order.
    kibana.server.script_for("connectors", [Reply::json(200, &listed.into()).into()]);
    for _ in 0..2 {
        sink(&kibana, "").write(batch(&["a"])).await.unwrap();
    }
    let requests = kibana.server.requests_to("_execute");
    assert!(requests.iter().all(|request| request.path.contains(&first)));
}

#[tokio::test]
async fn two_routes_at_once_make_one_connector() {
    let kibana = Kibana::plain();
    let same = "connectors = { audit_logs = \"one\", chat_completions = \"one\" }\n\
                index = { audit_logs = \"both\", chat_completions = \"both\" }";
    let sink = sink(&kibana, same);
    let completions = batch_of(&CHAT_COMPLETIONS, &["b"], "");
    let (events, completions) = futures::join!(sink.write(batch(&["a"])), sink.write(completions));
    assert!(events.is_ok() && completions.is_ok());
    assert_eq!((connector_ids(&kibana, "default").len(), kibana.documents("both").len()), (1, 2));
}

#[tokio::test]
async fn two_starts_at_once_make_one_connector() {
    let kibana = Kibana::plain();
    sink(&kibana, "").write(batch(&["a"])).await.unwrap();
    // The other start looked before the first one made it.
    kibana.server.script_for("connectors", [Reply::json(200, &json!([])).into()]);
    sink(&kibana, "").write(batch(&["b"])).await.unwrap();
    assert_eq!((connector_ids(&kibana, "default").len(), ids(&kibana, INDEX).len()), (1, 2));
}

#[tokio::test]
async fn our_connector_is_known_under_another_name() {
    let kibana = Kibana::plain();
    sink(&kibana, "").write(batch(&["a"])).await.unwrap();
    let id = connector_ids(&kibana, "default").remove(0);
    let url = format!("{}/api/actions/connector/{id}", kibana.server.url());
    let headers = [("authorization", crate::support::fake_kibana::AUTHORIZATION), ("kbn-xsrf", "true")];
    let body = json!({ "name": "renamed", "config": { "index": INDEX } }).to_string();
    crate::support::http::send(reqwest::Method::PUT, &url, &headers, body.into_bytes());
    sink(&kibana, "").write(batch(&["b"])).await.unwrap();
    assert_eq!((connector_ids(&kibana, "default"), ids(&kibana, INDEX).len()), (vec![id], 2));
}

#[tokio::test]
async fn a_connector_that_somebody_deleted_is_created_again() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "documents_max = 1");
    sink.write(batch(&["a"])).await.unwrap();
    kibana.delete_connector("default", &connector_ids(&kibana, "default")[0]);
    assert_eq!(sink.write(batch(&["b", "c"])).await.unwrap().accepted, 2);
    assert_eq!(
        (connector_ids(&kibana, "default").len(), ids(&kibana, INDEX)),
        (1, vec!["a".into(), "b".into(), "c".into()])
    );
}

#[tokio::test]
async fn a_connector_that_is_found_and_cannot_run_ends_the_looking() {
    let kibana = Kibana::plain();
    let gone = || boom(404, "Saved object [action/x] not found").into();
    kibana.server.script_for("_execute", [gone(), gone()]);
    let kind = failed(sink(&kibana, "").write(batch(&["a"])).await.unwrap_err());
    assert_eq!(kind.to_string(), format!("connector `{NAME}` not found"));
    assert_eq!(runs(&kibana), 2);
}

#[tokio::test]
async fn a_connector_that_writes_elsewhere_is_not_used() {
    let kibana = Kibana::plain();
    make_connector(&kibana, NAME, &json!({ "index": "other" }));
    let kind = failed(sink(&kibana, "").write(batch(&["a"])).await.unwrap_err());
    assert!(matches!(&kind, RemoteErrorKind::Settings(why) if why.contains("writes to other")), "{kind}");
    assert_eq!(runs(&kibana), 0);
}

#[tokio::test]
async fn a_space_has_connectors_of_its_own_and_must_be_there() {
    let kibana = Kibana::plain();
    let elsewhere = sink(&kibana, "space = \"soc\"");
    let kind = failed(elsewhere.write(batch(&["a"])).await.unwrap_err());
    assert_eq!(kind, RemoteErrorKind::NotFound { what: "space `soc`".to_owned() });
    kibana.add_space("soc");
    elsewhere.write(batch(&["a"])).await.unwrap();
    sink(&kibana, "").write(batch(&["b"])).await.unwrap();
    let (soc, default) = (connector_ids(&kibana, "soc"), connector_ids(&kibana, "default"));
    assert!(soc.len() == 1 && default.len() == 1 && soc != default, "{soc:?} {default:?}");
}

#[tokio::test]
async fn an_orderly_end_deletes_what_ccfd_made_and_nothing_else() {
    let kibana = Kibana::plain();
    let found =
        make_connector(&kibana, "OpenAI chat completions", &json!({ "index": "openai-chat-completions" }));
    for (keys, left) in [("", 2), ("delete_on_exit = true", 1)] {
        let sink = sink(&kibana, keys);
        sink.write(batch(&["a"])).await.unwrap();
        sink.write(batch_of(&CHAT_COMPLETIONS, &["b"], "")).await.unwrap();
        sink.close().await.unwrap();
        assert_eq!(connector_ids(&kibana, "default").len(), left, "{keys}");
    }
    assert_eq!(connector_ids(&kibana, "default"), [found]);
}
