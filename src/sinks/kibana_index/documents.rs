//! The documents of a batch, and requests with some of them.

use bytes::Bytes;

use crate::deploy::elastic::set_aside;
use crate::sinks::Batch;
use crate::tables::object::{Nulls, Objects};
use crate::tables::{Oddities, iso8601};

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
    /// that (`stamped`).
    pub(super) fn of(batch: &Batch, stamped: Option<&str>) -> Self {
        let timed = stamped != Some(TIMESTAMP);
        let objects = Objects::new([batch.table.columns], &batch.connector, Nulls::LeftOut);
        let (mut json, mut ends) = (Vec::new(), Vec::with_capacity(batch.records.len()));
        let mut oddities = Oddities::default();
        for record in batch.records.iter() {
            objects.write_with(&record.raw, &mut oddities, &mut json, set_aside);
            if timed {
                // The object has a member at least, the collector's name.
                json.pop();
                json.extend_from_slice(
                    format!(",\"{TIMESTAMP}\":\"{}\"}}", iso8601(record.second).as_str()).as_bytes(),
                );
            }
            ends.push(json.len());
        }
        oddities.report(batch.table);
        Self { json, ends }
    }

    /// The places of all documents in order, cut into requests.
    pub(super) fn requests(&self, documents_max: usize, body_max: usize) -> Vec<Vec<usize>> {
        let mut requests: Vec<Vec<usize>> = Vec::new();
        let mut bytes = 0;
        for place in 0..self.ends.len() {
            // One byte is the comma.
            let more = self.at(place).len() + 1;
            match requests.last_mut() {
                Some(last) if last.len() < documents_max && bytes + more <= body_max => last.push(place),
                Some(_) | None => {
                    requests.push(vec![place]);
                    bytes = BEGIN.len() + END.len();
                }
            }
            bytes += more;
        }
        requests
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::samples::{NOW, batch, event};
    use crate::tables::AUDIT_LOGS;

    fn documents(stamped: Option<&str>) -> Documents {
        let events: Vec<_> = ["a", "b", "c"].iter().map(|id| event(id, NOW)).collect();
        Documents::of(&batch(&AUDIT_LOGS, &events), stamped)
    }

    fn json(body: &Bytes) -> serde_json::Value {
        serde_json::from_slice(body).unwrap()
    }

    #[test]
    fn a_request_holds_the_documents_that_it_is_asked_for() {
        let body = json(&documents(None).body(&[0, 2]));
        let ids: Vec<_> =
            body["params"]["documents"].as_array().unwrap().iter().map(|document| &document["Id"]).collect();
        assert_eq!(ids, ["a", "c"]);
    }

    #[test]
    fn the_time_of_the_record_is_given_where_the_connector_does_not_stamp_its_own() {
        let first = |stamped| json(&documents(stamped).body(&[0]))["params"]["documents"][0].clone();
        for stamped in [None, Some("ingested")] {
            assert_eq!(first(stamped)["@timestamp"], "2026-02-13T10:52:05Z");
            assert_eq!(first(stamped)["TimeGenerated"], first(stamped)["@timestamp"]);
        }
        assert_eq!(first(Some("@timestamp")).get("@timestamp"), None);
    }

    #[test]
    fn requests_are_cut_by_number_and_by_size() {
        let documents = documents(None);
        assert_eq!(documents.requests(2, 1 << 20), [vec![0, 1], vec![2]]);
        let two = documents.body(&[0, 1]).len() + 1;
        assert_eq!(documents.requests(500, two), [vec![0, 1], vec![2]]);
        assert_eq!(documents.requests(500, two - 2), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn a_document_larger_than_a_request_goes_alone() {
        assert_eq!(documents(None).requests(500, 10), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn what_a_flat_field_would_refuse_is_put_beside() {
        let record = r#"{"id":"a","type":"x.y","effective_at":1,"x.y":[1]}"#.to_owned();
        let documents = Documents::of(&batch(&AUDIT_LOGS, &[record]), None);
        let body = json(&documents.body(&[0]));
        assert_eq!(body["params"]["documents"][0]["EventDetailsUnindexed"], serde_json::json!([1]));
    }
}
