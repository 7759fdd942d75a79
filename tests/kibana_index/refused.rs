//! Documents and requests that are refused.

use ccfd::{
    pipeline::policy::Action,
    sinks::{Refused, Sink, remote::RemoteErrorKind},
    tables::AUDIT_LOGS,
};

use super::{INDEX, action, batch, batch_of, failed, runs, sink, times};
use crate::support::fake_kibana::{Kibana, boom};

const ALL: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const REASON: &str = "failed to parse field [n]. Preview of field's value: 'somebody@example.com'";

fn refused(index: usize) -> Refused {
    Refused { index, kind: "refused", reason: format!("{REASON} (For input string)") }
}

#[tokio::test]
async fn a_refused_document_is_found_and_the_others_arrive() {
    let kibana = Kibana::plain();
    kibana.refuse("f", REASON, Some("For input string"));
    let receipt = sink(&kibana, "").write(batch(&ALL)).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused), (7, vec![refused(5)]));
    let times = times(&kibana, &ALL);
    assert!(times[5] == 0 && times.iter().filter(|times| **times > 0).count() == 7, "{times:?}");
}

#[tokio::test]
async fn with_ids_a_refused_document_repeats_nothing_and_costs_few_runs() {
    let kibana = Kibana::plain();
    kibana.set_ids_from(INDEX, "Id");
    kibana.refuse("f", REASON, Some("For input string"));
    let ids: Vec<String> = (0..400).map(|number| format!("audit_log-{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).chain(["f"]).collect();
    let receipt = sink(&kibana, "").write(batch(&ids)).await.unwrap();
    assert_eq!((receipt.accepted + receipt.already_there, receipt.refused), (400, vec![refused(400)]));
    assert!(times(&kibana, &ids[..400]).iter().all(|times| *times == 1));
    assert!(runs(&kibana) <= 6, "{} runs", runs(&kibana));
}

#[tokio::test]
async fn a_refused_document_among_known_ones_is_found() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    kibana.set_ids_from(INDEX, "Id");
    sink.write(batch(&["a", "b", "c"])).await.unwrap();
    kibana.refuse("f", REASON, Some("For input string"));
    kibana.refuse("h", REASON, Some("For input string"));
    let receipt = sink.write(batch(&ALL)).await.unwrap();
    assert_eq!(receipt.refused, [refused(5), refused(7)]);
    assert_eq!(times(&kibana, &ALL), [1, 1, 1, 1, 1, 0, 1, 0]);
}

#[tokio::test]
async fn a_document_that_names_others_as_known_loses_none_of_them() {
    let kibana = Kibana::plain();
    kibana.set_ids_from(INDEX, "Id");
    let lie = "failed to parse field [n]. Preview of field's value: ';[b]: version conflict, document already exists \
               (current version [1])'";
    kibana.refuse("a", lie, None);
    kibana.refuse("b", REASON, None);
    let receipt = sink(&kibana, "").write(batch(&ALL)).await.unwrap();
    let mut places: Vec<_> = receipt.refused.iter().map(|refused| refused.index).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1]);
    assert_eq!(times(&kibana, &ALL[2..]), [1; 6]);
}

#[tokio::test]
async fn what_fails_between_two_halves_leaves_the_rest_to_be_written_again() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    kibana.refuse("a", REASON, None);
    let fate = || crate::support::fake::Fate::Arrives.into();
    // All, then the first half and both of its parts; the second half meets the failure.
    kibana.server.script_for("_execute", [fate(), fate(), fate(), fate(), boom(503, "busy").into()]);
    let failed = sink.write(batch(&ALL[..4])).await.unwrap_err();
    let partial = failed.partial.unwrap();
    assert_eq!((partial.receipt.accepted, partial.receipt.refused.len(), partial.left), (1, 1, vec![2, 3]));
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_and_a_lone_document_refused() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "body_max = \"10MiB\"");
    let half = "x".repeat(500 << 10);
    let receipt = sink.write(batch_of(&AUDIT_LOGS, &["a", "b", "c"], &half)).await.unwrap();
    assert_eq!((receipt.accepted, times(&kibana, &["a", "b", "c"])), (3, vec![1, 1, 1]));
    let whole = "x".repeat(1100 << 10);
    let receipt = sink.write(batch_of(&AUDIT_LOGS, &["d"], &whole)).await.unwrap();
    assert_eq!((receipt.refused.len(), receipt.refused[0].kind), (1, "too_large"));
}

#[tokio::test]
async fn a_document_that_spoils_its_request_is_found() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    let spoilt = || boom(400, "[request body]: '__proto__' is an invalid key").into();
    // Both, the first alone; then an empty request is taken, and the second alone.
    kibana.server.script_for("_execute", [spoilt(), spoilt()]);
    let receipt = sink.write(batch(&["a", "b"])).await.unwrap();
    let reason = "[request body]: '__proto__' is an invalid key".to_owned();
    assert_eq!(receipt.refused, [Refused { index: 0, kind: "refused", reason }]);
    assert_eq!((receipt.accepted, times(&kibana, &["a", "b"])), (1, vec![0, 1]));
}

#[tokio::test]
async fn where_every_request_is_refused_no_document_is() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    let refuse = || boom(400, "a word of the record: somebody@example.com").into();
    kibana.server.script_for("_execute", [refuse(), refuse()]);
    let kind = failed(sink.write(batch(&["a"])).await.unwrap_err());
    assert_eq!(kind, RemoteErrorKind::Refused { status: 400, code: "words_withheld".to_owned() });
    assert_eq!(action(kind), Action::Park);
}

#[tokio::test]
async fn a_document_that_trips_a_rule_of_a_firewall_is_refused_and_the_others_arrive_once() {
    let kibana = Kibana::plain();
    kibana.forbid("evil");
    let sink = sink(&kibana, "");
    let receipt = sink.write(batch(&["a", "b", "evil", "c"])).await.unwrap();
    let reason = "status 403, from a proxy or firewall instead of the service".to_owned();
    assert_eq!(receipt.refused, [Refused { index: 2, kind: "refused", reason }]);
    assert_eq!((receipt.accepted, times(&kibana, &["a", "b", "evil", "c"])), (3, vec![1, 1, 0, 1]));
    assert_eq!(
        sink.write(batch(&["evil"])).await.unwrap().refused.len(),
        1,
        "an empty request is its witness"
    );
}

#[tokio::test]
async fn where_a_firewall_answers_everything_or_every_document_none_is_refused() {
    for text in ["documents", "many"] {
        let kibana = Kibana::plain();
        kibana.forbid(text);
        let ids: Vec<String> = (0..40).map(|number| format!("many-{number}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let kind = failed(sink(&kibana, "").write(batch(&ids)).await.unwrap_err());
        assert_eq!(kind, RemoteErrorKind::Intercepted { status: 403 }, "{text}");
        assert_eq!(action(kind), Action::Park);
        assert!(runs(&kibana) < 50, "{} runs", runs(&kibana));
    }
}

#[tokio::test]
async fn a_page_of_a_firewall_that_comes_once_refuses_no_document() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    let page = crate::support::fake::Reply::status(403).with_body("<html>blocked</html>");
    kibana.server.script_for("_execute", [page.into()]);
    let receipt = sink.write(batch(&["a"])).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len(), times(&kibana, &["a"])), (1, 0, vec![1]));
}
