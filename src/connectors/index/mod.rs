//! `.index`: documents into an index.

mod target;

pub use target::{IndexFailure, IndexTarget, IndexWrite, IndexedItem};
