//! How far a route reads, and the cursors with which it begins.

use collectors::{Cursor, Source};

/// Where a route without a checkpoint begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// This many seconds before the first request.
    LookBack(i64),
    /// At this second.
    At(i64),
}

/// How far a route reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// New records, for as long as the process runs; with `once`, until everything due is read.
    Follow {
        /// Where to begin without a checkpoint.
        begin: Begin,
        /// Whether to end when everything due is read.
        once: bool,
    },
    /// A past range, once, divided into windows that are read concurrently.
    Past {
        /// First second.
        from: i64,
        /// Last second.
        to: i64,
        /// How many windows are read concurrently.
        parallel: usize,
    },
}

impl Plan {
    /// Whether the route ends by itself.
    pub fn ends(&self) -> bool {
        matches!(self, Self::Follow { once: true, .. } | Self::Past { .. })
    }

    /// The first second that a new checkpoint covers, and its cursors. With `tenant`, a past range is read a
    /// second time for the events that are listed separately.
    pub fn fresh(&self, source: &Source, now: i64, tenant: bool) -> (i64, Vec<Cursor>) {
        match *self {
            Self::Follow { begin, .. } => {
                let start = match begin {
                    Begin::LookBack(seconds) => (now - seconds).max(0),
                    Begin::At(second) => second,
                };
                (start, vec![source.begin(start, None)])
            }
            Self::Past { from, to, parallel } => {
                // Without a time filter each window would read the list from its beginning.
                let windows = if source.list().has_time_filter() {
                    windows(from, to, parallel)
                } else {
                    vec![(from, to)]
                };
                let cursor = |(from, to): (i64, i64)| source.begin(from, Some(to));
                let apart = tenant.then(|| Cursor { tenant_only: true, ..cursor((from, to)) });
                (from, windows.into_iter().map(cursor).chain(apart).collect())
            }
        }
    }
}

/// Windows per reading task, so that one dense range does not leave a single task busy at the end.
const WINDOWS_A_TASK: usize = 8;
/// The most windows, because every commit writes all their cursors.
const WINDOWS_MAX: usize = 128;
/// The shortest window worth its own cursor.
const WINDOW_SECONDS_MIN: i64 = 3600;

/// Divides `from ..= to` into windows of equal length.
fn windows(from: i64, to: i64, parallel: usize) -> Vec<(i64, i64)> {
    let wanted = (parallel * WINDOWS_A_TASK).clamp(1, WINDOWS_MAX) as i64;
    let length = ((to - from + 1 + wanted - 1) / wanted).max(WINDOW_SECONDS_MIN);
    let starts = (0..).map(|n| from + n * length).take_while(|start| *start <= to);
    starts.map(|start| (start, (start + length - 1).min(to))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_second_once() {
        for (from, to, parallel) in
            [(0, 10, 8), (5, 5, 1), (100, 1_000_000, 8), (7, 604_806, 3), (0, 1_800_000_000, 64)]
        {
            let windows = windows(from, to, parallel);
            assert_eq!(windows.first().map(|window| window.0), Some(from));
            assert_eq!(windows.last().map(|window| window.1), Some(to));
            assert!(windows.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
            assert!(windows.len() <= WINDOWS_MAX);
        }
    }
}
