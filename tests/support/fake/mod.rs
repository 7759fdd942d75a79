//! A server on loopback that records every request and answers by a script. It ends when it is dropped.

mod ending;
mod message;
mod serve;
mod tls;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

pub use message::{Fate, Reply, Request, Step};
pub use tls::{Ca, server_of};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use self::serve::Shared;
use super::{background::Background, chaos::Chaos};

/// How long [`Fake::requested`] waits. Real time: the requests come from another thread or process.
const REQUEST_WAIT: Duration = Duration::from_secs(30);

/// `Fake::plain(|request| Reply::status(204))`
pub struct Fake {
    url: String,
    shared: Arc<Shared>,
    _background: Background,
}

impl Fake {
    /// Answers by the handler, without TLS.
    pub fn plain(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, handler)
    }

    /// Answers by the handler, behind TLS: `Fake::tls(ca.server(), …)`.
    pub fn tls(config: ServerConfig, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Some(config), handler)
    }

    /// Either of the two.
    pub fn start(
        tls: Option<ServerConfig>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            requests: Mutex::default(),
            script: Mutex::default(),
            taken: watch::Sender::new(0),
            holding: watch::Sender::new(false),
            gateway: Mutex::default(),
            unheard: Mutex::default(),
        });
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let serving = shared.clone();
        let background = Background::serve(move |listener| serve::accept(listener, tls, serving));
        let url = format!("{scheme}://{}", background.address);
        Self { url, shared, _background: background }
    }

    /// `http://127.0.0.1:port`, without a slash behind it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every request so far, in the order in which they were taken.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The requests whose path holds this text.
    pub fn requests_to(&self, path: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.path.contains(path));
        requests
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.requests.lock().unwrap().clear();
    }

    /// Steps for the next requests, one each; the handler answers what comes after them.
    pub fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.script_for("", steps);
    }

    /// Steps for the next requests whose path holds this text.
    pub fn script_for(&self, path: &str, steps: impl IntoIterator<Item = Step>) {
        let mut script = self.shared.script.lock().unwrap();
        script.extend(steps.into_iter().map(|step| (path.to_owned(), step)));
    }

    /// From now on a gateway is in front of it, which does what is drawn to any request.
    pub fn put_behind(&self, gateway: Chaos) {
        *self.shared.gateway.lock().unwrap() = Some(gateway);
    }

    /// The requests that were carried out, of which the gateway kept the true answer from the client.
    pub fn unheard(&self) -> Vec<Request> {
        self.shared.unheard.lock().unwrap().clone()
    }

    /// Takes and handles requests, and keeps the answers back until [`Fake::release`].
    pub fn hold(&self) {
        self.shared.holding.send_replace(true);
    }

    /// Sends what was kept back.
    pub fn release(&self) {
        self.shared.holding.send_replace(false);
    }

    /// Waits until so many requests were taken since the start. Not for a test whose clock is paused.
    pub async fn requested(&self, count: usize) {
        let mut taken = self.shared.taken.subscribe();
        let enough = taken.wait_for(|taken| *taken >= count);
        let waited = tokio::time::timeout(REQUEST_WAIT, enough).await;
        assert!(waited.is_ok(), "waited in vain for {count} requests");
    }
}
