use ccfd::{
    sinks::{Receipt, Redelivery, Sink, remote::RemoteErrorKind},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, HEALTH},
};
use serde_json::json;

use super::{AUDIT, CHAT, Rig, batch, event, failure, noise, part, remote};
use crate::support::{
    fake::{Fate, Reply, Request, Step},
    fake_azure::{DCR, ingestion_error},
    vendor_table::{alerts, tables},
};

fn is_guid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn rows_of(request: &Request) -> usize {
    request.json().as_array().unwrap().len()
}

#[tokio::test]
async fn every_record_arrives_in_the_shape_of_its_stream() {
    let rig = Rig::new();
    let receipt = rig.sink.write(rig.events(["a", "b"])).await.unwrap();
    assert_eq!(receipt, Receipt { accepted: 2, ..Receipt::default() });
    let completion = r#"{"id":"c","object":"chat.completion","created":7,"choices":[{"index":0}],"seed":5,"tool_choice":{"type":"auto"}}"#;
    rig.sink.write(batch(&CHAT_COMPLETIONS, [(completion.to_owned(), rig.now())])).await.unwrap();

    let row = |id| {
        json!({
            "id": id, "type": "user.added", "effective_at": rig.now(), "friendlyName": "acme",
            "EventDetails": { "id": "user-1", "data": { "text": "" } }, "actor": { "type": "session" },
        })
    };
    assert_eq!(rig.azure.ingestion.rows(AUDIT), [row("a"), row("b")]);
    let row = json!({
        "id": "c", "object": "chat.completion", "created": 7, "choices": [{ "index": 0 }], "seed": 5,
        "tool_choice": "{\"type\":\"auto\"}", "friendlyName": "acme",
    });
    assert_eq!(rig.azure.ingestion.rows(CHAT), [row]);
    assert_eq!(rig.azure.ingestion.losses(), []);
}

#[tokio::test]
async fn rows_of_a_table_that_came_at_run_time_arrive_in_its_own_stream() {
    let rig = Rig::new();
    rig.azure.ingestion.declare("Custom-VendorAlerts_CL", &["seen", "id", "rule"]);
    rig.sink.write(alerts(&tables(), &["a"])).await.unwrap();
    let row = json!({ "seen": 1_770_979_925, "id": "a", "rule": { "severity": "high", "name": "n" } });
    assert_eq!(rig.azure.ingestion.rows("Custom-VendorAlerts_CL"), [row]);
    assert_eq!(rig.azure.ingestion.losses(), []);
}

#[tokio::test]
async fn a_row_of_health_arrives_in_a_stream_of_its_own() {
    let rig = Rig::new();
    let fields: Vec<&str> = HEALTH.stream.iter().map(|field| &*field.name).collect();
    rig.azure.ingestion.declare("Custom-CcfdHealth_CL", &fields);
    let row = r#"{"id":"r","at":7,"route":"acme/sentinel","status":"Success","details":{"Delivered":3}}"#;
    rig.sink.write(batch(&HEALTH, [(row.to_owned(), rig.now())])).await.unwrap();
    let row = json!({
        "at": 7, "operation": "Data fetch status change", "route": "acme/sentinel", "status": "Success",
        "resource_type": "Data connector", "id": "r", "details": { "Delivered": 3 },
    });
    assert_eq!(rig.azure.ingestion.rows("Custom-CcfdHealth_CL"), [row]);
    assert_eq!(rig.azure.ingestion.losses(), []);
}

#[tokio::test]
async fn a_call_is_a_compressed_array_with_a_name() {
    let rig = Rig::new();
    rig.sink.write(rig.events(["a"])).await.unwrap();
    let [request] = &rig.azure.ingestion.server.requests()[..] else { panic!("not one call") };
    assert_eq!(request.path, format!("/dataCollectionRules/{DCR}/streams/{AUDIT}"));
    assert_eq!(request.query, "api-version=2023-01-01");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert!(is_guid(request.header("x-ms-client-request-id").unwrap()));
    assert!(request.json().is_array());
}

#[tokio::test]
async fn rows_for_the_asim_rule_carry_its_constants() {
    let rig = Rig::with("profile = \"asim\"");
    rig.azure.ingestion.declare(
        AUDIT,
        &["id", "type", "effective_at", "EventDetails", "actor", "friendlyName", "aliasName"],
    );
    rig.sink.write(rig.events(["a"])).await.unwrap();
    assert_eq!(rig.azure.ingestion.rows(AUDIT)[0]["aliasName"], "OpenAIAuditLogs");
    assert_eq!(rig.azure.ingestion.losses(), []);
}

