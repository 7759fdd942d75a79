//! Whether a window can be proven: everything in it must be delivered, and nothing can appear in it any more.

use std::time::Duration;

use crate::{sinks::comparable::Span, tables::format_utc};

/// What decides whether a window is closed.
#[derive(Debug, Clone, Copy)]
pub struct Closing {
    /// The second before which the route has delivered everything; `None` without a checkpoint.
    pub delivered_before: Option<i64>,
    /// How late a record may appear.
    pub overlap: Duration,
    /// How long the sink takes to show what it was given.
    pub latency: Duration,
    /// The earlier of the local and the server's clock.
    pub now: i64,
}

/// Why a window is open; `None` if it is closed.
pub fn open(window: Span, closing: Closing) -> Option<String> {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let end = format_utc(window.to);
    let Some(delivered) = closing.delivered_before else {
        return Some("open: the route has no checkpoint yet, so nothing says what is delivered".to_owned());
    };
    if window.to > delivered {
        return Some(format!(
            "open: the window ends at {end}, and the route has delivered everything only before {}",
            format_utc(delivered)
        ));
    }
    let wait = seconds(closing.overlap).saturating_add(seconds(closing.latency));
    if window.to.saturating_add(wait) > closing.now {
        return Some(format!(
            "open: the window ends at {end}; until {} a record may still appear in the list (overlap {}) or in the \
             sink (latency {})",
            format_utc(window.to.saturating_add(wait)),
            humantime::format_duration(closing.overlap),
            humantime::format_duration(closing.latency)
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(to: i64, delivered_before: Option<i64>, now: i64) -> Option<String> {
        let (overlap, latency) = (Duration::from_secs(100), Duration::from_secs(10));
        open(Span { from: 0, to }, Closing { delivered_before, overlap, latency, now })
    }

    #[test]
    fn a_window_is_closed_once_it_is_delivered_and_nothing_can_appear_in_it() {
        assert_eq!(reason(1000, Some(1000), 1110), None);
        for (watermark, now, word) in [
            (None, 9999, "no checkpoint"),
            (Some(999), 9999, "delivered everything only before"),
            (Some(1000), 1109, "overlap"),
        ] {
            let reason = reason(1000, watermark, now).unwrap();
            assert!(reason.starts_with("open: ") && reason.contains(word), "{reason}");
        }
    }
}
