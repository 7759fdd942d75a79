//! Documents of Elasticsearch or OpenSearch, written with `_bulk`. A record is known by its id: repeats change nothing.
//!
//! Both products are served by the same plain requests. What they are is asked for where it makes a difference.
//!
//! | file | what it does |
//! | --- | --- |
//! | `config/sink/elasticsearch.rs` | settings |
//! | `client` | one request and its raw answer, at one address after the other |
//! | `encode` | records to the body of a `_bulk` request |
//! | `classify` | an answer to its outcome, by item and as a whole |
//! | `delivery` | one batch: the loop over its requests |
//! | `sink` | the `Sink`, and what its requests share |
//! | `check` | `ccfd check` |
//! | `tests` | unit tests |
//! | `compare` | what an index holds, for `ccfd verify` |
//! | `install` | `ccfd check --install` |
//! | `places` | in which index documents are |
//! | `server` | product and version |
//! | `witness` | a row that passed before, which separates a row's fault from its index's |

mod check;
mod classify;
mod client;
mod compare;
mod delivery;
mod encode;
mod install;
mod places;
mod server;
mod sink;
#[cfg(test)]
mod tests;
mod witness;

pub use compare::ElasticsearchRows;
pub use places::ElasticsearchPlaces;
pub use sink::ElasticsearchSink;
