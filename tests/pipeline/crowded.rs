//! A second with far more records than a page: what is shown while it is read.

use std::{
    future::{Future as _, poll_fn},
    time::Duration,
};

use ccfd::{pipeline::route::Ended, simulator::SimulatedList};
use collectors::TenantWalk;
use tracing::Level;

use crate::support::{
    logs::Logged,
    route::{RouteRig, records},
    time::BEGIN,
};

#[tokio::test(start_paused = true)]
async fn a_crowded_second_is_shown_with_what_was_found_of_it_for_as_long_as_it_is_read() {
    let mut options = records(SimulatedList::AuditLogs, 0);
    options.habits = "ties,shuffle,newest".parse().expect("habits");
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, options);
    rig.tenant_walk = TenantWalk::Off;
    let second = BEGIN - 3_600;
    for _ in 0..1_000 {
        rig.simulator.push_audit(second, second);
    }
    let logged = Logged::from(Level::INFO);
    let mut found = Vec::new();
    let running = rig.run();
    tokio::pin!(running);
    // Looked at after each step: a clock that is paused says nothing about how many there are.
    let mut watched = poll_fn(|context| {
        let ended = running.as_mut().poll(context);
        if let Some(crowd) = rig.progress.status().crowded {
            assert_eq!(crowd.second, second);
            found.push(crowd.found);
        }
        ended
    });
    let ended = loop {
        tokio::select! {
            ended = &mut watched => break ended,
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    };
    assert!(matches!(ended, Ended::ReadAll));
    assert!(found.is_sorted(), "{found:?}");
    found.dedup();
    assert!(found.len() > 5, "{found:?}");
    assert_eq!(rig.progress.status().crowded, None, "it is read");
    rig.assert_conserved();
    let text = logged.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("reading a crowded second")).collect();
    assert!((1..5).contains(&lines.len()) && lines[0].contains("found="), "{lines:?}");
}
