//! What the Bicep file and the ARM template have in common.

use std::sync::Arc;

use super::{Output, SentinelProfile};
use crate::tables::{Column, ColumnKind, Table, Tables};

/// A type of resource, and the API version used.
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

impl Type {
    /// As Bicep writes it.
    pub(super) fn at_version(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

pub(super) const TABLE: Type =
    Type { name: "Microsoft.OperationalInsights/workspaces/tables", version: "2022-10-01" };
pub(super) const WORKSPACE: Type =
    Type { name: "Microsoft.OperationalInsights/workspaces", version: "2022-10-01" };
pub(super) const ALERT_RULE: Type =
    Type { name: "Microsoft.SecurityInsights/alertRules", version: "2025-09-01" };
pub(super) const FUNCTION: Type =
    Type { name: "Microsoft.OperationalInsights/workspaces/savedSearches", version: "2020-08-01" };
pub(super) const ENDPOINT: Type =
    Type { name: "Microsoft.Insights/dataCollectionEndpoints", version: "2023-03-11" };
pub(super) const RULE: Type = Type { name: "Microsoft.Insights/dataCollectionRules", version: "2023-03-11" };
pub(super) const ROLE_ASSIGNMENT: Type =
    Type { name: "Microsoft.Authorization/roleAssignments", version: "2022-04-01" };

/// The built-in role Monitoring Metrics Publisher: it may write through the rule, and read nothing.
pub(super) const PUBLISHER_ROLE: &str = "3913510d-42f4-4e42-8a64-420c390055eb";

/// The built-in role Log Analytics Reader, for `ccfd verify`: it may read the tables of the workspace.
pub(super) const READER_ROLE: &str = "73c42c96-874c-492b-ab04-ab87d138a893";

/// What the rule says of itself.
pub(super) const DESCRIPTION: &str = "OpenAI audit logs and stored chat completions, sent by ccfd";

/// The category under which the functions are listed.
pub(super) const CATEGORY: &str = "OpenAI";

/// The tables that the deployment makes.
pub(super) fn made(profile: SentinelProfile, tables: &Tables) -> impl Iterator<Item = &Arc<Table>> {
    tables.iter().filter(move |table| profile.output(table) == Output::Own)
}

/// The stream that they go out by.
pub(super) fn output_stream(profile: SentinelProfile, table: &Table) -> String {
    match profile.output(table) {
        Output::Own => format!("Custom-{}", table.name),
        Output::Asim => "Microsoft-ASimAgentEventLogs".to_owned(),
    }
}

/// The fields of the incoming stream. Azure silently drops all others.
pub(super) fn fields(profile: SentinelProfile, table: &Table) -> impl Iterator<Item = &Column> {
    let constants: &[Column] = match profile {
        SentinelProfile::Table => &[],
        SentinelProfile::Asim => &table.stream_asim,
    };
    table.stream.iter().chain(constants)
}

/// The type of a column of a table: that of a stream's field, except for one letter in which the two APIs
/// differ.
pub(super) const fn column_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::DateTime => "dateTime",
        ColumnKind::String | ColumnKind::Long | ColumnKind::Real | ColumnKind::Dynamic => kind.name(),
    }
}
