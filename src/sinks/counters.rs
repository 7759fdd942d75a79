//! What a sink that talks to a service has counted since it was built.

use std::sync::{Mutex, MutexGuard, PoisonError};

use collectors::{Outcomes, RequestOutcome, Response, TransportError};

/// The counters of a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkCounters {
    /// Requests with rows, and those that check or prepare; not those for tokens.
    pub requests: Outcomes,
    /// New tokens; `None` where the sink needs none.
    pub tokens: Option<TokenCounters>,
}

/// How often a new token was requested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCounters {
    /// It was issued.
    pub issued: u64,
    /// It was not.
    pub failed: u64,
}

/// Counts for one sink, from any thread.
#[derive(Debug, Default)]
pub struct SinkCounter(Mutex<SinkCounters>);

impl SinkCounter {
    /// For a sink that needs tokens.
    pub fn with_tokens() -> Self {
        Self(Mutex::new(SinkCounters { tokens: Some(TokenCounters::default()), ..SinkCounters::default() }))
    }

    /// Counts a request.
    pub fn request(&self, sent: &Result<Response, TransportError>) {
        *self.held().requests.entry(RequestOutcome::of(sent)).or_default() += 1;
    }

    /// Counts a token that was asked for.
    pub fn token(&self, is_issued: bool) {
        let mut held = self.held();
        let tokens = held.tokens.get_or_insert_default();
        let times = if is_issued { &mut tokens.issued } else { &mut tokens.failed };
        *times += 1;
    }

    /// What was counted so far.
    pub fn read(&self) -> SinkCounters {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, SinkCounters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
