//! The sequences that make collectors in use today lose or duplicate records, or loop.

use std::time::Duration;

use ccfd::simulator::{Fault, SimulatedList};
use collectors::{IdHash, ReaderStep, Task, TenantWalk, TransportError};

use super::for_both_lists;
use crate::support::{
    rig::{POLL, Rig, options},
    time::BEGIN,
};

const HOSTILE: &str = "ties,shuffle";
const DAY: i64 = 86_400;
const YEAR_2030: i64 = 1_893_456_000;

fn rig(list: SimulatedList, count: u64, habits: &str) -> Rig {
    Rig::new(list, options(list, count, habits, 7), BEGIN - 100 * DAY)
}

fn has(rig: &Rig, id: &str) -> bool {
    rig.delivered.contains_key(&IdHash::of(id))
}

async fn late_while_down(list: SimulatedList) {
    let mut rig = rig(list, 500, HOSTILE);
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    let now = rig.world.now();
    let late = rig.issue(list, now - 100, now + 300);
    for n in 0..40 {
        rig.issue(list, now + 100 * n, now + 100 * n);
    }
    tokio::time::sleep(Duration::from_secs(4000)).await;
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(700)).await;
    assert!(has(&rig, &late));
    rig.assert_conserved(list);
}

async fn behind_the_read_point(list: SimulatedList) {
    let mut rig = rig(list, 0, HOSTILE);
    let now = rig.world.now();
    for n in 0..3000 {
        rig.issue(list, now - n / 2, now - n / 2);
    }
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    tokio::time::sleep(Duration::from_secs(301)).await;
    let mut issued = Vec::new();
    for _ in 0..60 {
        let ReaderStep::Page(page) = reader.next().await.unwrap() else {
            break;
        };
        let slice = page.change.cursor.sweep.as_ref().map(|sweep| sweep.slice.clone());
        let is_sweep = page.task == Task::Sweep;
        rig.deliver(&page);
        rig.commit(*page);
        if let Some(slice) = slice.filter(|slice| is_sweep && slice.pages > 0) {
            let second = match list {
                SimulatedList::AuditLogs => slice.to.unwrap() + 1,
                SimulatedList::Completions => slice.from - 1,
            };
            issued.push(rig.issue(list, second, rig.world.now()));
        }
    }
    assert!(issued.len() > 5, "the sweep was not met at work");
    rig.run_for(&mut reader, Duration::from_secs(400)).await;
    assert!(issued.iter().all(|id| has(&rig, id)));
    rig.assert_conserved(list);
}

async fn old_then_less_old(list: SimulatedList) {
    let mut rig = rig(list, 0, HOSTILE);
    for n in 0..300 {
        rig.issue(list, BEGIN - 90 * DAY + n, BEGIN - 90 * DAY + n);
    }
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    for n in 0..300 {
        rig.issue(list, BEGIN - 80 * DAY + n, rig.world.now());
    }
    rig.run_for(&mut reader, Duration::from_secs(400)).await;
    rig.assert_conserved(list);
}

/// The local clock is off by each of these in turn, with traffic, late records and restarts all along.
async fn wrong_clock(list: SimulatedList, errors: &[i64]) {
    let mut rig = rig(list, 300, HOSTILE);
    for round in 0..24 {
        rig.world.local_clock_is_off_by(errors[round % errors.len()]);
        let mut reader = rig.reader().await;
        for n in 0..20 {
            let now = rig.world.now();
            rig.issue(list, now - n, now + n * 80);
        }
        rig.run_for(&mut reader, Duration::from_secs(200)).await;
    }
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(2500)).await;
    rig.assert_conserved(list);
}

