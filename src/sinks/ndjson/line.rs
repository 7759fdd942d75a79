//! The two shapes of a line.

use collectors::Record;
use serde_json::to_writer;

use crate::config::Shape;
use crate::sinks::Batch;
use crate::tables::{Oddities, Table, Value, iso8601, one_line, row};

/// Appends a line for each record of the batch.
pub(super) fn encode(shape: Shape, batch: &Batch, lines: &mut Vec<u8>) {
    match shape {
        Shape::Record => {
            for record in batch.records.iter() {
                lines.extend_from_slice(&one_line(&record.raw));
                lines.push(b'\n');
            }
        }
        Shape::Table => {
            let mut oddities = Oddities::default();
            for record in batch.records.iter() {
                object(batch.table, &batch.connector, record, &mut oddities, lines);
                lines.push(b'\n');
            }
            oddities.report(batch.table);
        }
    }
}

/// One JSON object with a member for each column of the table.
fn object(table: &Table, connector: &str, record: &Record, oddities: &mut Oddities, line: &mut Vec<u8>) {
    let row = row::map(table, connector, &record.raw, oddities);
    for (place, (column, value)) in table.columns.iter().zip(&row).enumerate() {
        line.extend_from_slice(if place == 0 { b"{\"" } else { b",\"" });
        line.extend_from_slice(column.name.as_bytes());
        line.extend_from_slice(b"\":");
        // Writing text or a number to memory cannot fail.
        let _ = match value {
            Value::Null => to_writer(&mut *line, &()),
            Value::Text(text) => to_writer(&mut *line, text.as_ref()),
            Value::Long(number) => to_writer(&mut *line, number),
            Value::Real(number) => to_writer(&mut *line, number),
            Value::Json(json) => {
                line.extend_from_slice(&one_line(json.as_bytes()));
                Ok(())
            }
            Value::Time(second) => to_writer(&mut *line, iso8601(*second).as_str()),
        };
    }
    line.push(b'}');
}
