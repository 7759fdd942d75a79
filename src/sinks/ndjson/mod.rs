//! Files of lines, one JSON object each, below a directory; or standard output. Repeated batches are duplicated.
//!
//! | file | what it does |
//! | --- | --- |
//! | `config/sink/ndjson.rs` | settings |
//! | `dir` | in the place of a client: appends lines to the file of the day |
//! | `encode` | records to lines |
//! | `sinks/disk.rs` | classifies what the operating system answers |
//! | `sink` | the `Sink`, and its open target |
//! | `check` | `ccfd check` |
//! | `tests` | unit tests |
//! | `compare` | `ccfd verify` |
//! | `past` | records read back, for `ccfd rules test` and `ccfd usage` |
//! | `name`, `retain` | how files are named, and which of them are removed |

mod check;
mod compare;
mod dir;
mod encode;
mod name;
mod past;
mod retain;
mod sink;
#[cfg(test)]
mod tests;

pub use compare::NdjsonRows;
pub use past::{past_lines, past_records};
pub use sink::NdjsonSink;
