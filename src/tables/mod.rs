//! Tables as data: one line a column says its name, type, origin and meaning. Everything that has a shape (mapped
//! rows, SQLite DDL, templates, the manual's tables) is rendered from these lines, so that nothing can drift.
//!
//! A table is known by its name. [`Tables`] are those of one configuration; they are made once and passed down.

mod audit_logs;
mod chat_completions;
mod check;
mod collection;
mod column;
mod derived;
mod health;
mod json;
mod json_scanner;
mod members;
pub mod object;
pub mod render;
pub mod row;
mod schema_drift;
mod time;

pub use audit_logs::AUDIT_LOGS;
pub use chat_completions::CHAT_COMPLETIONS;
pub use check::TableError;
pub use collection::Tables;
pub use column::{Column, ColumnKind, Origin, Text};
pub use health::HEALTH;
pub use json::{compact, compact_parts, one_line, text};
pub use json_scanner::JsonScanner;
pub use row::ColumnValue;
pub use schema_drift::{SchemaDrift, all_unknown_fields, unfit_values, unknown_fields};
pub use time::{Iso8601, format_utc, iso8601, utc_day};

/// The top-level field of a completion in which ccfd puts its messages. OpenAI has none of this name, so that nobody takes
/// one for the other.
pub const MESSAGES: &str = "ccfd_messages";

/// A table: what it holds, and what it is called wherever it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name at every destination, such as `OpenAIAuditLogs_CL`.
    pub name: Text,
    /// Its key in the settings of sinks, such as `audit_logs` in `index`.
    pub settings_key: Text,
    /// Whether it holds records of a list, so that every sink may be given it. The rows of health are none.
    pub of_records: bool,
    /// The column by which a row is known: the primary key where there is one.
    pub key: Text,
    /// The column by which rows age. Azure Monitor takes none but `TimeGenerated`.
    pub time: Text,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The fields of the stream that a data collection rule takes and transforms into the columns. Of the tables of
    /// records: those of the published rule of Sentinel's OpenAI solution.
    pub stream: Vec<Column>,
    /// What the stream carries besides where that rule writes to the ASIM table `ASimAgentEventLogs`.
    pub stream_asim: Vec<Column>,
    /// Whether its rows have a form in `ASimAgentEventLogs`.
    pub has_asim: bool,
    /// Top-level fields of a record that no column holds on purpose.
    pub omitted: Vec<Text>,
    /// Its index or data stream, unless the settings name another.
    pub index: Text,
    /// Its connector in Kibana, unless the settings name another.
    pub connector: Text,
    /// Its input stream of a data collection rule, unless the settings name another.
    pub stream_name: Text,
    /// Its function in a Log Analytics workspace; of the tables of records, the one that the OpenAI solution uses.
    pub function: Text,
    /// The symbol by which a Bicep file names its resources.
    pub symbol: Text,
}

impl Table {
    /// Whether a column holds this top-level field, or none is meant to. What an audit event carries under the name of
    /// its type does not count.
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
