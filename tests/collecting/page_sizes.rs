//! Pages that do not arrive at their full size: too large, too slow, or more than a gateway waits for.

use std::time::Duration;

use ccfd::simulator::{Fault, SimulatedList};
use collectors::{TenantWalk, TransportError};
use tracing::Level;

use super::for_both_lists;
use crate::support::{
    logs::Logged,
    rig::{Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;
const HOUR: Duration = Duration::from_secs(3600);
/// A second in the middle of the history.
pub(super) const SECOND: i64 = BEGIN - 5 * DAY;

/// How a request for too many records fails.
#[derive(Clone, Copy)]
enum Failing {
    /// No byte of an answer comes in time.
    Silent,
    /// The body is not complete in time.
    Slow,
}

pub(super) fn rig(list: SimulatedList, count: u64, habits: &str) -> Rig {
    let mut rig = Rig::new(list, options(list, count, habits, 9), BEGIN - 9 * DAY);
    rig.tenant_walk = TenantWalk::Off;
    rig
}

/// A second with so many records, and some records around it.
pub(super) fn with_second(list: SimulatedList, count: i64) -> Rig {
    let rig = rig(list, 0, "ties,tenant-ignore");
    for _ in 0..count {
        rig.issue(list, SECOND, SECOND);
    }
    for n in 1..40 {
        rig.issue(list, SECOND - n * 300, SECOND);
        rig.issue(list, SECOND + n * 300, SECOND);
    }
    rig
}

pub(super) fn limit_of(target: &str) -> usize {
    let limit = target.split("limit=").nth(1).and_then(|rest| rest.split('&').next());
    limit.and_then(|limit| limit.parse().ok()).expect("a limit")
}

/// From now on requests for more records fail.
fn fail_above(rig: &Rig, most: usize, failing: Failing) {
    rig.tamper(move |target| match failing {
        _ if limit_of(target) <= most => Ok(target.to_owned()),
        Failing::Silent => Err(TransportError::Unanswered("operation timed out".to_owned())),
        Failing::Slow => Err(TransportError::TooSlow("operation timed out".to_owned())),
    });
}

pub(super) fn last_limit(rig: &Rig) -> usize {
    limit_of(&rig.simulator.take_requests().pop().expect("requests").target)
}

/// Everything is slow until fewer records are requested, and then nothing is.
async fn slow_for_a_moment(list: SimulatedList) {
    for count in [13, 60, 99] {
        let mut rig = with_second(list, count);
        let mut reader = rig.reader().await;
        let mut is_slow = true;
        rig.tamper(move |target| {
            is_slow &= limit_of(target) > 6;
            if is_slow { Err(TransportError::TooSlow("slow".to_owned())) } else { Ok(target.to_owned()) }
        });
        let logged = Logged::from(Level::WARN);
        rig.run_for(&mut reader, HOUR).await;
        rig.assert_conserved(list);
        assert_eq!(logged.text(), "", "{count}");
    }
}

/// Fewer than a hundred work, for good, and the second fits into what works.
async fn fits_what_works(list: SimulatedList, failing: Failing) {
    for (most, count) in [(75, 60), (61, 60), (30, 20)] {
        let mut rig = with_second(list, count);
        fail_above(&rig, most, failing);
        let logged = Logged::from(Level::WARN);
        let mut reader = rig.reader().await;
        rig.run_for(&mut reader, HOUR).await;
        rig.assert_conserved(list);
        assert!(!logged.text().contains("crowded"), "{most}: {}", logged.text());
    }
}

/// For hours no page shows all of a second. Later it does; the process is restarted again and again.
async fn fits_later(list: SimulatedList, failing: Failing) {
    let mut rig = with_second(list, 90);
    fail_above(&rig, 10, failing);
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    for _ in 0..6 {
        rig.run_for(&mut reader, HOUR).await;
        rig.issue(list, rig.world.now() - 20, rig.world.now());
        reader = rig.take_up();
    }
    let missing = rig.simulator.issued(list).len() - rig.delivered.len();
    assert!(missing > 1, "all came: the test shows nothing");
    let text = logged.text();
    assert!(text.contains(&format!("second={SECOND}")) && text.contains("later sweeps"), "{text}");
    assert!(rig.cursors[0].watermark > SECOND, "the walk continues");
    rig.tamper(|target| Ok(target.to_owned()));
    rig.run_for(&mut reader, HOUR * 6).await;
    rig.assert_conserved(list);
    assert!(rig.cursors[0].kept.is_empty());
    assert!(!logged.text().contains("complete=\"unknown\""), "{}", logged.text());
}

/// A second within the overlap that no page shows whole. It is searched at its own times, and not by each sweep.
async fn kept_in_the_overlap(list: SimulatedList) {
    let mut rig = rig(list, 0, "ties,tenant-ignore");
    rig.timing.overlap = HOUR * 24;
    for _ in 0..90 {
        rig.issue(list, BEGIN - 7200, BEGIN - 7200);
    }
    for n in 0..8 {
        rig.issue(list, BEGIN - 3600 + n * 60, BEGIN - 3600);
    }
    fail_above(&rig, 10, Failing::Silent);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    assert!(!rig.cursors[0].kept.is_empty(), "the test shows nothing");
    rig.simulator.take_requests();
    let before = rig.requests();
    rig.run_for(&mut reader, HOUR * 4).await;
    let requests = rig.requests() - before;
    // 240 polls, 48 sweeps of four pages of ten, and at most four searches of about fifty requests.
    assert!(requests < 240 + 48 * 6 + 4 * 60, "{requests}");
    rig.tamper(|target| Ok(target.to_owned()));
    rig.run_for(&mut reader, HOUR * 12).await;
    rig.assert_conserved(list);
}

/// No page ever shows all of a second.
async fn fits_never(list: SimulatedList) {
    let mut rig = with_second(list, 60);
    fail_above(&rig, 25, Failing::Silent);
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR * 48).await;
    let text = logged.text();
    assert!(text.contains("complete=\"unknown\"") && text.contains("page_size=25"), "{text}");
    assert!(rig.cursors[0].kept.is_empty(), "{:?}", rig.cursors[0].kept);
    assert!(rig.delivered.values().all(|times| *times == 1));
}

/// A body may not be larger than a part of the second, whatever time it is.
async fn larger_than_a_body(list: SimulatedList) {
    let mut rig = with_second(list, 60);
    rig.body_max(9_000);
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    let missing = rig.simulator.issued(list).len() - rig.delivered.len();
    assert!(missing == 0 || logged.text().contains("complete=\"unknown\""), "{}", logged.text());
    assert!(rig.cursors[0].kept.is_empty());
}

/// A gateway gives up on pages of more than 25 records.
async fn large_timeouts(list: SimulatedList) {
    let mut rig = rig(list, 600, "ties,shuffle,tenant-ignore,large-timeouts");
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    rig.assert_conserved(list);
    rig.simulator.set_habits("ties,shuffle,tenant-ignore".parse().unwrap());
    for _ in 0..600 {
        rig.issue(list, rig.world.now() - 20, rig.world.now());
        rig.run_for(&mut reader, Duration::from_secs(60)).await;
    }
    rig.assert_conserved(list);
    assert_eq!(last_limit(&rig), 100, "recovers");
}

/// Something on the way answers 413 to requests for more than 25 records.
async fn large_refusals(list: SimulatedList) {
    let mut rig = rig(list, 300, "ties,tenant-ignore");
    let simulator = rig.simulator.clone();
    rig.tamper(move |target| {
        if limit_of(target) > 25 {
            simulator.script(vec![Fault::status(413, "too_large", &[])]);
        }
        Ok(target.to_owned())
    });
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, HOUR).await;
    rig.assert_conserved(list);
    assert!(rig.errors.is_empty(), "{:?}", rig.errors.first());
}

