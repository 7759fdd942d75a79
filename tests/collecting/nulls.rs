//! Answers with `null` instead of the records.

use std::{collections::HashMap, time::Duration};

use ccfd::simulator::{Fault, SimulatedList};
use collectors::{Reader, ReaderStep, TenantWalk};

use super::for_both_lists;
use crate::support::{
    rig::{Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;

fn null() -> Fault {
    let body = r#"{"object":"list","data":null,"first_id":null,"last_id":null,"has_more":false}"#;
    Fault::Status { status: 200, headers: Vec::new(), body: body.into() }
}

/// A fault behind the API looks like an empty list for a moment, again and again while history is read.
async fn null_in_between(list: SimulatedList) {
    let mut rig = Rig::new(list, options(list, 3000, "ties,shuffle", 9), BEGIN - 9 * DAY);
    let mut reader = rig.reader().await;
    for _ in 0..20 {
        rig.simulator.script(vec![null(), null()]);
        rig.run_for(&mut reader, Duration::from_secs(20)).await;
    }
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    assert!(rig.errors.is_empty(), "each is asked for again at once: {:?}", rig.errors);
    rig.assert_conserved(list);
}

/// An API that has no other word for an empty list.
async fn null_for_ever(list: SimulatedList) {
    let mut rig = Rig::new(list, options(list, 0, "", 9), BEGIN - DAY);
    rig.tenant_walk = TenantWalk::Off;
    let mut reader = rig.reader().await;
    rig.simulator.script((0..50).map(|_| null()).collect());
    rig.simulator.take_requests();
    rig.read_to_idle(&mut reader).await;
    let mut asked: HashMap<String, u32> = HashMap::new();
    for request in rig.simulator.take_requests() {
        *asked.entry(request.target).or_default() += 1;
    }
    assert!(rig.errors.is_empty(), "{:?}", rig.errors);
    assert!(asked.values().all(|times| *times >= 5), "counted for each request: {asked:?}");
}

/// Eight readers see `null` at the same time, for less long than any of them asks again.
#[tokio::test(start_paused = true)]
async fn null_that_eight_readers_see_at_once_ends_none_of_their_windows() {
    let list = SimulatedList::AuditLogs;
    let mut rig = Rig::new(list, options(list, 3000, "ties,shuffle,tenant-ignore", 9), 0);
    let first = BEGIN - 8 * DAY;
    let windows = (0..8).map(|n| (first + n * DAY, first + (n + 1) * DAY - 1));
    rig.cursors = windows.map(|(from, to)| rig.source.begin(from, Some(to))).collect();
    let cursors = rig.cursors.clone();
    let mut readers: Vec<Reader> = (0..8)
        .map(|n| {
            let (client, cursor) = (rig.client.clone(), cursors[usize::from(n)].clone());
            Reader::window(client, &rig.source, rig.timing, n, cursor, &[])
        })
        .collect();
    for round in 0..200 {
        if round % 3 == 0 {
            rig.simulator.script((0..8).map(|_| null()).collect());
        }
        let mut steps = Vec::new();
        for step in futures::future::join_all(readers.iter_mut().map(Reader::next)).await {
            match step {
                Ok(step) => steps.push(step),
                Err(error) => rig.failed(error).await,
            }
        }
        let mut is_finished = true;
        for step in steps {
            if let ReaderStep::Page(page) = step {
                is_finished = false;
                rig.deliver(&page);
                rig.commit(*page);
            }
        }
        if is_finished {
            break;
        }
    }
    assert!(rig.cursors.iter().all(|cursor| cursor.finished), "does not finish");
    rig.assert_conserved(list);
}

for_both_lists! {
    null_for_a_moment_ends_nothing_unread = null_in_between();
    null_that_stays_is_an_empty_list = null_for_ever();
}
