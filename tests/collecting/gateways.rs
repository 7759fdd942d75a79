//! Gateways between ccfd and the API that limit, mix up and invent answers.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use ccfd::simulator::{Fault, NewRecord, SimulatedList};
use collectors::{AuditLogs, CollectError, CollectErrorKind, ReaderStep, Task, TenantWalk};
use tracing::Level;

use super::for_both_lists;
use crate::support::{
    logs::Logged,
    rig::{POLL, Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;

fn rig(list: SimulatedList, count: u64, habits: &str) -> Rig {
    Rig::new(list, options(list, count, habits, 9), BEGIN - 9 * DAY)
}

fn status(status: u16) -> Fault {
    Fault::Status { status, headers: Vec::new(), body: Bytes::from_static(b"<html>No upstream.</html>") }
}

/// A quiet history in which every slice is one page that says it is the last; each comes once more for the slice after it.
async fn stale_last_pages(habits: &str) {
    let list = SimulatedList::AuditLogs;
    let mut rig = rig(list, 0, habits);
    rig.tenant_walk = TenantWalk::Off;
    for n in 0..144 {
        rig.issue(list, BEGIN - 8 * DAY + n * 4000, BEGIN);
    }
    let mut reader = rig.reader().await;
    rig.read_slices(&mut reader, 200, |rig, _| rig.simulator.script(vec![Fault::Earlier])).await;
    rig.assert_conserved(list);
}

#[tokio::test(start_paused = true)]
async fn a_stale_page_that_says_it_is_the_last_ends_no_slice_unread() {
    for habits in ["tenant-ignore", "ties,shuffle,tenant-ignore", "oldest,tenant-ignore"] {
        stale_last_pages(habits).await;
    }
}

/// The answer to a poll comes again for the sweep after it: it shows only what is newest.
async fn poll_for_sweep(list: SimulatedList) {
    let mut rig = rig(list, 0, "ties,shuffle,tenant-ignore");
    rig.tenant_walk = TenantWalk::Off;
    for n in 0..20 {
        rig.issue(list, BEGIN - 1700 + 80 * n, BEGIN - 1700);
    }
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    for n in 0..10 {
        rig.issue(list, BEGIN - 1600 + 80 * n, BEGIN + 30);
    }
    rig.issue(list, BEGIN + 20, BEGIN + 20);
    rig.issue(list, BEGIN + 21, BEGIN + 21);
    // The sweep in which these would be found last.
    tokio::time::sleep(Duration::from_secs(295)).await;
    let mut scripted = 0;
    for _ in 0..40 {
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => {
                let is_tail = page.task == Task::Tail;
                rig.deliver(&page);
                rig.commit(*page);
                if is_tail && reader_sweeps_next(&rig) {
                    scripted += 1;
                    rig.simulator.script(vec![Fault::Earlier]);
                }
            }
            Ok(ReaderStep::Idle(at)) => tokio::time::sleep_until(at).await,
            Ok(ReaderStep::Finished) => break,
            Err(error) => rig.failed(error).await,
        }
    }
    assert!(scripted > 2);
    rig.run_for(&mut reader, Duration::from_secs(3000)).await;
    rig.assert_conserved(list);
}

fn reader_sweeps_next(rig: &Rig) -> bool {
    rig.cursors[0].sweep.is_none()
}

/// A gateway that passes no limit on.
async fn capped(list: SimulatedList, habits: &str) {
    let mut rig = rig(list, 300, habits);
    for n in 0..60 {
        rig.issue(list, BEGIN - 5000, BEGIN - 5000);
        rig.issue(list, BEGIN - 900 - n, BEGIN - 900);
    }
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3000)).await;
    rig.assert_conserved(list);
    assert_eq!(logged.text(), "");
}

/// The same where no means brings up the rest of a second: that is said.
async fn capped_for_good(list: SimulatedList) {
    let mut rig = rig(list, 0, "ties,capped");
    for _ in 0..400 {
        rig.issue(list, BEGIN - 5000, BEGIN - 5000);
    }
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    let missing = rig.simulator.issued(list).len() - rig.delivered.len();
    let text = logged.text();
    assert!(missing > 0, "all came: the test shows nothing");
    let says = |words: &str| text.contains(words);
    assert!(says("crowded second") && says("may be missing") && says("page_size=20"), "{text}");
    assert!(says(&format!("second={}", BEGIN - 5000)), "{text}");
}

async fn full_pages_end(list: SimulatedList, habits: &str) {
    let mut rig = rig(list, 358, habits);
    let logged = Logged::from(Level::WARN);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
    assert_eq!(logged.text(), "");
}

