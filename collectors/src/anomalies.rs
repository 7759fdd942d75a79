//! What is strange about an answer, counted whatever the walk makes of it.

use crate::{
    cursor::Direction,
    error::CollectErrorKind,
    source_counters::Anomaly,
    time_slice::Turn,
    walk::{List, Walk},
};

impl Walk {
    /// Looks at what a page led to. `before` is the direction that was known until then.
    pub(crate) fn note_turn(&mut self, before: Option<Direction>, turn: &Result<Turn, CollectErrorKind>) {
        let now = self.cursor.direction;
        let is_reversed = match (&self.list, before) {
            (_, Some(_)) => before != now,
            // Completions are asked for oldest first.
            (List::ChatCompletions(_), None) => now == Some(Direction::Descending),
            (List::AuditLogs(_), None) => false,
        };
        if is_reversed {
            self.counters.note(Anomaly::Reversed);
        } else if matches!(turn, Ok(Turn::Discard) | Err(CollectErrorKind::CursorIgnored)) {
            self.counters.note(Anomaly::CursorLost);
        }
    }
}
