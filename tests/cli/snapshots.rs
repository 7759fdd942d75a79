//! What commands print, held against `tests/cli/snapshots`, for each type of sink where it concerns sinks. To accept a change:
//! `INSTA_UPDATE=always cargo test --test main cli::snapshots`.

use std::fs;

use ccfd::cli::command_line;
use clap::Command;
use insta::{Settings, assert_snapshot};
use serde_json::json;

use crate::support::{
    fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, DCR, TENANT},
    fake_elastic::Elastic,
    fake_kibana::{AUTHORIZATION, Kibana},
    process::{Place, Simulated},
};

/// Every type of sink; `ndjson` in both of its forms.
const SINKS: [&str; 7] =
    ["sqlite", "ndjson", "ndjson_stdout", "elasticsearch", "kibana_index", "logs_ingestion", "detect"];

/// Where the services are.
struct Services {
    elastic: Vec<String>,
    kibana: String,
    ingestion: String,
    /// Keys that the sink for Azure needs beside these: its own, and those of its authentication.
    trust: String,
    authority: String,
}

impl Services {
    /// Nobody is there.
    fn named() -> Self {
        Self {
            elastic: vec!["https://one.example:9200".to_owned(), "https://two.example:9200".to_owned()],
            kibana: "https://kibana.example:5601".to_owned(),
            ingestion: "https://acme.westeurope-1.ingest.monitor.azure.com".to_owned(),
            trust: String::new(),
            authority: String::new(),
        }
    }

    fn of(azure: &Azure, elastic: &Elastic, kibana: &Kibana) -> Self {
        Self {
            elastic: vec![elastic.server.url().to_owned()],
            kibana: kibana.server.url().to_owned(),
            ingestion: azure.ingestion.server.url().to_owned(),
            trust: format!("ca_file = \"{}\"\n", azure.ca.path().display()),
            authority: format!("authority_host = \"{}\"\n", azure.entra.server.url()),
        }
    }

    /// The keys of `[sink.local]` for a type.
    fn section(&self, sink: &str) -> String {
        let Self { elastic, kibana, ingestion, trust, authority } = self;
        match sink {
            "sqlite" => "type = \"sqlite\"\npath = \"./tables.db\"\n".to_owned(),
            "ndjson" => "type = \"ndjson\"\ndir = \"./lines\"\n".to_owned(),
            "ndjson_stdout" => "type = \"ndjson\"\ndir = \"-\"\n".to_owned(),
            "detect" => "type = \"detect\"\n".to_owned(),
            "elasticsearch" => format!("type = \"elasticsearch\"\nurls = {elastic:?}\n"),
            "kibana_index" => format!(
                "type = \"kibana_index\"\nurl = \"{kibana}\"\nauth = {{ api_key = {{ env = \"KIBANA_API_KEY\" }} }}\n"
            ),
            "logs_ingestion" => format!(
                "type = \"logs_ingestion\"\nendpoint = \"{ingestion}\"\ndcr_immutable_id = \"{DCR}\"\n{trust}\n\
                 [sink.local.auth]\nkind = \"client_secret\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\n\
                 client_secret = {{ env = \"AZURE_CLIENT_SECRET\" }}\n{authority}"
            ),
            other => panic!("no sink of type {other}"),
        }
    }

    /// Both collectors into one sink of a type.
    fn place(&self, base_url: &str, sink: &str) -> Place {
        let key = AUTHORIZATION.strip_prefix("ApiKey ").unwrap();
        let place =
            Place::new(base_url).with("AZURE_CLIENT_SECRET", CLIENT_SECRET).with("KIBANA_API_KEY", key);
        place.replace("type = \"sqlite\"\npath = \"./tables.db\"\n", &self.section(sink));
        place
    }
}

/// Compares with the file of that name. What differs from run to run is replaced before.
fn is_as_kept(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, fixed(text)));
}

/// The text with fixed words for ports, times and free space.
fn fixed(text: &str) -> String {
    text.split_inclusive('\n').map(fixed_line).collect()
}

