use ccfd::{
    sinks::{Sink, remote::RemoteErrorKind},
    tables::AUDIT_LOGS,
};
use serde_json::Value;

use super::{Rig, batch, event, failure, named, part};
use crate::support::{
    fake::{Fake, Reply, Request},
    fake_azure::{Azure, ingestion_error},
};

/// A gateway that answers by the rows of a call.
fn gateway(judge: impl Fn(&[Value], &Request) -> Reply + Send + Sync + 'static) -> (Rig, Fake) {
    let azure = Azure::start();
    let server = Fake::tls(azure.ca.server(), move |request| {
        let rows = request.json();
        judge(rows.as_array().unwrap(), request)
    });
    let rig = Rig::at(azure, server.url(), "");
    (rig, server)
}

/// The ids of what was accepted, in order.
fn accepted(server: &Fake, is_accepted: impl Fn(&[Value]) -> bool) -> Vec<String> {
    let bodies: Vec<_> = server.requests().iter().map(|request| request.json()).collect();
    let rows = bodies.iter().filter_map(Value::as_array).filter(|rows| is_accepted(rows));
    rows.flat_map(|rows| super::ids(rows)).collect()
}

fn is_poisoned(rows: &[Value]) -> bool {
    rows.iter().any(|row| row["id"].as_str().unwrap().contains("poison"))
}

#[tokio::test]
async fn poisonous_rows_are_set_aside_and_all_others_arrive_once_in_order() {
    let (rig, server) = gateway(|rows, _| match is_poisoned(rows) {
        true => ingestion_error(400, "InvalidPayload", "row not understood"),
        false => Reply::status(204),
    });
    let ids: Vec<_> = (0..100)
        .map(
            |number| {
                if [7, 8, 64].contains(&number) { format!("poison-{number}") } else { number.to_string() }
            },
        )
        .collect();
    let receipt = rig.sink.write(rig.events(ids.clone())).await.unwrap();
    assert_eq!(receipt.accepted, 97);
    let refused: Vec<_> = receipt.refused.iter().map(|one| (one.index, one.kind)).collect();
    assert_eq!(refused, [(7, "refused"), (8, "refused"), (64, "refused")]);
    assert_eq!(receipt.refused[0].reason, "status 400, InvalidPayload: row not understood");
    let good: Vec<_> = ids.into_iter().filter(|id| !id.contains("poison")).collect();
    assert_eq!(accepted(&server, |rows| !is_poisoned(rows)), good);
}

#[tokio::test]
async fn a_call_that_is_too_large_for_the_gateway_is_halved() {
    let (rig, server) = gateway(|rows, _| match rows.len() {
        0..=3 => Reply::status(204),
        _ => ingestion_error(413, "ContentLengthLimitExceeded", ""),
    });
    let ids: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(rig.sink.write(rig.events(ids.clone())).await.unwrap().accepted, 20);
    assert_eq!(accepted(&server, |rows| rows.len() <= 3), ids);
}

#[tokio::test]
async fn a_record_that_is_too_large_alone_is_set_aside() {
    let (rig, server) = gateway(|rows, _| match rows.iter().any(|row| row["id"] == "1") {
        true => ingestion_error(413, "ContentLengthLimitExceeded", ""),
        false => Reply::status(204),
    });
    let long = "x".repeat(20_000);
    let record = |id| event(id, rig.now(), if id == "1" { &long } else { "" });
    let receipt = rig.sink.write(batch(&AUDIT_LOGS, ["0", "1", "2"].map(record))).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused[0].index), (2, 1));
    assert_eq!(receipt.refused[0].kind, "too_large");
    assert_eq!(accepted(&server, |rows| rows.iter().all(|row| row["id"] != "1")), ["0", "2"]);
}

