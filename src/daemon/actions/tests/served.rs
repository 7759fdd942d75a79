//! Webhooks to a server on this machine that fails in every way that one can. The clock is paused: it waits for what is on its
//! way, and for nothing else.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::Instant,
};

use super::{NOW, Stage, sends};
use crate::{
    config::{AllowedHosts, Environment, OutgoingSettings},
    connectors::{
        Caller, Connector, ConnectorError, ConnectorId, ConnectorSecrets, ReadyConnector, RunContext,
        RunFailure, RunOutput, RunProgress, connector_type,
        index::{IndexFailure, IndexTarget, IndexWrite},
        outgoing::Outgoing,
    },
    daemon::actions::attempt::RunsConnectors,
};

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Status(u16, &'static str),
    /// Nothing.
    Cut,
    /// A part of a response.
    CutInTheMiddle,
    Hang,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GotRequest {
    key: String,
    body: String,
    at: Duration,
}

/// Connectors whose ids are paths of one server.
struct ServedHooks {
    port: u16,
    outgoing: Outgoing,
    server: Arc<HookServer>,
}

struct HookServer {
    begun: Instant,
    replies: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    got: Mutex<BTreeMap<String, Vec<GotRequest>>>,
    /// By path: a request that gets no answer has come.
    hangs: Mutex<BTreeMap<String, Arc<Notify>>>,
}

impl HookServer {
    fn hang_of(&self, name: &str) -> Arc<Notify> {
        self.hangs.lock().unwrap().entry(name.to_owned()).or_default().clone()
    }

    fn of(&self, name: &str) -> Vec<GotRequest> {
        self.got.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let (head, body) = request(&mut stream).await?;
        let name = head.split(' ').nth(1)?.trim_start_matches('/').to_owned();
        let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap_or_default();
        let got = GotRequest { key: key.to_owned(), body, at: self.begun.elapsed() };
        self.got.lock().unwrap().entry(name.clone()).or_default().push(got);
        let reply = self.replies.lock().unwrap().get_mut(&name).and_then(VecDeque::pop_front);
        match reply.unwrap_or(Reply::Status(200, "")) {
            Reply::Status(status, header) => {
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n{header}\r\n");
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.shutdown().await.ok()
            }
            Reply::Cut => Some(()),
            Reply::CutInTheMiddle => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\"").await.ok()?;
                stream.shutdown().await.ok()
            }
            Reply::Hang => {
                self.hang_of(&name).notify_one();
                std::future::pending().await
            }
        }
    }
}

/// The head and the body of a request.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        bytes.push(stream.read_u8().await.ok()?);
        let text = std::str::from_utf8(&bytes).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}

impl ServedHooks {
    async fn start(replies: &[(&str, &[Reply])]) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let replies =
            replies.iter().map(|(name, replies)| ((*name).to_owned(), replies.iter().copied().collect()));
        let server = Arc::new(HookServer {
            begun: Instant::now(),
            replies: Mutex::new(replies.collect()),
            got: Mutex::default(),
            hangs: Mutex::default(),
        });
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        let allowed_hosts = AllowedHosts::only(["127.0.0.1"]).unwrap();
        let settings = OutgoingSettings { allowed_hosts, ..OutgoingSettings::default() };
        Arc::new(Self { port, outgoing: Outgoing::new(settings, Environment::default()), server })
    }
}

#[async_trait]
impl RunsConnectors for ServedHooks {
    async fn ready(&self, _: &str, connector: &str) -> Result<ReadyConnector, ConnectorError> {
        let url = format!("http://127.0.0.1:{}/{connector}", self.port);
        let Value::Object(config) = json!({ "url": url, "hasAuth": false }) else { panic!("an object") };
        let connector = Connector {
            id: ConnectorId::parse(connector).unwrap(),
            space: None,
            name: connector.to_owned(),
            type_id: ".webhook".into(),
            config,
            is_preconfigured: true,
            is_missing_secrets: false,
        };
        let kind = connector_type(".webhook").unwrap();
        Ok(ReadyConnector::new(connector, kind, &ConnectorSecrets::default()))
    }

