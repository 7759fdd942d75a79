//! Every record, once: with each habit of the lists alone and with all of them.

use std::time::Duration;

use ccfd::simulator::SimulatedList;

use crate::support::{
    rig::{Rig, options},
    time::BEGIN,
};

const WEEK: i64 = 7 * 86_400;

async fn conserves(list: SimulatedList, count: u64, habits: &str, seed: u64) {
    let mut rig = Rig::new(list, options(list, count, habits, seed), BEGIN - WEEK - 86_400);
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    // Late records become visible, new ones appear, and from time to time the process restarts.
    for round in 0..30 {
        for n in 0..7 {
            let now = rig.world.now();
            let late = i64::from(n) * 90;
            match list {
                SimulatedList::AuditLogs => rig.simulator.push_audit(now - i64::from(n % 3), now + late),
                SimulatedList::Completions => {
                    rig.simulator.push_completion(now - i64::from(n % 3), now + late)
                }
            };
        }
        rig.run_for(&mut reader, Duration::from_secs(97)).await;
        if round % 4 == 3 {
            reader = rig.reader().await;
        }
    }
    rig.run_for(&mut reader, Duration::from_secs(2400)).await;
    rig.assert_conserved(list);
}

macro_rules! habit_cases {
    ($($name:ident: $habits:expr;)*) => {
        mod audit_logs {
            use super::*;
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                conserves(SimulatedList::AuditLogs, 5_000, $habits, 1).await;
            })*
        }
        mod chat_completions {
            use super::*;
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                conserves(SimulatedList::Completions, 5_000, $habits, 2).await;
            })*
        }
    };
}

habit_cases! {
    every_record_arrives_once_from_a_list_without_habits: "";
    every_record_arrives_once_by_default: "ties,shuffle,newest";
    every_record_arrives_once_although_cursors_drop_ties: "ties";
    every_record_arrives_once_in_random_order_within_seconds: "shuffle";
    every_record_arrives_once_oldest_first: "ties,shuffle,oldest";
    every_record_arrives_once_when_the_asked_order_is_ignored: "ties,shuffle,order-ignored";
    every_record_arrives_once_when_records_show_late: "ties,shuffle,late";
    every_record_arrives_once_from_crowded_seconds: "ties,shuffle,crowded";
    every_record_arrives_once_through_throttling: "ties,shuffle,throttle";
    every_record_arrives_once_through_errors: "ties,shuffle,errors";
    every_record_arrives_once_through_cut_bodies: "ties,shuffle,cut";
    every_record_arrives_once_with_null_edges: "ties,shuffle,null-edges";
    every_record_arrives_once_from_pretty_bodies: "ties,shuffle,pretty";
    every_record_arrives_once_when_tenant_only_is_ignored: "ties,shuffle,tenant-ignore";
    every_record_arrives_once_when_tenant_only_is_refused: "ties,shuffle,tenant-refuse";
    every_record_arrives_once_when_has_more_never_ends: "ties,shuffle,has-more-forever";
    every_record_arrives_once_when_many_at_a_time_are_throttled: "ties,shuffle,large-throttled";
    every_record_arrives_once_when_many_at_a_time_are_refused: "ties,shuffle,large-refused";
    every_record_arrives_once_when_the_order_is_refused_without_a_reason: "ties,shuffle,order-disliked";
    every_record_arrives_once_past_empty_pages: "ties,shuffle,empty-pages";
    every_record_arrives_once_when_pages_come_twice: "ties,shuffle,same-page";
    every_record_arrives_once_through_chaos: "ties,shuffle,chaos";
    every_record_arrives_once_through_chaos_in_a_stable_order: "chaos";
    every_record_arrives_once_with_all_habits_at_once: "all";
}