#[tokio::test]
async fn a_batch_above_the_cap_becomes_calls_below_it_in_order() {
    let rig = Rig::with("inflated_max = \"64KiB\"");
    let ids: Vec<_> = (0..1_000).map(|number| number.to_string()).collect();
    let receipt = rig.sink.write(rig.events(ids.clone())).await.unwrap();
    assert_eq!((receipt.accepted, rig.arrived()), (1_000, ids));
    let requests = rig.azure.ingestion.server.requests();
    let sizes: Vec<_> = requests.iter().map(|request| request.content().unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size <= 64 << 10), "{sizes:?}");
    assert!(sizes[0] > 60 << 10, "{sizes:?}");
    assert!(requests.iter().all(|request| rows_of(request) > 0));
}

#[tokio::test]
async fn what_does_not_shrink_fills_calls_up_to_a_mebibyte_and_not_beyond() {
    let rig = Rig::new();
    let records = (0..80).map(|number| event(&number.to_string(), rig.now(), &noise(50_000, number)));
    let receipt = rig.sink.write(batch(&ccfd::tables::AUDIT_LOGS, records)).await.unwrap();
    assert_eq!((receipt.accepted, rig.arrived().len()), (80, 80));
    let requests = rig.azure.ingestion.server.requests();
    let sizes: Vec<_> = requests.iter().map(|request| request.body.len()).collect();
    assert!(sizes.iter().all(|size| *size <= 1_048_576), "{sizes:?}");
    assert!(sizes[..sizes.len() - 1].iter().all(|size| *size > 950_000), "{sizes:?}");
    assert_eq!(rig.azure.ingestion.losses(), []);
}

#[tokio::test]
async fn calls_before_the_one_that_fails_are_acknowledged() {
    let rig = Rig::with("inflated_max = \"64KiB\"");
    let ids: Vec<_> = (0..1_000).map(|number| number.to_string()).collect();
    let batch = rig.events(ids.clone());
    let busy = Step::from(ingestion_error(503, "ServerBusy", ""));
    rig.azure.ingestion.server.script([Step::from(Fate::Arrives), Step::from(Fate::Arrives), busy]);
    let failed = rig.sink.write(batch.clone()).await.unwrap_err();
    assert!(matches!(remote(failed.error).kind, RemoteErrorKind::Overloaded { status: 503, .. }));
    let partial = failed.partial.unwrap();
    let arrived = rig.arrived().len();
    assert_eq!(partial.receipt.accepted, arrived as u64);
    assert_eq!(partial.left, (arrived..1_000).collect::<Vec<_>>());
    rig.sink.write(part(&batch, &partial.left)).await.unwrap();
    assert_eq!(rig.arrived(), ids);
}

#[tokio::test]
async fn a_repeated_batch_is_duplicated() {
    let rig = Rig::new();
    assert_eq!(rig.sink.redelivery(), Redelivery::Repeats);
    for _ in 0..2 {
        rig.sink.write(rig.events(["a"])).await.unwrap();
    }
    assert_eq!(rig.arrived(), ["a", "a"]);
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_fails_and_may_have_worked() {
    let rig = Rig::new();
    rig.azure.ingestion.server.script([Step::from(Fate::Lost)]);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert!(matches!(error.kind, RemoteErrorKind::Unreachable(_)), "{error}");
    assert_eq!(rig.arrived(), ["a"]);
}

#[tokio::test]
async fn only_azure_acknowledges() {
    let html = || {
        Reply::status(200)
            .with_header("content-type", "text/html; charset=utf-8")
            .with_body("<html>log in</html>")
    };
    let named = |reply: Reply| reply.with_header("x-ms-request-id", "r-1");
    let error = || ingestion_error(200, "Oops", "secret words");
    for reply in [
        html(),
        named(html()),
        error(),
        named(error()),
        Reply::status(200),
        Reply::status(202),
        named(Reply::status(200).with_body("OK")),
    ] {
        let rig = Rig::new();
        rig.sink_is_warm().await;
        rig.azure.ingestion.server.script([Step::from(reply.clone()), Step::from(reply.clone())]);
        let error = failure(&*rig.sink, rig.events(["a"])).await;
        assert!(matches!(&error.kind, RemoteErrorKind::NotUnderstood(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("status 20") && text.contains("bytes") && !text.contains("secret"), "{text}");
        let checked = rig.sink.check(std::slice::from_ref(&AUDIT_LOGS)).await.unwrap_err();
        assert!(matches!(remote(checked).kind, RemoteErrorKind::NotUnderstood(_)));
        assert_eq!(rig.sink.write(rig.events(["a"])).await.unwrap().accepted, 1);
    }
    for reply in [named(Reply::status(200)), named(Reply::json(202, &json!({})))] {
        let rig = Rig::new();
        rig.azure.ingestion.server.script([Step::from(reply)]);
        assert_eq!(rig.sink.write(rig.events(["a"])).await.unwrap().accepted, 1);
    }
}
