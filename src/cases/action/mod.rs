//! What Kibana's Cases connector does: alerts of a rule are grouped by their fields; each group has an open case, to which
//! they are attached. A group gets its next case when a time window has passed, or when its case was closed.
//!
//! | file | what it does |
//! | --- | --- |
//! | `settings` | the keys of an action |
//! | `input`, `outcome` | alerts and their rule; what became of them |
//! | `grouping` | alerts by their fields, and what happens if there are too many groups |
//! | `ids` | the ids of groups and cases, as Kibana computes them |
//! | `text` | title, description and tags of a case |
//! | `oracle` | the record of each group: which of its cases is the current one |
//! | `run` | the steps, and what is done if somebody else was first |
//! | `steps` | each step |
//!
//! Each step is a transaction, and all of them can be repeated: whenever the process is killed, the same alerts again lead to
//! the same cases, and each alert is attached once.

mod grouping;
mod ids;
mod input;
mod oracle;
mod outcome;
mod run;
mod settings;
mod steps;
#[cfg(test)]
mod tests;
mod text;

pub use self::{
    input::{CaseAlert, CaseRule},
    outcome::{ActionOutcome, CaseOutcome},
    run::run,
    settings::{CASES_MAX_MOST, CasesAction, TimeWindow},
};
