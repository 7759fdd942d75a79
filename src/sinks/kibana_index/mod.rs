//! Documents through Kibana's index connector, where Elasticsearch itself cannot be reached. The connector gives documents
//! no ids: what is sent again is duplicated, unless the index has a pipeline that sets them.
//!
//! | file | what it does |
//! | --- | --- |
//! | `config/sink/kibana_index.rs` | settings |
//! | `client` | one request and its raw answer |
//! | `encode` | records to the body of a request; `encode/numbers` quotes numbers that JavaScript would change |
//! | `classify` | an answer to its outcome; `classify/run_fault` reads the reasons of a failed run |
//! | `delivery` | one batch: the loop over its requests |
//! | `sink` | the `Sink`, and the connectors that it uses |
//! | `check` | `ccfd check` |
//! | `tests` | unit tests |
//! | `connector` | the connector of a source: found by its name, or made |

mod check;
mod classify;
mod client;
mod connector;
mod delivery;
mod encode;
mod sink;
#[cfg(test)]
mod tests;

pub use client::Client as KibanaClient;
pub use sink::KibanaIndexSink;
