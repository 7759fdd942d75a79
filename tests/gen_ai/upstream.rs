//! Servers and proxies that send an answer piece by piece.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use url::Url;

use crate::support::background::Background;

/// Answers each request with the same pieces, as many of them as the test allows.
pub struct Upstream {
    background: Background,
    allowed: watch::Sender<usize>,
    left: watch::Receiver<usize>,
}

impl Upstream {
    /// A stream of events.
    pub fn of_events(pieces: &[&[u8]]) -> Self {
        Self::of("200 OK", "text/event-stream", pieces)
    }

    /// Any answer in chunks.
    pub fn of(status: &str, content_type: &str, pieces: &[&[u8]]) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        );
        let chunk =
            |piece: &&[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), *piece, &b"\r\n"[..]].concat();
        let mut pieces: Vec<Vec<u8>> = pieces.iter().map(chunk).collect();
        pieces.push(b"0\r\n\r\n".to_vec());
        let pieces = Arc::new(pieces);
        let (allowed, allowing) = watch::channel(0);
        let (leaving, left) = watch::channel(0);
        let background = Background::serve(move |listener: TcpListener| async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (head, pieces) = (head.clone(), Arc::clone(&pieces));
                let (mut allowing, leaving) = (allowing.clone(), leaving.clone());
                tokio::spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    read_request(&mut stream).await;
                    _ = stream.write_all(head.as_bytes()).await;
                    for (place, piece) in pieces.iter().enumerate() {
                        let allowed = allowing.wait_for(|allowed| *allowed > place);
                        let mut one = [0];
                        // The client goes away while nothing is sent.
                        tokio::select! {
                            allowed = allowed => { allowed.unwrap(); }
                            _ = stream.read(&mut one) => {
                                leaving.send_modify(|left| *left += 1);
                                return;
                            }
                        }
                        if stream.write_all(piece).await.is_err() {
                            leaving.send_modify(|left| *left += 1);
                            return;
                        }
                    }
                });
            }
        });
        Self { background, allowed, left }
    }

    /// The same, with nothing held back.
    pub fn at_once(self) -> Self {
        self.allow(usize::MAX);
        self
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1/chat/completions", self.background.address)
    }

    /// Lets so many pieces out, counted from the first.
    pub fn allow(&self, pieces: usize) {
        self.allowed.send_replace(pieces);
    }

    /// Waits until a client has gone away before the end.
    pub async fn is_left(&mut self) {
        self.left.wait_for(|left| *left > 0).await.unwrap();
    }
}

/// Reads a request whole: its head, and as much as its length says.
async fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = memchr::memmem::find(&request, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if request.len() >= end + 4 + length {
                return request;
            }
        }
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
            Ok(_) | Err(_) => return request,
        }
    }
}

/// An HTTP/1.1 proxy. It forwards what comes as it comes, or holds an answer back until all of it is there.
pub fn proxy(holds_back: bool) -> Background {
    Background::serve(move |listener: TcpListener| async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                client.set_nodelay(true).unwrap();
                let request = read_request(&mut client).await;
                let begin = request.iter().position(|byte| *byte == b' ').unwrap() + 1;
                let end = begin + request[begin..].iter().position(|byte| *byte == b' ').unwrap();
                let target: Url = String::from_utf8_lossy(&request[begin..end]).parse().unwrap();
                let address = (target.host_str().unwrap(), target.port_or_known_default().unwrap());
                let mut server = TcpStream::connect(address).await.unwrap();
                let line_end = end + memchr::memmem::find(&request[end..], b"\r\n").unwrap();
                let forwarded = [
                    &request[..begin],
                    target.path().as_bytes(),
                    &request[end..line_end],
                    b"\r\nconnection: close",
                    &request[line_end..],
                ]
                .concat();
                server.write_all(&forwarded).await.unwrap();
                if holds_back {
                    let mut answer = Vec::new();
                    _ = server.read_to_end(&mut answer).await;
                    _ = client.write_all(&answer).await;
                } else {
                    _ = copy(&mut server, &mut client).await;
                }
            });
        }
    })
}
