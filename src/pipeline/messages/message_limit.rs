//! How many messages a request asks for: fewer where a gateway refuses requests for many.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use collectors::{CollectErrorKind, LIMIT};

/// After so many answers more messages are requested again.
const RAISED_AFTER: u32 = 256;

/// The limit of all requests of one reader.
#[derive(Debug)]
pub(super) struct MessageLimit {
    limit: AtomicUsize,
    answered: AtomicU32,
}

impl Default for MessageLimit {
    fn default() -> Self {
        Self { limit: AtomicUsize::new(LIMIT), answered: AtomicU32::new(0) }
    }
}

impl MessageLimit {
    /// The most messages of one request.
    pub(super) fn get(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// A request for so many was refused, and the same for one message was answered. A fault that has just passed looks
    /// the same; a lower limit costs little, because few prompts have more than some messages.
    pub(super) fn failed(&self, limit: usize) {
        let lower = (limit / 2).max(1);
        self.answered.store(0, Ordering::Relaxed);
        if self.limit.fetch_min(lower, Ordering::Relaxed) > lower {
            tracing::info!(limit = lower, "requests for more messages are refused, requesting fewer");
        }
    }

    /// A request for so many was answered.
    pub(super) fn answered(&self, limit: usize) {
        if limit < LIMIT && self.answered.fetch_add(1, Ordering::Relaxed) + 1 >= RAISED_AFTER {
            self.answered.store(0, Ordering::Relaxed);
            self.limit.fetch_max((limit * 2).min(LIMIT), Ordering::Relaxed);
        }
    }
}

/// Whether a request may have failed because it asked for so many messages.
pub(super) fn may_be_of_size(kind: &CollectErrorKind, limit: usize) -> bool {
    let is_of_size = match kind {
        CollectErrorKind::ParameterRefused { param, .. } => param == "limit",
        // A gateway that does not wait for a long response.
        CollectErrorKind::Overloaded { status, .. } => *status == 504,
        kind => matches!(
            kind,
            CollectErrorKind::Throttled { .. }
                | CollectErrorKind::Refused { .. }
                | CollectErrorKind::Intercepted { .. }
        ),
    };
    is_of_size && limit > 1
}
