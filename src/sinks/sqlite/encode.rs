//! Records to rows: their order, and the parameters of the statement that inserts one.

use rusqlite::{
    Statement,
    types::{Null, ToSqlOutput, ValueRef},
};

use crate::{
    sinks::Batch,
    tables::{ColumnValue, iso8601},
};

/// The positions of a batch's records, sorted by time and id, as the primary key is: neighbours in it are then inserted
/// one after the other, and each of its pages is read once per batch. Of equal records the earlier one comes first.
pub(super) fn in_order_of_keys(batch: &Batch) -> Vec<usize> {
    let mut keys: Vec<_> =
        batch.records.iter().map(|record| (record.second, record.id_text())).zip(0..).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, place)| place).collect()
}

/// Passes a row and its record to the statement.
pub(super) fn bind(
    statement: &mut Statement<'_>,
    row: &[ColumnValue<'_>],
    record: &[u8],
) -> rusqlite::Result<()> {
    for (index, value) in (1..).zip(row) {
        match value {
            ColumnValue::Null => statement.raw_bind_parameter(index, Null)?,
            ColumnValue::Text(text) => statement.raw_bind_parameter(index, text.as_ref())?,
            ColumnValue::Long(number) => statement.raw_bind_parameter(index, number)?,
            ColumnValue::Real(number) => statement.raw_bind_parameter(index, number)?,
            ColumnValue::Json(json) => statement.raw_bind_parameter(index, json.as_ref())?,
            ColumnValue::Time(second) => statement.raw_bind_parameter(index, iso8601(*second).as_str())?,
        }
    }
    let record = ToSqlOutput::Borrowed(ValueRef::Text(record));
    statement.raw_bind_parameter(row.len() + 1, record)
}
