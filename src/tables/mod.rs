//! Tables as data: one line a column says its name, type, origin and meaning. Everything that has a shape (mapped
//! rows, SQLite DDL, the manual's tables) is rendered from these lines, so that nothing can drift.

mod audit_logs;
mod chat_completions;
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
pub use health::HEALTH;
pub use json::{compact, one_line, text};
pub use json_scanner::JsonScanner;
pub use row::Value;
pub use schema_drift::{SchemaDrift, unfit_values, unknown_fields};
pub use time::{Iso8601, iso8601, utc_day};

/// The top-level field of a completion in which ccfd puts its messages. OpenAI has none of this name, so that nobody takes
/// one for the other.
pub const MESSAGES: &str = "ccfd_messages";

/// Every table there is.
pub static ALL: [&Table; 3] = [&AUDIT_LOGS, &CHAT_COMPLETIONS, &HEALTH];

/// The tables of records, which every sink may be given.
pub static OF_RECORDS: [&Table; 2] = [&AUDIT_LOGS, &CHAT_COMPLETIONS];

/// Where the rows of a table come from: a list of the OpenAI API, or ccfd itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `GET /organization/audit_logs`.
    AuditLogs,
    /// `GET /chat/completions`: the stored ones.
    ChatCompletions,
    /// What ccfd has to say of its routes. No collector reads it.
    Health,
}

impl Source {
    /// The word for it in the configuration, in logs and in file names of ours.
    pub const fn key(self) -> &'static str {
        match self {
            Self::AuditLogs => "audit_logs",
            Self::ChatCompletions => "chat_completions",
            Self::Health => "health",
        }
    }

    /// The table that it fills.
    pub const fn table(self) -> &'static Table {
        match self {
            Self::AuditLogs => &AUDIT_LOGS,
            Self::ChatCompletions => &CHAT_COMPLETIONS,
            Self::Health => &HEALTH,
        }
    }
}

/// A table: where its rows come from and what they hold.
#[derive(Debug)]
pub struct Table {
    /// Its name at every destination, such as `OpenAIAuditLogs_CL`.
    pub name: &'static str,
    /// Where its rows come from.
    pub source: Source,
    /// The column by which a row is known: the primary key where there is one.
    pub key: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
    /// The fields of the stream that the published data collection rule of Sentinel's OpenAI solution takes and
    /// transforms into the columns.
    pub stream: &'static [Column],
    /// What the stream carries besides where that rule writes to the ASIM table `ASimAgentEventLogs`.
    pub stream_asim: &'static [Column],
    /// Top-level fields of a record that no column holds on purpose.
    pub omitted: &'static [&'static str],
}

impl Table {
    /// Whether a column holds this top-level field, or none is meant to. What an audit event carries under the name of
    /// its type does not count.
    pub fn holds(&self, field: &str) -> bool {
        self.holds_beside(field, None)
    }

    /// As [`Table::holds`], in a record that carries details under this name.
    fn holds_beside(&self, field: &str, details: Option<&str>) -> bool {
        let by_column = |from: &Origin| match *from {
            Origin::Field(name) | Origin::Time(name) | Origin::Inner(name, _) => name == field,
            Origin::Details => details == Some(field),
            Origin::Connector | Origin::Constant(_) => false,
        };
        self.columns.iter().any(|column| by_column(&column.from)) || self.omitted.contains(&field)
    }
}

/// One column.
#[derive(Debug)]
pub struct Column {
    /// Its name at every destination.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Where in a record its value stands.
    pub from: Origin,
    /// What it means: one plain sentence for the manual, without a full stop.
    pub about: &'static str,
}

impl Column {
    /// Lets a table be written with one line a column.
    const fn new(name: &'static str, kind: Kind, from: Origin, about: &'static str) -> Self {
        Self { name, kind, from, about }
    }
}

/// The type of a column, in the words of Azure Monitor tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A signed 64-bit integer.
    Long,
    /// A finite 64-bit floating point number.
    Real,
    /// Any JSON value.
    Dynamic,
    /// A whole second, shown as ISO 8601 in UTC.
    DateTime,
}

impl Kind {
    /// The word itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Long => "long",
            Self::Real => "real",
            Self::Dynamic => "dynamic",
            Self::DateTime => "datetime",
        }
    }
}

/// Where a column's value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The top-level field of this name.
    Field(&'static str),
    /// A member of the object in a top-level field: the field, the member.
    Inner(&'static str, &'static str),
    /// The value under the key that is named by the record's `type`.
    Details,
    /// The name of the collector that read the record.
    Connector,
    /// The top-level field of this name, in Unix seconds.
    Time(&'static str),
    /// The same text in every row.
    Constant(&'static str),
}

#[cfg(test)]
mod tests;
