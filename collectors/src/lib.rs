//! Reads OpenAI's lists completely: a cursor goes in, new records and the next cursor come out.
//!
//! # Terms
//!
//! - A *record* has an id and a *second*, the whole second that dates it. Several records may share a second.
//! - A *walk* reads one list with one [`Cursor`]. The *watermark* of a cursor is a second before which everything is delivered. Its
//!   *dedup set* holds the ids of delivered records at or after the watermark.
//! - A *tail* polls for what is new. A *sweep* reads everything after the watermark again, slice by slice. A *time slice* is a
//!   stretch of time of which a part is not read yet.
//! - The *overlap* is the longest time that a record may take to show in the list.
//! - A *crowded second* holds more records than a page shows; an *anchor* is a record behind which a page is asked for.
//!
//! # Guarantee
//!
//! A record that shows within the overlap of its second is delivered, and delivered once, if the caller delivers each page before it
//! commits the page's cursor. After a crash, records of pages that were delivered but not committed are delivered again. This holds
//! whatever the list does: drop records that share a second with a cursor, answer in another order, show records late, answer
//! with a page of another request, or with an error.
//!
//! # Proof
//!
//! 1. A record is skipped only if its second is before the watermark, if its id is in the dedup set, or if its second is
//!    outside of what its slice has left to read. (`walk/new_records.rs`)
//! 2. A page takes from its slice only seconds that it shows whole: the last second of a page is asked for again, and a second that
//!    fills a page is searched by itself. (`walk/by_time.rs`, `walk/by_anchor.rs`, `walk/crowded/`)
//! 3. A page counts only if it can be the answer to its request; otherwise the request is repeated. (`doubt/`)
//! 4. The watermark rises with a sweep alone, to the time before the sweep's first request less the overlap at most: every record
//!    with an earlier second showed before the sweep asked for it, so by 1 to 3 it was delivered. (`walk/decide.rs`)
//! 5. Ids leave the dedup set only when their second lies before the watermark or is read for the last time, so nothing is delivered
//!    twice. (`walk/dedup.rs`)
//!
//! The crate knows HTTP and OpenAI. It does not know where records go, or how a cursor is kept.

mod doubt;
mod error;
mod http;
mod lists;
mod page;
mod reader;
mod source;
mod source_counters;
mod tenant;
mod walk;

pub use error::{CollectError, CollectErrorKind, KeyShape, WrongKeyClass};
pub use http::budget::{KeyBudget, Lane};
pub use http::client::{Client, ClientSettings, ListAnswer};
pub use http::clock::Clock;
pub use http::key::check_key;
pub use http::newest_date::newest_date;
pub use http::observed::{Exchange, Failed, RequestObserver, observe_requests};
pub use http::refusal::retry_after;
pub use http::transport::{
    ClientIdentity, Http, HttpSettings, Response, Transport, TransportError, Verification,
};
pub use lists::{AuditLogs, ChatCompletions, List, Paging};
pub use page::head::{KNOWN_FIELDS, LAST_SECOND, TimeField};
pub use page::messages::{AskMessages, MessagesPage};
pub use page::record::{IdHash, Record, Unusable};
pub use page::{ListPage, Malformed};
pub use reader::{Reader, Step, dedup_ids};
pub use source::{Hello, Source};
pub use source_counters::{Anomaly, Outcomes, RequestOutcome, SourceCounters};
pub use tenant::TenantWalk;
pub use walk::Timing;
pub use walk::anchors::{Anchor, Anchors};
pub use walk::apply::{Change, Page};
pub use walk::cursor::{Cursor, Direction, Sweep, Task};
pub use walk::dedup::PartChange;
pub use walk::time_slice::TimeSlice;

/// Records asked for in every request: the most that the API is known to answer.
pub const LIMIT: usize = 100;
