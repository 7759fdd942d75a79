//! The transforms of the data collection rule, in the subset of KQL that transforms take: one `project` a row.

use super::{Output, Profile, asim};
use crate::tables::{Column, Kind, Origin, Table, render::TIME};

/// Names of stream fields that KQL takes for its own words.
const RESERVED: [&str; 1] = ["project"];

/// A column at the destination, and the expression over the stream's fields that gives its value.
pub(super) struct Assignment {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// The transform from a table's stream to where its rows go. To a table of its own, it does to the stream what
/// `tables::row` does to a record.
pub fn transform(table: &Table, profile: Profile) -> String {
    match profile.output(table) {
        Output::Own => project(table.columns.iter().filter_map(|column| assignment(table, column))),
        Output::Asim => project(asim::assignments(table)),
    }
}

fn project(assignments: impl IntoIterator<Item = Assignment>) -> String {
    let lines = assignments.into_iter().map(|Assignment { name, value }| format!("    {name} = {value}"));
    format!("source\n| project\n{}", lines.collect::<Vec<_>>().join(",\n"))
}

/// How a column's value is taken from the stream; `None` where no field of the stream has it.
fn assignment(table: &Table, column: &Column) -> Option<Assignment> {
    let (from, member) = match column.from {
        Origin::Time(field) => (Origin::Field(field), None),
        Origin::Inner(field, member) => (Origin::Field(field), Some(member)),
        Origin::Field(_) | Origin::Details | Origin::Connector | Origin::Constant(_) => (column.from, None),
    };
    let field = name(table.stream.iter().find(|field| field.from == from)?.name);
    let value = match (column.kind, member) {
        (Kind::DateTime, _) if column.name == TIME => {
            // A row without this time is refused by the table.
            format!("iff(isnull({field}), now(), {})", time(&field))
        }
        (Kind::DateTime, _) => time(&field),
        (Kind::String, Some(member)) => format!("tostring({field}.{member})"),
        (Kind::Long, Some(member)) => format!("tolong({field}.{member})"),
        (Kind::Real, Some(member)) => format!("todouble({field}.{member})"),
        (Kind::Dynamic, Some(member)) => format!("{field}.{member}"),
        (Kind::String | Kind::Long | Kind::Real | Kind::Dynamic, None) => field,
    };
    Some(Assignment { name: column.name, value })
}

/// A field of Unix seconds as a time.
pub(super) fn time(field: &str) -> String {
    format!("datetime(1970-01-01) + {field} * 1s")
}

/// A field's name as an expression.
fn name(field: &str) -> String {
    if RESERVED.contains(&field) { format!("['{field}']") } else { field.to_owned() }
}
