//! Searches every byte that ccfd leaves behind for redacted values.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::process::{Place, Simulated, wait_until};

/// Part of every redacted value, and of nothing else.
pub(super) const SECRET: &str = "marker-that-nobody-may-see";
/// Part of the value next to each of them.
pub(super) const NEIGHBOUR: &str = "neighbour-that-must-arrive";
const HASH_KEY: &str = "0123456789abcdef0123456789abcdef";

/// Two events of one person, of which a trigger refuses the second, one without usable id, a completion and what it was
/// asked.
const RECORDS: [&str; 5] = [
    r#"{"id":"audit_log-1","type":"user.added","effective_at":1770979925,
        "actor":{"type":"SECRET","session":{"user_agent":"SECRET","ip_address":"NEIGHBOUR","user":{"email":"SECRET@x"}}},
        "actor":{"type":"session","session":{"user_agent":["SECRET"],"ip_address":"NEIGHBOUR","user":{"email":"SECRET@x"}}},
        "user.added":{"id":"NEIGHBOUR","data":{"email":"SECRET","role":{"SECRET":"SECRET"}}},"n\u0065ws":{"data":"SECRET"},
        "\u0070roject":{"name":"SECRET","id":"NEIGHBOUR","n\u0061me":["SECRET",{"name":"SECRET"}]}}"#,
    r#"{"id":"audit_log-2","type":"api_key.created","effective_at":1770979926,
        "api_key.created":{"data":{"scopes":["SECRET"]},"id":"NEIGHBOUR"},"project":{"name":"SECRET"},
        "actor":{"type":"session","session":{"user":{"email":"SECRET\u0040x"},"user_agent":{"a":"SECRET"}}}}"#,
    r#"{"id":"","type":"user.deleted","effective_at":1770979927,"project":{"name":"SECRET","id":"NEIGHBOUR"},
        "user.deleted":{"data":"SECRET"},"actor":{"session":{"user_agent":"SECRET","user":{"email":["SECRET@x",null]}}}}"#,
    r#"{"object":"chat.completion","id":"chatcmpl-1","created":1770979925,"model":"gpt-5","usage":{"total_tokens":7},
        "choices":[{"index":0,"message":{"content":"SECRET"}}],"tools":[{"name":"SECRET"}],"tool_choice":{"name":"SECRET"},
        "response_format":{"schema":"SECRET"},"messages":[{"content":"SECRET"}],"news":"SECRET","choices":"SECRET",
        "input_user":"SECRET","metadata":{"team":"NEIGHBOUR","note":"SECRET"}}"#,
    r#"{"completion_id":"chatcmpl-1","id":"chatcmpl-1-0","role":"user","content":"SECRET","name":"SECRET",
        "content_parts":[{"type":"text","text":"SECRET","note":"NEIGHBOUR"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,SECRET"}}]}"#,
];

const REDACT_AUDIT: &str = r#"
drop = ["actor.session.user_agent", "@other.data"]
mask = ["project.name", "actor.type"]
hash = ["actor.session.user.email"]
hash_key = { env = "HASH_KEY" }
"#;
/// The same completion for a sink of its own: without what is dropped above, and with what it was asked.
const PROMPTS: &str = r#"
[collector.acme-prompts]
source = "chat_completions"
api_key = { env = "OPENAI_API_KEY" }
sinks = ["prompts"]
include_messages = true
drop = ["choices", "tools", "tool_choice", "response_format", "@other"]
mask = ["metadata.note", "ccfd_messages.content", "ccfd_messages.content_parts.text"]
hash = ["input_user", "ccfd_messages.name"]
hash_key = { env = "HASH_KEY" }
"#;
const REDACT_CHAT: &str = r#"
include_messages = true
preset = "no-content"
mask = ["metadata.note"]
hash = ["input_user"]
hash_key = { env = "HASH_KEY" }
"#;
const MORE_SINKS: &str = r#"
[sink.prompts]
type = "sqlite"
path = "./prompts.db"

[sink.lines]
type = "ndjson"
dir = "./lines"

[sink.columns]
type = "ndjson"
dir = "./columns"
shape = "table"

[log]
level = "trace"
"#;

pub(super) fn simulated(dir: &Path) -> Simulated {
    let file = dir.join("records.ndjson");
    let lines = RECORDS.map(|record| record.replace('\n', "") + "\n").concat();
    fs::write(&file, lines.replace("SECRET", SECRET).replace("NEIGHBOUR", NEIGHBOUR)).unwrap();
    Simulated::start(&["--audit-logs", "0", "--completions", "0", "--records", file.to_str().unwrap()])
}

/// The collectors of both lists.
fn place(api: &Simulated) -> Place {
    let place = Place::new(&api.base_url).with("HASH_KEY", HASH_KEY);
    place.replace("start = \"8d\"", "start = \"all\"");
    place.replace("[collector.acme-audit]", &format!("[collector.acme-audit]{REDACT_AUDIT}"));
    place.replace("[collector.acme-chat]", &format!("[collector.acme-chat]{REDACT_CHAT}"));
    place
}

/// A third one beside them, which keeps what was asked, and more sinks.
pub(super) fn larger_place(api: &Simulated) -> Place {
    let place = place(api);
    place.replace("[sink.local]", &format!("{PROMPTS}{MORE_SINKS}\n[sink.local]"));
    place
}

/// Every file below a directory, with its bytes as text.
fn files(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

/// How many rows both tables of a database hold together; 0 while there are none, or another process is at work on them.
fn rows(place: &Place, name: &str) -> i64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(database) = rusqlite::Connection::open_with_flags(place.path(name), flags) else { return 0 };
    let sql =
        "SELECT (SELECT count(*) FROM OpenAIAuditLogs_CL) + (SELECT count(*) FROM OpenAIChatCompletions_CL)";
    database.query_row(sql, [], |row| row.get(0)).unwrap_or(0)
}

fn lines(place: &Place, dir: &str, word: &str) -> Vec<Value> {
    let found = if place.path(dir).exists() { files(&place.path(dir)) } else { Vec::new() };
    let lines = found.iter().filter(|(path, _)| path.to_string_lossy().contains(word));
    lines.flat_map(|(_, text)| text.lines()).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// No file contains a redacted value, and each of these contains the value next to it.
pub(super) fn search(place: &Place, words: &[&str]) {
    let found = files(&place.path("."));
    for (path, text) in &found {
        assert!(!text.contains(SECRET), "{}", path.display());
    }
    let with_neighbour = |word: &str| {
        let mut files = found.iter().filter(|(path, _)| path.to_string_lossy().contains(word));
        assert!(files.any(|(_, text)| text.contains(NEIGHBOUR)), "{word}");
    };
    for word in words {
        with_neighbour(word);
    }
}

#[test]
fn what_is_redacted_is_in_no_byte_that_is_left_behind_and_what_is_next_to_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let api = simulated(dir.path());
    let place = larger_place(&api);
    place.replace("sinks = [\"local\"]", "sinks = [\"local\", \"lines\", \"columns\"]");
    let left = [
        "tables.db",
        "prompts.db",
        "lines/",
        "columns/",
        "rejects/acme-audit+local",
        "rejects/acme-audit+lines",
    ];
    // Makes the table.
    place.run_to(0, &["check"]);
    let database = rusqlite::Connection::open(place.path("tables.db")).unwrap();
    let trigger = "CREATE TRIGGER no BEFORE INSERT ON OpenAIAuditLogs_CL WHEN new.Id = 'audit_log-2' \
                   BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    database.execute_batch(trigger).unwrap();
    drop(database);

    let daemon = place.start(&["run"]);
    wait_until("every record", || {
        rows(&place, "tables.db") == 2
            && rows(&place, "prompts.db") == 1
            && ["lines", "columns"].iter().all(|dir| lines(&place, dir, "").len() == 3)
            && lines(&place, "state/rejects", "").len() == 4
    });
    assert!(place.path("tables.db-wal").exists());
    search(&place, &left);
    let text = place.run_to(0, &["rejects", "list"]).stdout + &place.run(&["status"]).stdout;
    assert!(!text.contains(SECRET), "{text}");
    daemon.signal(Signal::TERM);
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("\"delivered\"") && !ended.stderr.contains(SECRET), "{}", ended.stderr);
    assert!(!ended.stderr.contains(HASH_KEY));
    search(&place, &left);

    let audit = lines(&place, "lines", "OpenAIAuditLogs");
    let email = |event: &Value| event["actor"]["session"]["user"]["email"].as_str().unwrap().to_owned();
    assert_eq!(email(&audit[0]), email(&audit[1]), "one person has one hash");
    assert_eq!(email(&audit[0]).len(), 64);
    let chat = &lines(&place, "lines", "OpenAIChatCompletions")[0];
    assert_eq!((&chat["model"], &chat["usage"]["total_tokens"]), (&"gpt-5".into(), &7.into()));
    assert_eq!(chat["metadata"]["note"], "[masked]");
    assert_eq!(chat.get("ccfd_messages"), None);

    let prompts = rusqlite::Connection::open(place.path("prompts.db")).unwrap();
    let sql = "SELECT Messages, Record FROM OpenAIChatCompletions_CL";
    let (column, record): (String, String) =
        prompts.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let asked: Value = serde_json::from_str(&column).unwrap();
    assert_eq!((&asked[0]["content"], &asked[0]["role"]), (&"[masked]".into(), &"user".into()));
    assert_eq!(asked[0]["content_parts"][0]["note"], NEIGHBOUR);
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["ccfd_messages"], asked, "{record}");
}