/// A cache answers every request behind a cursor with the page before, for a moment or for good.
#[tokio::test(start_paused = true)]
async fn cursors_without_effect_for_a_moment_are_a_fault_that_passes() {
    let list = SimulatedList::Completions;
    for (seconds, is_ignored) in [(1, false), (8, false), (90, true)] {
        let mut rig = rig(list, 600, "");
        let mut reader = rig.reader().await;
        let (mut cached, mut until) = (None, None);
        rig.tamper(move |target| {
            if target.contains("after=") && until.is_none() {
                (cached, until) = (
                    Some(target.to_owned()),
                    Some(tokio::time::Instant::now() + Duration::from_secs(seconds)),
                );
            }
            let is_over = until.is_none_or(|until| until < tokio::time::Instant::now());
            Ok(cached.clone().filter(|_| !is_over).unwrap_or_else(|| target.to_owned()))
        });
        rig.run_for(&mut reader, Duration::from_secs(400)).await;
        rig.assert_conserved(list);
        let ignored = |error: &CollectError| matches!(error.kind, CollectErrorKind::CursorIgnored);
        assert_eq!(rig.errors.iter().any(ignored), is_ignored, "{seconds}: {:?}", rig.errors);
    }
}

/// A healthy list, whose order is stable or not, in quiet and in busy times, is nothing to warn of.
async fn healthy(list: SimulatedList) {
    for (count, habits) in
        [(0, ""), (150, ""), (2000, "ties,shuffle"), (2000, ""), (20, ""), (100, "shuffle")]
    {
        let logged = Logged::from(Level::WARN);
        let mut rig = rig(list, count, habits);
        let mut reader = rig.reader().await;
        let began = tokio::time::Instant::now();
        rig.read_to_idle(&mut reader).await;
        assert!(began.elapsed() < Duration::from_secs(3), "{habits}: {:?}", began.elapsed());
        for _ in 0..12 {
            rig.issue(list, rig.world.now(), rig.world.now());
            rig.run_for(&mut reader, POLL * 3).await;
            reader = rig.reader().await;
        }
        rig.assert_conserved(list);
        assert!(rig.errors.is_empty());
        assert_eq!(logged.text(), "");
    }
}

/// Pages of a hundred are larger than a body may be, and so are those of ten here and there.
async fn large_records(list: SimulatedList) {
    let mut rig = rig(list, 600, "ties,shuffle");
    rig.body_max(9_000);
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
    rig.body_max(usize::MAX);
    rig.issue(list, rig.world.now(), rig.world.now());
    rig.simulator.take_requests();
    rig.run_for(&mut reader, Duration::from_secs(3000)).await;
    let last = rig.simulator.take_requests().pop().expect("requests");
    assert!(last.target.contains("limit=100"), "recovers: {}", last.target);
}

for_both_lists! {
    a_poll_that_answers_for_a_sweep_hides_no_late_record = poll_for_sweep();
    a_capped_page_size_hides_no_record_of_a_second = capped("ties,shuffle,capped");
    a_capped_page_size_in_a_stable_order_hides_none_where_cursors_work = capped("capped");
    a_second_that_a_capped_page_hides_for_good_is_named = capped_for_good();
    a_full_page_that_says_it_is_the_last_is_not = full_pages_end("ties,shuffle,full-ends");
    a_full_page_that_says_it_is_the_last_is_not_in_a_stable_order = full_pages_end("full-ends");
    a_healthy_list_is_read_without_a_warning_and_without_waiting = healthy();
    a_page_larger_than_a_body_may_be_is_asked_for_in_parts = large_records();
}

/// Four hundred events in one old second; the second request of its search is answered without the filter.
#[tokio::test(start_paused = true)]
async fn an_answer_without_its_filter_does_not_end_the_search_of_a_crowded_second() {
    let list = SimulatedList::AuditLogs;
    for place in 1..6 {
        let mut rig = rig(list, 500, "ties,shuffle,tenant-ignore");
        rig.tenant_walk = TenantWalk::Off;
        for _ in 0..400 {
            rig.issue(list, BEGIN - 5 * DAY, BEGIN);
        }
        let mut reader = rig.reader().await;
        let mut of_second = 0;
        let second = format!("effective_at%5Bgte%5D={0}&effective_at%5Blte%5D={0}", BEGIN - 5 * DAY);
        let simulator = rig.simulator.clone();
        rig.tamper(move |target| {
            of_second += usize::from(target.contains(&second));
            if of_second == place {
                of_second += 1;
                simulator.script(vec![Fault::Unfiltered]);
            }
            Ok(target.to_owned())
        });
        rig.run_for(&mut reader, Duration::from_secs(600)).await;
        rig.assert_conserved(list);
    }
}

/// The look at `tenant_only` fails in ways that do not pass.
#[tokio::test(start_paused = true)]
async fn a_tenant_list_that_cannot_be_looked_at_stops_nothing() {
    let list = SimulatedList::AuditLogs;
    for code in [404, 405, 401] {
        let mut rig = rig(list, 300, "ties,shuffle,tenant-ignore");
        let simulator = rig.simulator.clone();
        rig.tamper(move |target| {
            if target.contains("tenant_only") {
                simulator.script(vec![status(code)]);
            }
            Ok(target.to_owned())
        });
        let mut reader = rig.reader().await.once();
        rig.read_to_idle(&mut reader).await;
        rig.assert_conserved(list);
        assert!(rig.errors.is_empty(), "{code}: {:?}", rig.errors);
        assert_eq!(reader.tenant_walk(), None);
    }
}

