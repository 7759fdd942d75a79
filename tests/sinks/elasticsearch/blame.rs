//! Failures whose text does not show what is at fault: the neighbours do.

use std::{collections::BTreeSet, time::Duration};

use ccfd::sinks::{Receipt, Sink, elasticsearch::ElasticsearchSink, remote::RemoteErrorKind};
use serde_json::{Value, json};

use super::{INDEX, batch, batch_of, event, failure, failure_of_all, sink_at};
use crate::support::{
    fake::{Reply, Request},
    fake_elastic::Elastic,
    sink::write_all_between,
};

const FOR_EVER: usize = usize::MAX;

/// Time goes by for the sink; the sockets do not notice.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// A write of one record that is not there yet, and passes.
async fn witness(sink: &ElasticsearchSink) {
    assert_eq!(sink.write(batch(&["witness"])).await.unwrap().accepted, 1);
}

fn refused(receipt: &Receipt) -> Vec<usize> {
    receipt.refused.iter().map(|one| one.index).collect()
}

#[tokio::test]
async fn a_row_of_which_the_words_do_not_tell_is_refused_where_its_neighbours_pass() {
    for (status, error_type) in
        [(400, "illegal_argument_exception"), (400, "never_heard_of_exception"), (422, "")]
    {
        let elastic = Elastic::plain();
        elastic.fail("b", FOR_EVER, status, error_type);
        let receipt = sink_at(elastic.server.url()).write(batch(&["a", "b", "c"])).await.unwrap();
        assert_eq!((receipt.accepted, refused(&receipt)), (2, vec![1]), "{error_type}");
        assert!(receipt.refused[0].reason.contains(&status.to_string()), "{}", receipt.refused[0].reason);
    }
}

#[tokio::test]
async fn alone_in_its_request_it_is_refused_where_one_that_passed_before_passes_beside_it() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    elastic.fail("b", FOR_EVER, 400, "illegal_argument_exception");
    let kind = failure_of_all(&sink, batch(&["b"])).await;
    assert!(matches!(kind, RemoteErrorKind::PlaceAtFault { .. }), "nothing passed yet: {kind}");
    witness(&sink).await;
    let receipt = sink.write(batch(&["b"])).await.unwrap();
    assert_eq!((receipt.accepted + receipt.already_there, refused(&receipt)), (0, vec![0]));
    assert_eq!(elastic.documents(INDEX).len(), 1, "the witness is there once");
}

#[tokio::test]
async fn an_index_that_takes_not_even_what_it_took_before_is_at_fault() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    witness(&sink).await;
    elastic.fail("*", FOR_EVER, 400, "illegal_argument_exception");
    for rows in [batch(&["a"]), batch(&["a", "b"])] {
        let kind = failure_of_all(&sink, rows).await;
        assert!(matches!(kind, RemoteErrorKind::PlaceAtFault { .. }), "{kind}");
    }
}

#[tokio::test]
async fn many_rows_that_fail_together_are_refused_where_one_that_passed_before_passes_beside_them() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    witness(&sink).await;
    fail_all(&elastic, 30, 400, "illegal_argument_exception");
    let receipt = sink.write(batch_of((0..30).map(|number| event(&odd(number))))).await.unwrap();
    assert_eq!((receipt.accepted + receipt.already_there, receipt.refused.len()), (0, 30));
    // Whether all are refused is for the route to judge; that the place is well was asked with a few of them.
    elastic.fail("*", FOR_EVER, 400, "illegal_argument_exception");
    let asked = elastic.server.requests_to("_bulk").len();
    let kind = failure_of_all(&sink, batch_of((0..30).map(|number| event(&format!("other-{number}"))))).await;
    assert!(matches!(kind, RemoteErrorKind::PlaceAtFault { .. }), "{kind}");
    let lines = elastic.server.requests_to("_bulk")[asked..].iter().map(lines).collect::<Vec<_>>();
    assert_eq!(lines, [60, 2 * (8 + 1)]);
}

fn odd(number: usize) -> String {
    format!("odd-{number}")
}

fn fail_all(elastic: &Elastic, count: usize, status: u16, error_type: &str) {
    (0..count).for_each(|number| elastic.fail(&odd(number), FOR_EVER, status, error_type));
}

fn lines(request: &Request) -> usize {
    request.content().unwrap().iter().filter(|byte| **byte == b'\n').count()
}

#[tokio::test]
async fn however_many_rows_keep_failing_with_a_status_that_may_pass_the_batch_ends_without_them() {
    for (status, error_type) in
        [(500, "fail_processor_exception"), (503, "exception"), (408, ""), (429, "http_exception")]
    {
        let elastic = Elastic::plain();
        let sink = sink_at(elastic.server.url());
        fail_all(&elastic, 12, status, error_type);
        let good = (0..88).map(|number| event(&format!("good-{number}")));
        let all = batch_of((0..12).map(|number| event(&odd(number))).chain(good));
        let became = write_all_between(&sink, all, 20, async || pass(5).await).await;
        let odd: BTreeSet<String> = (0..12).map(odd).collect();
        assert_eq!((became.there, &became.refused), (88, &odd), "{status}");
        assert_eq!(elastic.documents(INDEX).len(), 88);
    }
}

