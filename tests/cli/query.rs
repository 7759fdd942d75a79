use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
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
    assert_eq!(csv, "ConnectorName,n\nacme-audit,200\n");
}

#[test]
fn the_views_show_what_people_want_most_and_the_last_hour_is_one() {
    let place = collected();
    let sql = "SELECT count(*) AS n FROM audit WHERE time IS NULL OR type IS NULL
               OR (actor IS NULL) <> (id IN (SELECT Id FROM OpenAIAuditLogs_CL WHERE ActorType IS NULL))";
    assert_eq!(place.run_to(0, &["query", "--csv", sql]).stdout, "n\n0\n");
    let sql = "SELECT count(*) AS n FROM completions WHERE tokens = prompt_tokens + completion_tokens";
    assert_eq!(place.run_to(0, &["query", "--csv", sql]).stdout, "n\n150\n");
    let sql = "SELECT count(*) AS n FROM audit WHERE time > since('31d')";
    assert_eq!(place.run_to(0, &["query", "--csv", sql]).stdout, "n\n200\n");
    let wrong = place.run_to(2, &["query", "SELECT since('an hour')"]);
    assert!(wrong.stderr.contains("since('an hour'): wanted a duration with its unit"), "{wrong:?}");
}

#[test]
fn a_statement_comes_from_standard_input_up_to_a_bound() {
    let place = collected();
    let piped = |sql: &[u8]| {
        let mut command = place.command(&["query", "--csv", "-"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // What is beyond the bound is not read.
        _ = child.stdin.take().unwrap().write_all(sql);
        child.wait_with_output().unwrap()
    };
    let done = piped(b"-- a comment\nSELECT 1 AS one;\n");
    assert_eq!((done.status.code(), &*done.stdout), (Some(0), &b"one\n1\n"[..]), "{done:?}");
    let refused = piped(&vec![b' '; (1 << 20) + 1]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("1 MiB"), "{refused:?}");
    assert_eq!(piped(b"SELECT '\xff'").status.code(), Some(1));
}

#[test]
fn the_schema_has_a_line_for_each_column_and_needs_no_configuration() {
    let place = Place::bare();
    let text = place.run_to(0, &["query", "--schema"]).stdout;
    let has = |words: [&str; 4]| {
        let words = words.join(" ");
        text.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == words)
    };
    assert!(
        has(["OpenAIAuditLogs_CL", "ActorType", "string", "Who acted: `session` or `api_key`"]),
        "{text}"
    );
    assert!(has(["OpenAIAuditLogs_CL", "Record", "string", "The record as received"]), "{text}");
    assert!(has(["audit", "time", "datetime", "When the event took effect"]), "{text}");
    assert!(!text.contains('…'), "{text}");
    let json = place.run_to(0, &["query", "--schema", "--json"]).stdout;
    assert!(
        json.contains(r#"{"table":"completions","column":"tokens","type":"long","meaning":"All tokens"}"#)
    );
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
    assert_eq!(one.stdout, "one\n1\n");
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
fn a_backup_that_is_killed_leaves_no_file_of_its_name_and_the_next_one_is_whole() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let writer = rusqlite::Connection::open(place.path("tables.db")).unwrap();
    // Not in the mode of the sink: here a writer makes the backup wait in the midst of it.
    writer.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1); BEGIN EXCLUSIVE").unwrap();
    let names = || {
        let of_copy = |entry: std::io::Result<fs::DirEntry>| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.starts_with("copy.db").then_some(name)
        };
        fs::read_dir(place.path(".")).unwrap().filter_map(of_copy).collect::<Vec<_>>()
    };
    let running = place.start(&["query", "--backup", "copy.db"]);
    wait_until("the backup has begun", || !names().is_empty());
    drop(running);
    let left = names();
    assert!(left.iter().all(|name| name.contains("unfinished")), "{left:?}");
    drop(writer);
    place.run_to(0, &["query", "--backup", "copy.db"]);
    assert_eq!(names(), ["copy.db"]);
}

#[test]
fn after_a_run_the_database_is_one_file() {
    let place = collected();
    assert!(!place.path("tables.db-wal").exists());
    assert_eq!(place.rows(), (200, 150));
}
