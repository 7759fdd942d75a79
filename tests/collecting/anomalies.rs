//! Anomalous answers, each of which once lost records, duplicated them or caused a loop.

use std::time::Duration;

use bytes::Bytes;
use ccfd::simulator::{Fault, NewRecord, SimulatedList};
use collectors::{
    Anchor, Anomaly, CollectErrorKind, IdHash, Reader, ReaderStep, Task, TenantWalk, TimeSlice,
    TransportError,
};

use super::for_both_lists;
use crate::support::{
    rig::{OVERLAP, POLL, Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;

fn rig(list: SimulatedList, count: u64, habits: &str) -> Rig {
    Rig::new(list, options(list, count, habits, 9), BEGIN - 9 * DAY)
}

/// Quiet, so that slices grow long; then dense, so that the next one is cut short; and down before a sweep has read it.
async fn dense_then_down(list: SimulatedList) {
    let mut rig = rig(list, 0, "ties,shuffle");
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3600)).await;
    for _ in 0..4 {
        for n in 0..600 {
            let second = rig.world.now() - n / 10;
            rig.issue(list, second, second);
        }
        rig.run_for(&mut reader, POLL).await;
    }
    tokio::time::sleep(Duration::from_secs(2400)).await;
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(600)).await;
    rig.assert_conserved(list);
}

async fn conserved_with(list: SimulatedList, habits: &str, seeds: u64) {
    for seed in 0..seeds {
        let options = options(list, 3000, habits, seed);
        let mut rig = Rig::new(list, options, BEGIN - 8 * DAY);
        let mut reader = rig.reader().await;
        rig.run_for(&mut reader, Duration::from_secs(1000)).await;
        rig.assert_conserved(list);
    }
}

async fn late_in_a_crowd(list: SimulatedList) {
    let mut rig = rig(list, 0, "ties,shuffle");
    let crowd = BEGIN - 10;
    for n in 0..1000 {
        rig.issue(list, crowd, crowd);
        rig.issue(list, BEGIN + n, BEGIN + n);
    }
    for n in 0..20 {
        rig.issue(list, crowd, crowd + 1500 + 10 * n);
    }
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, OVERLAP + Duration::from_secs(800)).await;
    rig.assert_conserved(list);
}

/// Bodies without id, without time and that are no object, among good ones in random order.
async fn unusable_records(list: SimulatedList) {
    let mut rig = rig(list, 0, "ties,shuffle");
    let time = match list {
        SimulatedList::AuditLogs => "effective_at",
        SimulatedList::Completions => "created",
    };
    for n in 0..20 {
        let second = BEGIN - 30 * n;
        rig.issue(list, second, second);
        rig.issue(list, second, second);
        let body = match n % 2 {
            0 => format!(r#"{{"n":{n},"{time}":{second}}}"#),
            _ => format!(r#"{{"n":{n},"id":"no-time-{n}","{time}":"soon"}}"#),
        };
        rig.simulator.add(vec![NewRecord {
            list,
            second,
            visible_at: second,
            body: Some(Bytes::from(body)),
        }]);
    }
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3000)).await;
    assert_eq!(rig.unusable, 20);
    rig.unusable = 0;
    rig.run_for(&mut reader, Duration::from_secs(3000)).await;
    assert_eq!(rig.unusable, 0, "rejects repeat for ever");
}

/// The clock is ten years ahead, and the first answer that tells the time is that of the first sweep.
async fn no_date_yet(list: SimulatedList) {
    let mut rig = rig(list, 0, "ties,shuffle");
    rig.tenant_walk = TenantWalk::Off;
    for n in 0..50 {
        rig.issue(list, BEGIN - 20 * n, BEGIN - 20 * n);
    }
    let late = rig.issue(list, BEGIN - 300, BEGIN + 600);
    rig.world.local_clock_is_off_by(3650 * DAY);
    let mut reader = rig.take_up();
    rig.run_for(&mut reader, Duration::from_secs(1000)).await;
    assert!(rig.delivered.contains_key(&IdHash::of(&late)));
}

for_both_lists! {
    a_slice_cut_short_keeps_what_is_held_beyond_its_new_end = dense_then_down();
    a_page_of_an_earlier_request_ends_nothing = conserved_with("ties,shuffle,same-page", 6);
    an_empty_page_does_not_end_the_search_of_a_crowded_second = conserved_with("ties,shuffle,crowded,empty-pages", 4);
    late_records_of_a_crowded_second_arrive = late_in_a_crowd();
    an_unusable_record_is_rejected_a_bounded_number_of_times = unusable_records();
    a_clock_ahead_before_the_first_date_does_not_raise_the_watermark_too_early = no_date_yet();
}

