//! Requests for many records that are refused: with a 429 that is not about the rate, or for no stated reason.

use std::time::Duration;

use ccfd::simulator::{Fault, SimulatedList};
use collectors::TransportError;
use tracing::Level;

use super::{
    for_both_lists,
    page_sizes::{last_limit, limit_of, rig, with_second},
};
use crate::support::{logs::Logged, rig::Rig};

const HOUR: Duration = Duration::from_secs(3600);
const LESS: &str = "requesting fewer records";

fn throttled(headers: &[(&'static str, &str)]) -> Fault {
    Fault::status(429, "rate_limit_exceeded", headers)
}

/// From now on requests for more than 25 records get this answer.
fn refuse_many(rig: &Rig, fault: Fault) {
    let simulator = rig.simulator.clone();
    rig.tamper(move |target| {
        if limit_of(target) > 25 {
            simulator.script(vec![fault.clone()]);
        }
        Ok(target.to_owned())
    });
}

/// Refused by habit, with smaller pages until it ends.
async fn by_habit(list: SimulatedList, habit: &str) {
    let mut rig = rig(list, 600, &format!("ties,shuffle,tenant-ignore,{habit}"));
    let logged = Logged::from(Level::INFO);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    rig.assert_conserved(list);
    assert!(logged.text().contains("refused, and answered without it"), "{}", logged.text());
    rig.simulator.set_habits("ties,shuffle,tenant-ignore".parse().unwrap());
    for _ in 0..600 {
        rig.issue(list, rig.world.now() - 20, rig.world.now());
        rig.run_for(&mut reader, Duration::from_secs(60)).await;
    }
    rig.assert_conserved(list);
    assert_eq!(last_limit(&rig), 100, "recovers");
}

/// Each 429 asks to wait; the pause of the key comes before each witness.
async fn with_a_pause(list: SimulatedList) {
    let mut rig = rig(list, 300, "ties,tenant-ignore");
    refuse_many(&rig, throttled(&[("retry-after", "5")]));
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    rig.assert_conserved(list);
}

/// The refusal names `limit`.
async fn by_name(list: SimulatedList) {
    let mut rig = rig(list, 300, "ties,tenant-ignore");
    let body = r#"{"error":{"message":"Invalid 'limit': too large.","type":"invalid_request_error","param":"limit"}}"#;
    refuse_many(&rig, Fault::Status { status: 400, headers: Vec::new(), body: body.into() });
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    rig.assert_conserved(list);
    assert!(rig.errors.is_empty(), "{:?}", rig.errors.first());
}

/// One request in some seconds is answered, of whatever size.
async fn rate(list: SimulatedList, seconds: u64) {
    let mut rig = rig(list, 600, "ties,tenant-ignore");
    let mut reader = rig.reader().await;
    let simulator = rig.simulator.clone();
    let mut free_at = tokio::time::Instant::now();
    rig.tamper(move |target| {
        let now = tokio::time::Instant::now();
        if now < free_at {
            simulator.script(vec![throttled(&[])]);
        } else {
            free_at = now + Duration::from_secs(seconds);
        }
        Ok(target.to_owned())
    });
    let logged = Logged::from(Level::INFO);
    rig.run_for(&mut reader, HOUR).await;
    rig.assert_conserved(list);
    assert!(!logged.text().contains(LESS), "{}", logged.text());
}

/// Every second request fails, as behind two servers of which one is down.
async fn every_second(list: SimulatedList) {
    let mut rig = rig(list, 600, "ties,shuffle,tenant-ignore");
    let mut number = 0;
    rig.tamper(move |target| {
        number += 1;
        match number % 2 {
            0 => Ok(target.to_owned()),
            _ => Err(TransportError::Unanswered("connection closed".to_owned())),
        }
    });
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    rig.assert_conserved(list);
}

/// A rate limit ends just when the witness is sent.
async fn ends_with_the_witness(list: SimulatedList) {
    let mut rig = rig(list, 600, "ties,tenant-ignore");
    let mut reader = rig.reader().await;
    rig.simulator.script(vec![throttled(&[]); 6]);
    let logged = Logged::from(Level::INFO);
    rig.run_for(&mut reader, HOUR).await;
    rig.assert_conserved(list);
    let text = logged.text();
    assert!(text.contains("were about something else, such as the rate") && !text.contains(LESS), "{text}");
}

/// The first look of a route is refused as well; whether it is asked to wait or not.
async fn first_look(list: SimulatedList) {
    let body = bytes::Bytes::from_static(b"{}");
    let unspecific = Fault::Status { status: 400, headers: Vec::new(), body };
    for (fault, looks) in [
        (throttled(&[]), 1),
        (throttled(&[("retry-after", "2")]), 2),
        (Fault::status(503, "server_error", &[("retry-after", "2")]), 2),
        (unspecific, 1),
    ] {
        let rig = rig(list, 300, "ties,tenant-ignore");
        refuse_many(&rig, fault.clone());
        for look in 1..=looks {
            let answered = rig.source.hello(&rig.client).await;
            assert_eq!(answered.is_ok(), look == looks, "{fault:?} {look}: {answered:?}");
        }
    }
}

/// A crowded second behind such a gateway: what cannot be read is named.
async fn of_a_crowded_second(list: SimulatedList) {
    let mut rig = with_second(list, 60);
    refuse_many(&rig, throttled(&[]));
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    assert!(logged.text().contains("later sweeps"), "{}", logged.text());
    rig.tamper(|target| Ok(target.to_owned()));
    rig.run_for(&mut reader, HOUR * 24).await;
    rig.assert_conserved(list);
}

for_both_lists! {
    pages_that_are_throttled_for_their_size_are_asked_for_in_smaller_ones = by_habit("large-throttled");
    pages_that_are_refused_for_no_stated_reason_are_asked_for_in_smaller_ones = by_habit("large-refused");
    pages_that_are_throttled_with_a_pause_are_asked_for_in_smaller_ones = with_a_pause();
    pages_whose_limit_is_refused_by_name_are_asked_for_in_smaller_ones = by_name();
    a_slow_rate_asks_for_no_smaller_pages = rate(10);
    a_rate_of_one_request_a_minute_asks_for_no_smaller_pages = rate(60);
    every_second_request_may_fail = every_second();
    a_rate_limit_that_ends_with_the_witness_is_no_matter_of_size = ends_with_the_witness();
    the_first_look_asks_for_few_where_many_are_refused = first_look();
    a_crowded_second_that_is_throttled_for_its_size_is_kept = of_a_crowded_second();
}
