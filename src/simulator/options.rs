//! The options of a simulator.

use std::time::Duration;

use bytes::Bytes;

use super::habits::Habits;

/// The largest number of generated records of one list: 5.5 GB of audit events.
pub(super) const RECORDS_MAX: u64 = 10_000_000;

/// How many records there are, where they come from, and how the lists behave.
#[derive(Clone)]
pub struct SimulatorOptions {
    /// Number of generated audit events, about 550 bytes each; one in twenty is tenant-scoped. At most 10,000,000.
    pub audit_logs: u64,
    /// Number of generated stored completions, 600 to 1,500 bytes each. At most 10,000,000.
    pub completions: u64,
    /// The time up to now over which generated records are spread.
    pub spread: Duration,
    /// Contents of NDJSON files, served byte for byte. A record with `effective_at` is an audit event, one with
    /// `created` a completion, one with `completion_id` an input message of that completion.
    pub records: Vec<Bytes>,
    /// The same seed gives the same generated records.
    pub seed: u64,
    /// How the lists behave.
    pub habits: Habits,
    /// Time that passes before each reply is sent.
    pub latency: Duration,
    /// Records per second that appear over time, audit events and completions in turn.
    pub live_per_second: f64,
    /// Sent as `openai-organization`.
    pub organization: String,
    /// Sent as `openai-project`.
    pub project: String,
}

/// No records, the default habits, no latency, spread over seven days.
impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            audit_logs: 0,
            completions: 0,
            spread: Duration::from_secs(7 * 24 * 60 * 60),
            records: Vec::new(),
            seed: 0,
            habits: Habits::default(),
            latency: Duration::ZERO,
            live_per_second: 0.0,
            organization: "org-simulated".to_owned(),
            project: "proj_simulated".to_owned(),
        }
    }
}

/// Why options are invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// More generated records than fit in memory.
    #[error("at most {RECORDS_MAX} records of a list are generated")]
    TooMany,
    /// A line of the given records cannot be served.
    #[error("line {line} of input {input} {reason}")]
    Record {
        /// Which of the given inputs, counted from 1.
        input: usize,
        /// Which of its lines, counted from 1.
        line: usize,
        /// What is wrong with it, without any of its content.
        reason: &'static str,
    },
}
