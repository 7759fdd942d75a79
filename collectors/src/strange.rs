//! What is strange about an answer, counted whatever the walk makes of it.

use crate::{
    cursor::Direction,
    error::CollectErrorKind,
    page::ListPage,
    reading::{Order, Reading, Seen, Turn},
    tally::Anomaly,
    walk::{List, Task, Walk},
};

impl Walk {
    /// Looks at a page that was asked for by this reading.
    pub(crate) fn note_page(&mut self, task: Task, reading: &Reading, page: &ListPage, seen: Seen) {
        match seen.order {
            Order::Empty => {
                if seen.has_more && page.unusable.is_empty() {
                    self.tally.note(Anomaly::EmptyWithMore);
                }
                return;
            }
            Order::Mixed => self.tally.note(Anomaly::Unordered),
            Order::Flat | Order::Descending | Order::Ascending => {}
        }
        // Only audit logs can be asked for by time.
        if matches!(self.list, List::AuditLogs(..)) {
            let crowd = self.crowds[task as usize].as_ref().map(|crowd| crowd.second);
            let (from, to) = crowd.map_or(reading.window(), |second| (second, Some(second)));
            if seen.min < from || to.is_some_and(|to| seen.max > to) {
                self.tally.note(Anomaly::OutsideWindow);
            }
        }
    }

    /// Looks at what a page led to. `before` is the direction that was known until then.
    pub(crate) fn note_turn(&mut self, before: Option<Direction>, turn: &Result<Turn, CollectErrorKind>) {
        let now = self.cursor.direction;
        let is_reversed = match (&self.list, before) {
            (_, Some(_)) => before != now,
            // Completions are asked for oldest first.
            (List::ChatCompletions(..), None) => now == Some(Direction::Descending),
            (List::AuditLogs(..), None) => false,
        };
        if is_reversed {
            self.tally.note(Anomaly::Reversed);
        } else if matches!(turn, Ok(Turn::Discard) | Err(CollectErrorKind::CursorIgnored)) {
            self.tally.note(Anomaly::CursorLost);
        }
    }
}