#[tokio::test]
async fn a_status_that_may_pass_is_no_rows_fault_where_its_type_is_the_places_own() {
    for (status, error_type) in [
        (503, "unavailable_shards_exception"),
        (503, "process_cluster_event_timeout_exception"),
        (429, "es_rejected_execution_exception"),
        (429, "rejected_execution_exception"),
        (429, "circuit_breaking_exception"),
        (429, "cluster_block_exception"),
    ] {
        let elastic = Elastic::plain();
        let sink = sink_at(elastic.server.url());
        elastic.fail("b", FOR_EVER, status, error_type);
        assert_eq!(failure(&sink, batch(&["a", "b"])).await.1, Some(vec![1]));
        for _ in 0..20 {
            pass(20).await;
            failure_of_all(&sink, batch(&["b"])).await;
        }
        elastic.heal();
        assert_eq!(sink.write(batch(&["b"])).await.unwrap().accepted, 1);
    }
}

#[tokio::test]
async fn a_row_in_doubt_is_refused_beside_one_that_waits_for_its_place() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    witness(&sink).await;
    elastic.fail("waits", FOR_EVER, 503, "unavailable_shards_exception");
    elastic.fail("bad", FOR_EVER, 400, "never_heard_of_exception");
    let failed = sink.write(batch(&["waits", "bad"])).await.unwrap_err();
    let partial = failed.partial.unwrap();
    assert_eq!((refused(&partial.receipt), partial.left), (vec![1], vec![0]));
}

#[tokio::test]
async fn a_row_longer_than_a_page_is_a_witness_where_no_shorter_one_passed() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    let long = event("long").replace("owner", &"x".repeat(100 << 10));
    sink.write(batch_of([long])).await.unwrap();
    elastic.fail("b", FOR_EVER, 400, "never_heard_of_exception");
    assert_eq!(refused(&sink.write(batch(&["b"])).await.unwrap()), [0]);
}

#[tokio::test]
async fn a_500_that_lasts_while_others_pass_is_the_rows_and_one_that_ends_is_not() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    elastic.fail("lasts", FOR_EVER, 500, "fail_processor_exception");
    elastic.fail("ends", 9, 500, "fail_processor_exception");
    let (error, left) = failure(&sink, batch(&["a", "lasts", "ends", "b"])).await;
    assert_eq!(error.kind, RemoteErrorKind::Overloaded { status: 500, retry_after: None });
    assert_eq!(left, Some(vec![1, 2]));
    let became = write_all_between(&sink, batch(&["lasts", "ends"]), 20, async || pass(5).await).await;
    let ids: Vec<String> = elastic.documents(INDEX).into_keys().collect();
    assert_eq!((became.refused.len(), ids.join(" ")), (1, "a b ends".to_owned()));
}

#[tokio::test]
async fn an_item_whose_reason_is_missing_or_null_or_no_text_is_read_all_the_same() {
    for reason in [Value::Null, json!({ "nested": ["x"] }), json!(7)] {
        let elastic = Elastic::plain();
        elastic.fail_saying("b", FOR_EVER, 400, "document_parsing_exception", reason);
        let receipt = sink_at(elastic.server.url()).write(batch(&["a", "b"])).await.unwrap();
        assert_eq!((receipt.accepted, refused(&receipt)), (1, vec![1]));
    }
    let error = json!({ "create": { "status": 400, "error": "words alone" } });
    for odd in
        [error, json!({ "create": { "status": 400, "error": null } }), json!({ "index": { "status": 400 } })]
    {
        let elastic = Elastic::plain();
        let answer = json!({ "errors": true, "items": [{ "create": { "status": 201 } }, odd] });
        elastic.server.script_for("_bulk", [Reply::json(200, &answer).into()]);
        let receipt = sink_at(elastic.server.url()).write(batch(&["a", "b"])).await.unwrap();
        assert_eq!((receipt.accepted, refused(&receipt)), (1, vec![1]));
    }
}

#[tokio::test]
async fn an_item_without_a_status_leaves_its_row_to_be_sent_again() {
    for silent in [json!({}), Value::Null, json!({ "create": null }), json!({ "create": { "status": null } })]
    {
        let elastic = Elastic::plain();
        let answer = json!({ "errors": false, "items": [{ "create": { "status": 201 } }, silent] });
        elastic.server.script_for("_bulk", [Reply::json(200, &answer).into()]);
        let (error, left) = failure(&sink_at(elastic.server.url()), batch(&["a", "b"])).await;
        assert_eq!(left, Some(vec![1]));
        assert!(matches!(error.kind, RemoteErrorKind::NotUnderstood(_)), "{error}");
    }
}

#[tokio::test]
async fn an_object_that_would_overflow_the_stack_of_a_node_arrives_as_text() {
    let elastic = Elastic::plain();
    for deep in [5_000, 100_000] {
        let nested = format!("{}1{}", r#"{"a":"#.repeat(deep), "}".repeat(deep));
        let id = format!("deep-{deep}");
        let record = event(&id).replace(r#"{"id":"user-1","data":{"role":"owner"}}"#, &nested);
        let receipt = sink_at(elastic.server.url()).write(batch_of([record, event("a")])).await.unwrap();
        assert_eq!(receipt.refused, []);
        assert_eq!(elastic.documents(INDEX)[&id]["EventDetailsUnindexed"], nested.as_str());
    }
}
