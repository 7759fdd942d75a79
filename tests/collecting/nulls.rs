//! Answers with `null` where the records should be.

use std::time::Duration;

use ccfd::simulator::{Fault, List};
use collectors::{CollectErrorKind, Step};

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
async fn null_in_between(list: List) {
    let mut rig = Rig::new(list, options(list, 3000, "ties,shuffle", 9), BEGIN - 9 * DAY);
    let mut reader = rig.reader().await;
    for _ in 0..20 {
        rig.simulator.script(vec![null(), null()]);
        rig.run_for(&mut reader, Duration::from_secs(20)).await;
    }
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    assert!(!rig.errors.is_empty(), "each is asked for again");
    rig.assert_conserved(list);
}

/// An API that has no other word for an empty list.
async fn null_for_ever(list: List) {
    let mut rig = Rig::new(list, options(list, 0, "", 9), BEGIN - DAY);
    let mut reader = rig.reader().await;
    rig.simulator.script((0..50).map(|_| null()).collect());
    let mut doubted = 0;
    loop {
        match reader.next().await {
            Ok(Step::Page(page)) => rig.commit(*page),
            Ok(Step::Idle(_) | Step::Finished) => break,
            Err(error) => {
                assert!(matches!(error.kind, CollectErrorKind::Malformed(_)), "{error}");
                doubted += 1;
            }
        }
    }
    assert_eq!(doubted, 2, "believed when it is all that comes");
}

for_both_lists! {
    null_for_a_moment_ends_nothing_unread = null_in_between();
    null_that_stays_is_an_empty_list = null_for_ever();
}