fn fixed_line(line: &str) -> String {
    let mut line = line.to_owned();
    for host in ["127.0.0.1:", "localhost:"] {
        let pieces: Vec<&str> = line.split(host).collect();
        let (first, rest) = pieces.split_first().unwrap();
        let rest = rest
            .iter()
            .map(|rest| format!("{host}PORT{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())));
        line = first.to_string() + &rest.collect::<String>();
    }
    if let Some((before, after)) = line.split_once(" free") {
        // A number and its unit.
        let start = before.trim_end().rmatch_indices("  ").next().map_or(0, |(at, _)| at + 2);
        line = format!("{}SIZE free{after}", &before[..start]);
    }
    for at in 0..line.len() {
        if is_time(&line[at.min(line.len())..]) {
            line.replace_range(at..at + TIME.len(), TIME);
        }
    }
    line
}

const TIME: &str = "2026-01-01T00:00:00Z";

/// Whether a text begins with a time.
fn is_time(text: &str) -> bool {
    let like = |(found, wanted): (u8, u8)| match wanted {
        b'0'..=b'9' => found.is_ascii_digit(),
        wanted => found == wanted,
    };
    text.len() >= TIME.len() && text.bytes().zip(TIME.bytes()).all(like)
}

#[test]
fn status_names_where_each_type_of_sink_writes() {
    for sink in SINKS {
        let place = Services::named().place("http://127.0.0.1:9/v1", sink);
        is_as_kept(&format!("status_{sink}"), &place.run_to(0, &["status"]).stdout);
        let json = &place.status()["sinks"][0];
        let is_local = ["sqlite", "ndjson", "detect"].contains(&sink);
        assert_eq!(json["place"].is_object(), is_local, "{json}");
        let is_service = !is_local && sink != "ndjson_stdout";
        assert_eq!(json["addresses"].as_array().unwrap().is_empty(), !is_service, "{json}");
    }
}

#[test]
fn check_says_of_each_type_of_sink_what_it_found() {
    let api = Simulated::start(&["--audit-logs", "30", "--completions", "20"]);
    let (azure, elastic, kibana) = (Azure::start(), Elastic::plain(), Kibana::plain());
    let services = Services::of(&azure, &elastic, &kibana);
    for sink in SINKS {
        let place = services.place(&api.base_url, sink);
        let ended = place.run(&["check"]);
        let mut text = ended.stdout;
        for name in ["tables.db", "state/detect.db"] {
            let database = place.path(name).display().to_string();
            if text.contains(&database) {
                // Where its lines break depends on the length of this machine's temporary directory.
                text = text.replace("\n      ", " ").replace(&database, &format!("DIR/{name}"));
            }
        }
        is_as_kept(&format!("check_{sink}"), &format!("{text}\nexit code {:?}\n", ended.code.unwrap()));
    }
}

#[test]
fn the_list_of_rejects_is_the_same_for_each_type_of_sink() {
    for sink in SINKS {
        let place = Services::named().place("http://127.0.0.1:9/v1", sink);
        fs::create_dir_all(place.path("state/rejects")).unwrap();
        let lines = ["refused", "too_large", "cut"].map(|kind| {
            let record = json!({ "id": format!("audit_log-{kind}"), "type": "user.added", "effective_at": 1_770_979_925 });
            let line = json!({
                "time": "2026-02-13T10:52:05Z", "route": "acme-audit/local", "connector": "acme-audit",
                "table": "OpenAIAuditLogs_CL", "side": "sink", "kind": kind, "reason": "no", "record": record,
            });
            format!("{line}\n")
        });
        place.write("state/rejects/acme-audit+local.ndjson", &lines.concat());
        let ended = place.run_to(0, &["rejects", "list"]);
        is_as_kept("rejects_list", &(ended.stdout + &ended.stderr));
    }
}

/// The words that ask for the help of a command and of all below it.
fn commands(command: &Command, before: &[String], found: &mut Vec<Vec<String>>) {
    found.push(before.to_vec());
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        commands(below, &[before, &[below.get_name().to_owned()]].concat(), found);
    }
}

#[test]
fn every_command_has_its_help() {
    let place = Place::bare();
    let mut asked = Vec::new();
    commands(&command_line(), &[], &mut asked);
    assert!(asked.len() > 15, "only {} were found", asked.len());
    for words in asked {
        let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let name = [&["help"], &arguments[..words.len()]].concat().join("_");
        is_as_kept(&name, &place.run_to(0, &arguments).stdout);
    }
}

#[test]
fn what_differs_from_run_to_run_is_replaced() {
    let text =
        "a http://127.0.0.1:40123/v1, newest 2026-11-28T17:04:05Z\nstate  ./state  0 B  12.5 GiB free\n";
    let same = "a http://127.0.0.1:PORT/v1, newest 2026-01-01T00:00:00Z\nstate  ./state  0 B  SIZE free\n";
    assert_eq!(fixed(text), same);
}
