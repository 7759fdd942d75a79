//! The token in use. It is replaced early, and used until it really expires when that fails. Of the clock only differences
//! count: it may show any day.

use std::sync::{Arc, Mutex, PoisonError};

use collectors::Clock;

use super::credential::{Credential, Token};
use crate::sinks::{counters::SinkCounter, remote::RemoteError};

/// How long after an attempt to replace a token that still works the next one is made, in seconds.
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
    /// When it was handed out, by the local clock.
    since: i64,
    /// When it is to be replaced, by the same.
    due: i64,
    /// An attempt to replace it failed, which was said.
    logged: bool,
}

impl Tokens {
    /// Tokens of this identity; none is asked for yet.
    pub(in crate::sinks::logs_ingestion) fn new(
        credential: Credential,
        clock: Clock,
        meter: Arc<SinkCounter>,
    ) -> Self {
        Self { credential, clock, meter, held: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// A token that has not expired. A caller that finds it due for replacement starts that in the background, and waits only when
    /// there is none that works.
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
                // Until there is another one, no call is made: its rows would be sent in vain.
                *self.held() = None;
                self.ask().await
            }
        }
    }

    async fn replace_early(&self) {
        // Someone else may be at it, or have been just now.
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
        // With a quarter of its life left there is time to try again. Some issuers answer with the same token for a while.
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

    /// Lets the next attempt wait. Answers how long the token still lives, the first time.
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
    /// How many seconds the token still lives: none, if the clock was set back and that is unknown.
    fn left(&self, now: i64) -> i64 {
        if now < self.since { 0 } else { self.since + self.token.lifetime - now }
    }
}
