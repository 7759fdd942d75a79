//! The HTTP interface of a running daemon: health, status, and the changes that an operator makes.
//!
//! ```text
//! GET  /healthz   GET /readyz                        for anyone
//! GET  /metrics   GET /api/v1/status                 for this machine
//! GET  /api/v1/checkpoints   GET /api/v1/backfills   with the token
//! GET  /api/v1/tail                                  with the token
//! GET  /api/v1/verifications                         with the token
//! POST /api/v1/…                                     with the token
//! …    /api/actions/…   /api/spaces/…   /s/…         with the token or an API key
//! ```

pub mod access;
mod body;
mod changes;
pub mod client;
mod connection;
mod guard;
mod kibana;
pub mod listener;
pub mod metrics;
pub mod pages;
mod server;
mod tail;
