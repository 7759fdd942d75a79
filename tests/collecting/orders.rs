//! Lists that refuse the parameter `order`.

use std::time::Duration;

use ccfd::simulator::{Fault, SimulatedList};
use tracing::Level;

use crate::support::{
    logs::Logged,
    rig::{Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;
const LIST: SimulatedList = SimulatedList::Completions;

fn rig(count: u64, habits: &str) -> Rig {
    Rig::new(LIST, options(LIST, count, habits, 9), BEGIN - 4 * DAY)
}

fn refusals(rig: &Rig) -> usize {
    rig.simulator.take_requests().iter().filter(|seen| seen.status == 400).count()
}

#[tokio::test(start_paused = true)]
async fn a_list_that_refuses_the_order_is_read_without_what_needs_it() {
    for (habits, refusals_max) in [
        ("ties,shuffle,desc-refused", 4),
        ("ties,shuffle,order-refused", 4),
        ("ties,oldest,order-refused", 4),
        ("ties,shuffle,order-disliked", 8),
        ("ties,oldest,order-disliked", 8),
    ] {
        let mut rig = rig(1000, habits);
        let logged = Logged::from(Level::WARN);
        let mut reader = rig.reader().await;
        rig.run_for(&mut reader, Duration::from_secs(3600)).await;
        rig.issue(LIST, rig.world.now(), rig.world.now());
        rig.run_for(&mut reader, Duration::from_secs(3600)).await;
        rig.assert_conserved(LIST);
        assert!(rig.errors.is_empty(), "{habits}: {:?}", rig.errors);
        let refused = refusals(&rig);
        assert!(refused <= refusals_max, "{habits}: {refused}");
        let text = logged.text();
        let times = text.matches("refuses the parameter `order`").count();
        assert!((1..=2).contains(&times), "{habits}: {text}");
    }
}

/// The second is in stable order, and only the other end of the list shows the rest of it.
#[tokio::test(start_paused = true)]
async fn a_crowded_second_is_left_with_a_warning_where_the_other_end_is_refused() {
    let mut rig = rig(0, "ties,desc-refused");
    for n in 0..250 {
        rig.issue(LIST, BEGIN - 2 * DAY, BEGIN - 2 * DAY);
        rig.issue(LIST, BEGIN - DAY + n, BEGIN - DAY);
    }
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    assert!(rig.errors.is_empty(), "{:?}", rig.errors);
    assert!(rig.delivered.len() >= 350, "{}", rig.delivered.len());
    assert!(logged.text().contains("may be missing"), "{}", logged.text());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_gateway_that_passes_changes_nothing() {
    let mut rig = rig(1000, "ties,shuffle");
    let refused = |message: &str| {
        let body = format!(r#"{{"error":{{"message":"{message}","type":"invalid_request_error"}}}}"#);
        Fault::Status { status: 400, headers: Vec::new(), body: body.into() }
    };
    let named = || refused("Unknown parameter: 'order'.");
    rig.simulator.script(vec![named()]);
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    rig.simulator.script(vec![named()]);
    rig.run_for(&mut reader, Duration::from_secs(600)).await;
    // Some without a reason, of which the last ones meet one witness or the other.
    for refusals in 1..6 {
        rig.simulator.script(vec![refused("Bad request."); refusals]);
        rig.run_for(&mut reader, Duration::from_secs(600)).await;
    }
    rig.assert_conserved(LIST);
    assert_eq!(logged.text(), "");
    assert!(rig.errors.is_empty(), "{:?}", rig.errors);
    rig.simulator.take_requests();
    rig.run_for(&mut reader, Duration::from_secs(600)).await;
    assert!(rig.simulator.take_requests().iter().all(|seen| seen.target.contains("order=asc")));
}

/// What a list refuses is asked for again a day later.
#[tokio::test(start_paused = true)]
async fn a_refused_order_is_asked_for_again_after_a_day() {
    let mut rig = rig(100, "ties,shuffle,order-refused");
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    rig.simulator.set_habits("ties,shuffle".parse().unwrap());
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    let is_asked =
        |rig: &Rig| rig.simulator.take_requests().iter().any(|seen| seen.target.contains("order="));
    is_asked(&rig);
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    assert!(!is_asked(&rig));
    rig.run_for(&mut reader, Duration::from_secs(86_400)).await;
    assert!(is_asked(&rig));
    rig.issue(LIST, rig.world.now(), rig.world.now());
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    rig.assert_conserved(LIST);
}

/// The record behind the cursor is deleted, and the question whether the list answers at all is asked newest first.
#[tokio::test(start_paused = true)]
async fn a_gone_cursor_is_recognised_where_the_order_is_refused() {
    let mut rig = rig(300, "ties,shuffle,deleted-404");
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    rig.simulator.set_habits("ties,shuffle,deleted-404,desc-refused".parse().unwrap());
    for (id, second) in rig.simulator.issued(LIST) {
        if second >= BEGIN - DAY {
            rig.simulator.delete(&id);
        }
    }
    rig.issue(LIST, rig.world.now(), rig.world.now());
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    assert!(rig.errors.is_empty(), "{:?}", rig.errors);
    rig.assert_all_arrived(LIST);
}