/// Nothing is answered for a while, at any size.
async fn outage(list: SimulatedList) {
    let mut rig = rig(list, 3000, "ties,shuffle,tenant-ignore");
    let mut reader = rig.reader().await;
    for minutes in [1, 10, 60] {
        for n in 0..200 {
            rig.issue(list, rig.world.now() + n, rig.world.now() + n);
        }
        let until = tokio::time::Instant::now() + HOUR / 60 * minutes;
        rig.tamper(move |target| match tokio::time::Instant::now() < until {
            true => Err(TransportError::Unanswered("operation timed out".to_owned())),
            false => Ok(target.to_owned()),
        });
        rig.simulator.take_requests();
        rig.run_for(&mut reader, HOUR * 2).await;
        let limits: Vec<_> =
            rig.simulator.take_requests().iter().map(|asked| limit_of(&asked.target)).collect();
        let recovered = limits.iter().position(|limit| *limit == 100);
        assert!(recovered.is_some_and(|answers| answers <= 20), "{minutes}: {limits:?}");
    }
    rig.assert_conserved(list);
}

for_both_lists! {
    a_second_that_fits_a_page_is_not_crowded_because_less_is_requested = slow_for_a_moment();
    a_second_that_fits_the_largest_page_in_time_is_not_crowded = fits_what_works(Failing::Slow);
    a_second_that_fits_the_largest_page_answered_is_not_crowded = fits_what_works(Failing::Silent);
    a_second_that_fits_no_page_for_hours_arrives_later = fits_later(Failing::Slow);
    a_second_that_fits_no_page_answered_for_hours_arrives_later = fits_later(Failing::Silent);
    a_second_that_never_fits_a_page_is_named_and_left = fits_never();
    a_kept_second_is_searched_when_it_is_due_and_not_by_each_sweep = kept_in_the_overlap();
    a_second_larger_than_a_body_may_be_is_named_at_once = larger_than_a_body();
    pages_that_a_gateway_does_not_wait_for_are_asked_for_in_smaller_ones = large_timeouts();
    pages_that_are_refused_as_too_large_are_asked_for_in_smaller_ones = large_refusals();
    an_outage_lowers_the_page_size_for_a_few_requests_only = outage();
}

