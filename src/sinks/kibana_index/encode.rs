//! The documents of a batch, and requests with some of them.

mod numbers;

use bytes::Bytes;
use collectors::Record;

use self::numbers::quote_unsafe;
use crate::{
    deploy::elastic::set_aside_in,
    sinks::{Batch, original},
    tables::{
        SchemaDrift, iso8601,
        object::{Nulls, Objects},
    },
};

/// The field by which Kibana shows documents in time.
const TIMESTAMP: &str = "@timestamp";
const BEGIN: &[u8] = br#"{"params":{"documents":["#;
const END: &[u8] = b"]}}";

/// What names and `@timestamp` add to a record: for the size of a body's buffer, which may be wrong.
const DOCUMENT_BYTES: usize = 256;
/// A buffer that was too small grows by this part of what it is: doubled, it would be as large as a second one.
const GROWTH: usize = 8;

/// Makes documents of the records of a batch, one request at a time: all of them together would be as much memory again as
/// the records.
pub(super) struct Documents {
    batch: Batch,
    timed: bool,
    original: bool,
    /// Records before this place were encoded once, and what was odd in them is counted.
    counted: usize,
}

/// The body of one request.
pub(super) struct Request {
    pub(super) body: Bytes,
    /// How many documents are in it.
    pub(super) documents: usize,
}

impl Documents {
    /// Documents with the columns of the table; with the record's time as `@timestamp`, unless the connector
    /// sets that (`stamped`); and with the record as received, if configured (`original`).
    pub(super) fn of(batch: &Batch, stamped: Option<&str>, original: bool) -> Self {
        Self { batch: batch.clone(), timed: stamped != Some(TIMESTAMP), original, counted: 0 }
    }

    /// A request with the documents at these places, as many of the first as fit: one at least.
    pub(super) fn request(&mut self, places: &[usize], documents_max: usize, body_max: usize) -> Request {
        let batch = self.batch.clone();
        let objects = Objects::new([batch.table.members_of_documents()], &batch.connector, Nulls::LeftOut);
        let records = || {
            let record = |place: &usize| batch.records.get(*place).map(|record| (*place, record));
            places.iter().take(documents_max).filter_map(record)
        };
        let wanted: usize = records().map(|(_, record)| self.about_bytes(record)).sum();
        let mut body = Vec::with_capacity(wanted.min(body_max).saturating_add(BEGIN.len() + END.len()));
        body.extend_from_slice(BEGIN);
        let (mut documents, mut drift) = (0, SchemaDrift::default());
        for (place, record) in records() {
            let end = body.len();
            make_room(&mut body, self.about_bytes(record));
            if documents > 0 {
                body.push(b',');
            }
            let mut repeated = SchemaDrift::default();
            let is_new = place >= self.counted;
            self.write(&objects, record, if is_new { &mut drift } else { &mut repeated }, &mut body);
            self.counted = self.counted.max(place + 1);
            if documents > 0 && body.len() + END.len() > body_max {
                body.truncate(end);
                break;
            }
            documents += 1;
        }
        body.extend_from_slice(END);
        drift.report(&batch.table);
        Request { body: body.into(), documents }
    }

    fn write(&self, objects: &Objects<'_>, record: &Record, drift: &mut SchemaDrift, out: &mut Vec<u8>) {
        let begin = out.len();
        objects.write_with(&record.raw, drift, out, set_aside_in(&self.batch.table));
        quote_unsafe(out, begin);
        // The object has a member at least, the collector's name or that of an event.
        out.pop();
        if self.original {
            // Into memory: there is no way to fail.
            let _ = original::append(record, out);
        }
        if self.timed {
            let time = format!(",\"{TIMESTAMP}\":\"{}\"", iso8601(record.second).as_str());
            out.extend_from_slice(time.as_bytes());
        }
        out.push(b'}');
    }

    fn about_bytes(&self, record: &Record) -> usize {
        let original = if self.original { record.raw.len() + record.raw.len() / 8 } else { 0 };
        record.raw.len() + DOCUMENT_BYTES + original
    }
}

/// A request without documents.
pub(super) fn nothing() -> Bytes {
    [BEGIN, END].concat().into()
}

fn make_room(body: &mut Vec<u8>, bytes: usize) {
    if body.capacity() - body.len() < bytes {
        body.reserve_exact(bytes.max(body.capacity() / GROWTH));
    }
}
