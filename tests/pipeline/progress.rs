//! Progress without records is committed too.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ccfd::{
    pipeline::{
        plan::{Begin, Plan},
        progress::RouteState,
        route::Ended,
    },
    simulator::SimulatedList,
};

use crate::support::{
    route::{RouteRig, START, pass, records},
    time::BEGIN,
};

#[tokio::test(start_paused = true)]
async fn a_search_through_deleted_anchors_finishes_although_it_is_restarted_every_few_seconds() {
    for habit in ["deleted-404", "deleted-empty", "deleted-ignored"] {
        let mut options = records(SimulatedList::Completions, 8_000);
        options.habits = format!("ties,shuffle,newest,{habit}").parse().expect("habits");
        let mut rig = RouteRig::new(SimulatedList::Completions, options);
        rig.gathering.commit_interval = Duration::from_millis(500);
        assert!(matches!(rig.run().await, Ended::ReadAll));
        let checkpoint = rig.checkpoint().await.expect("a checkpoint");
        let anchors = serde_json::to_value(&checkpoint.walks[0].anchors).expect("anchors").to_string();
        let issued = rig.simulator.issued(SimulatedList::Completions);
        for (id, _) in issued.iter().filter(|(id, _)| anchors.contains(id)) {
            assert!(rig.simulator.delete(id));
        }
        pass(400).await;
        let new = rig.simulator.push_completion(BEGIN + 390, BEGIN + 390);
        let mut starts = 0;
        while !rig.sink.seen().rows.contains_key(&collectors::IdHash::of(&new)) {
            // From the beginning of the list it takes 80 requests of 20 ms.
            rig.restart().await;
            let running = rig.start();
            pass(1).await;
            running.kill().await;
            starts += 1;
            assert!(starts < 40, "{habit}: the search begins over at each start");
        }
        rig.restart().await;
        assert!(matches!(rig.run().await, Ended::ReadAll));
        rig.assert_conserved();
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_for_the_start_continues_where_it_was() {
    let mut rig = RouteRig::new(SimulatedList::Completions, records(SimulatedList::Completions, 8_000));
    rig.plan = Plan::Follow { begin: Begin::At(START + 2 * 86_400), once: true };
    rig.gathering.commit_interval = Duration::from_millis(300);
    let mut searching = 0;
    loop {
        let running = rig.start();
        pass(1).await;
        running.kill().await;
        let checkpoint = rig.checkpoint().await.expect("a checkpoint");
        rig.restart().await;
        if checkpoint.walks[0].search.is_none() {
            break;
        }
        searching += 1;
        assert!(searching < 20, "the search begins over at each start");
    }
    assert!(searching > 0, "the search is longer than one start");
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let wanted = rig.simulator.issued(SimulatedList::Completions);
    let wanted = wanted.iter().filter(|(_, second)| *second >= START + 2 * 86_400).count();
    let seen = rig.sink.seen();
    assert_eq!(seen.rows.len(), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_route_is_live_once_its_own_list_is_read_whatever_the_list_of_the_tenant_is_at() {
    let rig = RouteRig::new(SimulatedList::AuditLogs, records(SimulatedList::AuditLogs, 5_000)).for_ever();
    let (states, progress) = (Arc::new(Mutex::new(Vec::new())), rig.progress.clone());
    let seen = states.clone();
    let rig = rig.with_mishaps(move |_| {
        seen.lock().unwrap().push(progress.status().state);
        None
    });
    let running = rig.start();
    pass(600).await;
    running.stop().await;
    let mut states = states.lock().unwrap().clone();
    states.dedup();
    assert_eq!(states, [RouteState::Starting, RouteState::CatchingUp, RouteState::Live]);
}
