//! The transforms of the data collection rule: from the stream's fields to the columns of the table.

use super::{
    Output, SentinelProfile, asim,
    kql::{self, Assignment},
};
use crate::tables::{Column, ColumnKind, Origin, Table};

/// The transform from a table's stream to the table of its rows. For a table of its own, it does to the
/// stream what `tables::row` does to a record.
pub fn transform(table: &Table, profile: SentinelProfile) -> String {
    match profile.output(table) {
        Output::Own => kql::project(assignments(table)),
        Output::Asim => kql::project(asim::assignments(table)),
    }
}

/// The columns of a table of its own, and the expression for each.
fn assignments(table: &Table) -> impl Iterator<Item = Assignment<'_>> {
    table.columns.iter().filter_map(|column| assignment(table, column))
}

/// The expression for a column's value; `None` if no field of the stream has it.
fn assignment<'t>(table: &Table, column: &'t Column) -> Option<Assignment<'t>> {
    let (from, member) = match &column.from {
        Origin::Inner(field, member) => (&Origin::Field(field.clone()), Some(member)),
        Origin::Field(_) | Origin::Time(_) | Origin::Details | Origin::Connector | Origin::Constant(_) => {
            (&column.from, None)
        }
    };
    let field = kql::name(&table.stream.iter().find(|field| field.from == *from)?.name);
    let value = match (column.kind, member) {
        (ColumnKind::DateTime, _) if column.name == table.time => {
            // The table refuses a row without this time.
            format!("iff(isnull({field}), now(), {})", kql::time(&field))
        }
        (ColumnKind::DateTime, _) => kql::time(&field),
        (ColumnKind::String, Some(member)) => format!("tostring({field}.{member})"),
        (ColumnKind::Long, Some(member)) => format!("tolong({field}.{member})"),
        (ColumnKind::Real, Some(member)) => format!("todouble({field}.{member})"),
        (ColumnKind::Dynamic, Some(member)) => format!("{field}.{member}"),
        (ColumnKind::String | ColumnKind::Long | ColumnKind::Real | ColumnKind::Dynamic, None) => field,
    };
    Some(Assignment { name: &column.name, value })
}
