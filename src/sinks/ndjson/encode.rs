//! The two shapes of a line.

use std::io::{self, BufWriter, Write};

use crate::{
    config::{AlertShape, LineShape},
    sinks::Batch,
    tables::{
        Column, SchemaDrift, compact_parts,
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
    pub(super) alerts_shape: AlertShape,
    pub(super) batch: &'a Batch,
}

impl RecordLines<'_> {
    /// Bytes of the records as received, each with a line break: what the lines take at most in the shape of records, about
    /// what they take in the shape of the table.
    pub(super) fn bytes(&self) -> u64 {
        self.batch.records.iter().map(|record| record.raw.len() as u64 + 1).sum()
    }

    /// Alerts have no form as received.
    fn shape(&self) -> LineShape {
        if self.is_of_alerts() { LineShape::Table } else { self.shape }
    }

    fn is_of_alerts(&self) -> bool {
        !self.batch.table.findings.is_empty()
    }

    /// The members of a line that is mapped. In OCSF a member without a value is left out.
    fn members(&self) -> (&[Column], Nulls) {
        let table = &self.batch.table;
        match self.alerts_shape {
            AlertShape::Ocsf if self.is_of_alerts() => (&table.findings, Nulls::LeftOut),
            AlertShape::Ocsf | AlertShape::Table => (&table.columns, Nulls::Written),
        }
    }

    /// Writes a line for each record of the batch.
    pub(super) fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(PIECE_BYTES, out);
        match self.shape() {
            LineShape::Record => {
                for record in self.batch.records.iter() {
                    if is_spaced(&record.raw) {
                        for part in compact_parts(&record.raw) {
                            // Valid JSON has no line breaks left; a line must be one all the same.
                            out.write_all(&one_line(part))?;
                        }
                    } else {
                        out.write_all(&one_line(&record.raw))?;
                    }
                    out.write_all(b"\n")?;
                }
            }
            LineShape::Table => {
                let table = &self.batch.table;
                let (columns, nulls) = self.members();
                let objects = Objects::new([columns], &self.batch.connector, nulls);
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

/// Whether white space follows the first brace or the first colon, as it does wherever a serializer writes any: a record
/// without it is passed on as received, which costs a fifth less CPU than to look at each of its tokens.
fn is_spaced(record: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    let after_colon = memchr::memchr(b':', record).and_then(|colon| record.get(colon + 1));
    blank(record.get(1)) || blank(after_colon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_serializer_spaces_is_distinguished_from_what_it_does_not_by_its_first_member() {
        let value = serde_json::json!({"id": "a b", "c": [1, {"d": " "}]});
        assert!(!is_spaced(value.to_string().as_bytes()));
        assert!(is_spaced(&serde_json::to_vec_pretty(&value).expect("in memory")));
        // As Python's `json` writes by default.
        assert!(is_spaced(br#"{"id": "a b", "c": [1, {"d": " "}]}"#));
        assert!(!is_spaced(b"{") && !is_spaced(b"") && !is_spaced(b"{}"));
    }
}
