//! Reading compared with a plain model: a set of records, and which of them must arrive.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ccfd::simulator::SimulatedList;
use collectors::{IdHash, Reader, ReaderStep};
use proptest::prelude::*;

use crate::support::{
    rig::{Rig, options},
    time::BEGIN,
};

/// Both directions, with and without ties and a random order.
const HABITS: [&str; 4] = ["ties,shuffle", "ties,shuffle,oldest,order-ignored", "", "oldest,order-ignored"];

fn on_paused_time<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(run)
}

/// Seconds with how many records each holds: page edges fall into the middle of them.
fn seconds() -> impl Strategy<Value = BTreeMap<i64, usize>> {
    proptest::collection::btree_map(
        0_i64..400,
        prop_oneof![4 => 1_usize..4, 2 => 20_usize..60, 1 => 95_usize..106],
        0..40,
    )
}

async fn read_window(
    list: SimulatedList,
    habits: &str,
    seconds: &BTreeMap<i64, usize>,
    from: i64,
    to: i64,
    life: usize,
) {
    let mut rig = Rig::new(list, options(list, 0, habits, 1), 0);
    let base = BEGIN - 10_000;
    for (second, count) in seconds {
        for _ in 0..*count {
            rig.issue(list, base + second, base);
        }
    }
    let mut cursor = rig.source.begin(base + from, Some(base + to));
    for _ in 0..200 {
        let parts: Vec<_> = rig.parts.clone().into_iter().collect();
        let mut reader =
            Reader::window(Arc::clone(&rig.client), &rig.source, rig.timing, 0, cursor.clone(), &parts);
        for _ in 0..life {
            match reader.next().await {
                Ok(ReaderStep::Page(page)) => {
                    rig.deliver(&page);
                    rig.commit(*page);
                    cursor = rig.cursors[0].clone();
                }
                Ok(ReaderStep::Idle(_)) => panic!("a window never waits"),
                Ok(ReaderStep::Finished) => {
                    let issued = rig.simulator.issued(list);
                    let inside = |second: i64| (base + from..=base + to).contains(&second);
                    for (id, second) in issued {
                        let times = rig.delivered.get(&IdHash::of(&id)).copied().unwrap_or(0);
                        assert_eq!(times, u32::from(inside(second)), "second {}", second - base);
                    }
                    return;
                }
                Err(error) => rig.failed(error).await,
            }
        }
    }
    panic!("does not finish");
}

/// Records with their second and how late they show, in seconds since the beginning.
fn arrivals() -> impl Strategy<Value = Vec<(i64, i64)>> {
    proptest::collection::vec((0_i64..6000, prop_oneof![3 => 0_i64..5, 1 => 0_i64..1750]), 1..400)
}

async fn overlap(list: SimulatedList, habits: &str, arrivals: &[(i64, i64)], restarts: &[u64]) {
    let mut rig = Rig::new(list, options(list, 0, habits, 1), BEGIN);
    for (second, late) in arrivals {
        rig.issue(list, BEGIN + second, BEGIN + second + late);
    }
    for seconds in restarts {
        let mut reader = rig.reader().await;
        rig.run_for(&mut reader, Duration::from_secs(*seconds)).await;
        tokio::time::sleep(Duration::from_secs(seconds / 3)).await;
    }
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(9000)).await;
    rig.assert_conserved(list);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stretch_delivers_exactly_its_set(
        is_audit: bool,
        habits in 0_usize..HABITS.len(),
        seconds in seconds(),
        from in 0_i64..300,
        length in 0_i64..300,
        life in 16_usize..60,
    ) {
        let list = if is_audit { SimulatedList::AuditLogs } else { SimulatedList::Completions };
        on_paused_time(read_window(list, HABITS[habits], &seconds, from, from + length, life));
    }

    #[test]
    fn whatever_shows_within_the_overlap_arrives_once(
        is_audit: bool,
        habits in 0_usize..HABITS.len(),
        arrivals in arrivals(),
        restarts in proptest::collection::vec(1_u64..1500, 0..8),
    ) {
        let list = if is_audit { SimulatedList::AuditLogs } else { SimulatedList::Completions };
        on_paused_time(overlap(list, HABITS[habits], &arrivals, &restarts));
    }
}

/// Found by chance: the rest of the anchor's second is all that follows it in a list that answers newest first.
#[test]
fn a_start_behind_the_oldest_second_of_a_list_newest_first_is_no_end() {
    let seconds = BTreeMap::from([(0, 56), (62, 45)]);
    on_paused_time(read_window(SimulatedList::Completions, "order-ignored", &seconds, 1, 62, 6));
}

/// Found by chance: a page of one second beyond the window is the beginning of a list that answers newest first.
#[test]
fn a_flat_page_beyond_the_window_is_no_end_before_the_direction_is_known() {
    let seconds = BTreeMap::from([(163, 1), (291, 100)]);
    let habits = "ties,shuffle,order-ignored";
    on_paused_time(read_window(SimulatedList::Completions, habits, &seconds, 36, 163, 16));
}

/// Found by chance: exactly a page in one second, and a process that does not live long enough to try every filter.
#[test]
fn a_second_of_exactly_a_page_is_read_however_short_the_process_lives() {
    let seconds = BTreeMap::from([(38, 51), (99, 2), (100, 100), (116, 95)]);
    on_paused_time(read_window(SimulatedList::AuditLogs, "ties,shuffle", &seconds, 28, 108, 6));
}
