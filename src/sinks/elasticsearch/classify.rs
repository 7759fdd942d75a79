//! The response to a `_bulk` request: which rows are stored, which never will be, and which must be sent
//! again.
//!
//! The status of an item does not show whether the row or the index is at fault: a closed index responds with
//! 400 to every row. For known errors `error.type` shows it. For others the neighbours do: if a row fails
//! while others of the same request are accepted, the row is at fault. Only the number of items and their
//! status are required: everything else may be missing or `null`.

use std::{borrow::Cow, time::Duration};

use collectors::Response;
use http::StatusCode;
use memchr::memmem;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

use super::client::Cluster;
use crate::{
    config::OpType,
    sinks::{
        Receipt, Refused,
        http::{asks_for_credentials, intercepted},
        remote::{RemoteError, RemoteErrorKind, plain},
    },
    units::counted,
};

/// The filter for a response. With the status of each item no row is lost, because items are identified by
/// position.
pub(super) const FILTER: &str =
    "errors,items.*.status,items.*.failure_store,items.*.error.type,items.*.error.reason";

/// The outcome of the rows of one request, counted from 0.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// The rows that are done.
    pub(super) receipt: Receipt,
    /// The rows to be sent again.
    pub(super) left: Vec<usize>,
    /// The gravest reason for that.
    pub(super) fault: Option<ItemFault>,
    /// Rows whose error does not say whether they are at fault.
    pub(super) doubts: Vec<DoubtfulRow>,
    /// Whether the witness, sent in front of the rows, was accepted.
    pub(super) witnessed: bool,
    /// Rows that the data stream could not index and kept in its failure store.
    pub(super) in_failure_store: u64,
}

/// A row that failed because of itself or of its index: its neighbours decide.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DoubtfulRow {
    pub(super) row: usize,
    /// Whether one such response is enough. One that may pass (429, 500) must come several times.
    pub(super) is_final: bool,
    pub(super) reason: String,
    /// What is at fault if the row is not.
    pub(super) fault: ItemFault,
}

/// Why a row must be sent again, the gravest reason last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ItemFault {
    /// The node asks to send less.
    Throttled,
    /// The node or the shard has a problem.
    Overloaded(u16),
    /// Nothing is said of the row.
    Silent,
    /// There is no disk space left.
    StorageFull(String),
    /// The index accepts nothing, or the cluster does not, for an unknown reason.
    Place(String),
    /// The index is not there.
    Missing,
    /// The key may not write to it.
    Forbidden(String),
}

impl ItemFault {
    /// The failure that a route meets.
    pub(super) fn kind(self, index: &str) -> RemoteErrorKind {
        let place = || format!("index \"{index}\"");
        match self {
            Self::Throttled => RemoteErrorKind::Throttled { retry_after: None },
            Self::Overloaded(status) => RemoteErrorKind::Overloaded { status, retry_after: None },
            Self::Silent => RemoteErrorKind::NotUnderstood("items without a status".to_owned()),
            Self::StorageFull(code) => RemoteErrorKind::StorageFull { code },
            Self::Place(code) => RemoteErrorKind::PlaceAtFault { place: place(), code },
            Self::Missing => RemoteErrorKind::NotFound { what: place() },
            Self::Forbidden(code) => RemoteErrorKind::Forbidden { code },
        }
    }
}

/// The error of a request or an item. Any part of it may be missing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Error<'a> {
    #[serde(rename = "type", borrow, default, deserialize_with = "text_or_nothing")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub(super) reason: Cow<'a, str>,
}

/// A text; empty for any other type.
fn text_or_nothing<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'a, str>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Found<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Other(IgnoredAny),
    }
    Ok(match Found::deserialize(deserializer)? {
        Found::Text(text) => text,
        Found::Other(IgnoredAny) => Cow::default(),
    })
}

#[derive(Deserialize)]
struct BulkAnswer<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct BulkItem<'a> {
    #[serde(borrow, alias = "index")]
    create: ItemOutcome<'a>,
}

#[derive(Deserialize)]
struct ItemOutcome<'a> {
    status: u16,
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    failure_store: Cow<'a, str>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// The error in JSON; empty if it has not the cluster's own form.
pub(super) fn error(json: &str) -> Error<'_> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Reads the response to a request of this many rows, with a witness in front of them or without. An error
/// says why it is not such a response.
pub(super) fn read(body: &[u8], rows: usize, witness: bool, op_type: OpType) -> Result<Answered, String> {
    if !witness && let Some(all_taken) = at_a_glance(body, rows) {
        return Ok(all_taken);
    }
    // The parser's own message could quote content.
    let answer: BulkAnswer<'_> = serde_json::from_slice(body).map_err(|error| {
        format!("not a response to _bulk (line {}, column {})", error.line(), error.column())
    })?;
    let sent = rows + usize::from(witness);
    if answer.items.len() != sent {
        return Err(format!(
            "{} for {}",
            counted(answer.items.len() as u64, "item"),
            counted(sent as u64, "row")
        ));
    }
    let mut items = answer.items.into_iter();
    let mut answered = Answered::default();
    if witness && let Some(item) = items.next() {
        let mut its = Answered::default();
        its.add(0, item, op_type);
        answered.witnessed = its.passed();
    }
    items.enumerate().for_each(|(row, item)| answered.add(row, item, op_type));
    Ok(answered)
}

