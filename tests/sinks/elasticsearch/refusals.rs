//! Items that fail: only what is the row's fault is refused, everything else is sent again.

use ccfd::sinks::{Sink, remote::RemoteErrorKind};

use super::{INDEX, batch, failure, failure_of_all, rest, sink_at};
use crate::support::fake_elastic::Elastic;

#[tokio::test]
async fn only_the_items_that_failed_for_now_are_sent_again() {
    for (status, error_type) in
        [(429, "es_rejected_execution_exception"), (503, "unavailable_shards_exception")]
    {
        let elastic = Elastic::plain();
        elastic.fail("b", 1, status, error_type);
        elastic.fail("d", 1, status, error_type);
        let (sink, all) = (sink_at(elastic.server.url()), batch(&["a", "b", "c", "d"]));
        let (_, left) = failure(&sink, all.clone()).await;
        let left = left.unwrap();
        assert_eq!(left, [1, 3]);
        let receipt = sink.write(rest(&all, &left)).await.unwrap();
        assert_eq!((receipt.accepted, receipt.already_there), (2, 0));
        let lines = elastic.server.requests_to("_bulk")[1].content().unwrap();
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 4);
        assert_eq!(elastic.documents(INDEX).len(), 4);
    }
}

#[tokio::test]
async fn a_row_that_does_not_fit_is_refused_alone_with_the_reason() {
    let elastic = Elastic::plain();
    elastic.fail("b", usize::MAX, 400, "document_parsing_exception");
    let receipt = sink_at(elastic.server.url()).write(batch(&["a", "b", "c"])).await.unwrap();
    assert_eq!(receipt.accepted, 2);
    let refused = &receipt.refused[0];
    assert_eq!((refused.index, refused.kind), (1, "refused"));
    assert!(refused.reason.contains("somebody@example.com"), "the rejects keep it: {}", refused.reason);
}

#[tokio::test]
async fn a_full_disk_is_distinguished_from_a_busy_node() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    elastic.fail("*", 1, 429, "cluster_block_exception");
    assert!(matches!(failure_of_all(&sink, batch(&["a"])).await, RemoteErrorKind::StorageFull { .. }));
    elastic.fail("*", 1, 429, "circuit_breaking_exception");
    assert!(matches!(failure_of_all(&sink, batch(&["a"])).await, RemoteErrorKind::Throttled { .. }));
}

#[tokio::test]
async fn nothing_is_rejected_when_the_place_is_at_fault() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    for (status, error_type) in [
        (400, "index_closed_exception"),
        (400, "invalid_index_name_exception"),
        (403, "cluster_block_exception"),
        (400, "illegal_argument_exception"),
        (418, "never_heard_of_exception"),
    ] {
        elastic.fail("*", 2, status, error_type);
        let kind = failure_of_all(&sink, batch(&["a", "b"])).await;
        let message = kind.to_string();
        assert_eq!(message, format!("index \"{INDEX}\" accepts no rows: {error_type}"));
    }
    elastic.fail("*", 1, 404, "index_not_found_exception");
    assert!(matches!(failure_of_all(&sink, batch(&["a"])).await, RemoteErrorKind::NotFound { .. }));
    elastic.fail("*", 1, 403, "security_exception");
    assert!(matches!(failure_of_all(&sink, batch(&["a"])).await, RemoteErrorKind::Forbidden { .. }));
}

#[tokio::test]
async fn what_is_acknowledged_stays_so_when_the_index_is_closed_in_between() {
    let elastic = Elastic::plain();
    elastic.fail("c", 1, 400, "index_closed_exception");
    elastic.fail("b", 1, 400, "mapper_parsing_exception");
    let failed = sink_at(elastic.server.url()).write(batch(&["a", "b", "c"])).await.unwrap_err();
    let partial = failed.partial.unwrap();
    assert_eq!(partial.left, [2]);
    assert_eq!((partial.receipt.accepted, partial.receipt.refused[0].index), (1, 1));
}

#[tokio::test]
async fn no_error_text_repeats_content() {
    let elastic = Elastic::plain();
    elastic.fail("*", usize::MAX, 400, "index_closed_exception");
    let (error, _) = failure(&sink_at(elastic.server.url()), batch(&["a"])).await;
    assert!(!format!("{error} {error:?}").contains("somebody"), "{error:?}");
}
