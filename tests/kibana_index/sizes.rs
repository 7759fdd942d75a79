//! Runs that are too large: smaller ones are sent, nothing is lost, and the size grows again later.

use std::collections::BTreeSet;

use ccfd::{
    sinks::{Batch, Sink, kibana_index::KibanaIndexSink, remote::RemoteErrorKind},
    tables::AUDIT_LOGS,
};

use super::{INDEX, batch, batch_of, failed, ids, sink};
use crate::support::{
    chaos::Whim,
    fake_kibana::{Kibana, boom},
    sink::write_all,
};

const RECORDS: usize = 60;

/// So many records, the first with this number.
fn records(from: usize) -> Batch {
    let ids: Vec<String> = (from..from + RECORDS).map(|number| format!("audit_log-{number}")).collect();
    batch(&ids.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Writes until all of it is acknowledged, as a route does.
async fn deliver(sink: &KibanaIndexSink, batch: Batch) {
    assert_eq!(write_all(sink, batch, 200).await.refused, BTreeSet::new());
}

#[tokio::test]
async fn what_only_large_runs_meet_ends_with_smaller_ones_and_passes() {
    for whim in [Whim::Status(429), Whim::Status(504), Whim::Status(413), Whim::Reset] {
        let kibana = Kibana::plain();
        let sink = sink(&kibana, "");
        kibana.set_ids_from(INDEX, "Id");
        kibana.limit(Some((3_000, whim)));
        deliver(&sink, records(0)).await;
        assert_eq!(ids(&kibana, INDEX).len(), RECORDS, "{whim:?}");
        kibana.limit(None);
        for turn in 1..10 {
            deliver(&sink, records(turn * RECORDS)).await;
        }
        let last = kibana.server.requests_to("_execute").pop().unwrap();
        assert!(last.body.len() > 6_000, "{whim:?}: {} bytes", last.body.len());
    }
}

#[tokio::test]
async fn a_document_that_is_smaller_than_what_passed_is_not_refused_for_a_413() {
    let kibana = Kibana::plain();
    let sink = sink(&kibana, "");
    deliver(&sink, batch_of(&AUDIT_LOGS, &["large"], &"x".repeat(200 << 10))).await;
    kibana.server.script_for("_execute", [boom(413, "Payload content length greater").into()]);
    let kind = failed(sink.write(batch(&["small"])).await.unwrap_err());
    assert_eq!(kind, RemoteErrorKind::Overloaded { status: 413, retry_after: None });
    deliver(&sink, batch(&["small"])).await;
    assert_eq!(ids(&kibana, INDEX), ["large", "small"]);
}
