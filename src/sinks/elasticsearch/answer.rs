//! The answer to a `_bulk` request: which rows are there, which never will be, and which must be sent again.
//!
//! The status of an item does not tell whether the row or the place is at fault: a closed index answers 400 to every
//! row. `error.type` does. What is not known to be the row's fault is the place's, so that nothing is rejected by mistake.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;

use crate::config::OpType;
use crate::sinks::remote::{RemoteErrorKind, plain};
use crate::sinks::{Receipt, Refused};

/// What is asked for of an answer. With the status of each item none of them vanishes: they are told apart by place.
pub(super) const FILTER: &str =
    "errors,items.*.status,items.*.failure_store,items.*.error.type,items.*.error.reason";

/// What became of the rows of one request, which are counted from 0.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// The settled rows.
    pub(super) receipt: Receipt,
    /// The rows to be sent again.
    pub(super) left: Vec<usize>,
    /// The gravest reason for that.
    pub(super) fault: Option<Fault>,
    /// Rows that the data stream could not index, and kept in its failure store.
    pub(super) in_failure_store: u64,
}

/// Why a row is left, the gravest last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The node asks to send less.
    Throttled,
    /// The node, or the shard, is not well.
    Overloaded(u16),
    /// There is no disk space left.
    StorageFull(String),
    /// The index takes nothing, or the cluster does not for a reason that is not known.
    Place(String),
    /// The index is not there.
    Missing,
    /// The key may not write to it.
    Forbidden(String),
}

impl Fault {
    /// The failure that a route meets.
    pub(super) fn kind(self, index: &str) -> RemoteErrorKind {
        let place = || format!("index \"{index}\"");
        match self {
            Self::Throttled => RemoteErrorKind::Throttled { retry_after: None },
            Self::Overloaded(status) => RemoteErrorKind::Overloaded { status, retry_after: None },
            Self::StorageFull(code) => RemoteErrorKind::StorageFull { code },
            Self::Place(code) => RemoteErrorKind::PlaceAtFault { place: place(), code },
            Self::Missing => RemoteErrorKind::NotFound { what: place() },
            Self::Forbidden(code) => RemoteErrorKind::Forbidden { code },
        }
    }
}

/// The error that a request or an item is answered with.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Error<'a> {
    #[serde(rename = "type", borrow, default)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) reason: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, alias = "index")]
    create: Outcome<'a>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    status: u16,
    #[serde(borrow)]
    failure_store: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<Error<'a>>,
}

/// Reads the answer to a request of so many rows; why it is not one otherwise.
pub(super) fn read(body: &[u8], rows: usize, op_type: OpType) -> Result<Answered, String> {
    if let Some(all_taken) = at_a_glance(body, rows) {
        return Ok(all_taken);
    }
    // The parser's own text could repeat content.
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| {
        format!("not an answer to _bulk (line {}, column {})", error.line(), error.column())
    })?;
    if answer.items.len() != rows {
        return Err(format!("{} items for {rows} rows", answer.items.len()));
    }
    let mut answered = Answered::default();
    for (index, item) in answer.items.into_iter().enumerate() {
        answered.add(index, item.create, op_type);
    }
    Ok(answered)
}

/// Where `errors` stands in an answer: behind the times that it took, if a cluster tells them unasked.
const HEAD_BYTES: usize = 64;

/// The common answer, told without parsing its thousands of items: no errors, each row newly stored, none put aside.
fn at_a_glance(body: &[u8], rows: usize) -> Option<Answered> {
    let created = memmem::find_iter(body, b"\"status\":201").count();
    let head = &body[..body.len().min(HEAD_BYTES)];
    let plain = memmem::find(head, b"\"errors\":false,").is_some() && body.ends_with(b"}}]}");
    let indexed = memmem::find(body, b"\"failure_store\":\"used\"").is_none();
    let receipt = Receipt { accepted: rows as u64, ..Receipt::default() };
    (plain && indexed && created == rows).then(|| Answered { receipt, ..Answered::default() })
}

impl Answered {
    fn add(&mut self, index: usize, outcome: Outcome<'_>, op_type: OpType) {
        let Outcome { status, failure_store, error } = outcome;
        let error = error.unwrap_or_default();
        let fault = match (status, op_type) {
            // With `create` only what is new is stored; with `index` 200 says that an older version was replaced.
            (200, OpType::Index) => {
                self.receipt.already_there += 1;
                return;
            }
            (200..=299, _) => {
                self.receipt.accepted += 1;
                self.in_failure_store += u64::from(failure_store.is_some_and(|state| state == "used"));
                return;
            }
            (409, OpType::Create) if error.kind == "version_conflict_engine_exception" => {
                self.receipt.already_there += 1;
                return;
            }
            _ if is_of_the_row(status, &error) => {
                let reason = format!("{}: {}", error.kind, error.reason);
                self.receipt.refused.push(Refused { index, kind: "refused", reason });
                return;
            }
            _ => fault(status, &error),
        };
        self.left.push(index);
        self.fault = self.fault.take().max(Some(fault));
    }
}

/// Whether no other row would be refused for this, and this one always.
fn is_of_the_row(status: u16, error: &Error<'_>) -> bool {
    /// What an `illegal_argument_exception` about a row says; others speak of pipelines, aliases, data streams.
    const OF_THE_ROW: [&str; 4] =
        ["Limit of total fields", "immense term", "bytes can be at most", "number of nested documents"];
    match &*error.kind {
        _ if status != 400 => false,
        "mapper_parsing_exception" | "document_parsing_exception" | "strict_dynamic_mapping_exception" => {
            true
        }
        "illegal_argument_exception" => OF_THE_ROW.iter().any(|text| error.reason.contains(text)),
        _ => false,
    }
}

/// What is at fault instead.
pub(super) fn fault(status: u16, error: &Error<'_>) -> Fault {
    let code = || plain(&error.kind);
    match (status, &*error.kind) {
        // Only the flood stage of the disk blocks with this status.
        (429, "cluster_block_exception") => Fault::StorageFull(code()),
        (429, _) => Fault::Throttled,
        // A conflict other than that of a repeated `create` is between two writers, and passes.
        (409 | 500.., _) => Fault::Overloaded(status),
        (_, "index_not_found_exception") => Fault::Missing,
        (_, "security_exception") => Fault::Forbidden(code()),
        (_, _) => Fault::Place(code()),
    }
}

#[cfg(test)]
mod tests;
