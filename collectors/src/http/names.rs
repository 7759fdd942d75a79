//! Names of hosts, looked up by the system, a few at a time: a name server that does not answer holds up connections, and nothing
//! else that waits on the same threads.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

/// Names that are looked up at the same time by the whole process. An answer takes milliseconds, or else half a minute.
const LOOKUPS_MAX: usize = 8;

static PLACES: Semaphore = Semaphore::const_new(LOOKUPS_MAX);

/// Asks the system.
#[derive(Debug)]
pub(crate) struct Names;

impl Names {
    pub(crate) fn shared() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let place = PLACES.acquire().await?;
            let found = tokio::task::spawn_blocking(move || -> io::Result<Vec<SocketAddr>> {
                // Given back when the system has answered, also when nobody waits for it any more.
                let _place = place;
                Ok((name.as_str(), 0).to_socket_addrs()?.collect())
            });
            let addresses: Addrs = Box::new(found.await??.into_iter());
            Ok(addresses)
        })
    }
}
