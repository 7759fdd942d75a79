//! Whose fault a failed run is, told by the words of Elasticsearch, which is all that the index connector passes on.

use crate::sinks::remote::RemoteErrorKind;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunFault {
    /// One of the documents', or several.
    Documents,
    /// Of the index that all of them go to. The word is ours and names no content.
    Index(&'static str),
    /// A full disk behind it.
    Disk(&'static str),
    /// Of what lies between, or of a node that is busy: it passes.
    Passing(&'static str),
    /// The words are none that are known.
    Unknown,
}

use RunFault::{Disk, Documents, Index, Passing};

/// Words of which one tells the fault; earlier lines win. Faults of documents stand before all that concern the index:
/// their reasons repeat content, which may hold any words.
const SIGNS: &[(&str, RunFault)] = &[
    // A template that cannot be applied speaks as a document does that cannot be parsed.
    ("failed to parse mapping", Index("mapping_broken")),
    ("no handler for type", Index("mapping_broken")),
    ("failed to parse", Documents),
    ("tried to parse", Documents),
    ("mapper_parsing", Documents),
    ("document_parsing", Documents),
    ("strict_dynamic_mapping", Documents),
    ("mapping set to strict", Documents),
    ("limit of total fields", Documents),
    ("limit of mapping depth", Documents),
    ("limit of field name length", Documents),
    ("number of nested documents", Documents),
    ("immense term", Documents),
    ("is too large, must be <= 32766", Documents),
    ("cannot be changed from type", Documents),
    ("can't merge a non", Documents),
    ("object mapping for [", Documents),
    ("object mapping [", Documents),
    ("makes object resolution ambiguous", Documents),
    ("field name cannot", Documents),
    ("cannot be added inside a document", Documents),
    ("cannot contain the reserved character", Documents),
    ("is too long, must be no longer", Documents),
    ("data stream timestamp field", Documents),
    ("flood-stage watermark", Disk("flood_stage")),
    ("flood stage", Disk("flood_stage")),
    ("no space left on device", Disk("no_space_left")),
    ("blocked by: [forbidden", Index("index_blocked")),
    ("index_closed", Index("index_closed")),
    ("no such index", Index("index_missing")),
    ("index_not_found", Index("index_missing")),
    ("invalid index name", Index("index_name")),
    ("invalid_index_name", Index("index_name")),
    ("op_type of create", Index("data_stream")),
    ("no write index", Index("no_write_index")),
    ("has more than one ind", Index("no_write_index")),
    ("is unauthorized for", Index("not_allowed")),
    ("security_exception", Index("not_allowed")),
    ("pipeline with id [", Index("pipeline_missing")),
    ("blocked by: [", Passing("cluster_block")),
    ("rejected execution", Passing("node_busy")),
    ("es_rejected_execution", Passing("node_busy")),
    ("data too large", Passing("circuit_breaker")),
    ("circuit_breaking", Passing("circuit_breaker")),
    ("shard is not active", Passing("shard_not_active")),
    ("timed out", Passing("timeout")),
    ("timeout", Passing("timeout")),
    ("econn", Passing("connection")),
    ("enotfound", Passing("connection")),
    ("eai_again", Passing("connection")),
    ("epipe", Passing("connection")),
    ("ehostunreach", Passing("connection")),
    ("socket hang up", Passing("connection")),
    ("other side closed", Passing("connection")),
    ("no living connections", Passing("connection")),
    ("certificate", Passing("certificate")),
    ("request aborted", Passing("aborted")),
];

/// All that Elasticsearch says of a document for a closed index.
const CLOSED: &str = "closed";

impl RunFault {
    /// Reads the reasons of a failed run.
    pub(super) fn of(message: &str) -> Self {
        if message.split(';').all(|reason| reason.trim() == CLOSED) {
            return Index("index_closed");
        }
        let message = message.to_lowercase();
        let sign = SIGNS.iter().find(|(sign, _)| message.contains(sign));
        match sign {
            Some((_, fault)) => *fault,
            None if message.split(';').any(is_place) => Documents,
            None => Self::Unknown,
        }
    }

    /// What it means for the batch; `None` when documents are at fault.
    pub(super) fn kind(self, connector: &str) -> Option<RemoteErrorKind> {
        let place = || format!("connector `{connector}`");
        match self {
            Documents => None,
            Index(code) => Some(RemoteErrorKind::PlaceAtFault { place: place(), code: code.to_owned() }),
            Disk(code) => Some(RemoteErrorKind::StorageFull { code: code.to_owned() }),
            Passing(code) => Some(RemoteErrorKind::RunFailed { code: code.to_owned() }),
            Self::Unknown => {
                Some(RemoteErrorKind::PlaceAtFault { place: place(), code: "unknown_reason".to_owned() })
            }
        }
    }
}

/// Whether the text begins with a place in a document, as reasons do since Elasticsearch 8: `[1:23] …`.
fn is_place(message: &str) -> bool {
    let place = message.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map(|(place, _)| place);
    let numbers = place.and_then(|place| place.split_once(':'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(line, column)| is_number(line) && is_number(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_about_documents_are_told_from_reasons_about_the_index() {
        for (message, fault) in [
            (
                "failed to parse field [n] of type [long] in document with id 'x'. Preview of field's value: 'y'",
                Documents,
            ),
            (
                "[1:81] object mapping for [a] tried to parse field [a] as object, but found a concrete value",
                Documents,
            ),
            ("[1:9] some words of a later version", Documents),
            (
                "[a]: version conflict, document already exists (current version [1]);[1:9] some words",
                Documents,
            ),
            ("mapping set to strict, dynamic introduction of [x] within [_doc] is not allowed", Documents),
            ("Limit of total fields [1000] has been exceeded", Documents),
            ("Document contains at least one immense term in field=\"Model\" (whose UTF8 …)", Documents),
            ("mapper [n] cannot be changed from type [long] to [text]", Documents),
            ("closed;closed", Index("index_closed")),
            ("index [a] blocked by: [FORBIDDEN/8/index write (api)];", Index("index_blocked")),
            (
                "no such index [a] and [action.auto_create_index] ([false]) doesn't match",
                Index("index_missing"),
            ),
            ("only write ops with an op_type of create are allowed in data streams", Index("data_stream")),
            (
                "action [indices:data/write/bulk[s]] is unauthorized for API key id [k] of user [u] on indices [a]",
                Index("not_allowed"),
            ),
            ("pipeline with id [ids] does not exist", Index("pipeline_missing")),
            ("Failed to parse mapping [_doc]: No handler for type [flat_object]", Index("mapping_broken")),
            (
                "index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has \
                 read-only-allow-delete block];",
                Disk("flood_stage"),
            ),
            (
                "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];",
                Passing("cluster_block"),
            ),
            ("rejected execution of coordinating operation", Passing("node_busy")),
            ("[a][0] primary shard is not active Timeout: [1m]", Passing("shard_not_active")),
            ("connect ECONNREFUSED 127.0.0.1:9200", Passing("connection")),
            ("no word of which was ever seen", RunFault::Unknown),
        ] {
            assert_eq!(RunFault::of(message), fault, "{message}");
        }
    }

    #[test]
    fn what_a_document_holds_cannot_blame_the_index() {
        let message = "failed to parse field [n]. Preview of field's value: 'no such index; closed; timeout'";
        assert_eq!(RunFault::of(message), Documents);
        assert_ne!(
            RunFault::of("failed to parse field [n]. Preview of field's value: 'x;closed'"),
            Index("index_closed")
        );
    }

    #[test]
    fn an_unknown_reason_parks_and_is_not_shown() {
        let kind = RunFault::of("a reason with somebody@example.com").kind("audit").unwrap();
        assert_eq!(kind.to_string(), "connector `audit` accepts no rows: unknown_reason");
    }
}
