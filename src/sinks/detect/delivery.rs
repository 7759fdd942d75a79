//! One batch: its records are judged, and what matches is stored.

use crate::{
    detect::rules::RuleSet,
    detect_db::DetectDb,
    sinks::{Batch, Receipt, SinkError},
};

/// A batch whose matches are more than these is stored in several transactions, which bounds the memory. It is
/// acknowledged after the last.
const MATCHES_MAX: usize = 5_000;

/// Judges a batch and stores its matches. A repeat changes nothing.
pub(super) fn deliver(
    db: &mut DetectDb,
    set: &RuleSet,
    batch: &Batch,
    notified_max: u32,
    now: i64,
) -> Result<Receipt, SinkError> {
    let (table, connector) = (&*batch.table.name, &*batch.connector);
    let mut matches = Vec::new();
    for record in batch.records.iter() {
        set.judge(&batch.table, connector, record, &mut matches);
        if matches.len() >= MATCHES_MAX {
            db.store(table, connector, &matches, notified_max, now)?;
            matches.clear();
        }
    }
    let stored = db.store(table, connector, &matches, notified_max, now)?;
    if stored.raised > 0 {
        tracing::info!(alerts = stored.raised, connector, "alerts raised: see `ccfd alerts list`");
    }
    Ok(Receipt { accepted: batch.records.len() as u64, ..Receipt::default() })
}