/// Where `errors` is in a response: after the duration, which some clusters add unasked.
const HEAD_BYTES: usize = 64;

/// The common response, recognised without parsing its thousands of items: no errors, each row newly stored,
/// none in the failure store.
pub(super) fn at_a_glance(body: &[u8], rows: usize) -> Option<Answered> {
    let created = memmem::find_iter(body, b"\"status\":201").count();
    let head = &body[..body.len().min(HEAD_BYTES)];
    let plain = memmem::find(head, b"\"errors\":false,").is_some() && body.ends_with(b"}}]}");
    let indexed = memmem::find(body, b"\"failure_store\":\"used\"").is_none();
    let receipt = Receipt { accepted: rows as u64, ..Receipt::default() };
    (plain && indexed && created == rows).then(|| Answered { receipt, ..Answered::default() })
}

impl Answered {
    /// Whether any row is there.
    pub(super) fn passed(&self) -> bool {
        self.receipt.accepted + self.receipt.already_there > 0
    }

    /// Whether a smaller request might have been accepted.
    pub(super) fn is_throttled(&self) -> bool {
        matches!(self.fault, Some(ItemFault::Throttled | ItemFault::Silent))
    }

    /// The row must be sent again, for this reason.
    pub(super) fn leave(&mut self, row: usize, fault: ItemFault) {
        self.left.push(row);
        self.fault = self.fault.take().max(Some(fault));
    }

    fn add(&mut self, row: usize, item: &RawValue, op_type: OpType) {
        let Ok(BulkItem { create: ItemOutcome { status, failure_store, error: json } }) =
            serde_json::from_str(item.get())
        else {
            return self.leave(row, ItemFault::Silent);
        };
        let error = json.map(|json| error(json.get())).unwrap_or_default();
        let reason = || format!("{}: {}", error.kind, error.reason);
        match (status, op_type) {
            // With `create` only new documents are stored; with `index` a 200 means that an older version was
            // replaced.
            (200, OpType::Index) => self.receipt.already_there += 1,
            (200..=299, _) => {
                self.receipt.accepted += 1;
                self.in_failure_store += u64::from(failure_store == "used");
            }
            (409, OpType::Create) if error.kind == "version_conflict_engine_exception" => {
                self.receipt.already_there += 1;
            }
            _ => match blame(status, &error) {
                Blame::Row => {
                    self.receipt.refused.push(Refused { index: row, kind: "refused", reason: reason() });
                }
                Blame::Place => self.leave(row, fault(status, &error)),
                Blame::Unknown { is_final } => {
                    let (reason, fault) = (format!("status {status}, {}", reason()), fault(status, &error));
                    self.doubts.push(DoubtfulRow { row, is_final, reason, fault });
                }
            },
        }
    }
}

/// Who is at fault, as far as the error says.
enum Blame {
    /// The row: no other row would be refused for this, and this one always would be.
    Row,
    /// The place, or the moment.
    Place,
    /// One of the two.
    Unknown { is_final: bool },
}

fn blame(status: u16, error: &Error<'_>) -> Blame {
    /// The beginning of an `illegal_argument_exception` about a row; others are about pipelines, aliases,
    /// data streams.
    const OF_THE_ROW: [&str; 4] =
        ["Limit of total fields", "immense term", "bytes can be at most", "number of nested documents"];
    /// A row may meet these although an earlier row of its request did not: they are about the index, the
    /// key, a shard or a node. Types that the two products name differently are listed twice.
    const OF_THE_PLACE: [&str; 16] = [
        "index_closed_exception",
        "index_not_found_exception",
        "invalid_index_name_exception",
        "cluster_block_exception",
        "security_exception",
        "circuit_breaking_exception",
        "es_rejected_execution_exception",
        "rejected_execution_exception",
        "unavailable_shards_exception",
        "no_shard_available_action_exception",
        "process_cluster_event_timeout_exception",
        "master_not_discovered_exception",
        "cluster_manager_not_discovered_exception",
        "node_closed_exception",
        "node_not_connected_exception",
        "node_disconnected_exception",
    ];
    match (status, &*error.kind) {
        (
            400,
            "mapper_parsing_exception" | "document_parsing_exception" | "strict_dynamic_mapping_exception",
        ) => Blame::Row,
        (400, "illegal_argument_exception") if OF_THE_ROW.iter().any(|text| error.reason.contains(text)) => {
            Blame::Row
        }
        (_, kind) if OF_THE_PLACE.contains(&kind) => Blame::Place,
        // A pipeline that fails for a row, or a node with a problem.
        (408 | 429 | 500.., _) => Blame::Unknown { is_final: false },
        (401 | 403 | 404 | 409, _) => Blame::Place,
        (400..=499, _) => Blame::Unknown { is_final: true },
        _ => Blame::Place,
    }
}

