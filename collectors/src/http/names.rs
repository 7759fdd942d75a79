//! Host name lookups by the system's resolver, a few at a time: a name server that does not answer delays
//! connections, but not other work on the same threads.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

/// The most concurrent lookups of the process. A lookup takes milliseconds or, without an answer, half a
/// minute.
const LOOKUPS_MAX: usize = 8;

static PLACES: Semaphore = Semaphore::const_new(LOOKUPS_MAX);

/// The system's resolver.
#[derive(Debug)]
pub struct SystemNames;

impl SystemNames {
    /// The resolver, as clients take it.
    pub fn shared() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let place = PLACES.acquire().await?;
            let found = tokio::task::spawn_blocking(move || -> io::Result<Vec<SocketAddr>> {
                // Released when the system has answered, even if the caller no longer waits.
                let _place = place;
                Ok((name.as_str(), 0).to_socket_addrs()?.collect())
            });
            let addresses: Addrs = Box::new(found.await??.into_iter());
            Ok(addresses)
        })
    }
}