async fn a_record_of_2030(list: SimulatedList) {
    let mut rig = rig(list, 300, HOSTILE);
    let future = rig.issue(list, YEAR_2030, BEGIN);
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    assert!(has(&rig, &future));
    let before = rig.requests();
    for _ in 0..60 {
        let new = rig.issue(list, rig.world.now(), rig.world.now());
        rig.run_for(&mut reader, POLL + Duration::from_secs(1)).await;
        assert!(has(&rig, &new), "the tail is stuck");
    }
    assert!(rig.requests() - before < 150, "{} requests", rig.requests() - before);
    rig.assert_conserved(list);
}

async fn every_third_call_fails(list: SimulatedList) {
    let mut rig = rig(list, 3000, HOSTILE);
    let mut calls = 0;
    rig.tamper(move |target| {
        calls += 1;
        match calls % 3 {
            0 => Err(TransportError::Unreachable("reset".to_owned())),
            _ => Ok(target.to_owned()),
        }
    });
    let mut reader = rig.reader().await;
    for _ in 0..1000 {
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                rig.deliver(&page);
                rig.commit(*page);
            }
            Ok(ReaderStep::Idle(_) | ReaderStep::Finished) => break,
            Err(error) => rig.failed(error).await,
        }
    }
    assert!(reader.next().await.is_ok_and(|step| matches!(step, ReaderStep::Idle(_))), "does not finish");
    rig.run_for(&mut reader, Duration::from_secs(700)).await;
    rig.assert_conserved(list);
}

/// So many records in one second, between others. Answers how many requests it took.
async fn crowded(list: SimulatedList, count: i64, habits: &str, requests_max: u64) -> Rig {
    let mut rig = Rig::new(list, options(list, 0, habits, 7), BEGIN - 3 * DAY);
    rig.tenant_walk = TenantWalk::Off;
    let crowd = BEGIN - 2 * DAY;
    for n in 0..count {
        rig.issue(list, crowd, crowd);
        if n < 30 {
            rig.issue(list, crowd - n, crowd);
            rig.issue(list, crowd + n, crowd);
        }
    }
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    assert!(rig.requests() <= requests_max, "{} requests", rig.requests());
    rig.run_for(&mut reader, Duration::from_secs(1000)).await;
    rig
}

async fn all_of_a_crowd(list: SimulatedList, count: i64, habits: &str, requests_max: u64) {
    crowded(list, count, habits, requests_max).await.assert_conserved(list);
}

/// Where cursors drop ties and the order is stable the rest cannot be asked for: it ends, and others are not lost with it.
async fn what_can_be_had_of_a_crowd(list: SimulatedList, count: i64) {
    let rig = crowded(list, count, "ties", 60).await;
    let issued = rig.simulator.issued(list);
    let missing: Vec<_> = issued.iter().filter(|(id, _)| !has(&rig, id)).collect();
    assert!(missing.iter().all(|(_, second)| *second == BEGIN - 2 * DAY));
    assert!(rig.delivered.values().all(|times| *times == 1));
}

async fn page_edges(list: SimulatedList, habits: &str, faults: &[Fault], requests_max: u64) {
    let mut rig = rig(list, 0, habits);
    for n in 0..450 {
        rig.issue(list, BEGIN - 40 * n, BEGIN - 40 * n);
    }
    let mut reader = rig.reader().await;
    for fault in faults {
        // One good page in between, so that each meets the walk elsewhere.
        if let Ok(ReaderStep::Page(page)) = reader.next().await {
            rig.deliver(&page);
            rig.commit(*page);
        }
        rig.simulator.script(vec![fault.clone()]);
    }
    rig.read_to_idle(&mut reader).await;
    assert!(rig.requests() <= requests_max, "{} requests", rig.requests());
    rig.run_for(&mut reader, Duration::from_secs(700)).await;
    rig.assert_conserved(list);
}

async fn cost_of_polling(list: SimulatedList) {
    let mut rig = rig(list, 0, HOSTILE);
    rig.tenant_walk = TenantWalk::Off;
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    let before = rig.requests();
    for _ in 0..240 {
        rig.issue(list, rig.world.now(), rig.world.now());
        rig.run_for(&mut reader, POLL).await;
    }
    let requests = rig.requests() - before;
    assert!(requests <= 240 * 12 / 10 + 2, "{requests} requests in 240 polls");
    rig.assert_conserved(list);
}

