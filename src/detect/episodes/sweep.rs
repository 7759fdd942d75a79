//! Evaluates every window that ends in a stretch of time.

use std::{mem, ops::ControlFlow};

use super::{
    episode::Episode,
    tick::{Tick, TickSource},
    window::{EventWindow, condition_reach},
};
use crate::detect::model::Correlation;

/// What the first windows see of the time before the stretch.
pub(super) enum Lookback {
    /// Everything that they depend on.
    All,
    /// Only these ticks: a window may have more, and begin earlier.
    Only(Vec<Tick>),
}

/// Calls `each` with every second of the stretch that has ticks, in order, and with the first second of its satisfied
/// stretch if its window satisfies the condition. Ends when `each` breaks off.
pub(super) fn sweep<S: TickSource>(
    correlation: &Correlation,
    learned_at: i64,
    source: &S,
    lookback: Lookback,
    stretch: Episode,
    each: &mut dyn FnMut(i64, Option<i64>) -> ControlFlow<()>,
) -> Result<(), S::Error> {
    let mut window = EventWindow::new(correlation, learned_at);
    let mut second: Vec<Tick> = Vec::new();
    let mut next = |tick: Option<Tick>| {
        let is_same = |tick: &Tick| second.last().is_some_and(|last| last.at == tick.at);
        if !second.is_empty() && !tick.as_ref().is_some_and(is_same) {
            let whole = mem::take(&mut second);
            let at = whole.first().map_or(stretch.from, |tick| tick.at);
            let satisfied = window.move_to(at, whole);
            if at >= stretch.from && each(at, satisfied).is_break() {
                return ControlFlow::Break(());
            }
        }
        second.extend(tick);
        ControlFlow::Continue(())
    };
    let from = match lookback {
        Lookback::All => stretch.from.saturating_sub(condition_reach(correlation)),
        Lookback::Only(ticks) => {
            for tick in ticks {
                _ = next(Some(tick));
            }
            stretch.from
        }
    };
    source.between(from, stretch.to, &mut |tick| next(Some(tick)))?;
    // Nothing is left of it after a break.
    _ = next(None);
    Ok(())
}