#[tokio::test]
async fn a_record_that_is_smaller_than_what_passed_is_not_set_aside_for_a_413() {
    let (rig, server) = gateway(|_, _| Reply::status(204));
    rig.sink.write(batch(&AUDIT_LOGS, [event("0", rig.now(), &"x".repeat(20_000))])).await.unwrap();
    server.script([ingestion_error(413, "ContentLengthLimitExceeded", "").into()]);
    let error = failure(&*rig.sink, rig.events(["1"])).await;
    assert_eq!(error.kind, RemoteErrorKind::Overloaded { status: 413, retry_after: None });
    assert_eq!(rig.sink.write(rig.events(["1"])).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn what_only_large_calls_meet_ends_with_smaller_ones_and_passes() {
    let (rig, server) = gateway(|rows, _| match rows.len() {
        0..=3 => Reply::status(204),
        _ => Reply::status(429),
    });
    let ids: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    let mut left = rig.events(ids.clone());
    for _ in 0..100 {
        let Err(failed) = rig.sink.write(left.clone()).await else { break };
        if let Some(partial) = failed.partial {
            left = part(&left, &partial.left);
        }
    }
    assert_eq!(accepted(&server, |rows| rows.len() <= 3), ids);
}

#[tokio::test]
async fn a_gateway_that_refuses_even_no_rows_rejects_nothing() {
    let (rig, _server) = gateway(|_, _| ingestion_error(400, "InvalidApiVersion", ""));
    let error = failure(&*rig.sink, rig.events(["a", "b"])).await;
    assert_eq!(error.kind, RemoteErrorKind::Refused { status: 400, code: "InvalidApiVersion".to_owned() });
}

#[tokio::test]
async fn a_rule_that_refuses_every_row_is_at_fault_itself() {
    let (rig, server) = gateway(|rows, _| match rows.is_empty() {
        true => Reply::status(204),
        false => ingestion_error(400, "InvalidPayload", "").with_header("x-ms-request-id", "r-1"),
    });
    let ids: Vec<_> = (0..1_000).map(|number| number.to_string()).collect();
    let error = failure(&*rig.sink, rig.events(ids)).await;
    let place = "the data collection rule".to_owned();
    let code = "InvalidPayload".to_owned();
    assert_eq!(named(error), RemoteErrorKind::PlaceAtFault { place, code });
    assert!(server.requests().len() < 50, "{} calls", server.requests().len());
}

#[tokio::test]
async fn many_poisonous_rows_in_front_are_no_fault_of_the_rule() {
    let (rig, server) = gateway(|rows, _| match is_poisoned(rows) {
        true => ingestion_error(400, "InvalidPayload", ""),
        false => Reply::status(204),
    });
    let ids: Vec<_> = (0..100)
        .map(|number| if number < 20 { format!("poison-{number}") } else { number.to_string() })
        .collect();
    let receipt = rig.sink.write(rig.events(ids.clone())).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (80, 20));
    // A record that was sent ahead of its turn is not duplicated.
    let mut arrived = accepted(&server, |rows| !is_poisoned(rows));
    arrived.sort();
    let mut good = ids[20..].to_vec();
    good.sort();
    assert_eq!(arrived, good);
}

#[tokio::test]
async fn a_few_poisonous_rows_and_no_other_are_set_aside() {
    let (rig, _server) = gateway(|rows, _| match is_poisoned(rows) {
        true => ingestion_error(400, "InvalidPayload", ""),
        false => Reply::status(204),
    });
    let receipt = rig.sink.write(rig.events((0..10).map(|number| format!("poison-{number}")))).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (0, 10));
}

#[tokio::test]
async fn a_row_that_trips_a_rule_of_a_firewall_is_set_aside_and_the_others_arrive() {
    let rig = Rig::new();
    rig.azure.ingestion.forbid("evil");
    let receipt = rig.sink.write(rig.events(["a", "evil", "b", "c"])).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (3, 1));
    let refused = &receipt.refused[0];
    assert_eq!((refused.index, refused.kind), (1, "refused"));
    assert_eq!(refused.reason, "status 403, from a proxy or firewall instead of the service");
    assert_eq!(rig.arrived(), ["a", "b", "c"]);
}

#[tokio::test]
async fn where_a_firewall_answers_everything_or_every_row_nothing_is_set_aside() {
    for text in ["[", "many"] {
        let rig = Rig::new();
        rig.azure.ingestion.forbid(text);
        let kind =
            failure(&*rig.sink, rig.events((0..100).map(|number| format!("many-{number}")))).await.kind;
        assert_eq!(kind, RemoteErrorKind::Intercepted { status: 403 }, "{text}");
    }
}

#[tokio::test]
async fn a_page_of_a_firewall_that_comes_once_sets_no_row_aside() {
    let rig = Rig::new();
    rig.sink_is_warm().await;
    rig.azure.ingestion.server.script([Reply::status(403).with_body("<html>blocked</html>").into()]);
    let receipt = rig.sink.write(rig.events(["a"])).await.unwrap();
    assert_eq!(
        (receipt.accepted, receipt.refused.len(), rig.arrived()),
        (1, 0, vec!["warm".into(), "a".into()])
    );
}

#[tokio::test]
async fn old_records_are_sent_or_set_aside_as_the_settings_say() {
    const DAY: i64 = 24 * 60 * 60;
    for (setting, kept) in [("send", 2), ("reject", 1)] {
        let rig = Rig::with(&format!("old_records = \"{setting}\""));
        let now = rig.now();
        let records = [event("old", now - 2 * DAY - 1, ""), event("new", now - 2 * DAY, "")];
        let receipt = rig.sink.write(batch(&AUDIT_LOGS, records)).await.unwrap();
        assert_eq!(receipt.accepted, kept);
        let refused: Vec<_> = receipt.refused.iter().map(|one| (one.index, one.kind)).collect();
        assert_eq!(refused, if setting == "send" { vec![] } else { vec![(0, "old")] });
        assert_eq!(rig.arrived().len() as u64, kept);
    }
}

#[tokio::test]
async fn a_batch_of_which_nothing_is_left_makes_no_call() {
    let rig = Rig::with("old_records = \"reject\"");
    let receipt = rig.sink.write(batch(&AUDIT_LOGS, [event("old", 1, "")])).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (0, 1));
    assert_eq!(rig.azure.ingestion.server.requests().len(), 0);
}