/// Reads at most 400 pages; the first two anchors of the kind are deleted as soon as they are used.
async fn delete_two_anchors(
    rig: &mut Rig,
    reader: &mut Reader,
    is_wanted: impl Fn(&TimeSlice, &Anchor) -> bool,
) {
    let mut deleted = 0;
    for _ in 0..400 {
        let Ok(ReaderStep::Page(page)) = reader.next().await else { break };
        if let Some(sweep) = &page.change.cursor.sweep
            && let Some(anchor) = sweep.slice.anchor()
            && deleted < 2
            && is_wanted(&sweep.slice, anchor)
        {
            deleted += usize::from(rig.simulator.delete(&anchor.id));
        }
        rig.deliver(&page);
        rig.commit(*page);
    }
    assert_eq!(deleted, 2);
}

/// The anchor behind which a crowded second is searched is deleted in the middle of the search.
#[tokio::test(start_paused = true)]
async fn a_gone_anchor_does_not_end_the_search_of_a_crowded_second() {
    let list = SimulatedList::Completions;
    for habit in ["deleted-404", "deleted-400", "deleted-empty", "deleted-ignored"] {
        let mut rig = rig(list, 300, &format!("ties,shuffle,{habit}"));
        for _ in 0..500 {
            rig.issue(list, BEGIN - 3 * 3600, BEGIN - 3 * 3600);
        }
        let mut reader = rig.reader().await;
        let crowded = BEGIN - 3 * 3600;
        let is_passed =
            |slice: &TimeSlice, anchor: &Anchor| slice.at == Some(crowded) && anchor.second < crowded;
        delete_two_anchors(&mut rig, &mut reader, is_passed).await;
        rig.run_for(&mut reader, Duration::from_secs(700)).await;
        rig.assert_conserved(list);
    }
}

/// A sweep of several pages: the record that it has just read and continues from is deleted, and the answer
/// is empty.
#[tokio::test(start_paused = true)]
async fn an_empty_answer_behind_a_record_read_a_moment_ago_is_not_the_end() {
    let list = SimulatedList::Completions;
    let mut rig = rig(list, 0, "ties,shuffle,deleted-empty");
    let mut reader = rig.reader().await;
    for n in 0..900 {
        rig.issue(list, BEGIN - n, BEGIN - n);
    }
    rig.read_to_idle(&mut reader).await;
    // Visible only now: the next sweep alone can find them.
    for n in 0..40 {
        rig.issue(list, BEGIN - 20 * n, BEGIN + 200);
    }
    tokio::time::sleep(Duration::from_secs(1790)).await;
    rig.issue(list, rig.world.now(), rig.world.now());
    delete_two_anchors(&mut rig, &mut reader, |_, _| true).await;
    rig.run_for(&mut reader, Duration::from_secs(700)).await;
    rig.assert_conserved(list);
}

