//! A backfill: a past window, read once with its own checkpoint. The request, the window to read, and the
//! result.

use std::fmt;

use serde::{Deserialize, Serialize};
use state::{StateError, Store};

use super::{checkpoints::load, routes::WantedRoute};
use crate::{
    pipeline::{
        checkpoint::Checkpoint,
        names::{backfill_name, route_name},
        plan::Plan,
        policy::{Action, Failure, judge},
        progress::RouteStatus,
        route::Ended,
    },
    tables::format_utc,
};

/// A time as given, and its second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// As given.
    pub text: String,
    /// In Unix seconds.
    pub second: i64,
}

/// The request for a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillWanted {
    /// The collector.
    pub collector: String,
    /// The sink.
    pub sink: String,
    /// First time. Its text is part of the checkpoint's name, so that the same arguments continue the same
    /// backfill.
    pub from: Moment,
    /// The time before which it ends; by default where the route's own coverage begins, else now.
    #[serde(default)]
    pub to: Option<Moment>,
    /// How many windows are read concurrently.
    pub parallel: usize,
    /// Whether to start over if it was started or finished before.
    #[serde(default)]
    pub again: bool,
}

/// A window of a started backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The checkpoint's name.
    pub name: String,
    /// First second.
    pub from: i64,
    /// The second before which it ends.
    pub end: i64,
    /// Whether an earlier run started it.
    pub resumed: bool,
    /// Records delivered by earlier runs.
    pub delivered: u64,
    /// Whether all of it is read.
    pub finished: bool,
}

/// How a backfill ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum HowEnded {
    /// All of it is read.
    Finished,
    /// It was stopped; the same command continues it.
    Stopped,
    /// It failed; the same command continues it.
    Failed {
        /// What failed.
        text: String,
        /// What to do.
        advice: String,
        /// Whether an operator must act first.
        operator: bool,
    },
}

/// A backfill of a daemon, running or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillReport {
    /// What it reads.
    pub window: Window,
    /// What it is doing.
    pub status: RouteStatus,
    /// How it ended; `None` while it runs.
    pub ended: Option<HowEnded>,
}

/// What is wrong with an order that names a sink of another collector, or none.
pub(crate) fn no_such_sink(collector: &str, sink: &str, sinks: &[String]) -> String {
    format!("collector `{collector}` has no sink `{sink}` (there are: {})", sinks.join(", "))
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The window is empty.
    #[error("{0}")]
    Empty(String),
    /// The store.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Finds out what to read: where an earlier run of the same backfill ended, and how far the route itself has
/// come. With `again` the earlier run's checkpoint is removed.
pub async fn plan(store: &Store, wanted: &BackfillWanted, now: i64) -> Result<Window, PlanError> {
    let own = load(store, &route_name(&wanted.collector, &wanted.sink)).await?;
    let name = wanted.name();
    if wanted.again {
        store.cursor::<Checkpoint>(&name).remove().await?;
    }
    if let Some(begun) = load(store, &name).await? {
        let end = begun.walks.last().and_then(|walk| walk.until).map_or(now, |until| until + 1);
        let finished = begun.walks.iter().all(|walk| walk.finished);
        let (from, delivered) = (begun.start, begun.delivered);
        return Ok(Window { name, from, end, resumed: true, delivered, finished });
    }
    let from = wanted.from.second;
    let end = match (&wanted.to, &own) {
        // The future cannot be read, and must not be marked as finished.
        (Some(to), _) => to.second.min(now),
        (None, Some(own)) => own.start,
        (None, None) => now,
    };
    if from >= end {
        let text =
            format!("there is no time between --from {} and --to {}", format_utc(from), format_utc(end));
        let covered = own.filter(|own| wanted.to.is_none() && own.start <= from);
        let hint = covered.map_or("", |_| ": the route itself covers that time; give --to to read it again");
        return Err(PlanError::Empty(text + hint));
    }
    Ok(Window { name, from, end, resumed: false, delivered: 0, finished: false })
}

impl BackfillWanted {
    /// The name of its checkpoint.
    pub fn name(&self) -> String {
        let to = self.to.as_ref().map_or("", |to| to.text.as_str());
        backfill_name(&route_name(&self.collector, &self.sink), &self.from.text, to)
    }
}

impl Window {
    /// The warning for a window that was requested beyond the time of its start; `None` for any other.
    pub fn cut_short(&self, asked: &BackfillWanted) -> Option<String> {
        let to = asked.to.as_ref().filter(|to| to.second > self.end)?;
        let (to, end) = (format_utc(to.second), format_utc(self.end));
        Some(format!(
            "--to {to} was in the future: the window ends at {end}; later records are for --from {end}"
        ))
    }
}

impl fmt::Display for HowEnded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => out.write_str("finished"),
            Self::Stopped => out.write_str("stopped"),
            Self::Failed { text, .. } => write!(out, "failed: {text}"),
        }
    }
}

impl Window {
    /// The route that reads it.
    pub fn wanted(&self, asked: &BackfillWanted) -> WantedRoute {
        WantedRoute {
            collector: asked.collector.clone(),
            sink: asked.sink.clone(),
            checkpoint: self.name.clone(),
            plan: Plan::Past { from: self.from, to: self.end - 1, parallel: asked.parallel },
            accept_change: false,
        }
    }
}

impl From<&Ended> for HowEnded {
    fn from(ended: &Ended) -> Self {
        match ended {
            Ended::ReadAll => Self::Finished,
            Ended::Stopped => Self::Stopped,
            Ended::Failed(failure) => Self::from(failure),
        }
    }
}

impl From<&Failure> for HowEnded {
    fn from(failure: &Failure) -> Self {
        let judgement = judge(failure);
        Self::Failed {
            text: failure.to_string(),
            advice: judgement.advice.to_owned(),
            operator: matches!(judgement.action, Action::Park),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_sink_is_answered_with_those_of_the_collector() {
        let sinks = ["local", "siem"].map(str::to_owned);
        assert_eq!(
            no_such_sink("acme-audit", "locl", &sinks),
            "collector `acme-audit` has no sink `locl` (there are: local, siem)"
        );
    }
}
