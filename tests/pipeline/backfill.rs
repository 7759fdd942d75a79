//! How far a backfill says it is, against the clock.

use std::time::Duration;

use ccfd::{
    pipeline::{pace::BackfillPace, plan::Plan, progress::RouteState, route::Ended},
    simulator::SimulatedList,
};
use collectors::{TenantWalk, TransportError};
use tokio::time::Instant;

use crate::support::{
    route::{RouteRig, START, records},
    time::BEGIN,
};

const WEEK: i64 = 7 * 86_400;

/// A week that is evenly full, which takes some seconds to read.
fn week(list: SimulatedList, habits: &str) -> RouteRig {
    let mut options = records(list, 20_000);
    options.habits = habits.parse().expect("habits");
    let mut rig = RouteRig::new(list, options);
    rig.plan = Plan::Past { from: BEGIN - WEEK, to: BEGIN - 1, parallel: 1 };
    rig.tenant_walk = TenantWalk::Off;
    rig.gathering.batch_wait = Duration::from_millis(50);
    rig.gathering.commit_interval = Duration::from_millis(50);
    rig
}

/// What is shown of a backfill: when, how many percent, and how long the rest will take.
async fn shown(rig: &RouteRig) -> (Vec<(Duration, i64, Option<Duration>)>, Duration) {
    let (mut pace, mut seen) = (BackfillPace::new(WEEK), Vec::new());
    let began = Instant::now();
    let running = rig.run();
    tokio::pin!(running);
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                pace.note(&rig.progress.status());
                seen.push((began.elapsed(), pace.percent(), pace.rest()));
            }
        }
    };
    assert!(matches!(ended, Ended::ReadAll));
    pace.note(&rig.progress.status());
    assert_eq!((pace.percent(), pace.rest()), (100, Some(Duration::ZERO)), "at the end nothing is left");
    (seen, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_backfill_shows_how_far_it_is_and_how_long_it_takes_whichever_end_its_list_shows_first() {
    for (list, habits) in [
        (SimulatedList::AuditLogs, "ties,newest"),
        (SimulatedList::AuditLogs, "ties"),
        (SimulatedList::Completions, "ties"),
        (SimulatedList::Completions, "ties,newest"),
    ] {
        let rig = week(list, habits);
        let (seen, whole) = shown(&rig).await;
        let searched = seen.iter().take_while(|(_, percent, rest)| *percent == 0 && rest.is_none()).count();
        let read: Vec<_> = seen.iter().skip(searched).collect();
        assert!(
            read.len() > 10 && searched < seen.len() / 2 + 5,
            "{list:?} {habits}: {searched} of {}",
            seen.len()
        );
        assert!(read.is_sorted_by_key(|(_, percent, _)| *percent), "{list:?} {habits}: {read:?}");
        for (at, percent, rest) in &read[read.len() / 4..] {
            let rest = rest.expect("an estimate");
            let right = whole.saturating_sub(*at);
            let off = rest.abs_diff(right);
            assert!(
                off < whole / 5,
                "{list:?} {habits}: at {at:?} of {whole:?}, {percent} %: {rest:?} is said to be left"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backfill_waits_for_a_second_that_could_not_be_read_whole() {
    let mut options = records(SimulatedList::AuditLogs, 0);
    options.habits = "ties,tenant-ignore".parse().expect("habits");
    let mut rig = RouteRig::new(SimulatedList::AuditLogs, options);
    rig.plan = Plan::Past { from: BEGIN - WEEK, to: BEGIN - 1, parallel: 1 };
    rig.tenant_walk = TenantWalk::Off;
    for _ in 0..60 {
        rig.simulator.push_audit(BEGIN - WEEK / 2, BEGIN - WEEK / 2);
    }
    let recovers = Instant::now() + Duration::from_secs(200);
    rig.wire.tamper(move |target| match Instant::now() < recovers && target.contains("limit=100") {
        true => Err(TransportError::Unanswered("operation timed out".to_owned())),
        false => Ok(target.to_owned()),
    });
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
}

#[tokio::test(start_paused = true)]
async fn at_any_moment_a_backfill_has_at_most_its_window_left() {
    let mut rig = week(SimulatedList::AuditLogs, "ties,newest,tenant-ignore");
    rig.tenant_walk = TenantWalk::On;
    rig.plan = Plan::Past { from: START, to: BEGIN - 1, parallel: 2 };
    let window = BEGIN - START;
    let mut before = window;
    for lives in 0.. {
        assert!(lives < 100, "it makes no progress");
        let running = rig.start();
        // The second list is looked at first, which takes longer than a life of the others.
        tokio::time::sleep(Duration::from_secs(if before == 1 { 600 } else { 1 })).await;
        let status = rig.progress.status();
        running.kill().await;
        rig.restart().await;
        let checkpoint = rig.checkpoint().await.expect("a checkpoint");
        let left = checkpoint.remaining_seconds().expect("a window");
        assert!(left <= before, "{left} of {window} seconds are left, after {before}");
        assert!(status.state != RouteState::CatchingUp || status.remaining_seconds.is_some(), "{status:?}");
        before = left;
        if left == 0 {
            assert_eq!(checkpoint.watermark(), Some(BEGIN));
            break;
        }
        let is_own_list_read = left == 1;
        assert!(checkpoint.watermark() < Some(BEGIN) || is_own_list_read);
    }
}
