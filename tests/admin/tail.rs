//! `GET /api/v1/tail`: records as they are delivered, for readers that may not read.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Daemon;
use crate::support::{
    http::send,
    process::{Place, Simulated, wait_until},
};

const LIVE: [&str; 6] = ["--audit-logs", "20", "--completions", "20", "--live", "20"];

/// A reader. It speaks HTTP 1.0, so that the body is not divided into chunks.
struct Reader(BufReader<TcpStream>);

impl Reader {
    /// Begins to read; the first line is a heartbeat.
    fn open(daemon: &Daemon, query: &str) -> Self {
        let mut reader = Self::ask(daemon, query);
        let status = reader.text();
        assert!(status.contains(" 200 "), "{status}");
        while !reader.text().is_empty() {}
        assert!(reader.line()["heartbeat"].is_number());
        reader
    }

    fn ask(daemon: &Daemon, query: &str) -> Self {
        let stream = TcpStream::connect(daemon.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut reader = BufReader::new(stream);
        let token = &daemon.token;
        write!(
            reader.get_mut(),
            "GET /api/v1/tail{query} HTTP/1.0\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
        )
        .unwrap();
        Self(reader)
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        self.0.read_line(&mut text).unwrap();
        text.trim_end().to_owned()
    }

    fn line(&mut self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text:?}"))
    }

    /// The next records, with their routes.
    fn records(&mut self, count: usize) -> Vec<(String, Value)> {
        let lines = std::iter::repeat_with(|| self.line());
        let records = lines.filter(|line| line.get("record").is_some());
        records
            .take(count)
            .map(|mut line| (line["route"].as_str().unwrap().to_owned(), line["record"].take()))
            .collect()
    }
}

fn asked(daemon: &Daemon, query: &str) -> (u16, String) {
    let bearer = format!("Bearer {}", daemon.token);
    let url = format!("{}/api/v1/tail{query}", daemon.url);
    let (status, answer) = send(Method::GET, &url, &[("authorization", &bearer)], Vec::new());
    (status, answer["error"].as_str().unwrap_or_default().to_owned())
}

fn live() -> (Simulated, Place, Daemon) {
    let api = Simulated::start(&LIVE);
    let place = Place::new(&api.base_url);
    place.replace("sinks = [\"local\"]", "sinks = [\"local\", \"files\"]");
    let files = "\n[sink.files]\ntype = \"ndjson\"\ndir = \"./files\"\n";
    place.write("ccfd.toml", &(place.config() + files));
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    daemon.wait_for_state("acme-chat/local", "live");
    (api, place, daemon)
}

#[test]
fn each_new_record_comes_once_however_many_sinks_it_goes_to() {
    let (_api, place, daemon) = live();
    let records = Reader::open(&daemon, "").records(60);
    let routes: BTreeSet<&str> = records.iter().map(|(route, _)| &**route).collect();
    assert_eq!(routes, BTreeSet::from(["acme-audit/local", "acme-chat/local"]));
    let ids: BTreeSet<&str> = records.iter().map(|(_, record)| record["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 60);
    // The sink has acknowledged what is shown.
    let (_, record) = &records[0];
    let table = match record["object"].as_str() {
        Some("chat.completion") => "OpenAIChatCompletions_CL",
        _ => "OpenAIAuditLogs_CL",
    };
    let id = record["id"].as_str().unwrap();
    assert_eq!(place.number(&format!("SELECT count(*) FROM {table} WHERE Id = '{id}'")), 1);
}

#[test]
fn a_collector_or_a_route_is_chosen_and_what_does_not_exist_is_refused() {
    let (_api, _place, daemon) = live();
    for (query, wanted) in
        [("?collector=acme-chat", "acme-chat/local"), ("?route=acme-chat%2Ffiles", "acme-chat/files")]
    {
        let records = Reader::open(&daemon, query).records(20);
        assert!(records.iter().all(|(route, _)| route == wanted), "{query}: {records:?}");
    }
    for (query, said) in [
        ("?collector=acme-chta", "no collector `acme-chta` is configured, but `acme-audit`, `acme-chat`"),
        ("?collector=acme-chat/local", "name it with --route"),
        ("?route=acme-chat", "no route `acme-chat` is running, but `acme-audit/files`"),
        ("?route=acme-chat/local&collector=acme-chat", "one route, or any number of collectors"),
        ("?sink=local", "expected `collector` or `route`, found `sink`"),
    ] {
        let (status, error) = asked(&daemon, query);
        assert!(status == 422 && error.contains(said), "{query}: {status} {error}");
    }
    let url = format!("{}/api/v1/tail", daemon.url);
    assert_eq!(send(Method::GET, &url, &[], Vec::new()).0, 401);
}

#[test]
fn a_ninth_reader_is_refused_until_one_of_the_eight_ends() {
    let (_api, _place, daemon) = live();
    let mut readers: Vec<Reader> = (0..8).map(|_| Reader::open(&daemon, "")).collect();
    let (status, error) = asked(&daemon, "");
    assert!(status == 503 && error.contains("8 readers"), "{status} {error}");
    assert_eq!(daemon.get("/healthz").0, 200);
    // It does not say goodbye.
    drop(readers.pop());
    wait_until("a place", || {
        let mut reader = Reader::ask(&daemon, "");
        reader.text().contains(" 200 ")
    });
    assert_eq!(readers[0].records(20).len(), 20);
}

#[test]
fn a_reload_changes_what_is_shown_under_a_reader() {
    let (_api, place, daemon) = live();
    let mut reader = Reader::open(&daemon, "");
    reader.records(10);
    // Another sink is the first, and a collector is new.
    place.replace("sinks = [\"local\", \"files\"]", "sinks = [\"files\", \"local\"]");
    let another =
        "\n[collector.other-chat]\nsource = \"chat_completions\"\napi_key = { env = \"OPENAI_API_KEY\" }\n";
    place.write("ccfd.toml", &(place.config() + another));
    place.run_to(0, &["reload"]);
    let mut seen = BTreeSet::new();
    wait_until("all routes", || {
        seen.extend(reader.records(1).into_iter().map(|(route, _)| route));
        ["acme-audit/files", "acme-chat/files", "other-chat/files"].iter().all(|route| seen.contains(*route))
    });
    assert!(!seen.contains("other-chat/local"), "{seen:?}");
}

#[test]
fn a_stop_does_not_wait_for_readers() {
    let (_api, _place, daemon) = live();
    let mut reader = Reader::open(&daemon, "");
    daemon.running.signal(Signal::TERM);
    assert_eq!(daemon.running.wait().code, Some(0));
    while !reader.text().is_empty() {}
}

#[test]
fn delivery_does_not_wait_for_a_reader_that_does_not_read_and_it_learns_what_it_missed() {
    let api = Simulated::start(&["--audit-logs", "20000", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["collectors", "pause", "acme-audit"]);
    let daemon = Daemon::start(&place);
    let mut reader = Reader::open(&daemon, "?collector=acme-audit");
    place.run_to(0, &["collectors", "resume", "acme-audit"]);
    wait_until("every row", || daemon.route("acme-audit/local")["delivered"] == json!(20_000));
    let (mut shown, mut lost) = (0, 0);
    while shown + lost < 20_000 {
        let line = reader.line();
        shown += u64::from(line.get("record").is_some());
        lost += line["lost"].as_u64().unwrap_or(0);
    }
    assert!(shown >= 1_000 && lost >= 1_000, "{shown} shown, {lost} lost");
    assert_eq!(shown + lost, 20_000);
}
