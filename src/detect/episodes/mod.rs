//! Correlation by event time. Pure functions of the matches of one group, whatever the order of their arrival.
//!
//! The window of a second is every match of the group in the `timespan` seconds before it and in that second itself. A
//! window that satisfies the condition makes its second a *hit*, and the stretch from the first match of the window to the
//! hit satisfied. An *episode* is a union of satisfied stretches that share a match. A correlation that other correlations
//! use shows them its hits; matches of the same second share a window, so a second is one hit.
//!
//! | part | what it does |
//! | --- | --- |
//! | `episode` | stretches of event time, and their union |
//! | `tick` | what a correlation sees, summed by second, input and value; where it is read from |
//! | `window` | the window that moves over ticks, and its condition |
//! | `percentile` | percentiles by linear interpolation |
//! | `sweep` | evaluates the windows of a stretch |
//! | `revise` | which windows new matches can change, and what follows for the episodes |

mod episode;
mod percentile;
mod revise;
mod sweep;
#[cfg(test)]
mod tests;
mod tick;
mod window;

pub use episode::{Episode, joined};
pub use revise::{PastEpisodes, Revision, RevisionScope, dirty, neighbourhood, revise};
pub use tick::{Amount, Tick, TickSource, TickValue};
pub use window::{condition_reach, interval_reach, is_monotone};
