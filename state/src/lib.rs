//! Durable checkpoints on sled. The crate does not know what a cursor means.
//!
//! A [`Store`] is a directory. It contains named checkpoints, each a *head* (one small value of the caller's
//! type) and *parts* (small values under small keys), which change together in one durable step:
//!
//! ```text
//! <dir>/holder.json       locked while the store is open; says by whom
//! <dir>/cursors/          sled
//! <dir>/checkpoints.json  a checksummed copy of the heads, at most seconds old, to recover from
//! ```
//!
//! Opening never fails because of a kill, never silently starts empty, and never deletes a damaged store:
//! what was recovered, and from what, is in [`Recovery`].

mod checkpoint;
mod engine;
mod envelope;
mod error;
mod files;
mod group;
mod holder;
mod layout;
mod open;
mod sidecar;
mod store;
mod worker;

pub use checkpoint::{CursorStore, Part, PartChange, Saved};
pub use error::StateError;
pub use holder::{LockGuard, NotHeld};
pub use open::Recovery;
pub use store::{Opened, Store, StoreOptions};
