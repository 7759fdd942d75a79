//! Tables as data: one line per column gives its name, type, origin and meaning. Everything with columns
//! (mapped rows, SQLite DDL, templates, the tables in the manual) is rendered from these lines, so that they
//! cannot differ.
//!
//! A table is known by its name. [`Tables`] are those of one configuration; they are made once and passed
//! down.

mod alerts;
mod audit_logs;
mod chat_completions;
mod check;
mod collection;
mod column;
mod connector_runs;
mod derived;
mod health;
mod json;
mod json_scanner;
mod lazy_row;
mod members;
pub mod object;
mod outline;
pub mod render;
pub mod row;
mod schema_drift;
mod time;
mod unescape;

pub use alerts::ALERTS;
pub use audit_logs::AUDIT_LOGS;
pub use chat_completions::CHAT_COMPLETIONS;
pub use check::TableError;
pub use collection::Tables;
pub use column::{Column, ColumnKind, Origin, Text};
pub use connector_runs::CONNECTOR_RUNS;
pub use health::HEALTH;
pub use json::{compact, compact_parts, lossy_text, one_line, text};
pub use json_scanner::{JsonScanner, decoded};
pub use lazy_row::{LazyRow, top_level};
pub use row::ColumnValue;
pub use schema_drift::{SchemaDrift, all_unknown_fields, unfit_values, unknown_fields};
pub use time::{Iso8601, format_utc, iso8601, utc_day};

/// The top-level field of a completion in which ccfd puts its messages. OpenAI has no field of this name, so
/// the two cannot be confused.
pub const MESSAGES: &str = "ccfd_messages";

/// A table: its columns, and its names at each destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name at every destination, such as `OpenAIAuditLogs_CL`.
    pub name: Text,
    /// Its key in the settings of sinks, such as `audit_logs` in `index`.
    pub settings_key: Text,
    /// Whether it holds records of a list, so that every sink can get it. The health table does not.
    pub of_records: bool,
    /// The column that identifies a row: the primary key, where the destination has one.
    pub key: Text,
    /// The column that dates rows. Azure Monitor accepts only `TimeGenerated`.
    pub time: Text,
    /// Whether a later version of a row replaces the earlier one. Of a record there is one version.
    pub newest_wins: bool,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The top-level members of its documents in an index, if they are not its columns.
    pub documents: Vec<Column>,
    /// The top-level members of its lines in OCSF, if it has that form.
    pub findings: Vec<Column>,
    /// The fields of the stream that a data collection rule transforms into the columns. For the tables of
    /// records: those of the published rule of Sentinel's OpenAI solution.
    pub stream: Vec<Column>,
    /// More fields of the stream, if that rule writes to the ASIM table `ASimAgentEventLogs`.
    pub stream_asim: Vec<Column>,
    /// Whether its rows have a form in `ASimAgentEventLogs`.
    pub has_asim: bool,
    /// Top-level fields of a record that deliberately have no column.
    pub omitted: Vec<Text>,
    /// Its index or data stream, unless the settings give another.
    pub index: Text,
    /// Its connector in Kibana, unless the settings give another.
    pub connector: Text,
    /// Its input stream of a data collection rule, unless the settings give another.
    pub stream_name: Text,
    /// Its function in a Log Analytics workspace; for the tables of records, the one that the OpenAI solution
    /// uses.
    pub function: Text,
    /// The name of its resources in a Bicep file.
    pub symbol: Text,
}

impl Table {
    /// The members of its documents in an index.
    pub fn members_of_documents(&self) -> &[Column] {
        if self.documents.is_empty() { &self.columns } else { &self.documents }
    }

    /// The path in a document at which its id is.
    pub fn key_in_documents(&self) -> &str {
        if self.documents.is_empty() { &self.key } else { alerts::KEY_IN_DOCUMENTS }
    }

    /// Whether this top-level field has a column, or deliberately none. The details of an audit event, under
    /// the name of its type, do not count.
    pub fn holds(&self, field: &str) -> bool {
        self.holds_beside(field, None)
    }

    /// As [`Table::holds`], in a record that carries details under this name.
    fn holds_beside(&self, field: &str, details: Option<&str>) -> bool {
        let by_column = |from: &Origin| match from {
            Origin::Field(name) | Origin::Time(name) | Origin::Inner(name, _) => name == field,
            Origin::Details => details == Some(field),
            Origin::Connector | Origin::Constant(_) => false,
        };
        self.columns.iter().any(|column| by_column(&column.from))
            || self.omitted.iter().any(|name| name == field)
    }
}

#[cfg(test)]
mod tests;
