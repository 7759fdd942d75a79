//! What the rules saw of their fields, kept from time to time, and what they did not look at, said from time to time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    detect::rules::{NotExamined, RuleSet},
    detect_db::DetectDb,
    log_throttle::LogThrottle,
    reasons::with_reasons,
    sinks::upkeep::Looks,
};

/// How often the log says that values were not examined, or matches forgotten.
const SAID_EVERY: Duration = Duration::from_secs(3600);

/// What is due, and when.
pub(super) struct SightNotes {
    due: Mutex<(Looks, LogThrottle<NotExamined>)>,
    forgotten: Mutex<LogThrottle<u64>>,
}

impl Default for SightNotes {
    fn default() -> Self {
        Self {
            due: Mutex::new((Looks::default(), LogThrottle::new(SAID_EVERY))),
            forgotten: Mutex::new(LogThrottle::new(SAID_EVERY)),
        }
    }
}

impl SightNotes {
    /// Says that matches came that are older than what rules have forgotten.
    pub(super) fn note_forgotten(&self, matches: u64) {
        let mut said = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(matches) = said.add(|sum| *sum += matches) {
            tracing::warn!(
                matches,
                "matches are older than those that `retention` or `size_max` has removed: their rules do not judge them"
            );
        }
    }

    /// Keeps what was seen, once in a minute.
    pub(super) fn keep(&self, set: &RuleSet, db: &mut DetectDb, now: i64) {
        if self.due.lock().unwrap_or_else(PoisonError::into_inner).0.is_due(now) {
            self.keep_all(set, db, now);
        }
    }

    /// Keeps what was seen. A failure is that of the next write, too.
    pub(super) fn keep_all(&self, set: &RuleSet, db: &mut DetectDb, now: i64) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let (looks, said) = &mut *due;
        let cut = set.take_not_examined();
        let sum = said.add(|sum| {
            sum.values += cut.values;
            sum.bytes += cut.bytes;
        });
        if let Some(NotExamined { values, bytes }) = sum {
            tracing::info!(
                values,
                bytes,
                "values not examined whole: expressions of rules look at 64 KiB, and `fieldref` at 100 values"
            );
        }
        let records = set.take_not_counted();
        if records > 0 {
            tracing::warn!(
                records,
                "records have more values than a correlation counts: their alerts say of which field"
            );
        }
        looks.done(now, false);
        if let Err(error) = db.note_fields(&set.take_presence(), now) {
            tracing::debug!(error = with_reasons(&error), "what rules saw of their fields was not kept");
        }
    }
}
