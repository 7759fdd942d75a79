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
