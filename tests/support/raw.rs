//! A server without HTTP: it sends fixed bytes, which may be what no library would send.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::background::Background;

/// What follows from a request.
pub enum Answer {
    /// These bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes, and the end of the connection.
    Last(Vec<u8>),
}

/// From the head of a request to the answer.
type Handler = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

/// `Raw::start(|head| Answer::Bytes(…))`
pub struct Raw {
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
    background: Background,
}

impl Raw {
    /// Answers every request by its head, whose body is left alone.
    pub fn start(handler: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let (seen, connections) = (Arc::new(Mutex::default()), Arc::new(Mutex::new(0)));
        let handler: Handler = Arc::new(handler);
        let (kept, counted) = (Arc::clone(&seen), Arc::clone(&connections));
        let background = Background::serve(move |listener| accept(listener, handler, kept, counted));
        Self { seen, connections, background }
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.background.address)
    }

    /// The heads of all requests, and everything else that arrived in one piece with them.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn accept(
    listener: TcpListener,
    handler: Handler,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
) -> Infallible {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        *connections.lock().unwrap() += 1;
        tokio::spawn(serve(stream, handler.clone(), seen.clone()));
    }
}

async fn serve(mut stream: TcpStream, handler: Handler, seen: Arc<Mutex<Vec<String>>>) {
    loop {
        let Some(head) = head(&mut stream).await else { return };
        seen.lock().unwrap().push(head.clone());
        let (bytes, continues) = match handler(&head) {
            Answer::Bytes(bytes) => (bytes, true),
            Answer::Last(bytes) => (bytes, false),
        };
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if !continues {
            return;
        }
    }
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
