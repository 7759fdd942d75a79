//! Whose fault a failed run is, judged by Elasticsearch's texts, because the index connector passes on
//! nothing else.

use crate::sinks::remote::RemoteErrorKind;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sinks::kibana_index) enum RunFault {
    /// One of the documents', or several.
    Documents,
    /// The index, to which all documents go. The word is ours and contains no content.
    Index(&'static str),
    /// A full disk behind it.
    Disk(&'static str),
    /// The network, or a busy node: it passes.
    Passing(&'static str),
    /// The words are none that are known.
    Unknown,
}

use RunFault::{Disk, Documents, Index, Passing};

/// Texts of which each shows whose fault it is; earlier lines win. Faults of documents come before those of
/// the index, because their reasons quote content, which may contain any text.
const SIGNS: &[(&str, RunFault)] = &[
    // A template that cannot be applied has the same text as a document that cannot be parsed.
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

/// All that Elasticsearch says about a document for a closed index.
const CLOSED: &str = "closed";

impl RunFault {
    /// Reads the reasons of a failed run.
    pub(in crate::sinks::kibana_index) fn of(message: &str) -> Self {
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

    /// What it means for the batch; `None` if documents are at fault.
    pub(in crate::sinks::kibana_index) fn kind(self, connector: &str) -> Option<RemoteErrorKind> {
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

/// Whether the text begins with a position in a document, as reasons do since Elasticsearch 8: `[1:23] …`.
fn is_place(message: &str) -> bool {
    let place = message.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map(|(place, _)| place);
    let numbers = place.and_then(|place| place.split_once(':'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(line, column)| is_number(line) && is_number(column))
}
