//! What every sink over the network must get right.

use std::time::Duration;

use bytes::Bytes;
use ccfd::{
    pipeline::policy::Action,
    sinks::{Batch, Receipt, Redelivery, Sink, remote::RemoteErrorKind},
    tables::CHAT_COMPLETIONS,
};
use collectors::{IdHash, Record};
use serde_json::json;

use super::{INDEX, NAME, SECOND, action, batch, batch_of, failed, ids, kind, runs, sink, times};
use crate::support::{
    chaos::Whim,
    fake::{Ca, Fate, Reply, Step},
    fake_kibana::{Kibana, boom, thrown},
};

fn accepted(count: u64) -> Receipt {
    Receipt { accepted: count, ..Receipt::default() }
}

#[tokio::test]
async fn each_table_arrives_in_its_index_through_its_connector() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    assert_eq!(sink.write(batch(&["a", "b"])).await.unwrap(), accepted(2));
    assert_eq!(sink.write(batch_of(&CHAT_COMPLETIONS, &["c"], "")).await.unwrap(), accepted(1));
    assert_eq!(ids(&kibana, INDEX), ["a", "b"]);
    let event = &kibana.documents(INDEX)[0];
    assert_eq!((&event["EventType"], &event["ConnectorName"]), (&json!("role.created"), &json!("acme")));
    assert_ne!(event["@timestamp"], event["TimeGenerated"], "stamped by the connector");
    assert_eq!(kibana.documents("openai-chat-completions")[0]["Id"], "c");
    let made = kibana.connectors("default").into_iter().find(|made| made["name"] == NAME).unwrap();
    let config = json!({ "index": INDEX, "refresh": false, "executionTimeField": "@timestamp" });
    assert_eq!((&made["connector_type_id"], &made["config"]), (&json!(".index"), &config));
    assert_eq!(sink.redelivery(), Redelivery::Repeats);
}

#[tokio::test]
async fn behind_tls_the_authority_of_ca_file_is_trusted() {
    let ca = Ca::new();
    let kibana = Kibana::start(Some(ca.server()));
    let keys = format!("ca_file = \"{}\"", ca.path().display());
    sink(&kibana, &keys).write(batch(&["a"])).await.unwrap();
    assert_eq!(ids(&kibana, INDEX), ["a"]);
    let stranger = failed(sink(&kibana, "").write(batch(&["b"])).await.unwrap_err());
    assert!(matches!(stranger, RemoteErrorKind::Untrusted(_)), "{stranger}");
}

#[tokio::test]
async fn a_batch_is_split_by_documents_and_by_bytes() {
    let kibana = Kibana::plain();
    sink(&kibana, "documents_max = 2").write(batch(&["a", "b", "c", "d", "e"])).await.unwrap();
    assert_eq!((ids(&kibana, INDEX).len(), runs(&kibana)), (5, 3));
    assert_eq!(kibana.server.requests_to("/connectors").len(), 1, "looked for once");
    let long = "x".repeat(7000);
    let batch = batch_of(&ccfd::tables::AUDIT_LOGS, &["f", "g", "h"], &long);
    sink(&kibana, "body_max = \"16KiB\"").write(batch).await.unwrap();
    assert_eq!((ids(&kibana, INDEX).len(), runs(&kibana)), (8, 5));
    let requests = kibana.server.requests_to("_execute");
    assert!(requests[3..].iter().all(|request| request.body.len() <= 16 << 10));
}

#[tokio::test]
async fn a_throttled_write_waits_as_asked_and_keeps_what_was_acknowledged() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "documents_max = 2\nretry_after_max = \"9s\"");
    let throttled =
        |after: &str| Step::from(boom(429, "Too Many Requests").with_header("retry-after", after));
    kibana.server.script_for("_execute", [Fate::Arrives.into(), throttled("7")]);
    let failure = sink.write(batch(&["a", "b", "c", "d", "e"])).await.unwrap_err();
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(kind(failure.error), RemoteErrorKind::Throttled { retry_after });
    let partial = failure.partial.unwrap();
    assert_eq!((partial.receipt, partial.left), (accepted(2), vec![2, 3, 4]));
    kibana.server.script_for("_execute", [throttled("3600")]);
    let bounded = failed(sink.write(batch(&["c"])).await.unwrap_err());
    assert_eq!(action(bounded), Action::Wait(Duration::from_secs(9)));
}

