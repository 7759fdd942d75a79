//! Whose fault a failure is that the words do not tell: the neighbours do.

use std::time::Duration;

use ccfd::sinks::{
    Batch, Partly, Receipt, Sink, SinkError, elasticsearch::ElasticsearchSink, remote::RemoteErrorKind,
};
use serde_json::{Value, json};

use super::{INDEX, batch, batch_of, event, failure, failure_of_all, sink_at};
use crate::support::{fake::Reply, fake_elastic::Elastic};

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
    assert_eq!(elastic.documents(INDEX).len(), 1, "the witness stands there once");
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
async fn many_rows_that_fail_together_are_not_refused_for_a_lone_witness() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    witness(&sink).await;
    let ids: Vec<String> = (0..30).map(|number| format!("odd-{number}")).collect();
    ids.iter().for_each(|id| elastic.fail(id, FOR_EVER, 400, "illegal_argument_exception"));
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let kind = failure_of_all(&sink, batch(&ids)).await;
    assert!(matches!(kind, RemoteErrorKind::PlaceAtFault { .. }), "{kind}");
}

#[tokio::test]
async fn a_500_that_lasts_while_others_pass_is_the_rows_and_one_that_ends_is_not() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    elastic.fail("lasts", FOR_EVER, 500, "fail_processor_exception");
    elastic.fail("ends", 9, 500, "fail_processor_exception");
    let mut left: Batch = batch(&["a", "lasts", "ends", "b"]);
    let mut refusals = 0;
    for _ in 0..20 {
        match sink.write(left.clone()).await {
            Ok(receipt) => {
                refusals += receipt.refused.len();
                break;
            }
            Err(unfinished) => {
                let SinkError::Remote(error) = unfinished.error else { panic!("another error") };
                assert_eq!(error.kind, RemoteErrorKind::Overloaded { status: 500, retry_after: None });
                if let Some(Partly { receipt, left: places }) = unfinished.partly.map(|partly| *partly) {
                    refusals += receipt.refused.len();
                    let rest = places.iter().map(|place| left.records[*place].clone()).collect();
                    left = Batch { records: rest, ..left };
                }
            }
        }
        pass(5).await;
    }
    let ids: Vec<String> = elastic.documents(INDEX).into_keys().collect();
    assert_eq!((refusals, ids.join(" ")), (1, "a b ends".to_owned()));
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