/// What is at fault instead.
pub(super) fn fault(status: u16, error: &Error<'_>) -> ItemFault {
    let code = || plain(&error.kind);
    match (status, &*error.kind) {
        // Only the disk's flood stage blocks with this status.
        (429, "cluster_block_exception") => ItemFault::StorageFull(code()),
        (429, _) | (_, "circuit_breaking_exception") => ItemFault::Throttled,
        // A conflict other than that of a repeated `create` is between two writers, and passes.
        (408 | 409 | 500.., _) => ItemFault::Overloaded(status),
        (_, "index_not_found_exception") => ItemFault::Missing,
        (_, "security_exception") => ItemFault::Forbidden(code()),
        (_, _) => ItemFault::Place(code()),
    }
}

/// The outcome of a `_bulk` request as a whole.
pub(super) enum BulkReply {
    /// It was carried out; this is the outcome of each row.
    Items(Response),
    /// Something in it was refused, and so was all of it.
    Refused(RemoteError, String),
    /// It is larger than accepted, or said to be; the error is for the case that this cannot be true.
    TooLarge(RemoteError),
}

/// Reads the status of a response to rows.
pub(super) fn reply(cluster: &Cluster, response: Response, index: &str) -> Result<BulkReply, RemoteError> {
    match response.status {
        StatusCode::OK => Ok(BulkReply::Items(response)),
        StatusCode::PAYLOAD_TOO_LARGE => {
            let kind = RemoteErrorKind::Overloaded {
                status: response.status.as_u16(),
                retry_after: cluster.retry_after(&response.headers),
            };
            Ok(BulkReply::TooLarge(cluster.error(kind, &response.headers)))
        }
        StatusCode::BAD_REQUEST => {
            let reason = own_error(&response.body).unwrap_or_default().reason.into_owned();
            Ok(BulkReply::Refused(cluster.refusal(&response, index), reason))
        }
        _ => {
            let error = cluster.refusal(&response, index);
            // A firewall rule that one row matches.
            if matches!(error.kind, RemoteErrorKind::Intercepted { .. }) {
                return Ok(BulkReply::Refused(error, intercepted(response.status)));
            }
            Err(error)
        }
    }
}

/// The meaning of a status other than 2xx.
pub(super) fn refusal(response: &Response, index: &str, retry_after: Option<Duration>) -> RemoteErrorKind {
    let own = own_error(&response.body);
    let is_own = own.is_some() || asks_for_credentials(response);
    let error = own.unwrap_or_default();
    let code = || plain(&error.kind);
    let status = response.status.as_u16();
    match status {
        401 | 403 if !is_own && is_denied_by_aws(&response.body) => RemoteErrorKind::PolicyDenied { status },
        401 | 403 if !is_own => RemoteErrorKind::Intercepted { status },
        // Only a proxy asks for this.
        407 => RemoteErrorKind::Intercepted { status },
        401 => RemoteErrorKind::Unauthorized { code: code() },
        // A block of the index or the cluster does not concern the key.
        403 if error.kind != "cluster_block_exception" => RemoteErrorKind::Forbidden { code: code() },
        404 if error.kind != "index_not_found_exception" => {
            RemoteErrorKind::NotFound { what: "_bulk at this address".to_owned() }
        }
        429 if error.kind != "cluster_block_exception" => RemoteErrorKind::Throttled { retry_after },
        408 | 500.. => RemoteErrorKind::Overloaded { status, retry_after },
        403 | 404 | 429 => fault(status, &error).kind(index),
        _ => RemoteErrorKind::Refused { status, code: code() },
    }
}

/// The error in a body, if it has the cluster's own form; empty if it is only a text.
fn own_error(body: &[u8]) -> Option<Error<'_>> {
    #[derive(Deserialize)]
    struct ClusterErrorBody<'a> {
        #[serde(borrow)]
        error: &'a RawValue,
    }
    serde_json::from_slice::<ClusterErrorBody<'_>>(body).ok().map(|body| error(body.error.get()))
}

/// Whether this is how Amazon OpenSearch Service refuses, before the cluster sees the request: an object of its own form,
/// with the words of IAM. A firewall may answer in that form as well, but not in these words.
fn is_denied_by_aws(body: &[u8]) -> bool {
    const WORDS: [&str; 5] = [
        "is not authorized to perform",
        "security token included in the request",
        "request signature we calculated",
        "Missing Authentication Token",
        "Authorization header",
    ];
    #[derive(Deserialize)]
    struct Denial<'a> {
        #[serde(borrow, alias = "Message")]
        message: Cow<'a, str>,
    }
    let denial = serde_json::from_slice::<Denial<'_>>(body);
    denial.is_ok_and(|denial| WORDS.iter().any(|words| denial.message.contains(words)))
}
