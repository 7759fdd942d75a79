//! Requests that are too large: smaller ones are sent, nothing is lost, and the size grows again later.

use std::collections::BTreeSet;

use ccfd::sinks::{Batch, elasticsearch::ElasticsearchSink, remote::RemoteErrorKind};

use super::{INDEX, batch_of, event, failure_of_all, sink};
use crate::support::{chaos::Whim, fake::Reply, fake_elastic::Elastic, sink::write_all};

const RECORDS: usize = 60;

/// A sink whose requests are not compressed, so that their sizes are those of the documents.
fn plain_sink(elastic: &Elastic) -> ElasticsearchSink {
    sink(&format!("urls = [\"{}\"]\ngzip = false\ncalls_in_flight = 1", elastic.server.url()))
}

/// So many records of some hundred bytes, the first with this number.
fn records(from: usize, count: usize) -> Batch {
    batch_of((from..from + count).map(|number| event(&format!("audit_log-{number}"))))
}

/// One record of about so many bytes.
fn record_of(bytes: usize) -> Batch {
    batch_of([event("large").replace("\"owner\"", &format!("\"{}\"", "x".repeat(bytes)))])
}

/// Writes until all of it is acknowledged, as a route does; how many tries that took.
async fn deliver(sink: &ElasticsearchSink, batch: Batch) -> usize {
    let written = write_all(sink, batch, 200).await;
    assert_eq!(written.refused, BTreeSet::new());
    written.tries
}

fn sizes(elastic: &Elastic) -> Vec<usize> {
    elastic.server.requests_to("_bulk").iter().map(|request| request.body.len()).collect()
}

fn largest_of_the_last(sizes: &[usize]) -> usize {
    sizes.iter().rev().take(3).copied().max().unwrap()
}

#[tokio::test]
async fn after_a_413_requests_are_as_large_again_once_they_pass() {
    let elastic = Elastic::plain();
    let sink = plain_sink(&elastic);
    elastic.server.script_for("_bulk", [Reply::status(413).into()]);
    for turn in 0..12 {
        deliver(&sink, records(turn * RECORDS, RECORDS)).await;
    }
    let sizes = sizes(&elastic);
    assert!(sizes[1] <= sizes[0] / 2, "{sizes:?}");
    assert!(largest_of_the_last(&sizes) > sizes[0] * 9 / 10, "{sizes:?}");
    assert_eq!(elastic.documents(INDEX).len(), 12 * RECORDS);
}

#[tokio::test]
async fn a_row_that_is_smaller_than_what_passed_is_not_refused_for_a_413() {
    let elastic = Elastic::plain();
    let sink = plain_sink(&elastic);
    deliver(&sink, record_of(3 << 20)).await;
    for small in [records(0, 1), record_of(1 << 20)] {
        elastic.server.script_for("_bulk", [Reply::status(413).into()]);
        let kind = failure_of_all(&sink, small.clone()).await;
        assert_eq!(kind, RemoteErrorKind::Overloaded { status: 413, retry_after: None });
        assert_eq!(deliver(&sink, small).await, 1);
    }
}

#[tokio::test]
async fn what_only_large_requests_meet_ends_with_smaller_ones_and_passes() {
    for whim in [Whim::Status(429), Whim::Status(503), Whim::Status(504), Whim::Reset, Whim::Page(200)] {
        // Less than one row, so that each goes alone; and a few rows.
        for limit in [600, 5_000] {
            let elastic = Elastic::plain();
            let sink = plain_sink(&elastic);
            elastic.limit(Some((limit, whim)));
            let tries = deliver(&sink, records(0, RECORDS)).await;
            assert!(tries < 20, "{whim:?} {limit}: {tries} tries");
            assert_eq!(elastic.documents(INDEX).len(), RECORDS, "{whim:?}");
            elastic.limit(None);
            elastic.server.forget();
            for turn in 1..12 {
                deliver(&sink, records(turn * RECORDS, RECORDS)).await;
            }
            let sizes = sizes(&elastic);
            assert!(largest_of_the_last(&sizes) > 15_000, "{whim:?}: {sizes:?}");
        }
    }
}

#[tokio::test]
async fn a_breaker_that_refuses_rows_of_a_large_request_is_met_by_smaller_ones() {
    let elastic = Elastic::plain();
    let sink = plain_sink(&elastic);
    elastic.fail("*", 3 * RECORDS, 429, "circuit_breaking_exception");
    deliver(&sink, records(0, RECORDS)).await;
    let sizes = sizes(&elastic);
    assert!(sizes[3] <= sizes[0] / 2, "{sizes:?}");
}
