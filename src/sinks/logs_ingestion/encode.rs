//! Rows become the body of a call: one JSON array, compressed as it grows, and ended before it is larger than
//! Azure accepts.

pub(super) mod fields;
mod json_tokens;
mod packed;

use std::{
    io::{self, Write},
    ops::Range,
};

use bytes::Bytes;
use collectors::Record;
use flate2::{Compression, write::GzEncoder};

use self::{fields::Fitted, packed::Packed};
use crate::{
    deploy::sentinel,
    sinks::{Batch, Cut, Receipt, Refused, SinkError},
    tables::{
        Column, SchemaDrift, Table,
        object::{Nulls, Objects},
    },
};

/// Azure's limit for the body as sent: it checks Content-Length.
pub(super) const WIRE_BYTES_MAX: usize = 1_048_576;

/// Left unused, in case a gateway in between counts more than the body.
const HEAD_ROOM: usize = 4 << 10;

/// A higher level costs more time than it saves: audit events shrink to a tenth at the fastest one.
const LEVEL: Compression = Compression::fast();

/// How much is passed to gzip at once.
const CHUNK_BYTES: usize = 64 << 10;

const END: &[u8] = b"]";

/// Makes the bodies of one sink's calls.
#[derive(Debug, Clone)]
pub(super) struct Encoder {
    /// Whether rows have the additional fields of the ASIM rule.
    pub asim: bool,
    /// The most bytes of rows in one call.
    pub inflated_max: usize,
}

/// One call, ready to be sent.
#[derive(Debug)]
pub(super) struct Call {
    /// The array, compressed; useless if it has no row.
    pub body: Bytes,
    /// How many rows it holds.
    pub rows: usize,
    /// The position of its first record in the batch.
    pub first: usize,
    /// The position after its last record.
    pub end: usize,
    /// Bytes of the array before compression.
    pub inflated: usize,
    /// The outcome of its records once the call is accepted.
    pub receipt: Receipt,
}

impl Encoder {
    /// Encodes records, from the first of `places` on, as many as fit into one call. Those older than `since`
    /// are refused.
    pub(super) fn encode(&self, batch: &Batch, places: Range<usize>, since: Option<i64>) -> io::Result<Call> {
        let objects = Objects::new(self.columns(&batch.table), &batch.connector, Nulls::LeftOut);
        let (mut drift, mut receipt) = (SchemaDrift::default(), Receipt::default());
        let mut array = Array::begin();
        let (mut first, mut end) = (places.start, places.end);
        for index in places {
            let Some(record) = batch.records.get(index) else { break };
            if since.is_some_and(|since| record.second < since) {
                receipt.refused.push(Refused { index, kind: "old", reason: older() });
                continue;
            }
            let row = array.begin_row();
            let cut = write_row(&objects, self.asim, record, &mut drift, &mut array.chunk);
            if !array.end_row(row, self.inflated_max)? {
                end = index;
                break;
            }
            if array.rows == 1 {
                first = index;
            }
            receipt.cut.extend(cut.map(|reason| Cut { index, reason }));
        }
        drift.report(&batch.table);
        let rows = array.rows;
        receipt.accepted = rows as u64;
        let inflated = array.inflated + array.chunk.len() + END.len();
        Ok(Call { body: array.finish()?, rows, first, end, inflated, receipt })
    }

    fn columns<'t>(&self, table: &'t Table) -> impl Iterator<Item = &'t [Column]> {
        [table.stream.as_slice()].into_iter().chain(self.asim.then_some(table.stream_asim.as_slice()))
    }
}

