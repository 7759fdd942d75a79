use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::Stdio,
};

use crate::support::process::{Place, Simulated, wait_until};

fn collected() -> Place {
    let api = Simulated::start(&["--audit-logs", "200", "--completions", "150"]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    place
}

#[test]
fn rows_come_as_a_table_as_json_and_as_csv() {
    let place = collected();
    let sql = "SELECT ConnectorName, count(*) AS n FROM OpenAIAuditLogs_CL GROUP BY 1";
    let text = place.run_to(0, &["query", sql]).stdout;
    assert_eq!(text, "ConnectorName    n\n-------------  ---\nacme-audit     200\n");
    let json = place.run_to(0, &["query", "--json", sql]).stdout;
    assert_eq!(json, "{\"ConnectorName\":\"acme-audit\",\"n\":200}\n");
    let csv = place.run_to(0, &["query", "--csv", sql]).stdout;
    assert_eq!(csv, "ConnectorName,n\r\nacme-audit,200\r\n");
}

#[test]
fn a_record_is_one_line_of_json_that_holds_it_as_received() {
    let place = collected();
    let sql = "SELECT Record FROM OpenAIChatCompletions_CL";
    let json = place.run_to(0, &["query", "--json", sql]).stdout;
    assert_eq!(json.lines().count(), 150);
    for line in json.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let record: serde_json::Value = serde_json::from_str(row["Record"].as_str().unwrap()).unwrap();
        assert_eq!(record["object"], "chat.completion");
    }
}

#[test]
fn nothing_can_be_changed() {
    let place = collected();
    let ended = place.run_to(2, &["query", "DELETE FROM OpenAIAuditLogs_CL"]);
    assert!(ended.stderr.contains("only read-only statements"), "{}", ended.stderr);
    assert_eq!(place.rows().0, 200);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = collected();
    // Far more than a pipe holds.
    let sql = "SELECT a.Record FROM OpenAIAuditLogs_CL a, OpenAIChatCompletions_CL b";
    for format in ["--json", "--csv", "--sink=local"] {
        let mut child = place
            .command(&["query", format, sql])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        drop(out);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{format}: {ended:?}");
        assert!(ended.stderr.is_empty(), "{format}: {ended:?}");
    }
}

#[test]
fn of_several_databases_one_is_named() {
    let place = collected();
    let text = std::fs::read_to_string(place.path("ccfd.toml")).unwrap();
    let second = "\n[sink.second]\ntype = \"sqlite\"\npath = \"./second.db\"\n";
    place.write("ccfd.toml", &(text + second));
    let ended = place.run_to(2, &["query", "SELECT 1"]);
    assert!(ended.stderr.contains("--sink local|second"), "{}", ended.stderr);
    let one = place.run_to(0, &["query", "--sink", "local", "--csv", "SELECT 1 AS one"]);
    assert_eq!(one.stdout, "one\r\n1\r\n");
}

#[test]
fn a_query_that_cannot_be_answered_says_why() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let missing = place.run_to(1, &["query", "SELECT 1"]);
    assert!(missing.stderr.contains("nothing has been collected yet"), "{missing:?}");
    let place = collected();
    let sql = place.run_to(2, &["query", "SELECT * FROM unheard_of"]);
    assert!(sql.stderr.contains("no such table"), "{sql:?}");
    let sink = place.run_to(2, &["query", "--sink", "other", "SELECT 1"]);
    assert!(sink.stderr.contains("there are: local"), "{sink:?}");
    place.replace("type = \"sqlite\"\npath = \"./tables.db\"", "type = \"ndjson\"\ndir = \"./a\"");
    let none = place.run_to(2, &["query", "SELECT 1"]);
    assert!(none.stderr.contains("no sink of type sqlite"), "{none:?}");
}

#[test]
fn a_backup_holds_every_row_beside_a_running_daemon_and_overwrites_nothing() {
    let api = Simulated::start(&["--audit-logs", "200", "--completions", "150"]);
    let place = Place::new(&api.base_url);
    let daemon = place.start(&["run"]);
    wait_until("all rows", || place.rows() == (200, 150));
    place.run_to(0, &["query", "--backup", "copy.db"]);
    let copy = place.path("copy.db");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let copied = rusqlite::Connection::open(&copy).unwrap();
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        copied.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((count("OpenAIAuditLogs_CL"), count("OpenAIChatCompletions_CL")), (200, 150));
    let before = fs::read(&copy).unwrap();
    assert!(place.run_to(2, &["query", "--backup", "copy.db"]).stderr.contains("already exists"));
    assert_eq!(fs::read(&copy).unwrap(), before);
    place.run_to(2, &["query", "--backup", "other.db", "SELECT 1"]);
    place.run_to(2, &["query"]);
    place.run_to(1, &["query", "--backup", "missing/copy.db"]);
    drop(daemon);
}

#[test]
fn after_a_run_the_database_is_one_file() {
    let place = collected();
    assert!(!place.path("tables.db-wal").exists());
    assert_eq!(place.rows(), (200, 150));
}
