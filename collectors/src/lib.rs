//! Reads OpenAI's lists completely: a cursor goes in, new records and the next cursor come out.
//!
//! # Terms
//!
//! - A *record* has an id and a *second*: its timestamp in whole Unix seconds. Several records may share a
//!   second.
//! - A *walk* reads one list with one [`Cursor`]. Everything before the cursor's *watermark*, a second, is
//!   delivered. Its *dedup set* holds the ids of delivered records at or after the watermark.
//! - A *tail* polls for new records. A *sweep* reads everything after the watermark again, one *time slice*
//!   after another. A time slice is a range of seconds that is not fully read yet.
//! - The *overlap* is the longest time between a record's second and its appearance in the list.
//! - A *crowded second* holds more records than a page. An *anchor* is a record that a request names in
//!   `after`.
//!
//! # Guarantee
//!
//! A record that appears within the overlap of its second is delivered, and delivered once, provided that the
//! caller delivers each page before it commits the page's cursor. After a crash, pages that were delivered
//! but not committed are delivered again. This holds even if the list drops records that share a second with
//! a cursor, changes its order, shows records late, or answers with an error or the page of another request.
//!
//! # Proof
//!
//! 1. A record is skipped only if its second is before the watermark, its id is in the dedup set, or its
//!    second is outside the unread part of its slice. (`walk/new_records.rs`)
//! 2. A page marks as read only the seconds that it shows whole: its last second is requested again, and a
//!    second that fills a page is searched separately. (`walk/by_time.rs`, `walk/by_anchor.rs`,
//!    `walk/crowded/`)
//! 3. A page counts only if it can be the answer to its request; otherwise the request is repeated.
//!    (`doubt/`)
//! 4. Only a sweep raises the watermark, at most to the start of the sweep minus the overlap. Every record of
//!    an earlier second was visible before the sweep requested it, so by 1 to 3 it was delivered.
//!    (`walk/decide.rs`)
//! 5. An id leaves the dedup set only when its second is before the watermark or will not be read again, so
//!    nothing is delivered twice. (`walk/dedup.rs`)
//!
//! The crate knows HTTP and OpenAI. It does not know where records go or how a cursor is stored.
//!
//! # Files
//!
//! | files | what they do |
//! | --- | --- |
//! | `http/transport`, `http/decoded` | share connections between keys (in a test: a simulator); decompress responses |
//! | `http/tls`, `http/trust`, `http/proxied` | implement `ca_file`; what must not go through a proxy or unencrypted |
//! | `http/client`, `http/budget` | one key, and the server's clock; its rate, and pauses shared by all who use it |
//! | `http/observed`, `http/refusal` | report each request to observers; turn status and body into one kind of error |
//! | `page`, `page/head` | parse a body in one pass |
//! | `page/damaged`, `page/again` | read around a record that is not JSON, and decide when to believe that |
//! | `doubt` | how often to repeat a request before its odd response is believed |
//! | `doubt/plausible`, `doubt/repeated_page` | what about a response cannot be right; pages that answered another request |
//! | `walk/request`, `walk/refused`, `walk/witness` | send one request; handle errors, and those that name no reason |
//! | `walk/decide`, `walk/apply` | derive what follows from a believed page and change nothing; make it true |
//! | `walk/by_time`, `walk/by_anchor` | the two ways of reading a list |
//! | `walk/new_records`, `walk/page_size` | the skip rule; how large pages are |
//! | `walk/crowd_search`, `walk/crowded/` | read a second that has more records than a page |
//! | `walk/dedup` (on `ids`), `anchors`, `time_slice`, `cursor` | the memory of a walk |
//! | `lists/` | one file per list, which contains only data |
//! | `source`, `tenant` | which account a list belongs to; whether tenant-scoped events are listed separately |
//! | `page/messages` | a completion's messages |
//! | `source_counters` | count for operators |

mod doubt;
mod error;
mod http;
mod lists;
mod page;
mod reader;
mod reasons;
mod source;
mod source_counters;
mod tenant;
mod walk;

pub use error::{CollectError, CollectErrorKind, KeyShape, WrongKeyClass};
pub use http::{
    budget::{KeyBudget, Lane},
    client::{Client, ClientSettings, ListAnswer, RequestIds},
    clock::Clock,
    key::check_key,
    names::SystemNames,
    newest_date::newest_date,
    observed::{Exchange, FailedRequest, RequestObserver, observe_requests},
    refusal::retry_after,
    transport::{ClientIdentity, Http, HttpSettings, Response, TlsVerification, Transport, TransportError},
    trust::{TlsTrust, cause_of, tls_failure},
};
pub use lists::{AuditLogs, ChatCompletions, FilterField, List, Paging};
pub use page::{
    ListPage, Malformed,
    head::{KNOWN_FIELDS, LAST_SECOND, TimeField},
    messages::{AskMessages, MessagesPage},
    record::{IdHash, Record, Unusable},
};
pub use reader::{Reader, ReaderStep, dedup_ids};
pub use reasons::with_reasons;
pub use source::{Hello, Source};
pub use source_counters::{Anomaly, Outcomes, RequestOutcome, SourceCounters, UNSURE_SECONDS_MAX};
pub use tenant::TenantWalk;
pub use walk::{
    Timing,
    anchors::{Anchor, Anchors},
    apply::{Change, Page},
    crowded::CrowdProgress,
    cursor::{Cursor, Direction, Sweep, Task},
    dedup::PartChange,
    time_slice::TimeSlice,
};

/// Records per request: the most that the API is known to return.
pub const LIMIT: usize = 100;
