//! The two shapes of a line.

use std::io::{self, BufWriter, Write};

use crate::{
    config::LineShape,
    sinks::Batch,
    tables::{
        SchemaDrift, compact_parts,
        object::{Nulls, Objects},
        one_line,
    },
};

/// How much is written at a time: a whole batch of lines would take as much memory again as its records.
const PIECE_BYTES: usize = 128 << 10;

/// The lines of a batch, made while they are written.
#[derive(Clone, Copy)]
pub(super) struct RecordLines<'a> {
    pub(super) shape: LineShape,
    pub(super) batch: &'a Batch,
}

impl RecordLines<'_> {
    /// Bytes of the records as received, each with a line break: what the lines take at most in the shape of records, about
    /// what they take in the shape of the table.
    pub(super) fn bytes(&self) -> u64 {
        self.batch.records.iter().map(|record| record.raw.len() as u64 + 1).sum()
    }

    /// Writes a line for each record of the batch.
    pub(super) fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(PIECE_BYTES, out);
        match self.shape {
            LineShape::Record => {
                for record in self.batch.records.iter() {
                    for part in compact_parts(&record.raw) {
                        // Valid JSON has no line breaks left; a line must be one all the same.
                        out.write_all(&one_line(part))?;
                    }
                    out.write_all(b"\n")?;
                }
            }
            LineShape::Table => {
                let table = &self.batch.table;
                let objects = Objects::new([table.columns.as_slice()], &self.batch.connector, Nulls::Written);
                let mut drift = SchemaDrift::default();
                let mut line = Vec::new();
                for record in self.batch.records.iter() {
                    line.clear();
                    objects.write(&record.raw, &mut drift, &mut line);
                    line.push(b'\n');
                    out.write_all(&line)?;
                }
                drift.report(table);
            }
        }
        out.flush()
    }
}