#[tokio::test]
async fn a_kibana_that_is_not_well_is_asked_again_later() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    for status in [500, 502, 503] {
        kibana.server.script([boom(status, "Server is not ready yet").into()]);
        let kind = failed(sink.write(batch(&["a"])).await.unwrap_err());
        assert_eq!(kind, RemoteErrorKind::Overloaded { status, retry_after: None });
    }
    assert_eq!(sink.write(batch(&["a"])).await.unwrap(), accepted(1));
}

#[tokio::test]
async fn an_unknown_or_unprivileged_key_fails_with_the_reason_of_kibana() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    kibana.server.script([boom(403, "Unauthorized to get actions").into()]);
    let forbidden = failed(sink.write(batch(&["a"])).await.unwrap_err());
    assert_eq!(forbidden.to_string(), "not allowed (status 403, Unauthorized to get actions)");
    kibana.require("ApiKey another");
    let unauthorized = failed(sink.write(batch(&["a"])).await.unwrap_err());
    assert!(unauthorized.to_string().contains("unable to authenticate user"), "{unauthorized}");
    for kind in [forbidden, unauthorized] {
        assert_eq!(action(kind), Action::Park);
    }
}

#[tokio::test]
async fn a_repeated_page_is_duplicated_without_ids_and_not_with_them() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    for _ in 0..2 {
        assert_eq!(sink.write(batch(&["a", "b"])).await.unwrap(), accepted(2));
    }
    assert_eq!(times(&kibana, &["a", "b"]), [2, 2]);
    let kibana = Kibana::plain();
    let sink = super::sink(&kibana, "");
    kibana.set_ids_from(INDEX, "Id");
    sink.write(batch(&["a", "b"])).await.unwrap();
    let known = Receipt { already_there: 2, ..Receipt::default() };
    assert_eq!(sink.write(batch(&["a", "b"])).await.unwrap(), known);
    let mixed = Receipt { accepted: 1, already_there: 1, ..Receipt::default() };
    assert_eq!(sink.write(batch(&["b", "c"])).await.unwrap(), mixed);
    assert_eq!((times(&kibana, &["a", "b", "c"]), runs(&kibana)), (vec![1, 1, 1], 3));
}

#[tokio::test]
async fn a_lost_answer_is_not_taken_for_one() {
    for fate in [Fate::Lost, Fate::CutAfter(20)] {
        let kibana = Kibana::plain();
        let sink = sink(&kibana, "");
        kibana.set_ids_from(INDEX, "Id");
        kibana.server.script_for("_execute", [fate.into()]);
        let lost = failed(sink.write(batch(&["a"])).await.unwrap_err());
        assert!(matches!(lost, RemoteErrorKind::Unreachable(_)), "{lost}");
        assert_eq!(sink.write(batch(&["a"])).await.unwrap().already_there, 1);
        assert_eq!(times(&kibana, &["a"]), [1]);
    }
}

#[tokio::test]
async fn an_index_at_fault_parks_and_refuses_nothing() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    for (reason, code) in [
        ("closed", "index_closed"),
        ("index [a] blocked by: [FORBIDDEN/8/index write (api)];", "index_blocked"),
        ("somebody@example.com has written a plug-in", "unknown_reason"),
    ] {
        kibana.set_index_fault(INDEX, Some(reason));
        kibana.server.forget();
        let fault = failed(sink.write(batch(&["a", "b", "c"])).await.unwrap_err());
        assert_eq!(fault.to_string(), format!("connector `{NAME}` accepts no rows: {code}"));
        assert_eq!((action(fault), runs(&kibana)), (Action::Park, 1), "{reason}");
    }
    kibana.set_index_fault(INDEX, None);
    assert_eq!(sink.write(batch(&["a", "b", "c"])).await.unwrap(), accepted(3));
}

