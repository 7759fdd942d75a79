//! Corrupted answers, each of which once lost records without a log line.

use std::time::Duration;

use bytes::Bytes;
use ccfd::simulator::{Fault, SimulatedList};
use collectors::{IdHash, ReaderStep};

use super::for_both_lists;
use crate::support::{
    rig::{Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;

fn rig(list: SimulatedList, count: u64, habits: &str) -> Rig {
    Rig::new(list, options(list, count, habits, 9), BEGIN - 9 * DAY)
}

/// Every page is answered as `data: null` for a second, at full speed, in the middle of a history.
async fn null_for_a_second(list: SimulatedList) {
    let mut rig = rig(list, 3000, "ties,shuffle");
    let mut reader = rig.reader().await;
    for _ in 0..5 {
        reader_steps(&mut rig, &mut reader, 4).await;
        let (simulator, clock) = (rig.simulator.clone(), rig.world.right_clock());
        let end = rig.world.now() + 2;
        rig.tamper(move |target| {
            if clock.now() < end {
                simulator.script(vec![Fault::Null]);
            }
            Ok(target.to_owned())
        });
    }
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
}

async fn reader_steps(rig: &mut Rig, reader: &mut collectors::Reader, steps: usize) {
    for _ in 0..steps {
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => {
                rig.deliver(&page);
                rig.commit(*page);
            }
            Ok(ReaderStep::Idle(_) | ReaderStep::Finished) => return,
            Err(error) => rig.failed(error).await,
        }
    }
}

/// The process restarts, and its first request is answered with an earlier page.
async fn stale_across_a_restart(list: SimulatedList) {
    let mut rig = rig(list, 3000, "ties,shuffle,tenant-ignore");
    for _ in 0..12 {
        let mut reader = rig.reader().await;
        reader_steps(&mut rig, &mut reader, 3).await;
        // The next page is sent, and lost with the process.
        _ = reader.next().await;
        rig.simulator.script(vec![Fault::Earlier]);
        let mut reader = rig.take_up();
        reader_steps(&mut rig, &mut reader, 1).await;
    }
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
}

/// What was answered to all requests so far is refused once, each time in another way.
async fn refused_once(list: SimulatedList) {
    let mut rig = rig(list, 600, "ties,shuffle");
    let mut reader = rig.reader().await;
    for status in [400, 401, 403, 405, 407, 302, 404] {
        let body = Bytes::from_static(b"<html>No.</html>");
        rig.simulator.script(vec![Fault::Status { status, headers: Vec::new(), body }]);
        reader_steps(&mut rig, &mut reader, 1).await;
        rig.issue(list, rig.world.now(), rig.world.now());
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert!(rig.errors.is_empty(), "{:?}", rig.errors);
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
}

for_both_lists! {
    null_for_a_second_is_no_empty_list = null_for_a_second();
    a_page_from_before_a_restart_hides_nothing = stale_across_a_restart();
    a_single_refusal_of_what_was_answered_so_far_stops_nothing = refused_once();
}

/// The newest page of the tenant-scoped events, asked for to learn whether there are any, comes again for the main list.
#[tokio::test(start_paused = true)]
async fn the_answer_to_the_look_at_tenant_events_is_no_page_of_the_main_list() {
    let list = SimulatedList::AuditLogs;
    let mut rig = Rig::new(list, options(list, 0, "ties,shuffle", 9), BEGIN - DAY / 4);
    for n in 0..60 {
        rig.issue(list, BEGIN - 10_000 + n * 100, BEGIN);
    }
    for n in 0..5 {
        rig.simulator.push_tenant(BEGIN - 9_000 + n * 1000, BEGIN);
    }
    let mut after_look = 0;
    let simulator = rig.simulator.clone();
    rig.tamper(move |target| {
        if target.contains("tenant_only") {
            after_look = 1;
        } else if std::mem::take(&mut after_look) == 1 {
            simulator.script(vec![Fault::Earlier]);
        }
        Ok(target.to_owned())
    });
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
}

/// A gateway that caps one page in four, over seconds whose order is stable and whose cursors drop ties.
#[tokio::test(start_paused = true)]
async fn pages_of_changing_sizes_do_not_pass_for_a_random_order() {
    let list = SimulatedList::AuditLogs;
    let mut rig = rig(list, 0, "ties,tenant-ignore");
    for _ in 0..150 {
        rig.issue(list, BEGIN - 5000, BEGIN - 5000);
    }
    let logged = crate::support::logs::Logged::from(tracing::Level::WARN);
    let mut asked = 0;
    let simulator = rig.simulator.clone();
    rig.tamper(move |target| {
        asked += 1;
        if asked % 2 == 0 {
            simulator.script(vec![Fault::Capped(20)]);
        }
        Ok(target.to_owned())
    });
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    let issued = rig.simulator.issued(list);
    let missing = issued.iter().filter(|(id, _)| !rig.delivered.contains_key(&IdHash::of(id))).count();
    assert!(missing == 0 || logged.text().contains("may be missing"), "{missing} missing, and no line");
}

/// A gateway that turns each page round: newest first as a list, oldest first in each page.
#[tokio::test(start_paused = true)]
async fn pages_that_are_turned_round_are_read_without_their_order() {
    let list = SimulatedList::AuditLogs;
    let mut rig = rig(list, 1700, "ties,shuffle,tenant-ignore,turned");
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3000)).await;
    rig.assert_all_arrived(list);
}
