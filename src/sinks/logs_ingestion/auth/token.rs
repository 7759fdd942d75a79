//! The token in use. It is replaced early, and if that fails it is used until it expires. Only differences of
//! the clock count, because its time of day may be wrong.

use std::sync::{Arc, Mutex, PoisonError};

use collectors::Clock;

use super::credential::{Credential, Token};
use crate::sinks::{counters::SinkCounter, remote::RemoteError};

/// The time in seconds between two attempts to replace a token that still works.
const RETRY: i64 = 60;

/// Hands out tokens for one identity.
pub(in crate::sinks::logs_ingestion) struct Tokens {
    credential: Credential,
    clock: Clock,
    meter: Arc<SinkCounter>,
    held: Mutex<Option<CachedToken>>,
    /// Held while a new one is requested.
    asking: tokio::sync::Mutex<()>,
}

struct CachedToken {
    token: Token,
    /// When it was issued, by the local clock.
    since: i64,
    /// When to replace it, by the same clock.
    due: i64,
    /// Whether it was logged that an attempt to replace it failed.
    logged: bool,
}

impl Tokens {
    /// Tokens of this identity; none is requested yet.
    pub(in crate::sinks::logs_ingestion) fn new(
        credential: Credential,
        clock: Clock,
        meter: Arc<SinkCounter>,
    ) -> Self {
        Self { credential, clock, meter, held: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// A token that has not expired. If it is due for replacement, that starts in the background; the caller
    /// waits only if no token works.
    pub(in crate::sinks::logs_ingestion) async fn get(self: &Arc<Self>) -> Result<Token, RemoteError> {
        if let Some(token) = self.working() {
            if self.is_due() {
                let tokens = self.clone();
                tokio::spawn(async move { tokens.replace_early().await });
            }
            return Ok(token);
        }
        let _asking = self.asking.lock().await;
        match self.working() {
            Some(token) => Ok(token),
            None => self.ask().await,
        }
    }

    /// Another token than this one, which the service does not accept.
    pub(in crate::sinks::logs_ingestion) async fn renew(
        &self,
        refused: &Token,
    ) -> Result<Token, RemoteError> {
        let _asking = self.asking.lock().await;
        match self.working() {
            Some(token) if !Arc::ptr_eq(&token.text, &refused.text) => Ok(token),
            Some(_) | None => {
                // Until there is another one, no call is made, because its rows would be sent in vain.
                *self.held() = None;
                self.ask().await
            }
        }
    }

    async fn replace_early(&self) {
        // Another caller may be replacing it, or may just have done so.
        let Ok(_asking) = self.asking.try_lock() else { return };
        if !self.is_due() {
            return;
        }
        if let Err(error) = self.ask().await
            && let Some(seconds_left) = self.put_off()
        {
            tracing::warn!(%error, seconds_left, "no new token yet: the old one is used until it expires");
        }
    }

    async fn ask(&self) -> Result<Token, RemoteError> {
        let asked = self.credential.token().await;
        self.meter.token(asked.is_ok());
        let token = asked?;
        let now = self.clock.now();
        // With a quarter of its life left there is time for retries. Some issuers return the same token for a
        // while.
        let due = now + RETRY.max(token.lifetime - token.lifetime / 4);
        *self.held() = Some(CachedToken { token: token.clone(), since: now, due, logged: false });
        tracing::debug!(lifetime_seconds = token.lifetime, "new token");
        Ok(token)
    }

    fn working(&self) -> Option<Token> {
        let now = self.clock.now();
        let held = self.held();
        held.as_ref().filter(|held| held.left(now) > 0).map(|held| held.token.clone())
    }

    fn is_due(&self) -> bool {
        self.held().as_ref().is_none_or(|held| held.due <= self.clock.now())
    }

    /// Delays the next attempt. Returns the token's remaining life, the first time only.
    fn put_off(&self) -> Option<i64> {
        let now = self.clock.now();
        let mut held = self.held();
        let held = held.as_mut()?;
        held.due = now + RETRY;
        (!std::mem::replace(&mut held.logged, true)).then(|| held.left(now))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<CachedToken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedToken {
    /// How many seconds the token still lives: none if the clock was set back, because then it is unknown.
    fn left(&self, now: i64) -> i64 {
        if now < self.since { 0 } else { self.since + self.token.lifetime - now }
    }
}