#[tokio::test]
async fn a_run_that_threw_is_tried_again_whole() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    kibana.server.script_for("_execute", [thrown("c", "connect ECONNREFUSED 10.0.0.1:9200").into()]);
    let kind = failed(sink.write(batch(&["a", "b"])).await.unwrap_err());
    assert_eq!(kind, RemoteErrorKind::RunFailed { code: "connection".to_owned() });
    assert_eq!((action(kind), runs(&kibana)), (Action::BackOff, 1));
    assert_eq!(sink.write(batch(&["a", "b"])).await.unwrap(), accepted(2));
}

#[tokio::test]
async fn what_is_no_answer_of_kibana_is_not_believed() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    let page = Reply::status(200).with_body("<html>Welcome</html>");
    let moved = Reply::status(302).with_header("location", "/login");
    let queued = Reply::json(200, &json!({ "status": "queued" }));
    let silent = Reply::json(200, &json!({ "status": "error", "service_message": null }));
    for reply in [page, moved, queued, silent] {
        kibana.server.script_for("_execute", [reply.into()]);
        let kind = failed(sink.write(batch(&["b"])).await.unwrap_err());
        assert!(
            matches!(kind, RemoteErrorKind::NotUnderstood(_) | RemoteErrorKind::Unconfirmed { .. }),
            "{kind}"
        );
    }
    assert_eq!(times(&kibana, &["a", "b"]), [1, 0]);
}

#[tokio::test]
async fn words_that_are_missing_do_not_make_a_good_answer_unreadable() {
    let kibana = Kibana::plain();
    let bare =
        json!({ "status": "ok", "message": null, "service_message": null, "retry": null, "data": null });
    kibana.server.script_for("_execute", [Reply::json(200, &bare).into()]);
    assert_eq!(sink(&kibana, "").write(batch(&["a"])).await.unwrap(), accepted(1));
}

#[tokio::test]
async fn a_write_whose_answer_is_not_understood_is_not_repeated_while_no_answer_can_be_read() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    sink.write(batch(&["a"])).await.unwrap();
    // A proxy begins to change every answer.
    let page = || Step::from(Reply::status(200).with_body("<html>Welcome</html>"));
    kibana.limit(Some((0, Whim::PageAfter)));
    for _ in 0..2 {
        let kind = failed(sink.write(batch(&["b"])).await.unwrap_err());
        assert_eq!(action(kind), Action::BackOff);
    }
    // The third time a person is asked, and the answer to a look that cannot be read keeps it from a fourth.
    let kind = failed(sink.write(batch(&["b"])).await.unwrap_err());
    assert_eq!((kind.clone(), action(kind)), (RemoteErrorKind::Unconfirmed { writes: 3 }, Action::Park));
    kibana.server.script_for("/connector/", [page()]);
    let looked = failed(sink.write(batch(&["b"])).await.unwrap_err());
    assert!(matches!(looked, RemoteErrorKind::NotUnderstood(_)), "{looked}");
    assert_eq!(times(&kibana, &["b"]), [3]);
    kibana.limit(None);
    assert_eq!(sink.write(batch(&["c"])).await.unwrap(), accepted(1));
}

#[tokio::test]
async fn whole_numbers_that_javascript_would_change_arrive_as_they_are() {
    let kibana = Kibana::plain();
    let number = "9007199254740993";
    let raw = format!(
        r#"{{"id":"a","created":{SECOND},"seed":-{number},"metadata":{{"n":[{{"m":{number}}}],"f":0.5}}}}"#
    );
    let record = Record::new(Bytes::from(raw), SECOND, IdHash::of("a"), None);
    let batch = Batch { records: [record].into(), ..batch_of(&CHAT_COMPLETIONS, &["a"], "") };
    sink(&kibana, "").write(batch).await.unwrap();
    let document = kibana.documents("openai-chat-completions").remove(0);
    assert_eq!(document["Seed"], format!("-{number}"));
    assert_eq!(
        (&document["Metadata"]["n"][0]["m"], &document["Metadata"]["f"]),
        (&json!(number), &json!(0.5))
    );
}
