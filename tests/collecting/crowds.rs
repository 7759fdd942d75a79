//! Seconds that hold about as many records as a page shows, or more.

use std::time::Duration;

use ccfd::simulator::SimulatedList;
use collectors::TenantWalk;
use tracing::Level;

use super::for_both_lists;
use crate::support::{
    logs::Logged,
    rig::{Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;

fn rig(list: SimulatedList, count: u64, habits: &str) -> Rig {
    Rig::new(list, options(list, count, habits, 9), BEGIN - 9 * DAY)
}

/// A hundred records in the newest second and nothing more: exactly a page, in stable order.
async fn exactly_a_page(list: SimulatedList) {
    let mut rig = rig(list, 0, "");
    for _ in 0..100 {
        rig.issue(list, BEGIN - 100, BEGIN - 100);
    }
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
    assert_eq!(logged.text(), "");
}

/// As many records as a page shows, and some more, in one second in the middle of a list that is in stable order and whose cursors
/// leave out the rest of their second.
async fn about_a_page(list: SimulatedList) {
    let second = BEGIN - 2 * DAY;
    for count in [99, 100, 101, 150, 199, 200, 250] {
        let mut rig = rig(list, 0, "ties");
        for n in 0..count {
            rig.issue(list, second, second);
            if n < 30 {
                rig.issue(list, second - n - 1, second);
                rig.issue(list, second + n + 1, second);
            }
        }
        let logged = Logged::from(Level::WARN);
        let mut reader = rig.reader().await;
        rig.run_for(&mut reader, Duration::from_secs(900)).await;
        let text = logged.text();
        let missing = rig.simulator.issued(list).len() - rig.delivered.len();
        assert!(rig.errors.is_empty(), "{count}: {:?}", rig.errors);
        if list == SimulatedList::Completions && count < 200 {
            assert_eq!((missing, text.as_str()), (0, ""), "{count}");
            // What comes before the first page is the search for the start.
            let asked = rig.simulator.take_requests();
            let mut asked = asked.iter().skip_while(|asked| !asked.target.contains("order=asc"));
            let turned = asked.any(|asked| asked.target.contains("order=desc&after="));
            assert_eq!(turned, count >= 100, "{count}");
        }
        assert!(missing == 0 || text.contains("some may be missing"), "{count}: {missing} missing: {text}");
    }
}

/// Nothing newer comes after a crowded second.
async fn crowded_newest_second(list: SimulatedList) {
    let mut rig = rig(list, 0, "ties,shuffle,tenant-ignore");
    rig.tenant_walk = TenantWalk::Off;
    for _ in 0..400 {
        rig.issue(list, BEGIN - 100, BEGIN - 100);
    }
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    rig.assert_conserved(list);
    let before = rig.requests();
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    let requests = rig.requests() - before;
    // Sixty polls and twelve sweeps of a few pages; searched each time, the second alone would take 600.
    assert!(requests <= 300, "{requests} requests in an hour");
    let late = rig.issue(list, BEGIN - 100, rig.world.now());
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    assert!(rig.delivered.contains_key(&collectors::IdHash::of(&late)), "one read in each sweep finds it");
}

for_both_lists! {
    a_second_of_exactly_a_page_is_complete = exactly_a_page();
    a_second_of_about_a_page_is_complete_or_named = about_a_page();
    a_crowded_newest_second_is_searched_once = crowded_newest_second();
}
