//! A proxy between ccfd and a server of a test that corrupts their traffic on purpose. It forwards bytes and
//! does not know HTTP, so it works for every server, with TLS or without.

mod chance;
mod pump;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use url::Url;

use self::chance::Chance;
use super::background::Background;

/// What becomes of an exchange: a request with its answer, or a step of a TLS handshake.
///
/// Bytes are garbled on the way back alone. TCP and TLS let no garbled request through; what does come garbled is the answer
/// of something else that took the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection ends in the middle of the request or of the answer.
    Cut,
    /// The same, as by a peer that has crashed: both ends get a RST.
    Reset,
    /// From somewhere on the bytes come in drops.
    Slow,
    /// Some bytes of the answer are replaced by such as neither HTTP nor JSON has anywhere.
    Garbage,
    /// Somebody else takes the connection, with a certificate of [`Proxy::impersonate`].
    Certificate,
}

/// `Proxy::before(server.url(), seed)`; it forwards everything unless changed.
pub struct Proxy {
    url: Url,
    shared: Arc<Shared>,
    _background: Background,
}

struct Shared {
    server: SocketAddr,
    chance: Mutex<Chance>,
    spoilt: Mutex<BTreeMap<Fault, u64>>,
    /// Whether nobody is let through.
    down: watch::Sender<bool>,
    /// DeliveryLog when every connection is to end.
    hang_up: watch::Sender<()>,
}

impl Proxy {
    /// In front of the server with this URL, with faults drawn from this seed.
    pub fn before(server: &str, seed: u64) -> Self {
        let mut url: Url = server.parse().unwrap();
        let address = url.socket_addrs(|| None).unwrap()[0];
        let shared = Arc::new(Shared {
            server: address,
            chance: Mutex::new(Chance::new(seed)),
            spoilt: Mutex::default(),
            down: watch::Sender::new(false),
            hang_up: watch::Sender::new(()),
        });
        let serving = shared.clone();
        let background = Background::serve(move |listener| accept(listener, serving));
        url.set_port(Some(background.address.port())).unwrap();
        Self { url, shared, _background: background }
    }

    /// The server's URL with the proxy's port, without a slash behind it.
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    pub fn port(&self) -> u16 {
        self.url.port().unwrap()
    }

    /// Spoils one exchange in so many, each by one of these faults.
    pub fn spoil(&self, faults: &[Fault], one_in: u32) {
        self.shared.chance.lock().unwrap().begin(faults, one_in);
        if faults.contains(&Fault::Certificate) {
            self.shared.hang_up.send_replace(());
        }
    }

    /// What [`Fault::Certificate`] shows: any of these.
    pub fn impersonate(&self, servers: impl IntoIterator<Item = ServerConfig>) {
        let acceptors = servers.into_iter().map(|config| TlsAcceptor::from(Arc::new(config)));
        self.shared.chance.lock().unwrap().impostors = acceptors.collect();
    }

    /// Ends every connection, and lets nobody through.
    pub fn down(&self) {
        self.shared.down.send_replace(true);
        self.shared.hang_up.send_replace(());
    }

    /// Lets everything through again.
    pub fn heal(&self) {
        self.shared.down.send_replace(false);
        self.shared.chance.lock().unwrap().begin(&[], 1);
    }

    /// How many exchanges each fault has spoilt.
    pub fn spoilt(&self) -> BTreeMap<Fault, u64> {
        self.shared.spoilt.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let shared = shared.clone();
        tokio::spawn(async move {
            let mut hang_up = shared.hang_up.subscribe();
            tokio::select! {
                () = serve(client, &shared) => {}
                _ = hang_up.changed() => {}
            }
        });
    }
}

async fn serve(client: TcpStream, shared: &Shared) {
    if *shared.down.borrow() {
        return;
    }
    let impostor = shared.chance.lock().unwrap().impostor();
    if let Some(impostor) = impostor {
        shared.happened(Fault::Certificate);
        // A client that verifies the certificate disconnects; to others nothing is sent.
        _ = impostor.accept(client).await;
        return;
    }
    if let Ok(server) = TcpStream::connect(shared.server).await {
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        pump::carry(client, server, shared).await;
    }
}

impl Shared {
    fn happened(&self, fault: Fault) {
        *self.spoilt.lock().unwrap().entry(fault).or_default() += 1;
    }
}
