//! Where documents of `.index` go: embedded tables, or an Elasticsearch sink.

use async_trait::async_trait;
use serde_json::{Map, Value};

/// Documents for one index.
#[derive(Debug)]
pub struct IndexWrite<'a> {
    /// The index.
    pub index: &'a str,
    /// Each is created under an id of its own.
    pub documents: &'a [Map<String, Value>],
    /// Whether a search that follows must find them.
    pub refresh: bool,
}

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct IndexFailure {
    /// In a sentence.
    pub reason: String,
    /// Whether another attempt may help.
    pub is_temporary: bool,
    /// Whether documents may have been sent.
    pub is_sent: bool,
}

impl IndexFailure {
    /// The same again fails again.
    pub fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_temporary: false, is_sent: false }
    }
}

/// Where documents of `.index` go.
#[async_trait]
pub trait IndexTarget: Send + Sync {
    /// Writes them, and returns the bulk response of Elasticsearch: what came of each, in their order.
    async fn write(&self, write: IndexWrite<'_>) -> Result<Value, IndexFailure>;
}