/// A backfill ends only when the second is read, or left with a warning.
#[tokio::test(start_paused = true)]
async fn a_window_of_the_past_is_finished_once_its_second_is_read() {
    for hours in [0, 48] {
        let list = SimulatedList::AuditLogs;
        let mut rig = with_second(list, 90);
        let logged = Logged::from(Level::WARN);
        let mut cursor = rig.source.begin(BEGIN - 9 * DAY, None);
        cursor.until = Some(BEGIN - DAY);
        rig.cursors = vec![cursor.clone()];
        let until = rig.world.now() + 600 + hours * 3600;
        let clock = rig.world.right_clock();
        rig.tamper(move |target| match limit_of(target) > 10 && clock.now() < until {
            true => Err(TransportError::Unanswered("operation timed out".to_owned())),
            false => Ok(target.to_owned()),
        });
        let mut reader =
            collectors::Reader::window(rig.client.clone(), &rig.source, rig.timing, 0, cursor, &[]);
        rig.run_for(&mut reader, HOUR * 24).await;
        assert!(rig.cursors[0].finished, "{:?}", rig.cursors[0]);
        let missing = rig.simulator.issued(list).len() - rig.delivered.len();
        let is_named = logged.text().contains("complete=\"unknown\"");
        assert_eq!((missing > 0, is_named), (hours > 0, hours > 0), "{missing}: {}", logged.text());
    }
}

/// More seconds than one, found at different times, that no page shows whole.
#[tokio::test(start_paused = true)]
async fn a_window_with_many_seconds_that_never_fit_ends_within_an_hour() {
    let list = SimulatedList::AuditLogs;
    let mut rig = rig(list, 0, "ties,tenant-ignore");
    for n in 0..30 {
        for _ in 0..40 {
            rig.issue(list, SECOND + n * 3600, SECOND);
        }
    }
    let mut cursor = rig.source.begin(BEGIN - 9 * DAY, None);
    cursor.until = Some(BEGIN - DAY);
    rig.cursors = vec![cursor.clone()];
    fail_above(&rig, 25, Failing::Silent);
    let logged = Logged::from(Level::WARN);
    let mut reader = collectors::Reader::window(rig.client.clone(), &rig.source, rig.timing, 0, cursor, &[]);
    rig.run_for(&mut reader, HOUR).await;
    assert!(rig.cursors[0].finished, "{:?}", rig.cursors[0].kept);
    assert_eq!(logged.text().matches("complete=\"unknown\"").count(), 30);
    assert!(rig.requests() < 5000, "{}", rig.requests());
}
