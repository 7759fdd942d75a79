//! An API whose bodies have other shapes than the simulator's, in a separate process.

use std::{
    convert::Infallible,
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use ccfd::simulator::{Request, Simulator, SimulatorOptions};
use collectors::Clock;
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{Response, StatusCode, body::Frame, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::judged::{few_match, flood, hostile, hostile_few, sessions};

/// Size of one write for bodies without `Content-Length`.
const CHUNK_BYTES: usize = 16 << 10;
const WEEK_SECONDS: i64 = 7 * 24 * 60 * 60;

/// How the bodies of a source look.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// JSON over many lines, as a gateway may write it.
    Pretty,
    /// Without `content-length`.
    Chunked,
    /// Completions of 20 KB each: a page has 2 MB.
    Large,
    /// Events of 300 bytes: a batch has very many.
    Tiny,
    /// Events of which one in a hundred matches a rule.
    FewMatch,
    /// Events of which each matches a part of one rule.
    Sessions,
    /// Events whose texts are meant to break what reads them, of which one in a hundred matches a rule.
    HostileFew,
    /// The same, of which two in ten match a part of a rule.
    Hostile,
    /// Events of which each matches several rules.
    Flood,
}

impl Shape {
    /// Those that test what a body costs.
    pub const BODIES: [Self; 4] = [Self::Pretty, Self::Chunked, Self::Large, Self::Tiny];
    /// Those that test what rules cost.
    pub const JUDGED: [Self; 5] =
        [Self::FewMatch, Self::Sessions, Self::HostileFew, Self::Hostile, Self::Flood];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pretty => "pretty",
            Self::Chunked => "chunked",
            Self::Large => "large",
            Self::Tiny => "tiny",
            Self::FewMatch => "few match",
            Self::Sessions => "sessions",
            Self::HostileFew => "hostile, few match",
            Self::Hostile => "hostile",
            Self::Flood => "flood",
        }
    }

    /// How many records: each run reads some hundred megabytes.
    pub fn records(self) -> u64 {
        match self {
            Self::Pretty | Self::Chunked => 200_000,
            Self::Large => 10_000,
            Self::Tiny => 300_000,
            Self::FewMatch | Self::Sessions | Self::HostileFew | Self::Hostile => 500_000,
            Self::Flood => 200_000,
        }
    }

    /// The list that they are in, as the settings name it.
    pub fn list(self) -> &'static str {
        match self {
            Self::Pretty
            | Self::Chunked
            | Self::Tiny
            | Self::FewMatch
            | Self::Sessions
            | Self::HostileFew
            | Self::Hostile
            | Self::Flood => "audit_logs",
            Self::Large => "chat_completions",
        }
    }

    fn simulator(self) -> Simulator {
        let habits = match self {
            Self::Pretty => "ties,shuffle,newest,pretty",
            Self::Chunked
            | Self::Large
            | Self::Tiny
            | Self::FewMatch
            | Self::Sessions
            | Self::HostileFew
            | Self::Hostile
            | Self::Flood => "ties,shuffle,newest,tenant-ignore",
        };
        let given = |record: fn(u64, i64) -> String| vec![Bytes::from(over_a_week(self.records(), record))];
        let options = match self {
            Self::Pretty | Self::Chunked => {
                SimulatorOptions { audit_logs: self.records(), ..SimulatorOptions::default() }
            }
            Self::Large => SimulatorOptions { records: given(large), ..SimulatorOptions::default() },
            Self::Tiny => SimulatorOptions { records: given(tiny), ..SimulatorOptions::default() },
            Self::FewMatch => SimulatorOptions { records: given(few_match), ..SimulatorOptions::default() },
            Self::Sessions => SimulatorOptions { records: given(sessions), ..SimulatorOptions::default() },
            Self::HostileFew => {
                SimulatorOptions { records: given(hostile_few), ..SimulatorOptions::default() }
            }
            Self::Hostile => SimulatorOptions { records: given(hostile), ..SimulatorOptions::default() },
            Self::Flood => SimulatorOptions { records: given(flood), ..SimulatorOptions::default() },
        };
        let habits = habits.parse().expect("habits");
        Simulator::new(SimulatorOptions { habits, ..options }, Clock::system()).expect("options")
    }
}

/// Records one after the other, up to now.
fn over_a_week(count: u64, record: fn(u64, i64) -> String) -> String {
    let end = Clock::system().now();
    let mut lines = String::new();
    for number in 0..count {
        let second = end - WEEK_SECONDS + (WEEK_SECONDS as u64 * number / count) as i64;
        _ = writeln!(lines, "{}", record(number, second));
    }
    lines
}

fn tiny(number: u64, second: i64) -> String {
    format!(
        concat!(
            r#"{{"object":"organization.audit_log","id":"audit_log-{number:024}","type":"login.succeeded","#,
            r#""effective_at":{second},"project":null,"actor":{{"type":"session","session":{{"user":{{"id":"user-{number:024}","#,
            r#""email":"someone@example.com"}},"ip_address":"192.0.2.7"}}}},"login.succeeded":{{}}}}"#
        ),
        number = number,
        second = second
    )
}

fn large(number: u64, second: i64) -> String {
    let answer = "The order was shipped on Tuesday.\\n\\\"Grüße\\\" survive the way. ".repeat(320);
    format!(
        concat!(
            r#"{{"object":"chat.completion","id":"chatcmpl-{number:029}","model":"gpt-4o-mini","created":{second},"#,
            r#""usage":{{"total_tokens":9,"completion_tokens":5,"prompt_tokens":4}},"metadata":{{}},"choices":[{{"index":0,"#,
            r#""message":{{"content":"{answer}","role":"assistant"}},"finish_reason":"stop"}}]}}"#
        ),
        number = number,
        second = second,
        answer = answer
    )
}

/// A source in a process of its own, as long as this lives.
pub struct Source {
    child: Child,
    pub url: String,
}

impl Source {
    pub fn start(shape: Shape) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.args(["source", shape.name()]).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Serves until it is killed.
pub fn run(name: &str) {
    let mut all = Shape::BODIES.into_iter().chain(Shape::JUDGED);
    let shape = all.find(|shape| shape.name() == name).expect("a shape");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, serve(shape));
}

async fn serve(shape: Shape) {
    let simulator = shape.simulator();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/v1", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let simulator = simulator.clone();
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let reply = answer(&simulator, shape, &request);
            async move { Ok::<_, Infallible>(reply) }
        });
        tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

fn answer<B>(
    simulator: &Simulator,
    shape: Shape,
    request: &hyper::Request<B>,
) -> Response<BoxBody<Bytes, Infallible>> {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let key = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let reply = simulator.answer(&Request::get(target, key));
    let body = match shape {
        Shape::Chunked => in_chunks(reply.body).boxed(),
        Shape::Pretty
        | Shape::Large
        | Shape::Tiny
        | Shape::FewMatch
        | Shape::Sessions
        | Shape::HostileFew
        | Shape::Hostile
        | Shape::Flood => Full::new(reply.body).boxed(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

fn in_chunks(body: Bytes) -> impl hyper::body::Body<Data = Bytes, Error = Infallible> {
    let frames = (0..body.len()).step_by(CHUNK_BYTES).map(move |start| {
        let end = (start + CHUNK_BYTES).min(body.len());
        Ok(Frame::data(body.slice(start..end)))
    });
    StreamBody::new(stream::iter(frames))
}