/// Writes the row of a record; returns what was cut from it.
fn write_row(
    objects: &Objects<'_>,
    asim: bool,
    record: &Record,
    drift: &mut SchemaDrift,
    row: &mut Vec<u8>,
) -> Option<String> {
    let mut cuts: Vec<String> = Vec::new();
    let mut packed = Packed::default();
    let fit = |column: &Column, json: &[u8]| {
        let Fitted { json: fitted, cut } = fields::fit(json)?;
        if cut {
            cuts.push(format!("{} from {} to {} bytes", column.name, json.len(), fitted.len()));
        }
        Some(fitted)
    };
    // JSON inside JSON takes at most six times its bytes, so only large values have to be checked.
    let may_be_packed = asim && record.raw.len() > fields::FIELD_BYTES_MAX / 8;
    objects.write_replacing(&record.raw, drift, row, fit, |column, out, begin| {
        if let Some(field) = sentinel::packed(&column.name).filter(|_| may_be_packed) {
            packed.note(field, begin, out.len());
        }
    });
    if may_be_packed {
        cuts.extend(packed.fit(row));
    }
    (!cuts.is_empty()).then(|| cuts.join(", "))
}

fn older() -> String {
    "older than two days: its TimeGenerated would become the time of arrival".to_owned()
}

/// A JSON array while it is compressed.
struct Array {
    /// Rows that were not passed to gzip yet: it gets many at once, because each call costs time.
    chunk: Vec<u8>,
    gzip: GzEncoder<Vec<u8>>,
    rows: usize,
    /// Bytes that gzip has seen.
    inflated: usize,
    /// How many bytes gzip has written for the first rows, and how many it was given since.
    known: usize,
    unknown: usize,
}

impl Array {
    fn begin() -> Self {
        let gzip = GzEncoder::new(Vec::with_capacity(WIRE_BYTES_MAX), LEVEL);
        let chunk = Vec::with_capacity(2 * CHUNK_BYTES);
        let mut array = Self { chunk, gzip, rows: 0, inflated: 0, known: 0, unknown: 0 };
        array.chunk.push(b'[');
        array
    }

    /// Prepares the chunk for another row. Returns the position where the row begins.
    fn begin_row(&mut self) -> usize {
        let begin = self.chunk.len();
        if self.rows > 0 {
            self.chunk.push(b',');
        }
        begin
    }

    /// Keeps the row that begins there, or removes it if it does not fit. The first one always fits: each
    /// field of a row is bounded, and all together are below the limit of a call.
    fn end_row(&mut self, mut begin: usize, inflated_max: usize) -> io::Result<bool> {
        if self.rows > 0 && self.at_most() > WIRE_BYTES_MAX - HEAD_ROOM {
            // Only a flush shows the compressed size. Each one leaves a fraction of the space, so there are
            // few.
            self.compress(begin)?;
            self.gzip.flush()?;
            (self.known, self.unknown, begin) = (self.gzip.get_ref().len(), 0, 0);
        }
        let inflated = self.inflated + self.chunk.len() + END.len();
        if self.rows > 0 && (inflated > inflated_max || self.at_most() > WIRE_BYTES_MAX - HEAD_ROOM) {
            self.chunk.truncate(begin);
            return Ok(false);
        }
        self.rows += 1;
        if self.chunk.len() >= CHUNK_BYTES {
            self.compress(self.chunk.len())?;
        }
        Ok(true)
    }

    /// The largest possible size of the body with the chunk: an incompressible byte takes nine bits, and a
    /// block has a beginning and an end.
    fn at_most(&self) -> usize {
        let raw = self.unknown + self.chunk.len() + END.len();
        self.known + raw + raw / 8 + 128
    }

    /// Passes this many bytes of the chunk to gzip.
    fn compress(&mut self, bytes: usize) -> io::Result<()> {
        self.gzip.write_all(&self.chunk[..bytes])?;
        self.chunk.drain(..bytes);
        self.inflated += bytes;
        self.unknown += bytes;
        Ok(())
    }

    fn finish(mut self) -> io::Result<Bytes> {
        self.chunk.extend_from_slice(END);
        self.compress(self.chunk.len())?;
        self.gzip.finish().map(Bytes::from)
    }
}

/// The array without a row, to check whether a write would be accepted.
pub(super) fn nothing() -> io::Result<Bytes> {
    Array::begin().finish()
}

/// Compression into memory has no known way to fail; if it does, that is reported.
pub(super) fn broken(error: io::Error) -> SinkError {
    SinkError::Io { path: "compression".to_owned(), source: error }
}
