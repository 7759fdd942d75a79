//! The documents of a batch, and requests with some of them.

mod numbers;

use bytes::Bytes;

use self::numbers::quote_unsafe;
use crate::{
    deploy::elastic::set_aside,
    sinks::{Batch, original},
    tables::{
        SchemaDrift, iso8601,
        object::{Nulls, Objects},
    },
};

/// The member by which Kibana shows documents in time.
const TIMESTAMP: &str = "@timestamp";
const BEGIN: &[u8] = br#"{"params":{"documents":["#;
const END: &[u8] = b"]}}";

/// One document for each record of a batch.
pub(super) struct Documents {
    json: Vec<u8>,
    /// Where each document ends.
    ends: Vec<usize>,
}

impl Documents {
    /// Documents with the columns of the table, and with the record's time as `@timestamp` unless the connector stamps
    /// that (`stamped`); with the record as received where that is wanted (`original`).
    pub(super) fn of(batch: &Batch, stamped: Option<&str>, original: bool) -> Self {
        let timed = stamped != Some(TIMESTAMP);
        let objects = Objects::new([batch.table.columns.as_slice()], &batch.connector, Nulls::LeftOut);
        let (mut json, mut ends) = (Vec::new(), Vec::with_capacity(batch.records.len()));
        let mut drift = SchemaDrift::default();
        for record in batch.records.iter() {
            let begin = json.len();
            objects.write_with(&record.raw, &mut drift, &mut json, set_aside);
            quote_unsafe(&mut json, begin);
            // The object has a member at least, the collector's name.
            json.pop();
            if original {
                // Into memory: there is no way to fail.
                let _ = original::append(record, &mut json);
            }
            if timed {
                json.extend_from_slice(
                    format!(",\"{TIMESTAMP}\":\"{}\"", iso8601(record.second).as_str()).as_bytes(),
                );
            }
            json.push(b'}');
            ends.push(json.len());
        }
        drift.report(&batch.table);
        Self { json, ends }
    }

    /// How many of the documents at these places fit into one request: one at least.
    pub(super) fn fitting(&self, places: &[usize], documents_max: usize, body_max: usize) -> usize {
        let mut bytes = BEGIN.len() + END.len();
        let fits = |place: &&usize| {
            // One byte is the comma.
            bytes += self.at(**place).len() + 1;
            bytes <= body_max
        };
        places.iter().take(documents_max).take_while(fits).count().max(1)
    }

    /// The body of a request with the documents at these places.
    pub(super) fn body(&self, places: &[usize]) -> Bytes {
        let bytes: usize = places.iter().map(|place| self.at(*place).len() + 1).sum();
        let mut body = Vec::with_capacity(BEGIN.len() + bytes + END.len());
        body.extend_from_slice(BEGIN);
        for (number, place) in places.iter().enumerate() {
            if number > 0 {
                body.push(b',');
            }
            body.extend_from_slice(self.at(*place));
        }
        body.extend_from_slice(END);
        body.into()
    }

    fn at(&self, place: usize) -> &[u8] {
        let begin = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(place).copied().unwrap_or(begin);
        &self.json[begin..end]
    }
}