/// The newest page of all events comes for the question whether there are tenant-scoped ones.
#[tokio::test(start_paused = true)]
async fn one_answer_without_its_filter_does_not_end_the_tenant_walk() {
    let list = SimulatedList::AuditLogs;
    let mut rig = rig(list, 300, "ties,shuffle");
    let mut first = true;
    let simulator = rig.simulator.clone();
    rig.tamper(move |target| {
        if target.contains("tenant_only") && std::mem::take(&mut first) {
            simulator.script(vec![Fault::Unfiltered]);
        }
        Ok(target.to_owned())
    });
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    assert_eq!(reader.tenant_walk(), Some(true));
    rig.assert_conserved(list);
}

/// A gateway answers 404 for four seconds, to everything.
#[tokio::test(start_paused = true)]
async fn a_404_of_a_gateway_burns_no_anchor() {
    let list = SimulatedList::Completions;
    let mut rig = rig(list, 3000, "ties,shuffle");
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(600)).await;
    let before = rig.cursors[0].anchors.len();
    let end = rig.world.now() + 64;
    let (simulator, clock) = (rig.simulator.clone(), rig.world.right_clock());
    rig.tamper(move |target| {
        if clock.now() < end {
            simulator.script(vec![status(404)]);
        }
        Ok(target.to_owned())
    });
    rig.run_for(&mut reader, Duration::from_secs(120)).await;
    assert!(!rig.errors.is_empty(), "no request met it");
    assert!(rig.cursors[0].anchors.len() >= before, "{} of {before} anchors", rig.cursors[0].anchors.len());
    rig.tamper(|target| Ok(target.to_owned()));
    rig.run_for(&mut reader, Duration::from_secs(600)).await;
    rig.assert_conserved(list);
}

/// A gateway that answers for one moment without the filter by type.
#[tokio::test(start_paused = true)]
async fn records_that_the_filter_leaves_out_are_not_delivered_for_an_answer_without_it() {
    let list = SimulatedList::AuditLogs;
    let mut rig = rig(list, 2000, "ties,shuffle,tenant-ignore");
    rig.tenant_walk = TenantWalk::Off;
    let wanted = vec!["api_key.created".to_owned()];
    rig.source = AuditLogs { event_types: wanted, ..AuditLogs::default() }.into();
    let mut reader = rig.reader().await;
    let mut types = HashSet::new();
    for n in 0..60 {
        if n % 3 == 0 {
            rig.simulator.script(vec![Fault::Unfiltered]);
        }
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => {
                for record in &page.records {
                    let body: serde_json::Value = serde_json::from_slice(&record.raw).unwrap();
                    types.insert(body["type"].as_str().unwrap().to_owned());
                }
                rig.commit(*page);
            }
            Ok(ReaderStep::Idle(at)) => tokio::time::sleep_until(at).await,
            Ok(ReaderStep::Finished) => break,
            Err(error) => rig.failed(error).await,
        }
    }
    assert_eq!(types.into_iter().collect::<Vec<_>>(), ["api_key.created"]);
}

/// A record moves to another second: it is delivered again, which is counted.
#[tokio::test(start_paused = true)]
async fn a_record_whose_second_changes_is_counted() {
    let list = SimulatedList::AuditLogs;
    let mut rig = rig(list, 0, "ties,shuffle,tenant-ignore");
    rig.tenant_walk = TenantWalk::Off;
    let body = |second: i64| {
        Bytes::from(format!(r#"{{"id":"audit_log-1","effective_at":{second},"type":"login.succeeded"}}"#))
    };
    let add = |rig: &Rig, second: i64| {
        let body = Some(body(second));
        rig.simulator.add(vec![NewRecord { list, second, visible_at: second, body }]);
    };
    add(&rig, BEGIN - 60);
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    rig.simulator.delete("audit_log-1");
    tokio::time::sleep(Duration::from_secs(120)).await;
    add(&rig, BEGIN + 30);
    rig.read_to_idle(&mut reader).await;
    assert_eq!(rig.delivered.values().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(reader.take_counters().anomalies.get(&collectors::Anomaly::Redated), Some(&1));
}

/// The newest page of all, which shows one crowded second, comes in the middle of a history: nothing in it lies before the cursor.
#[tokio::test(start_paused = true)]
async fn the_newest_second_alone_does_not_stand_for_the_history_before_it() {
    let list = SimulatedList::Completions;
    let mut rig = rig(list, 1500, "ties,shuffle");
    for _ in 0..150 {
        rig.issue(list, BEGIN - 10, BEGIN - 10);
    }
    let mut reader = rig.reader().await;
    for n in 0..60 {
        if n % 4 == 3 {
            rig.simulator.script(vec![Fault::Unfiltered]);
        }
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => {
                rig.deliver(&page);
                rig.commit(*page);
                if n % 8 == 7 {
                    reader = rig.take_up();
                }
            }
            Ok(ReaderStep::Idle(_) | ReaderStep::Finished) => break,
            Err(error) => rig.failed(error).await,
        }
    }
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
}
