//! The store through its public interface, and what it survives.

#![allow(clippy::unwrap_used)]

mod checkpoints;
mod format;
mod kill;
mod locking;
mod model;
mod recovery;
mod support;
