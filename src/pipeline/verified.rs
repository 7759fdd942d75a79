//! What the last verification of a route found, as its status shows it.

use serde::{Deserialize, Serialize};

/// The last verification of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerification {
    /// Its run.
    pub run: String,
    /// When it ended, in Unix seconds.
    pub at: i64,
    /// First time of its window, in UTC.
    pub from: String,
    /// The time before which it ends.
    pub to: String,
    /// The fixed word of its verdict.
    pub verdict: String,
    /// Differences that nothing explains.
    pub unexplained: u64,
}

impl LastVerification {
    /// Whether source and sink agree.
    pub fn agrees(&self) -> bool {
        self.verdict.starts_with("agrees")
    }

    /// One clause for people.
    pub fn text(&self) -> String {
        let Self { from, to, unexplained, .. } = self;
        let verdict = self.verdict.replace('_', " ");
        let differences = match unexplained {
            0 => String::new(),
            1 => ", 1 difference".to_owned(),
            more => format!(", {more} differences"),
        };
        format!("verified from {from} to {to}: {verdict}{differences}")
    }
}