    async fn run(
        &self,
        space: &str,
        connector: &str,
        params: Map<String, Value>,
        caller: Caller,
        key: &str,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        let ReadyConnector { connector, kind, .. } = self.ready(space, connector).await?;
        let (secrets, progress) = (ConnectorSecrets::default(), RunProgress::forgotten());
        let (hang, held) = (self.server.hang_of(connector.id.as_str()), hold_time());
        let run = kind.execute(RunContext {
            connector: &connector,
            secrets: &secrets,
            params: &params,
            space,
            caller: &caller,
            idempotency_key: Some(key),
            progress: &progress,
            now: now(),
            outgoing: &self.outgoing,
            index: &NoIndex,
        });
        tokio::pin!(run);
        tokio::select! {
            done = &mut run => return Ok(done),
            () = hang.notified() => drop(held),
        }
        Ok(run.await)
    }
}

/// A paused clock moves on only while nothing runs on the threads of the runtime.
fn hold_time() -> mpsc::Sender<()> {
    let (held, end) = mpsc::channel();
    tokio::task::spawn_blocking(move || _ = end.recv());
    held
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

struct NoIndex;

#[async_trait]
impl IndexTarget for NoIndex {
    async fn write(&self, write: IndexWrite<'_>) -> Result<Value, IndexFailure> {
        panic!("{write:?}")
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_a_server_has_its_own_end() {
    let hooks = ServedHooks::start(&[
        ("fails", &[Reply::Status(500, ""), Reply::Status(502, "")]),
        ("limits", &[Reply::Status(429, "retry-after: 120\r\n")]),
        ("repairs", &[Reply::Status(503, "retry-after: 90\r\n")]),
        ("gone", &[Reply::Status(410, "")]),
        ("cuts", &[Reply::Cut, Reply::CutInTheMiddle]),
        ("hangs", &[Reply::Hang]),
    ])
    .await;
    let names = ["fails", "limits", "repairs", "gone", "cuts", "hangs", "fine"];
    let stage = Stage::new(names.iter().map(|name| sends(name, name)).collect(), &[]);
    stage.raise(&["a"]);
    let working = stage.start_with(hooks.clone());
    while stage.states().iter().any(|state| !matches!(&**state, "done" | "failed")) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    working.drained().await;
    let of = |name: &str| hooks.server.of(name);
    let counts: Vec<usize> = names.iter().map(|name| of(name).len()).collect();
    assert_eq!(counts, [3, 2, 2, 1, 3, 2, 1]);
    for name in names {
        let requests = of(name);
        assert!(requests.iter().all(|one| !one.key.is_empty() && one.key == requests[0].key), "{requests:?}");
        assert!(requests.iter().all(|one| one.body == requests[0].body), "{requests:?}");
    }
    let between = |name: &str| (of(name)[1].at - of(name)[0].at).as_secs();
    assert!((120..200).contains(&between("limits")), "{}", between("limits"));
    assert!((90..200).contains(&between("repairs")), "{}", between("repairs"));
    assert!((60..200).contains(&between("hangs")), "{}", between("hangs"));
    assert!(between("fails") < 60 && of("fine")[0].at.as_secs() < 10, "nobody waits for another");
    let failed: Vec<String> =
        stage.rows().into_iter().filter(|row| row.state == "failed").map(|row| row.action).collect();
    assert_eq!(failed, ["gone"]);
}

#[tokio::test(start_paused = true)]
async fn many_servers_that_hang_hold_up_no_other() {
    let names: Vec<String> = (0..12).map(|number| format!("hangs-{number}")).collect();
    let replies: Vec<(&str, &[Reply])> =
        names.iter().map(|name| (name.as_str(), &[Reply::Hang; 8][..])).collect();
    let hooks = ServedHooks::start(&replies).await;
    let mut actions: Vec<_> = names.iter().map(|name| sends(name, name)).collect();
    actions.push(sends("fine", "fine"));
    let stage = Stage::new(actions, &[]);
    let records: Vec<String> = (0..6).map(|number| format!("r{number}")).collect();
    stage.raise(&records.iter().map(String::as_str).collect::<Vec<_>>());
    let working = stage.start_with(hooks.clone());
    while hooks.server.of("fine").len() < 6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let last = hooks.server.of("fine").iter().map(|one| one.at).max().unwrap();
    assert!(last < Duration::from_secs(30), "{last:?}");
    working.task.abort();
}
