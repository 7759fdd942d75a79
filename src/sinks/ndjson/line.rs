//! The two shapes of a line.

use crate::config::Shape;
use crate::sinks::Batch;
use crate::tables::object::{Nulls, Objects};
use crate::tables::{Oddities, one_line};

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
            let objects = Objects::new([batch.table.columns], &batch.connector, Nulls::Written);
            let mut oddities = Oddities::default();
            for record in batch.records.iter() {
                objects.write(&record.raw, &mut oddities, lines);
                lines.push(b'\n');
            }
            oddities.report(batch.table);
        }
    }
}
