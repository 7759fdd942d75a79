//! The Logs Ingestion API of Azure Monitor: rows for a data collection rule, which brings them to Microsoft Sentinel.
//! It takes rows without looking whether they are there: repeated batches are duplicated.
//!
//! | file | what it does |
//! | --- | --- |
//! | `config/sink/logs_ingestion.rs` | settings |
//! | `client` | one request and its raw answer |
//! | `compare` | what a workspace holds, for `ccfd verify` |
//! | `encode` | records to the body of a request; `encode/fields` and `encode/packed` cut what Azure would cut |
//! | `classify` | an answer to its outcome |
//! | `delivery` | one batch: the loop over its requests |
//! | `sink` | the `Sink`, and how it is connected |
//! | `check` | `ccfd check` |
//! | `tests` | unit tests |
//! | `auth/` | the tokens of Entra ID |

mod auth;
mod check;
mod classify;
mod client;
mod compare;
mod delivery;
mod encode;
mod sink;
#[cfg(test)]
mod tests;

pub use compare::LogsIngestionRows;
pub use sink::LogsIngestionSink;