#[test]
fn the_checkpoint_does_not_depend_on_what_is_redacted() {
    let dir = tempfile::tempdir().unwrap();
    let api = simulated(dir.path());
    let place = place(&api);
    place.run_to(0, &["run", "--once"]);
    assert_eq!(place.rows(), (2, 1));
    place.replace("\"actor.type\"", "\"actor\"");
    place.replace("hash = [\"actor.session.user.email\"]", "hash = [\"object\"]");
    place.replace("drop = [\"actor.session.user_agent\", ", "drop = [");
    let again = place.run_to(0, &["run", "--once"]);
    assert!(!again.stderr.contains("\"delivered\""), "{}", again.stderr);
}

#[test]
fn without_its_hash_key_a_route_reads_nothing_and_says_where_the_key_belongs() {
    let dir = tempfile::tempdir().unwrap();
    let api = simulated(dir.path());
    for (place, reason) in [
        (place(&api).without("HASH_KEY"), "environment variable HASH_KEY is not set"),
        (
            place(&api).with("HASH_KEY", "short"),
            "environment variable HASH_KEY: the hash key has fewer than 32 characters",
        ),
    ] {
        let ended = place.run_to(3, &["run", "--once"]);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("provide the key at the place that `hash_key` names"),
            "{}",
            ended.stderr
        );
        assert_eq!(place.rows(), (0, 0));
        let checked = place.run_to(3, &["check"]).stdout;
        assert!(checked.contains("FAIL  redact acme-audit") && checked.contains("hash_key"), "{checked}");
    }
}

#[test]
fn check_says_what_is_redacted_by_the_names_of_the_paths() {
    let dir = tempfile::tempdir().unwrap();
    let api = simulated(dir.path());
    let text = place(&api).run_to(0, &["check"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains(
            "ok redact acme-audit drops actor.session.user_agent, @other.data; masks project.name, actor.type; hashes \
             actor.session.user.email; key from environment variable HASH_KEY"
        ),
        "{text}"
    );
    assert!(text.contains("ok redact acme-chat drops choices, ccfd_messages, messages, tools"), "{text}");
}
