//! Alerts: each record is judged by rules, and what matches is kept in the database of alerts. Repeats are harmless: a match
//! is known by its rule and record.
//!
//! | file | what it does |
//! | --- | --- |
//! | `config/sink/detect.rs` | settings |
//! | `detect/rules`, `detect_db` | in the place of a client, its encoding and its errors: rules, and the database |
//! | `rule_files` | the rules in use, and their files |
//! | `delivery` | one batch: judged and stored |
//! | `sights` | what rules saw of their fields, and did not look at |
//! | `sink` | the `Sink`, and the thread of its database |
//! | `check` | `ccfd check` |
//! | `look_back` | rules that look back further than matches are kept |
//! | `tests` | unit tests |

mod check;
mod delivery;
mod look_back;
mod rule_files;
mod sights;
mod sink;
#[cfg(test)]
mod tests;

pub use look_back::looks_too_far;
pub use rule_files::{load_rules, load_rules_to_try};
pub use sink::DetectSink;
