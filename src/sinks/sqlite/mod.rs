//! The embedded tables: one SQLite database that holds every table. Repeats are harmless: a row is known by its time and id.
//!
//! | file | what it does |
//! | --- | --- |
//! | `config/sink/sqlite.rs` | settings |
//! | `database` | in the place of a client: the open database, and one transaction |
//! | `encode` | records to rows |
//! | `classify` | an error code to its outcome |
//! | `sink` | the `Sink`, and the thread of its database |
//! | `check` | `ccfd check` |
//! | `tests` | unit tests |
//! | `schema`, `log`, `retain` | the tables, the write-ahead log, and which rows are removed |
//! | `query`, `functions` | `ccfd query`, and the hashes that its SQL may use |
//! | `compare` | `ccfd verify` |
//! | `past` | records read back, for `ccfd rules test` |

mod check;
mod classify;
mod compare;
mod database;
mod encode;
pub mod functions;
mod log;
mod past;
pub mod query;
mod retain;
mod schema;
mod sink;
#[cfg(test)]
mod tests;

pub(crate) use classify::of_database;
pub use compare::SqliteRows;
pub use past::past_records;
pub use sink::SqliteSink;
