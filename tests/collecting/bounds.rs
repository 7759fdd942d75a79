//! What a walk keeps stays small, and the watermark never moves backward.

use std::time::Duration;

use ccfd::simulator::SimulatedList;
use collectors::{Cursor, ReaderStep, Task, TransportError};

use super::for_both_lists;
use crate::support::{
    rig::{OVERLAP, Rig, options},
    time::BEGIN,
};

const DAY: i64 = 86_400;
/// What a cursor may take in the store.
const CURSOR_BYTES_MAX: usize = 8192;
/// Generated seconds hold at most eight records; a page may end in the middle of one.
const BOUNDARY_MAX: usize = 16;

async fn history_holds_little(list: SimulatedList) {
    let mut rig = Rig::new(list, options(list, 20_000, "ties,shuffle", 4), BEGIN - 8 * DAY);
    let mut reader = rig.reader().await;
    let mut pages = 0;
    while let Ok(ReaderStep::Page(page)) = reader.next().await {
        let newest = page.change.cursor.newest.unwrap_or(0);
        if page.task == Task::Sweep && newest < BEGIN - OVERLAP.as_secs() as i64 {
            pages += 1;
            assert!(page.change.dedup_ids <= BOUNDARY_MAX, "{} ids held in history", page.change.dedup_ids);
        }
        rig.deliver(&page);
        rig.commit(*page);
    }
    assert!(pages > 150, "{pages} pages");
    rig.assert_conserved(list);
}

/// No page of more than 25 records is whole in time, as on a slow line.
async fn slow_line(list: SimulatedList) {
    let mut rig = Rig::new(list, options(list, 1_000, "ties,shuffle", 4), BEGIN - 8 * DAY);
    rig.tamper(|target| {
        let limit = target.split("limit=").nth(1).and_then(|rest| rest.split('&').next());
        match limit.and_then(|limit| limit.parse::<usize>().ok()) {
            Some(limit) if limit > 25 => Err(TransportError::TooSlow("operation timed out".to_owned())),
            Some(_) | None => Ok(target.to_owned()),
        }
    });
    let mut reader = rig.reader().await;
    rig.read_to_idle(&mut reader).await;
    assert!(rig.errors.is_empty(), "{:?}", rig.errors);
    rig.assert_conserved(list);
}

async fn long_run(list: SimulatedList) {
    let mut rig = Rig::new(list, options(list, 3000, "ties,shuffle,crowded", 4), BEGIN - 8 * DAY);
    let mut reader = rig.reader().await;
    let mut last: Option<Cursor> = None;
    let end = BEGIN + 2 * DAY;
    while rig.world.now() < end {
        match reader.next().await {
            Ok(ReaderStep::Page(page)) => {
                let now = rig.world.now();
                let bytes = serde_json::to_vec(&page.change.cursor).unwrap().len();
                assert!(bytes <= CURSOR_BYTES_MAX, "a cursor of {bytes} bytes");
                if page.change.walk == 0 {
                    let watermark = page.change.cursor.watermark;
                    assert!(last.as_ref().is_none_or(|last| last.watermark <= watermark));
                    last = Some(page.change.cursor.clone());
                    // Two records a minute, three overlaps at most before the watermark passes them.
                    let ahead = usize::try_from((now - watermark).max(0) / 30).unwrap();
                    assert!(page.change.dedup_ids <= ahead + 1300, "{} ids held", page.change.dedup_ids);
                }
                rig.deliver(&page);
                rig.commit(*page);
            }
            Ok(ReaderStep::Idle(at)) => {
                tokio::time::sleep_until(at).await;
                let now = rig.world.now();
                rig.issue(list, now - 20, now);
                rig.issue(list, now - 200, now);
            }
            Ok(ReaderStep::Finished) => panic!("a walk without end ended"),
            Err(error) => rig.failed(error).await,
        }
    }
    rig.run_for(&mut reader, Duration::from_secs(400)).await;
    let cursor = &rig.cursors[0];
    assert!(cursor.watermark > end - 2 * OVERLAP.as_secs() as i64, "the watermark does not move");
    assert!(cursor.crowded.is_empty());
    if list == SimulatedList::Completions {
        let mut older = 0;
        let mut before = cursor.watermark;
        while let Some(anchor) = cursor.anchors.before(before) {
            (older, before) = (older + 1, anchor.second);
        }
        assert!(older >= 3, "{older} anchors before the watermark");
    }
    rig.assert_conserved(list);
}

for_both_lists! {
    pages_that_are_never_whole_in_time_are_asked_for_in_smaller_ones = slow_line();
    reading_history_holds_no_more_than_the_boundary_second = history_holds_little();
    a_long_run_keeps_a_small_cursor_and_never_moves_its_watermark_back = long_run();
}

/// Newest first, the watermark does not move before the end: what is known of crowded seconds must not pile up till then.
#[tokio::test(start_paused = true)]
async fn crowded_seconds_that_are_read_are_forgotten() {
    let list = SimulatedList::Completions;
    let mut rig = Rig::new(list, options(list, 0, "ties,shuffle,order-ignored", 4), 0);
    for n in 0..30 {
        for _ in 0..120 {
            rig.issue(list, BEGIN - 2 * DAY - 100 * n, BEGIN - DAY);
        }
    }
    let mut reader = rig.reader().await;
    while let Ok(ReaderStep::Page(page)) = reader.next().await {
        let known = page.change.cursor.crowded.len();
        assert!(known <= 2, "{known} crowded seconds");
        rig.deliver(&page);
        rig.commit(*page);
    }
    rig.assert_conserved(list);
}
