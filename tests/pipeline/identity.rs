//! A checkpoint belongs to one source, one filter and one destination.

use std::sync::Arc;

use ccfd::{
    pipeline::{policy::Failure, progress::RouteState, route::Ended},
    simulator::SimulatedList,
};
use collectors::AuditLogs;

use crate::support::{
    route::{RouteRig, pass, records},
    sink::SpySink,
};

/// A route that has delivered everything once.
async fn delivered() -> RouteRig {
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 300));
    rig.simulator.belongs_to("org-one", "proj_one");
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.restart().await;
    rig
}

async fn changed(rig: &RouteRig) -> &'static str {
    match rig.run().await {
        Ended::Failed(Failure::Changed(changed)) => changed.what,
        ended => panic!("{ended:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_project_parks_and_says_so() {
    let mut rig = delivered().await.for_ever();
    rig.simulator.belongs_to("org-one", "proj_other");
    let running = rig.start();
    pass(60).await;
    let status = rig.progress.status();
    assert_eq!(status.state, RouteState::Parked);
    let error = status.error.expect("an error");
    assert!(error.text.contains("proj_one") && error.text.contains("proj_other"), "{}", error.text);
    assert!(error.advice.contains("--accept-change") && error.advice.contains("reset-state"));
    running.stop().await;

    rig.accept_change = true;
    rig.restart().await;
    let running = rig.start();
    pass(60).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    running.stop().await;
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn an_accepted_change_is_accepted_for_good_even_if_nothing_new_is_found() {
    let mut rig = delivered().await;
    rig.simulator.belongs_to("org-one", "proj_other");
    assert_eq!(changed(&rig).await, "project");
    rig.accept_change = true;
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.accept_change = false;
    assert!(matches!(rig.run().await, Ended::ReadAll));
}

#[tokio::test(start_paused = true)]
async fn other_filters_or_another_sink_park_likewise() {
    let mut rig = delivered().await;
    rig.source = AuditLogs { event_types: vec!["login.failed".to_owned()], ..AuditLogs::default() }.into();
    assert_eq!(changed(&rig).await, "filters");

    let mut rig = delivered().await;
    rig.sink = Arc::new(SpySink::new("elsewhere"));
    assert_eq!(changed(&rig).await, "sink");
    assert!(rig.sink.seen().rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_organization_that_is_named_later_is_no_change_and_is_remembered() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 300));
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let mut store = rig.store.cursor::<ccfd::pipeline::checkpoint::Checkpoint>("collector/sink");
    let mut checkpoint = store.load().await.unwrap().expect("a checkpoint").cursor;
    checkpoint.identity.organization = None;
    store.commit(&checkpoint, Vec::new()).await.unwrap();
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let known = rig.checkpoint().await.expect("a checkpoint").identity.organization;
    assert_eq!(known.as_deref(), Some("org-simulated"));
    rig.simulator.belongs_to("org-other", "proj_simulated");
    assert_eq!(changed(&rig).await, "organization");
}
