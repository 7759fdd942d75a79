//! Cursor in, page out: reads OpenAI's lists so that no record is lost although the lists are hostile.
//!
//! The lists drop records that share a second with a cursor, answer in an undocumented order, and show records late. So no list
//! cursor is ever trusted. A [`Cursor`] keeps a *watermark*, a second, before which everything is delivered; the ids delivered
//! *ahead* of it are held. A record is skipped only if its second is earlier than the watermark, or its id is held, or this very
//! reading has covered its second. A *tail* polls for what is new; a *sweep* reads again everything after the watermark, and only
//! then may the watermark move: to the time before the sweep's first request less the overlap, or to the newest second delivered if
//! that is earlier. From this follows the guarantee: a record that shows no later than the overlap after its second is delivered,
//! whatever the order, the ties, the restarts and the clocks.
//!
//! The crate knows HTTP and OpenAI. It does not know where records go, nor how a cursor is kept.

mod again;
mod anchors;
mod apply;
mod budget;
mod by_anchor;
mod by_time;
mod client;
mod clock;
mod crowd_search;
mod crowded;
mod cursor;
mod damaged;
mod decide;
mod decoded;
mod dedup;
mod doubt;
mod error;
mod head;
mod ids;
mod key;
mod lists;
mod messages;
mod names;
mod new_records;
mod newest_date;
mod observed;
mod page;
mod page_size;
mod plausible;
mod proxied;
mod reader;
mod record;
mod refusal;
mod repeated_page;
mod request;
mod source;
mod source_counters;
mod tenant;
mod time_slice;
mod tls;
mod transport;
mod walk;

pub use anchors::{Anchor, Anchors};
pub use apply::{Change, Page};
pub use budget::{KeyBudget, Lane};
pub use client::{Client, ClientSettings, ListAnswer};
pub use clock::Clock;
pub use cursor::{Cursor, Direction, Sweep, Task};
pub use dedup::PartChange;
pub use error::{CollectError, CollectErrorKind, KeyShape, WrongKeyClass};
pub use head::{KNOWN_FIELDS, LAST_SECOND, TimeField};
pub use key::check_key;
pub use lists::{AuditLogs, ChatCompletions, List, Paging};
pub use messages::{AskMessages, MessagesPage};
pub use newest_date::newest_date;
pub use observed::{Exchange, Failed, RequestObserver, observe_requests};
pub use page::{ListPage, Malformed};
pub use reader::{Reader, Step, dedup_ids};
pub use record::{IdHash, Record, Unusable};
pub use refusal::retry_after;
pub use source::{Hello, Source};
pub use source_counters::{Anomaly, Outcomes, RequestOutcome, SourceCounters};
pub use tenant::TenantWalk;
pub use time_slice::TimeSlice;
pub use transport::{ClientIdentity, Http, HttpSettings, Response, Transport, TransportError, Verification};
pub use walk::Timing;

/// Records asked for in every request: the most that the API is known to answer.
pub const LIMIT: usize = 100;
