//! A destination that accepts everything and does as little as possible, so that the sender is measured.

use std::{
    cell::RefCell,
    collections::HashSet,
    convert::Infallible,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use flate2::write::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What a receiver has taken.
#[derive(Default)]
struct Taken {
    calls: u64,
    bytes: u64,
    rows: u64,
    /// Different ids of documents, where a receiver counts them.
    ids: Option<HashSet<Box<[u8]>>>,
}

/// Counts lines; keeps them only if ids are to be counted.
struct Lines {
    count: u64,
    kept: Option<Vec<u8>>,
}

impl Lines {
    fn new(taken: &RefCell<Taken>) -> Self {
        Self { count: 0, kept: taken.borrow().ids.is_some().then(Vec::new) }
    }

    /// The `_id` of each action: every second line is one.
    fn ids(&self) -> impl Iterator<Item = Box<[u8]>> {
        let lines = self.kept.as_deref().unwrap_or_default().split(|byte| *byte == b'\n');
        lines.step_by(2).filter_map(|action| {
            let begin = memchr::memmem::find(action, ID)? + ID.len();
            let end = begin + memchr::memchr(b'"', &action[begin..])?;
            Some(action[begin..end].into())
        })
    }
}

/// Before the id in an action line.
const ID: &[u8] = br#""_id":""#;

impl Write for Lines {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.count += memchr::memchr_iter(b'\n', data).count() as u64;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(data);
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A receiver in a process of its own, as long as this lives.
pub struct Receiver {
    child: Child,
    stdin: Option<ChildStdin>,
    pub url: String,
}

/// What a receiver says at its end.
pub struct Received {
    pub calls: u64,
    pub mib: f64,
    pub rows: u64,
    /// Different ids, for a receiver that counts them.
    pub ids: u64,
}

impl Receiver {
    pub fn start() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// One that answers each request so late.
    pub fn slow(kept: Duration) -> Self {
        Self::begin(&["receiver", &kept.as_millis().to_string()])
    }

    /// One that counts the different ids of documents.
    pub fn counting_ids() -> Self {
        Self::begin(&["receiver", "0", "ids"])
    }

    fn begin(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin, url: url.trim().to_owned() }
    }

    pub fn end(mut self) -> Received {
        drop(self.stdin.take());
        let mut line = String::new();
        BufReader::new(self.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.child.wait().unwrap();
        let numbers: Vec<u64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
        Received {
            calls: numbers[0],
            mib: numbers[1] as f64 / f64::from(1 << 20),
            rows: numbers[2],
            ids: numbers[3],
        }
    }
}

/// Serves until its standard input is closed, then says what it has taken.
pub fn run(arguments: &[String]) {
    let kept = Duration::from_millis(arguments[0].parse().unwrap());
    let ids = (arguments.get(1).map(String::as_str) == Some("ids")).then(HashSet::new);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let taken = Rc::new(RefCell::new(Taken { ids, ..Taken::default() }));
    tokio::task::LocalSet::new().block_on(&runtime, serve(taken.clone(), kept));
    let Taken { calls, bytes, rows, ids } = &*taken.borrow();
    println!("{calls} {bytes} {rows} {}", ids.as_ref().map_or(0, HashSet::len));
}

async fn serve(taken: Rc<RefCell<Taken>>, kept: Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    let closed = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::pin!(closed);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            _ = &mut closed => return,
        };
        let taken = taken.clone();
        let answer = service_fn(move |request| answer(request, taken.clone(), kept));
        tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

/// A `_bulk` gets an item for each row, who asks for the version gets one, everything else 204.
async fn answer(
    request: Request<Incoming>,
    taken: Rc<RefCell<Taken>>,
    kept: Duration,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == hyper::Method::GET {
        let version = r#"{"version":{"number":"9.0.0"},"tagline":"You Know, for Search"}"#;
        return Ok(Response::new(Full::from(version)));
    }
    let bulk = request.uri().path().ends_with("/_bulk");
    let mut unpacked =
        request.headers().contains_key("content-encoding").then(|| GzDecoder::new(Lines::new(&taken)));
    let (mut bytes, mut lines, mut body) = (0, Lines::new(&taken), request.into_body());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.unwrap().into_data() else { continue };
        bytes += data.len() as u64;
        match (bulk, &mut unpacked) {
            (true, Some(unpacked)) => unpacked.write_all(&data).unwrap(),
            (true, None) => lines.write_all(&data).unwrap(),
            (false, _) => {}
        }
    }
    let lines = match unpacked {
        Some(unpacked) if bulk => unpacked.finish().unwrap(),
        Some(_) | None => lines,
    };
    let rows = lines.count / 2;
    if !kept.is_zero() {
        tokio::time::sleep(kept).await;
    }
    {
        let mut taken = taken.borrow_mut();
        taken.calls += 1;
        taken.bytes += bytes;
        taken.rows += rows;
        if let Some(ids) = &mut taken.ids {
            ids.extend(lines.ids());
        }
    }
    let mut response = Response::new(Full::default());
    if bulk {
        let items = vec![r#"{"create":{"status":201}}"#; rows as usize].join(",");
        *response.body_mut() = format!(r#"{{"took":1,"errors":false,"items":[{items}]}}"#).into();
    } else {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    Ok(response)
}
