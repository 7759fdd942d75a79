use std::time::Duration;

use ccfd::{
    connectors::TokenUsage,
    detect_db::{CallerKind, ConnectorRunOutcome, DetectDb, FILE_NAME, RunRecord, RunSent},
};
use collectors::Clock;
use serde_json::Value;

use crate::support::process::{Place, Simulated};

/// A place without records, and the runs of a connector.
fn with_runs(runs: &[(&str, Option<u64>)]) -> Place {
    let place = Place::new("http://127.0.0.1:9/v1");
    std::fs::create_dir_all(place.path("state")).unwrap();
    let mut db = DetectDb::open(&place.path("state").join(FILE_NAME), 0).unwrap();
    for (number, (caller, tokens)) in runs.iter().enumerate() {
        let usage =
            TokenUsage { model: Some("m".to_owned()), prompt: *tokens, completion: *tokens, total: None };
        let record = RunRecord {
            id: format!("r-{number}"),
            at: Clock::system().now() * 1000,
            connector: "advice".to_owned(),
            type_id: ".gen-ai".to_owned(),
            space: "default".to_owned(),
            caller_kind: CallerKind::Operator,
            caller: (*caller).to_owned(),
            usage,
            sent: RunSent::Yes,
            duration: Some(Duration::from_secs(1)),
            outcome: ConnectorRunOutcome::Done,
        };
        db.record_run(&record).unwrap();
    }
    place
}

fn rows(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let ended = place.run_to(0, &[&["usage", "--json"], arguments].concat());
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn tokens_of_runs_are_shown_and_unknown_ones_are_unknown() {
    let place = with_runs(&[("ann", Some(5)), ("ann", None), ("=cmd", None)]);
    let shown = place.run_to(0, &["usage", "--by", "user"]);
    let lines: Vec<Vec<&str>> =
        shown.stdout.lines().map(|line| line.split_whitespace().take(7).collect()).collect();
    assert_eq!(
        lines[0],
        ["user", "runs", "failed", "prompt_tokens", "completion_tokens", "total_tokens", "unknown"]
    );
    assert_eq!(lines[2], ["ann", "2", "0", "5", "5", "10", "1"]);
    assert_eq!(lines[3], ["=cmd", "1", "0", "unknown", "unknown", "unknown", "1"]);
    assert!(shown.stderr.contains("tokens of runs of connectors, by user, last 30 days"), "{shown:?}");
    let csv = place.run_to(0, &["usage", "--by", "user", "--csv"]).stdout;
    assert!(csv.contains("\n'=cmd,1,0,unknown,unknown,unknown,1,runs of connectors\n"), "{csv}");
    assert_eq!(rows(&place, &["--by", "user"])[1]["total_tokens"], Value::Null);
    assert_eq!(rows(&place, &["--by", "model"])[0]["total_tokens"], 10);
}

#[test]
fn without_a_run_nothing_is_shown() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let shown = place.run_to(0, &["usage"]);
    assert_eq!((&*shown.stdout, shown.stderr.lines().last()), ("", Some("none")));
    assert_eq!(rows(&place, &["--stored"]), [Value::Null; 0]);
}

#[test]
fn stored_completions_are_summed_from_tables_and_from_lines() {
    let api = Simulated::start(&["--audit-logs", "3", "--completions", "150"]);
    let sum =
        |rows: &[Value], column: &str| rows.iter().map(|row| row[column].as_u64().unwrap_or(0)).sum::<u64>();
    let mut sums = Vec::new();
    for sink in [
        "",
        "type = \"ndjson\"\ndir = \"./lines\"\n",
        "type = \"ndjson\"\ndir = \"./lines\"\nshape = \"table\"\n",
    ] {
        let place = Place::new(&api.base_url);
        if !sink.is_empty() {
            place.replace("type = \"sqlite\"\npath = \"./tables.db\"\n", sink);
        }
        place.run_to(0, &["run", "--once"]);
        let by_day = rows(&place, &["--stored", "--by", "day"]);
        assert!(
            by_day.iter().all(|row| row["counted"] == "stored completions only" && row["failed"].is_null())
        );
        let days: Vec<_> = by_day.iter().map(|row| row["day"].as_str().unwrap().to_owned()).collect();
        assert!(days.is_sorted() && days.len() > 1, "{days:?}");
        assert_eq!(sum(&by_day, "runs"), 150);
        let by_model = rows(&place, &["--stored", "--by", "model"]);
        assert_eq!(sum(&by_model, "total_tokens"), sum(&by_day, "total_tokens"));
        sums.push(by_day);
    }
    assert!(sum(&sums[0], "total_tokens") > 0);
    assert!(sums.iter().all(|one| *one == sums[0]), "each sink says the same");
}

#[test]
fn it_is_said_why_stored_completions_cannot_be_read() {
    let place = Place::new("http://127.0.0.1:9/v1");
    let said = |arguments: &[&str]| place.run_to(2, &[&["usage", "--stored"], arguments].concat()).stderr;
    assert!(said(&["--sink", "nowhere"]).contains("--sink nowhere: there is no [sink.nowhere]"));
    let config = place.config();
    place.write(
        "ccfd.toml",
        &format!("{config}\n[sink.rules]\ntype = \"detect\"\n[sink.other]\ntype = \"sqlite\"\npath = \"other.db\"\n"),
    );
    let refused = said(&["--sink", "rules"]);
    assert!(refused.contains("--sink rules: is of type detect; completions are read back from"), "{refused}");
    place.replace("source = \"chat_completions\"\n", "source = \"audit_logs\"\n");
    assert!(said(&[]).contains("no collector reads stored completions"));
    place.replace("source = \"audit_logs\"\n", "source = \"chat_completions\"\n");
    place.replace("sinks = [\"local\"]", "sinks = [\"rules\"]");
    let refused = said(&[]);
    assert!(
        refused.contains("the completions cannot be read back")
            && refused.contains("rules: is of type detect"),
        "{refused}"
    );
    place.replace("sinks = [\"rules\"]", "sinks = [\"local\", \"other\"]");
    assert!(said(&[]).contains("name one: --sink local|other"));
}
