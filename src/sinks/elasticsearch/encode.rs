//! The body of a `_bulk` request: for each record an action line and a line with the document.

use std::{
    borrow::Cow,
    io::{self, Write as _},
    ops::Range,
};

use bytes::Bytes;
use collectors::Record;
use flate2::{Compression, write::GzEncoder};

use crate::{
    config::OpType,
    deploy::elastic::set_aside_in,
    sinks::{Batch, Refused, original},
    tables::{
        SchemaDrift, Table, iso8601,
        object::{Nulls, Objects},
    },
};

/// The longest id that an index accepts; a longer one makes the cluster refuse the whole request.
const ID_BYTES_MAX: usize = 512;

/// What an action line, names and `@timestamp` add to a record. Only an estimate, for the size of the buffer.
const LINE_BYTES: usize = 256;
/// A buffer that was too small grows by this part of its size: doubled, it would waste as much again.
const GROWTH: usize = 8;

const TIMESTAMP: &str = "@timestamp";

/// How documents are written.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) op_type: OpType,
    pub(super) gzip: bool,
    /// Whether the record as received is a member.
    pub(super) original: bool,
    /// A member besides the columns and `@timestamp`: the field, and the current second.
    pub(super) stamp: Option<(String, i64)>,
}

/// One request.
pub(super) struct Bulk {
    pub(super) body: Bytes,
    /// The records in it, as a range of the rows requested.
    pub(super) rows: Range<usize>,
    /// Bytes of the body before compression.
    pub(super) bytes: usize,
}

/// The positions of the records that can be sent, and those that would make the cluster refuse the whole
/// request.
pub(super) fn admit(records: &[Record]) -> (Vec<usize>, Vec<Refused>) {
    let (mut rows, mut refused) = (Vec::with_capacity(records.len()), Vec::new());
    for (index, record) in records.iter().enumerate() {
        let reason = match record.id_len() {
            Some(1..=ID_BYTES_MAX) => {
                rows.push(index);
                continue;
            }
            Some(bytes) => format!("the id has {bytes} bytes; 1 to {ID_BYTES_MAX} are accepted"),
            None => "the id cannot be read".to_owned(),
        };
        refused.push(Refused { index, kind: "unusable_id", reason });
    }
    (rows, refused)
}

/// About how many bytes these rows take, before compression.
pub(super) fn estimate(form: &Form, batch: &Batch, rows: &[usize]) -> usize {
    rows.iter().filter_map(|place| batch.records.get(*place)).map(|record| document_bytes(form, record)).sum()
}

fn document_bytes(form: &Form, record: &Record) -> usize {
    let original = if form.original { record.raw.len() + record.raw.len() / 8 } else { 0 };
    record.raw.len() + LINE_BYTES + original
}

/// Writes as many of the rows in `range` as fit into `bytes_max`, but at least one, into the buffer; in front
/// of them the witness, a batch of one, if there is one.
pub(super) fn encode(
    form: &Form,
    batch: &Batch,
    rows: &[usize],
    range: Range<usize>,
    witness: Option<&Batch>,
    bytes_max: usize,
    buffer: Vec<u8>,
) -> io::Result<Bulk> {
    let mut body = Body::new(form.gzip, buffer);
    if let Some(witness) = witness {
        let mut documents = Documents::new(form, witness);
        for record in witness.records.iter() {
            body.add(usize::MAX, |out| documents.write(record, out))?;
        }
    }
    let mut documents = Documents::new(form, batch);
    let mut end = range.start;
    for record in rows[range.clone()].iter().filter_map(|place| batch.records.get(*place)) {
        let bytes_max = if end == range.start { usize::MAX } else { bytes_max };
        body.make_room(document_bytes(form, record));
        if !body.add(bytes_max, |out| documents.write(record, out))? {
            break;
        }
        end += 1;
    }
    documents.drift.report(&batch.table);
    let bytes = body.bytes;
    Ok(Bulk { body: body.finish()?, rows: range.start..end, bytes })
}

/// Writes the two lines of a record.
struct Documents<'f> {
    form: &'f Form,
    table: &'f Table,
    objects: Objects<'f>,
    drift: SchemaDrift,
    /// What follows the columns, before the record's time.
    stamp: String,
}

impl<'f> Documents<'f> {
    fn new(form: &'f Form, batch: &'f Batch) -> Self {
        let stamp = form.stamp.as_ref().map(|(field, now)| {
            let field = serde_json::Value::from(field.as_str());
            format!(",{field}:\"{}\"", iso8601(*now).as_str())
        });
        Self {
            form,
            table: &batch.table,
            objects: Objects::new([batch.table.members_of_documents()], &batch.connector, Nulls::LeftOut),
            drift: SchemaDrift::default(),
            stamp: stamp.unwrap_or_default(),
        }
    }

    fn write(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend_from_slice(match self.form.op_type {
            OpType::Create => b"{\"create\":{\"_id\":",
            OpType::Index => b"{\"index\":{\"_id\":",
        });
        match record.id_text().unwrap_or_default() {
            Cow::Borrowed(id) => {
                out.push(b'"');
                out.extend_from_slice(id.as_bytes());
                out.push(b'"');
            }
            Cow::Owned(id) => serde_json::to_writer(&mut *out, &id)?,
        }
        out.extend_from_slice(b"}}\n");
        self.objects.write_with(&record.raw, &mut self.drift, out, set_aside_in(self.table));
        // The object has at least one member, the collector's name or that of an event, so a comma is due.
        out.pop();
        out.extend_from_slice(self.stamp.as_bytes());
        if self.form.original {
            original::append(record, out)?;
        }
        if self.form.stamp.as_ref().is_none_or(|(field, _)| field != TIMESTAMP) {
            out.extend_from_slice(b",\"@timestamp\":\"");
            out.extend_from_slice(iso8601(record.second).as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// A body that grows by whole records.
struct Body {
    /// The body itself, or the lines of one record before they are compressed.
    plain: Vec<u8>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    /// Before compression.
    bytes: usize,
}

impl Body {
    fn new(gzip: bool, buffer: Vec<u8>) -> Self {
        if gzip {
            let gzip = Some(GzEncoder::new(buffer, Compression::fast()));
            return Self { plain: Vec::new(), gzip, bytes: 0 };
        }
        Self { plain: buffer, gzip: None, bytes: 0 }
    }

    /// Reserves this many more bytes, as sent.
    fn make_room(&mut self, bytes: usize) {
        let buffer = self.gzip.as_mut().map_or(&mut self.plain, GzEncoder::get_mut);
        if buffer.capacity() - buffer.len() < bytes {
            buffer.reserve_exact(bytes.max(buffer.capacity() / GROWTH));
        }
    }

    /// Adds what `write` writes; false if that does not fit.
    fn add(
        &mut self,
        bytes_max: usize,
        write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let begin = self.plain.len();
        write(&mut self.plain)?;
        let added = self.plain.len() - begin;
        if self.bytes + added > bytes_max {
            self.plain.truncate(begin);
            return Ok(false);
        }
        self.bytes += added;
        if let Some(gzip) = &mut self.gzip {
            gzip.write_all(&self.plain)?;
            self.plain.clear();
        }
        Ok(true)
    }

    fn finish(self) -> io::Result<Bytes> {
        match self.gzip {
            Some(gzip) => gzip.finish().map(Bytes::from),
            None => Ok(Bytes::from(self.plain)),
        }
    }
}
