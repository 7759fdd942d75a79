//! A server on this machine that answers as a test wants, and counts who comes.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, Method};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::super::*;

/// What the server does after it has read the head of a request.
#[derive(Clone)]
pub(super) enum Habit {
    /// Sends this and closes the connection.
    Says(Vec<u8>),
    /// Sends a head, and then these bytes again and again, with a pause between them.
    Drips(&'static str, &'static [u8], Duration),
    /// Says nothing, and keeps the connection.
    Waits,
}

pub(super) struct Server {
    pub(super) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(super) async fn with(habit: impl Fn(&str) -> Habit + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, requests: Arc::default(), connections: Arc::default() };
        let (requests, connections) = (server.requests.clone(), server.connections.clone());
        let habit = Arc::new(habit);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, habit.clone(), requests.clone()));
            }
        });
        server
    }

    pub(super) async fn saying(answer: &str) -> Self {
        let answer = answer.as_bytes().to_vec();
        Self::with(move |_| Habit::Says(answer.clone())).await
    }

    pub(super) fn url(&self, host: &str, path: &str) -> Url {
        Url::parse(&format!("http://{host}:{}{path}", self.port)).unwrap()
    }

    /// The heads of the requests that came.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    habit: Arc<impl Fn(&str) -> Habit>,
    requests: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let line = head.lines().next()?.to_owned();
    requests.lock().unwrap().push(head);
    match habit(&line) {
        Habit::Says(answer) => {
            stream.write_all(&answer).await.ok()?;
            stream.shutdown().await.ok()
        }
        Habit::Drips(head, bytes, pause) => {
            stream.write_all(head.as_bytes()).await.ok()?;
            loop {
                stream.write_all(bytes).await.ok()?;
                tokio::time::sleep(pause).await;
            }
        }
        Habit::Waits => std::future::pending().await,
    }
}

/// Names that lead where a test says.
pub(super) struct FakeNames(pub(super) HashMap<&'static str, Vec<IpAddr>>);

impl FakeNames {
    pub(super) fn of(names: &[(&'static str, &str)]) -> Arc<Self> {
        let lead = |(name, to): &(&'static str, &str)| {
            (*name, to.split(',').map(|address| address.parse().unwrap()).collect())
        };
        Arc::new(Self(names.iter().map(lead).collect()))
    }
}

impl Resolve for FakeNames {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.get(name.as_str().trim_end_matches('.')).cloned();
        Box::pin(async move {
            let found = found.ok_or("no such name")?;
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

pub(super) fn get(url: Url) -> OutgoingRequest {
    OutgoingRequest {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
        timeout: Some(Duration::from_secs(20)),
        is_streamed: false,
        is_beginning_enough: false,
        identity: None,
    }
}

/// Only these hosts, and public ones with `*`.
pub(super) fn allowing(hosts: &[&str]) -> OutgoingSettings {
    let mut allowed = AllowedHosts::only(hosts.iter().copied().filter(|host| *host != "*")).unwrap();
    allowed.has_public = hosts.contains(&"*");
    OutgoingSettings { allowed_hosts: allowed, ..OutgoingSettings::default() }
}

pub(super) fn outgoing(settings: OutgoingSettings, names: &[(&'static str, &str)]) -> Outgoing {
    Outgoing::with_names(settings, Environment::default(), FakeNames::of(names))
}

/// The text of a whole body.
pub(super) fn text(response: OutgoingResponse) -> String {
    match response.body {
        OutgoingBody::Whole(body) => String::from_utf8(body.to_vec()).unwrap(),
        OutgoingBody::Streamed(_) => panic!("streamed"),
    }
}
