//! The token in use. It is replaced early, and used until it really expires when that fails.

use std::sync::{Arc, Mutex, PoisonError};

use collectors::Clock;

use super::credential::{Credential, Token};
use crate::sinks::{meters::SinkMeter, remote::RemoteError};

/// How long after an attempt to replace a token that still works the next one is made, in seconds.
const RETRY: i64 = 60;

/// Hands out tokens for one identity.
pub(super) struct Tokens {
    credential: Credential,
    clock: Clock,
    meter: Arc<SinkMeter>,
    held: Mutex<Option<Held>>,
    /// Held by whoever asks for a new one.
    asking: tokio::sync::Mutex<()>,
}

struct Held {
    token: Token,
    /// When it is to be replaced, in Unix seconds.
    due: i64,
    /// An attempt to replace it failed, which was said.
    told: bool,
}

impl Tokens {
    /// Tokens of this identity; none is asked for yet.
    pub(super) fn new(credential: Credential, clock: Clock, meter: Arc<SinkMeter>) -> Self {
        Self { credential, clock, meter, held: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// A token that has not expired. Whoever finds it due for replacement has that done beside, and waits only when
    /// there is none that works.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Token, RemoteError> {
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
    pub(super) async fn renew(&self, refused: &Token) -> Result<Token, RemoteError> {
        let _asking = self.asking.lock().await;
        match self.working() {
            Some(token) if !Arc::ptr_eq(&token.text, &refused.text) => Ok(token),
            Some(_) | None => self.ask().await,
        }
    }

    async fn replace_early(&self) {
        // Someone else may be at it, or have been just now.
        let Ok(_asking) = self.asking.try_lock() else { return };
        if !self.is_due() {
            return;
        }
        if let Err(error) = self.ask().await
            && let Some(end) = self.put_off()
        {
            let seconds_left = end - self.clock.now();
            tracing::warn!(%error, seconds_left, "no new token yet: the old one serves until it expires");
        }
    }

    async fn ask(&self) -> Result<Token, RemoteError> {
        let asked = self.credential.token().await;
        self.meter.token(asked.is_ok());
        let token = asked?;
        let now = self.clock.now();
        // With a quarter of its life left there is time to try again. Some issuers answer with the same token for a while.
        let due = (now + RETRY).max(token.end - (token.end - now) / 4);
        *self.held() = Some(Held { token: token.clone(), due, told: false });
        tracing::debug!(lifetime_seconds = token.end - now, "new token");
        Ok(token)
    }

    fn working(&self) -> Option<Token> {
        let now = self.clock.now();
        self.held().as_ref().map(|held| held.token.clone()).filter(|token| now < token.end)
    }

    fn is_due(&self) -> bool {
        self.held().as_ref().is_none_or(|held| held.due <= self.clock.now())
    }

    /// Lets the next attempt wait. Answers when the token ends, the first time.
    fn put_off(&self) -> Option<i64> {
        let next = self.clock.now() + RETRY;
        let mut held = self.held();
        let held = held.as_mut()?;
        held.due = next;
        (!std::mem::replace(&mut held.told, true)).then_some(held.token.end)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
