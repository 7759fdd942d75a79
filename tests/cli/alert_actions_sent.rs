//! Actions against a receiver that fails in every way that one can.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    fake::{self, Fake},
    process::{Place, Running, Simulated, wait_until},
};

const RULE: &str = "
title: An event
logsource:
    product: openai
    service: audit
detection:
    selection:
        EventType|exists: true
    condition: selection
level: low
";

/// What the receiver does with a request.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Status(u16, &'static str),
    Cut,
    Hang,
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Request {
    path: String,
    key: String,
    body: Value,
    at: Instant,
}

/// A receiver of webhooks on this machine.
struct WebhookReceiver {
    port: u16,
    got: Arc<Mutex<Vec<Request>>>,
}

impl WebhookReceiver {
    /// By path, what it does with each request; then it accepts.
    fn start(replies: &[(&str, &[Reply])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got: Arc<Mutex<Vec<Request>>> = Arc::default();
        let replies: BTreeMap<String, VecDeque<Reply>> = replies
            .iter()
            .map(|(path, replies)| ((*path).to_owned(), replies.iter().copied().collect()))
            .collect();
        let (seen, replies) = (got.clone(), Arc::new(Mutex::new(replies)));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, replies) = (seen.clone(), replies.clone());
                thread::spawn(move || serve(stream, &seen, &replies));
            }
        });
        Self { port, got }
    }

    fn requests(&self, path: &str) -> Vec<Request> {
        self.got.lock().unwrap().iter().filter(|request| request.path == path).cloned().collect()
    }
}

fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Request>>,
    replies: &Mutex<BTreeMap<String, VecDeque<Reply>>>,
) {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    let (head, body) = loop {
        let Ok(read @ 1..) = stream.read(&mut part) else { return };
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let key = header(&head, "idempotency-key").unwrap_or_default();
    let body = serde_json::from_str(&body).unwrap_or_default();
    seen.lock().unwrap().push(Request { path: path.clone(), key, body, at: Instant::now() });
    let reply = replies.lock().unwrap().get_mut(&path).and_then(VecDeque::pop_front);
    match reply.unwrap_or(Reply::Status(200, "")) {
        Reply::Status(status, headers) => {
            let reply =
                format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n");
            _ = stream.write_all(reply.as_bytes());
        }
        Reply::Cut => drop(stream),
        Reply::Hang => thread::sleep(Duration::from_secs(600)),
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// A directory in which one alert will have an action for each of these paths.
fn place(api: &Simulated, receiver: &WebhookReceiver, names: &[&str], response_timeout: &str) -> Place {
    let place = Place::new(&api.base_url);
    place.replace("type = \"sqlite\"\npath = \"./tables.db\"\n", "type = \"detect\"\nrules = [\"rules\"]\n");
    let mut settings = fs::read_to_string(place.path("ccfd.toml")).unwrap();
    settings += &format!(
        "\n[connectors]\nallowed_hosts = [\"127.0.0.1\"]\nresponse_timeout = \"{response_timeout}\"\n"
    );
    for name in names {
        let url = format!("http://127.0.0.1:{}/{name}", receiver.port);
        settings += &format!(
            "[connector.{name}]\ntype = \".webhook\"\nconfig = {{ url = \"{url}\", hasAuth = false }}\n\
             [[detect.action]]\nname = \"{name}\"\nconnector = \"{name}\"\nhistorical = true\n\
             params = {{ body = {{ title = \"{{{{ title }}}}\", alert = \"{{{{ id }}}}\" }} }}\n"
        );
    }
    place.write("ccfd.toml", &settings);
    fs::create_dir(place.path("rules")).unwrap();
    place.write("rules/any_event.yml", RULE);
    place
}

fn listed(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let ended = place.run_to(0, &[&["alerts", "actions", "list", "--json"], arguments].concat());
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_fault_of_a_receiver_has_its_own_end_and_none_holds_up_another() {
    let api = Simulated::start(&["--audit-logs", "1", "--completions", "1"]);
    let receiver = WebhookReceiver::start(&[
        ("/hangs", &[Reply::Hang]),
        ("/fails", &[Reply::Status(500, ""), Reply::Status(503, "")]),
        ("/asks", &[Reply::Status(429, "retry-after: 3\r\n")]),
        ("/gone", &[Reply::Status(410, "")]),
        ("/cuts", &[Reply::Cut]),
    ]);
    let names = ["hangs", "fails", "asks", "gone", "cuts", "fine"];
    let place = place(&api, &receiver, &names, "20s");
    let daemon = place.start(&["run"]);
    let done = ["fails", "asks", "cuts", "fine"];
    wait_until("four actions are done", || listed(&place, &["--state", "done"]).len() == done.len());
    let of = |name: &str| receiver.requests(&format!("/{name}"));
    let (fails, asks, cuts) = (of("fails"), of("asks"), of("cuts"));
    assert_eq!((fails.len(), asks.len(), cuts.len(), of("fine").len()), (3, 2, 2, 1));
    for requests in [&fails, &asks, &cuts] {
        assert!(!requests[0].key.is_empty() && requests.iter().all(|one| one.key == requests[0].key));
    }
    assert!(asks[1].at - asks[0].at >= Duration::from_secs(3));
    let fine = &of("fine")[0];
    assert_eq!(fine.body["title"], "An event");
    assert_ne!(fine.key, cuts[0].key, "each action has its own");
    let failed = listed(&place, &["--state", "failed"]);
    assert_eq!((failed.len(), &failed[0]["action"], of("gone").len()), (1, &"gone".into(), 1));
    assert_eq!(listed(&place, &["--state", "running"])[0]["action"], "hangs", "it waits for nobody");
    place.run_to(0, &["alerts", "actions", "retry", "--all"]);
    wait_until("the failed one is done", || {
        listed(&place, &["--state", "failed"]).is_empty() && of("gone").len() == 2
    });
    wait_until("the one that hung is done", || of("hangs").len() == 2);
    drop(daemon);
}

#[test]
fn a_pause_is_shown_with_its_reason_and_a_retry_lifts_it_for_what_is_named() {
    let api = Simulated::start(&["--audit-logs", "1", "--completions", "1"]);
    let receiver = WebhookReceiver::start(&[("/asks", &[Reply::Status(429, "retry-after: 600\r\n")])]);
    let place = place(&api, &receiver, &["asks"], "20s");
    // Of two actions of one connector, one waits for the pause of the other.
    let settings = fs::read_to_string(place.path("ccfd.toml")).unwrap();
    let second =
        "[[detect.action]]\nname = \"second\"\nconnector = \"asks\"\nhistorical = true\non = [\"closed\"]\n";
    place.write("ccfd.toml", &format!("{settings}{second}"));
    let _daemon = place.start(&["run"]);
    wait_until("the pause", || {
        listed(&place, &["--state", "waiting"]).iter().any(|row| row["waits"]["connector"] == "asks")
    });
    let id = listed(&place, &[])[0]["alert"].as_str().unwrap().to_owned();
    place.run_to(0, &["alerts", "close", &id, "--as", "benign"]);
    let waiting = || listed(&place, &["--state", "waiting"]);
    wait_until("the second action waits", || waiting().len() == 2);
    for row in waiting() {
        assert!(row["waits"]["reason"].as_str().unwrap().contains("Too Many Requests"), "{row}");
        assert!(row["waits"]["until"].as_str().unwrap() > "2026", "{row}");
    }
    wait_until("status shows it", || {
        place.run_to(0, &["status"]).stdout.replace('\n', " ").contains("its connector waits until")
    });
    let asks = waiting().iter().find(|row| row["action"] == "asks").unwrap()["id"].to_string();
    place.run_to(0, &["alerts", "actions", "retry", &asks]);
    wait_until("it is done", || !listed(&place, &["--state", "done"]).is_empty());
    assert_eq!(receiver.requests("/asks").len(), 2);
}

#[test]
fn what_a_kill_left_is_sent_again_under_the_same_key() {
    let api = Simulated::start(&["--audit-logs", "1", "--completions", "1"]);
    let receiver = WebhookReceiver::start(&[("/hangs", &[Reply::Hang])]);
    let place = place(&api, &receiver, &["hangs"], "60s");
    let daemon = place.start(&["run"]);
    wait_until("the first attempt", || receiver.requests("/hangs").len() == 1);
    daemon.signal(rustix::process::Signal::KILL);
    daemon.wait();
    assert_eq!(listed(&place, &[])[0]["state"], "running");
    let _daemon = place.start(&["run"]);
    wait_until("the second attempt is done", || !listed(&place, &["--state", "done"]).is_empty());
    let requests = receiver.requests("/hangs");
    assert_eq!((requests.len(), &requests[0].key), (2, &requests[1].key));
    let database = rusqlite::Connection::open(place.path("state/detect.db")).unwrap();
    let mut query = database.prepare("SELECT outcome, sent FROM run ORDER BY id").unwrap();
    let runs = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let runs: Vec<(String, Option<bool>)> = runs.unwrap().map(Result::unwrap).collect();
    let expected = [("unknown".to_owned(), None), ("done".to_owned(), Some(true))];
    assert_eq!(runs, expected, "each attempt has a row, also the one that the kill ended");
}

/// A daemon that was asked to end while another process has locked the database: its action is done, and that is not kept.
struct StoppedBehindLock {
    _api: Simulated,
    receiver: Fake,
    place: Place,
    daemon: Running,
    lock: rusqlite::Connection,
}

impl StoppedBehindLock {
    fn new(stop_timeout: &str) -> Self {
        let api = Simulated::start(&["--audit-logs", "1", "--completions", "1"]);
        let receiver = Fake::plain(|_| fake::Reply::status(200));
        receiver.hold();
        let port = receiver.url().rsplit(':').next().unwrap().parse().unwrap();
        let place = place(&api, &WebhookReceiver { port, got: Arc::default() }, &["page"], "20s");
        place.replace("[pipeline]\n", &format!("[pipeline]\nstop_timeout = \"{stop_timeout}\"\n"));
        let daemon = place.start(&["run"]);
        wait_until("the action", || !receiver.requests().is_empty());
        let lock = rusqlite::Connection::open(place.path("state/detect.db")).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        receiver.release();
        daemon.signal(rustix::process::Signal::TERM);
        Self { _api: api, receiver, place, daemon, lock }
    }
}

#[test]
fn a_stop_waits_for_a_lock_as_long_as_it_may_and_an_action_is_not_done_again() {
    let StoppedBehindLock { _api, receiver, place, mut daemon, lock } = StoppedBehindLock::new("30s");
    daemon.wait_for_log("does not know yet that actions are done");
    lock.execute_batch("ROLLBACK").unwrap();
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("may deliver and do them again"), "{ended:?}");
    assert_eq!((listed(&place, &["--state", "done"]).len(), receiver.requests().len()), (1, 1));
}

#[test]
fn a_stop_that_may_not_wait_for_a_lock_says_that_an_action_may_be_done_again() {
    let StoppedBehindLock { _api, receiver, place, daemon, lock } = StoppedBehindLock::new("1s");
    let ended = daemon.wait();
    lock.execute_batch("ROLLBACK").unwrap();
    let line = ended.stderr.lines().find(|line| line.contains("may deliver and do them again"));
    assert!(line.is_some_and(|line| line.contains(r#""actions":1"#)), "{ended:?}");
    let _daemon = place.start(&["run"]);
    wait_until("it is done", || !listed(&place, &["--state", "done"]).is_empty());
    let requests = receiver.requests();
    let key = |at: usize| requests[at].header("idempotency-key").unwrap();
    assert_eq!((requests.len(), key(0)), (2, key(1)));
}
