//! A start in the past, and windows of the past that are read once.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use ccfd::simulator::SimulatedList;
use collectors::{Cursor, IdHash, Reader, ReaderStep, Task};

use super::for_both_lists;
use crate::support::{
    rig::{Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;

fn wanted(rig: &Rig, list: SimulatedList, seconds: std::ops::RangeInclusive<i64>) -> HashSet<IdHash> {
    let issued = rig.simulator.issued(list);
    let inside = issued.iter().filter(|(_, second)| seconds.contains(second));
    inside.map(|(id, _)| IdHash::of(id)).collect()
}

fn assert_exactly(rig: &Rig, wanted: &HashSet<IdHash>) {
    let delivered: HashSet<IdHash> = rig.delivered.keys().copied().collect();
    assert_eq!(delivered.difference(wanted).count(), 0, "records outside of what was asked for");
    assert_eq!(wanted.difference(&delivered).count(), 0, "records missing");
    assert!(rig.delivered.values().all(|times| *times == 1), "records doubled");
}

/// Completions only, started at a second that holds records; the process lives for `pages_a_life` pages each time.
async fn look_back(habits: &str, pages_a_life: usize) -> Rig {
    let list = SimulatedList::Completions;
    let mut rig = Rig::new(list, options(list, 5000, habits, 11), 0);
    let mut seconds: Vec<i64> = rig.simulator.issued(list).into_iter().map(|(_, second)| second).collect();
    seconds.sort_unstable();
    rig.start = seconds[3000];
    let mut searched = 0;
    for _ in 0..400 {
        let mut reader = rig.reader().await;
        for _ in 0..pages_a_life {
            match reader.next().await {
                Ok(ReaderStep::Page(page)) => {
                    searched += usize::from(page.task == Task::Search);
                    assert!(page.task != Task::Search || page.records.is_empty());
                    rig.deliver(&page);
                    rig.commit(*page);
                }
                Ok(ReaderStep::Idle(_) | ReaderStep::Finished) => {
                    assert!(searched < 40, "the search took {searched} pages");
                    let wanted = wanted(&rig, list, rig.start..=i64::MAX);
                    assert_exactly(&rig, &wanted);
                    return rig;
                }
                Err(error) => rig.failed(error).await,
            }
        }
    }
    panic!("does not finish");
}

#[tokio::test(start_paused = true)]
async fn a_look_back_starts_exactly_at_its_second_and_knows_anchors_before_it() {
    let rig = look_back("ties,shuffle", usize::MAX).await;
    assert!(rig.cursors[0].anchors.before(rig.start).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_look_back_continues_where_a_restart_stopped_it() {
    look_back("ties,shuffle", 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_back_is_exact_where_the_asked_order_is_not_honoured() {
    look_back("ties,shuffle,order-ignored", usize::MAX).await;
    look_back("ties,shuffle,order-ignored", 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_back_reads_from_the_beginning_where_newest_first_cannot_be_had() {
    let list = SimulatedList::Completions;
    let mut rig = Rig::new(list, options(list, 2000, "ties,shuffle", 11), BEGIN - 2 * DAY);
    rig.tamper(|target| Ok(target.replace("order=desc", "order=asc")));
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    let wanted = wanted(&rig, list, rig.start..=i64::MAX);
    assert_exactly(&rig, &wanted);
}

/// Concurrent windows, each with its own reader that restarts every few pages.
async fn windows(list: SimulatedList, habits: &str) {
    let mut rig = Rig::new(list, options(list, 6000, habits, 5), 0);
    let (first, last) = (BEGIN - 5 * DAY, BEGIN - DAY - 1);
    let edges: Vec<i64> = (0..=4).map(|n| first + n * DAY).collect();
    rig.cursors = edges.windows(2).map(|edge| rig.source.begin(edge[0], Some(edge[1] - 1))).collect();
    let mut lives = 0;
    while let Some(index) = rig.cursors.iter().position(|cursor: &Cursor| !cursor.finished) {
        lives += 1;
        assert!(lives < 500, "does not finish");
        let parts: Vec<_> = rig.parts.clone().into_iter().collect();
        let (client, cursor) = (Arc::clone(&rig.client), rig.cursors[index].clone());
        let mut reader = Reader::window(client, &rig.source, rig.timing, index as u8, cursor, &parts);
        for _ in 0..4 {
            match reader.next().await {
                Ok(ReaderStep::Page(page)) => {
                    assert!(page.change.dedup_ids <= 1200, "{} ids held in a window", page.change.dedup_ids);
                    rig.deliver(&page);
                    rig.commit(*page);
                }
                Ok(ReaderStep::Idle(_)) => panic!("a window never waits"),
                Ok(ReaderStep::Finished) => break,
                Err(error) => rig.failed(error).await,
            }
        }
    }
    let mut wanted = wanted(&rig, list, first..=last);
    // Tenant-scoped events have a list of their own.
    if list == SimulatedList::AuditLogs {
        let (tenant_free, _): (HashSet<_>, HashSet<_>) =
            wanted.iter().copied().partition(|id| rig.delivered.contains_key(id));
        assert!(tenant_free.len() * 100 > wanted.len() * 93);
        wanted = tenant_free;
    }
    assert_exactly(&rig, &wanted);
    assert!(rig.parts.is_empty(), "a finished window holds nothing");
    tokio::time::sleep(Duration::ZERO).await;
}

for_both_lists! {
    windows_side_by_side_deliver_exactly_their_seconds = windows("ties,shuffle");
    windows_hold_where_lists_answer_the_other_way = windows("ties,shuffle,oldest,order-ignored");
    windows_hold_with_crowded_seconds = windows("ties,shuffle,crowded");
    windows_hold_through_errors_and_empty_pages = windows("ties,shuffle,errors,empty-pages");
}

/// The windows of one list answer in one direction, which a page shown twice proves.
#[tokio::test(start_paused = true)]
async fn what_the_first_window_proves_of_the_list_is_not_proven_again_for_each_of_the_others() {
    let list = SimulatedList::AuditLogs;
    let mut rig = Rig::new(list, options(list, 6000, "shuffle", 5), 0);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    rig.tamper(move |target| {
        log.lock().unwrap().push(target.to_owned());
        Ok(target.to_owned())
    });
    let edges: Vec<i64> = (0..=8).map(|n| BEGIN - 5 * DAY + n * DAY / 2).collect();
    rig.cursors = edges.windows(2).map(|edge| rig.source.begin(edge[0], Some(edge[1] - 1))).collect();
    for (index, cursor) in (0..).zip(rig.cursors.clone()) {
        let client = Arc::clone(&rig.client);
        let mut reader = Reader::window(client, &rig.source, rig.timing, index, cursor, &[]);
        let mut pages = 0;
        while let ReaderStep::Page(page) = reader.next().await.unwrap() {
            pages += 1;
            rig.deliver(&page);
        }
        assert!(pages > 1, "more than one page in each window");
    }
    let asked = asked.lock().unwrap();
    let different: HashSet<&String> = asked.iter().collect();
    assert_eq!(asked.len() - different.len(), 1, "requests that were sent twice");
}
