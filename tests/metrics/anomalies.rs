use std::time::Duration;

use ccfd::simulator::{Fault, SimulatedList};
use collectors::{Anomaly, SourceCounters};

use crate::support::{
    rig::{Rig, options},
    time::BEGIN,
};

/// What is counted while a list with these habits is read for an hour.
async fn counted(list: SimulatedList, habits: &str, script: Vec<Fault>) -> SourceCounters {
    let mut rig = Rig::new(list, options(list, 1_000, habits, 5), BEGIN - 9 * 86_400);
    let mut reader = rig.reader().await;
    rig.simulator.script(script);
    rig.run_for(&mut reader, Duration::from_secs(3_600)).await;
    rig.assert_conserved(list);
    reader.take_counters()
}

#[tokio::test(start_paused = true)]
async fn a_list_in_order_shows_nothing_strange() {
    for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
        let tally = counted(list, "ties,shuffle,late", Vec::new()).await;
        assert!(tally.requests() > 20 && tally.anomalies.is_empty(), "{tally:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_strange_answer_is_counted_by_its_kind() {
    let (audit, chat) = (SimulatedList::AuditLogs, SimulatedList::Completions);
    // The first requests look for a tenant walk.
    for (list, habits, script, wanted) in [
        (audit, "ties", vec![Fault::EmptyPage; 4], Anomaly::EmptyWithMore),
        (audit, "ties", vec![Fault::Garbage; 4], Anomaly::Malformed),
        (audit, "ties,same-page", vec![], Anomaly::RepeatedPage),
        (audit, "ties,shuffle,crowded", vec![], Anomaly::CrowdedSecond),
        (chat, "ties,newest,order-ignored", vec![], Anomaly::Reversed),
    ] {
        let tally = counted(list, habits, script).await;
        assert!(tally.anomalies.contains_key(&wanted), "{habits}: {wanted:?} not in {tally:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_whose_record_is_gone_is_counted() {
    let list = SimulatedList::Completions;
    let mut rig = Rig::new(list, options(list, 2_000, "ties,deleted-404", 5), BEGIN - 9 * 86_400);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(600)).await;
    assert_eq!(reader.take_counters().anomalies.get(&Anomaly::CursorLost), None);
    for (id, _) in rig.simulator.issued(list) {
        rig.simulator.delete(&id);
    }
    rig.run_for(&mut reader, Duration::from_secs(600)).await;
    assert!(reader.take_counters().anomalies.contains_key(&Anomaly::CursorLost));
}

#[tokio::test(start_paused = true)]
async fn records_outside_of_the_window_are_counted() {
    let list = SimulatedList::AuditLogs;
    let mut rig = Rig::new(list, options(list, 300, "ties", 5), BEGIN - 9 * 86_400);
    let mut reader = rig.reader().await;
    // A gateway that drops the filters.
    rig.tamper(|target| {
        let (path, query) = target.split_once('?').expect("a query");
        let kept = query.split('&').filter(|pair| !pair.starts_with("effective_at"));
        Ok(format!("{path}?{}", kept.collect::<Vec<_>>().join("&")))
    });
    rig.run_for(&mut reader, Duration::from_secs(3_600)).await;
    assert!(reader.take_counters().anomalies.contains_key(&Anomaly::OutsideWindow));
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_is_not_counted_again() {
    let list = SimulatedList::AuditLogs;
    let mut rig = Rig::new(list, options(list, 300, "ties", 5), BEGIN - 9 * 86_400);
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    assert_eq!(reader.take_counters().requests(), rig.requests());
    assert_eq!(reader.take_counters(), SourceCounters::default());
}
