//! What the tests of the sinks share: batches, a clock, and a sink's thread that soon does its own work.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use collectors::{Clock, IdHash, Record};

use super::{Batch, upkeep::Pace};
use crate::tables::Table;

/// 2026-02-13T10:52:05Z.
pub(super) const NOW: i64 = 1_770_979_925;
/// Seconds of a day.
pub(super) const DAY: i64 = 24 * 60 * 60;

/// A clock that a test moves.
pub(super) fn clock(at: &Arc<std::sync::atomic::AtomicI64>) -> Clock {
    let at = Arc::clone(at);
    Clock::from_fn(move || at.load(std::sync::atomic::Ordering::SeqCst))
}

/// A batch of records given as text.
pub(super) fn batch(table: &Arc<Table>, records: &[String]) -> Batch {
    batch_at(NOW, table, records)
}

/// A batch of records of one second.
pub(super) fn batch_at(second: i64, table: &Arc<Table>, records: &[String]) -> Batch {
    let record = |text: &String| Record::new(Bytes::from(text.clone()), second, IdHash::of(text), None);
    Batch { table: table.clone(), connector: "acme".into(), records: records.iter().map(record).collect() }
}

/// An audit event with this id and time.
pub(super) fn event(id: &str, second: i64) -> String {
    format!(
        r#"{{"object":"organization.audit_log","id":"{id}","type":"user.added","effective_at":{second},"user.added":{{"id":"user-1","data":{{"role":"owner"}}}},"actor":{{"type":"session","session":{{"user":{{"id":"user-2","email":"user@example.com"}}}}}}}}"#
    )
}

/// A look every few milliseconds.
pub(super) const SOON: Pace = Pace { first: Duration::from_millis(20), every: Duration::from_millis(20) };

/// Waits for what the sink's thread does by itself.
pub(super) fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain");
        thread::yield_now();
    }
}