#[tokio::test(start_paused = true)]
async fn a_first_page_of_one_second_does_not_tell_the_direction() {
    let list = SimulatedList::Completions;
    for habits in ["ties,shuffle,order-ignored", "order-ignored", "ties,shuffle"] {
        let mut rig = Rig::new(list, options(list, 1000, habits, 9), 0);
        for _ in 0..150 {
            rig.issue(list, BEGIN - 7000, BEGIN - 7000);
            rig.issue(list, BEGIN, BEGIN);
            rig.issue(list, BEGIN - 8 * DAY, BEGIN - 8 * DAY);
        }
        let mut reader = rig.reader().await;
        rig.run_for(&mut reader, Duration::from_secs(700)).await;
        rig.assert_conserved(list);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_ignores_its_cursor_is_named_and_not_read_for_ever() {
    let list = SimulatedList::Completions;
    let mut rig = rig(list, 1000, "ties,shuffle");
    rig.start = 0;
    rig.tamper(|target| Ok(target.split("&after=").next().unwrap_or_default().to_owned()));
    let mut reader = rig.reader().await;
    for _ in 0..60 {
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => rig.commit(*page),
            Ok(step) => panic!("{step:?}"),
            Err(error) if error.kind == CollectErrorKind::CursorIgnored => return,
            Err(error) => rig.failed(error).await,
        }
    }
    panic!("read for ever");
}

#[tokio::test(start_paused = true)]
async fn records_of_the_future_do_not_push_out_the_anchors_that_are_needed() {
    let list = SimulatedList::Completions;
    let mut rig = rig(list, 0, "ties,shuffle");
    for n in 0..5 {
        rig.issue(list, BEGIN + 1000 * DAY + n, BEGIN);
    }
    let mut reader = rig.reader().await;
    let mut before = 0;
    for minute in 0..210 {
        if minute == 180 {
            before = rig.requests();
        }
        for n in 0..20 {
            rig.issue(list, rig.world.now() - n, rig.world.now());
        }
        rig.run_for(&mut reader, POLL).await;
    }
    // Thirty polls, and six sweeps of six or seven pages; from the beginning a sweep would take forty.
    let requests = rig.requests() - before;
    assert!(requests <= 110, "{requests} requests in half an hour");
    rig.assert_conserved(list);
}

#[tokio::test(start_paused = true)]
async fn a_full_page_without_one_usable_completion_is_an_error() {
    let list = SimulatedList::Completions;
    let mut rig = rig(list, 0, "ties");
    rig.start = 0;
    for n in 0..150 {
        let body = Some(Bytes::from(format!(r#"{{"n":{n}}}"#)));
        rig.simulator.add(vec![NewRecord { list, second: BEGIN, visible_at: BEGIN, body }]);
    }
    let mut reader = rig.reader().await;
    let error = reader.next().await.unwrap_err();
    assert!(matches!(error.kind, CollectErrorKind::Malformed(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_list_that_fails_does_not_stop_the_main_one() {
    let list = SimulatedList::AuditLogs;
    let mut rig = rig(list, 0, "ties,shuffle");
    let known = rig.issue(list, BEGIN, BEGIN);
    rig.tamper(|target| match target.contains("tenant_only") {
        true => Err(TransportError::Unreachable("reset".to_owned())),
        false => Ok(target.to_owned()),
    });
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    assert!(rig.delivered.contains_key(&IdHash::of(&known)));
    assert_eq!(reader.tenant_walk(), None);
    let tenant = rig.simulator.push_tenant(BEGIN + 1, BEGIN + 1);
    rig.tamper(|target| Ok(target.to_owned()));
    rig.run_for(&mut reader, Duration::from_secs(700)).await;
    assert!(rig.delivered.contains_key(&IdHash::of(&tenant)));
}

/// The page before answers the first request of the next slice, in a process that has just started: it lies wholly before
/// that slice, and nothing is known of the process before.
#[tokio::test(start_paused = true)]
async fn a_page_of_the_slice_before_does_not_end_a_slice_unread() {
    let list = SimulatedList::AuditLogs;
    for habits in ["ties,shuffle,tenant-ignore", "ties,shuffle,oldest,tenant-ignore"] {
        let mut rig = rig(list, 12_000, habits);
        rig.tenant_walk = TenantWalk::Off;
        let mut reader = rig.reader().await;
        let restart = |rig: &Rig, reader: &mut Reader| {
            *reader = rig.take_up();
            rig.simulator.script(vec![Fault::SamePage]);
        };
        rig.read_slices(&mut reader, 1000, restart).await;
        assert!(rig.errors.is_empty(), "asked again at once: {:?}", rig.errors);
        let doubted = reader.take_counters().anomalies.contains_key(&Anomaly::OutsideWindow);
        // Oldest first the list is read in halves, of which the last one is empty.
        assert!(doubted || habits.contains("oldest"), "no page came twice");
        rig.assert_conserved(list);
    }
}

/// A page from near the end of the last sweep answers the first request of the next one, before which late records showed.
#[tokio::test(start_paused = true)]
async fn a_page_of_the_sweep_before_does_not_hide_late_records() {
    let list = SimulatedList::Completions;
    let mut rig = rig(list, 0, "ties,shuffle");
    for n in 0..900 {
        rig.issue(list, BEGIN - n, BEGIN - n);
    }
    for n in 0..40 {
        rig.issue(list, BEGIN - 800 + n, BEGIN + 300);
    }
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    tokio::time::sleep(Duration::from_secs(950)).await;
    rig.issue(list, rig.world.now(), rig.world.now());
    let mut is_scripted = false;
    for _ in 0..60 {
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => {
                let is_tail = page.task == Task::Tail;
                rig.deliver(&page);
                rig.commit(*page);
                if is_tail && !is_scripted {
                    is_scripted = true;
                    rig.simulator.script(vec![Fault::SamePage]);
                    tokio::time::sleep(Duration::from_secs(50)).await;
                }
            }
            Ok(ReaderStep::Idle(at)) => tokio::time::sleep_until(at).await,
            Ok(ReaderStep::Finished) => break,
            Err(error) => rig.failed(error).await,
        }
    }
    assert!(rig.errors.is_empty(), "asked again at once: {:?}", rig.errors);
    rig.run_for(&mut reader, Duration::from_secs(900)).await;
    rig.assert_conserved(list);
}
