//! The tap, which shows readers what is delivered.

use std::collections::BTreeSet;

use ccfd::{
    pipeline::{
        route::Ended,
        tap::{RECORDS_MAX, TapReader, TapSelection, Tapped},
    },
    simulator::SimulatedList,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{
    route::{RouteRig, pass, records},
    sink::SinkAnswer,
};

fn rig(count: u64) -> RouteRig {
    let rig =
        RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, count)).page_by_page();
    rig.tap.show_by([("collector".to_owned(), "collector/sink".to_owned())]);
    rig
}

fn reader(rig: &RouteRig) -> TapReader {
    rig.tap.open(TapSelection::Collectors(BTreeSet::new())).unwrap()
}

/// The ids of all records that wait, and how many were lost.
fn waiting(reader: &TapReader) -> (Vec<String>, u64) {
    let (mut ids, mut lost) = (Vec::new(), 0);
    while let Some(tapped) = reader.try_next() {
        match tapped {
            Tapped::Record(shown) => {
                let record: Value = serde_json::from_slice(&shown.record).unwrap();
                ids.push(record["id"].as_str().unwrap().to_owned());
            }
            Tapped::Lost(more) => lost += more,
        }
    }
    (ids, lost)
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_delays_nothing_and_learns_what_it_missed() {
    let took = async |rig: &RouteRig| {
        let begun = Instant::now();
        assert!(matches!(rig.run().await, Ended::ReadAll));
        rig.assert_conserved();
        begun.elapsed()
    };
    let (alone, watched) = (rig(3_000), rig(3_000));
    let reader = reader(&watched);
    assert_eq!(took(&watched).await, took(&alone).await);
    let (ids, lost) = waiting(&reader);
    assert!(ids.len() <= RECORDS_MAX, "{}", ids.len());
    assert_eq!(ids.len() as u64 + lost, 3_000);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_shown_once_the_sink_has_acknowledged_it() {
    let rig = rig(150).for_ever();
    let reader = reader(&rig);
    rig.sink.script([SinkAnswer::Fail, SinkAnswer::Partly(10), SinkAnswer::Fail]);
    rig.sink.hold();
    let running = rig.start();
    pass(30).await;
    assert_eq!(waiting(&reader), (Vec::new(), 0), "the sink has taken nothing yet");
    rig.sink.release();
    pass(600).await;
    let (ids, lost) = waiting(&reader);
    running.stop().await;
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), lost), (150, 150, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_the_sink_refuses_is_not_shown() {
    let rig = rig(100);
    let reader = reader(&rig);
    rig.sink.script([SinkAnswer::Refuse(3)]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let (ids, lost) = waiting(&reader);
    let delivered: BTreeSet<_> = ids.iter().map(|id| collectors::IdHash::of(id)).collect();
    assert_eq!((ids.len(), lost), (99, 0));
    assert_eq!(delivered, rig.sink.seen().rows.into_keys().collect());
}
