//! What Azure Monitor needs before it accepts rows: the tables, the data collection rule with its transforms,
//! the permission to write through it, and functions that query the tables without repeats.

mod alert_rule;
mod arm;
mod asim;
mod bicep;
mod functions;
mod kql;
mod resources;
mod transform;

pub use asim::packed;
pub use transform::transform;

use super::DeployFile;
use crate::tables::{Table, Tables};

/// Where chat completions go. Everything else goes to its own tables in both cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentinelProfile {
    /// To `OpenAIChatCompletions_CL`.
    Table,
    /// To `ASimAgentEventLogs`, the table for agents of Sentinel's information model.
    Asim,
}

impl SentinelProfile {
    /// Its name in paths and in the configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Asim => "asim",
        }
    }

    /// Where the rows of a table go.
    fn output(self, table: &Table) -> Output {
        match (self, table.has_asim) {
            (Self::Table, _) | (Self::Asim, false) => Output::Own,
            (Self::Asim, true) => Output::Asim,
        }
    }
}

/// A table at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// A custom table with the table's own name and columns.
    Own,
    /// `ASimAgentEventLogs`, which exists in every workspace with Sentinel.
    Asim,
}

/// The files of `deploy/sentinel`: for each profile the same deployment as Bicep and as an ARM template, and the functions; and a rule over alerts.
pub fn files(tables: &Tables) -> Vec<DeployFile> {
    let mut files = Vec::new();
    for profile in [SentinelProfile::Table, SentinelProfile::Asim] {
        let path = |name: &str| format!("{}/{name}", profile.key());
        files.push(DeployFile { path: path("main.bicep"), content: bicep::template(profile, tables) });
        files.push(DeployFile::json(path("azuredeploy.json"), &arm::template(profile, tables)));
        for table in tables {
            let content = functions::query(table, profile.output(table));
            files.push(DeployFile { path: path(&format!("{}.kql", table.function)), content });
        }
    }
    files.extend(alert_rule::files());
    files
}

#[cfg(test)]
mod tests;
