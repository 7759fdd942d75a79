//! Cursor in, page out: reads OpenAI's lists so that no record is lost although the lists are hostile.

mod clock;
mod record;

pub use clock::Clock;
pub use record::{IdHash, Record, Unusable};