for_both_lists! {
    late_by_less_than_the_overlap_arrives_although_the_daemon_was_down = late_while_down();
    visible_behind_the_read_point_of_a_sweep_arrives_by_the_next_one = behind_the_read_point();
    less_old_records_arrive_after_everything_was_old = old_then_less_old();
    a_clock_a_day_ahead_loses_nothing = wrong_clock(&[DAY]);
    a_clock_ten_years_ahead_loses_nothing = wrong_clock(&[3650 * DAY]);
    a_clock_that_jumps_back_loses_nothing = wrong_clock(&[0, DAY, -DAY, 0, -600]);
    a_record_dated_2030_does_not_stop_the_tail = a_record_of_2030();
    a_failing_third_of_the_calls_and_slow_writes_neither_stall_nor_double = every_third_call_fails();
    a_second_of_180_in_random_order_is_read_whole = all_of_a_crowd(180, HOSTILE, 40);
    a_second_of_1000_in_random_order_is_read_whole = all_of_a_crowd(1000, HOSTILE, 300);
    a_second_of_180_in_stable_order_is_read_whole = all_of_a_crowd(180, "", 40);
    a_second_of_1000_in_stable_order_is_read_whole = all_of_a_crowd(1000, "", 60);
    a_second_of_180_behind_cursors_that_drop_ties_ends = what_can_be_had_of_a_crowd(180);
    a_second_of_1000_behind_cursors_that_drop_ties_ends = what_can_be_had_of_a_crowd(1000);
    null_edges_are_no_edge = page_edges("ties,shuffle,null-edges", &[], 30);
    an_empty_page_that_says_more_is_not_the_end = page_edges(HOSTILE, &[Fault::EmptyPage, Fault::EmptyPage], 30);
    the_same_page_twice_is_not_progress = page_edges(HOSTILE, &[Fault::SamePage, Fault::SamePage], 100);
    has_more_for_ever_ends = page_edges("ties,shuffle,has-more-forever", &[], 250);
    a_poll_costs_at_most_a_fifth_more_than_one_request = cost_of_polling();
}

async fn anchors_deleted(habits: &str) {
    let list = SimulatedList::Completions;
    let mut rig = Rig::with_rate(list, options(list, 20_000, habits, 3), BEGIN - 8 * DAY, 5);
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    let anchors = serde_json::to_value(&rig.cursors[0].anchors).unwrap();
    for anchor in anchors.as_array().unwrap() {
        assert!(rig.simulator.delete(anchor["id"].as_str().unwrap()));
    }
    for n in 0..50 {
        rig.issue(list, rig.world.now() - n, rig.world.now());
    }
    // Two hundred pages at five a second, ten seconds of life each time.
    for _ in 0..30 {
        let mut reader = rig.reader().await;
        rig.run_for(&mut reader, Duration::from_secs(10)).await;
    }
    rig.assert_conserved(list);
}

#[tokio::test(start_paused = true)]
async fn all_anchors_deleted_and_unknown_to_the_list_does_not_keep_it_from_finishing() {
    anchors_deleted("ties,shuffle,deleted-404").await;
}

#[tokio::test(start_paused = true)]
async fn all_anchors_deleted_and_refused_without_a_reason_does_not_keep_it_from_finishing() {
    anchors_deleted("ties,shuffle,deleted-400").await;
}

#[tokio::test(start_paused = true)]
async fn all_anchors_deleted_and_answered_empty_does_not_keep_it_from_finishing() {
    anchors_deleted("ties,shuffle,deleted-empty").await;
}

#[tokio::test(start_paused = true)]
async fn all_anchors_deleted_and_ignored_does_not_keep_it_from_finishing() {
    anchors_deleted("ties,shuffle,deleted-ignored").await;
}
