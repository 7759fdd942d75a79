//! Cursor in, page out: reads OpenAI's lists so that no record is lost although the lists are hostile.

mod client;
mod clock;
mod error;
mod head;
mod page;
mod record;
mod refusal;
mod transport;

pub use client::{Answer, Client, ClientSettings, KeyBudget, Lane, check_key_class};
pub use clock::Clock;
pub use error::{CollectError, CollectErrorKind, WrongKeyClass};
pub use head::LAST_SECOND;
pub use page::{ListPage, Malformed};
pub use record::{IdHash, Record, Unusable};
pub use transport::{Http, HttpSettings, Response, Transport, TransportError};
