//! A real OpenSearch node, one for all tests of the process. It ends when the process does.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    http, judge,
    judge::{Missing, available},
};

/// Covers a first start, in which Maven fetches 53 MB.
const START_MAX: Duration = Duration::from_secs(300);
/// What `tests/opensearch/node` ends with when this machine cannot run it.
const CANNOT_RUN: i32 = 77;

/// `let Some(node) = Node::shared() else { return };`. Indices are shared, too: each test names its own.
pub struct Node {
    url: String,
    pid: u32,
    // The node ends when its standard input does.
    _stdin: ChildStdin,
}

impl Node {
    /// The node of this process, started at first use. Without one the tests are skipped, which is reported.
    pub fn shared() -> Option<&'static Self> {
        static NODE: OnceLock<Result<Node, Missing>> = OnceLock::new();
        available(NODE.get_or_init(Self::start))
    }

    fn start() -> Result<Self, Missing> {
        let cache = judge::cache("opensearch");
        fs::create_dir_all(&cache).unwrap();
        let log = cache.join("node.log");
        let mut child = Command::new(judge::file("opensearch/node"))
            .arg(&cache)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (said, saying) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            _ = said.send(read.map(|_| line.trim().to_owned()));
        });
        match saying.recv_timeout(START_MAX) {
            Ok(Ok(url)) if url.starts_with("http://") => Ok(Self { url, pid: child.id(), _stdin: stdin }),
            Ok(_) => Err(Self::failed(child, stdin, &fs::read_to_string(log).unwrap())),
            Err(_) => {
                child.kill().unwrap();
                Err(Self::failed(child, stdin, &fs::read_to_string(log).unwrap()))
            }
        }
    }

    /// Tells a machine that cannot run a node from a node that does not start, which is a fault.
    fn failed(mut child: Child, stdin: ChildStdin, log: &str) -> Missing {
        drop(stdin);
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(CANNOT_RUN), "OpenSearch did not start: {log}");
        Missing::say("the OpenSearch node", log.trim())
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// GET of a path that begins with a slash. Every other status than 2xx fails the test.
    pub fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None)
    }

    pub fn put(&self, path: &str, body: &Value) -> Value {
        self.send(Method::PUT, path, Some(body))
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Method::POST, path, Some(body))
    }

    pub fn delete(&self, path: &str) -> Value {
        self.send(Method::DELETE, path, None)
    }

    /// Makes what was written visible to searches.
    pub fn refresh(&self, index: &str) {
        self.post(&format!("/{index}/_refresh"), &json!({}));
    }

    /// How many documents an index, alias or data stream holds, after a refresh.
    pub fn count(&self, index: &str) -> u64 {
        self.refresh(index);
        self.get(&format!("/{index}/_count"))["count"].as_u64().unwrap()
    }

    /// The first 10,000 documents of an index, after a refresh: `_id`, `_source` and so on.
    pub fn documents(&self, index: &str) -> Vec<Value> {
        self.refresh(index);
        let found = self.post(&format!("/{index}/_search"), &json!({ "size": 10_000, "version": true }));
        found["hits"]["hits"].as_array().unwrap().clone()
    }

    /// CPU seconds of the node since its start, user and system.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        // The second field is a name that may hold blanks; user and system time are the 14th and 15th.
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }

    fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}{path}", self.url);
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let (status, answer) = http::send(method, &url, &[("content-type", "application/json")], body);
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }
}
