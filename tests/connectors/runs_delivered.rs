//! Runs of connectors on their way to sinks: each arrives once in every sink that the settings name.

use std::{fs, path::PathBuf, time::Duration};

use ccfd::{
    config::{Config, Environment},
    connectors::TokenUsage,
    daemon::{assembly::Assembly, connector_runs, supervisor::Supervisor},
    detect_db::{CallerKind, ConnectorRunOutcome, DetectDb, FILE_NAME, RunRecord, RunSent},
    pipeline::policy::Failure,
    tables::CONNECTOR_RUNS,
};
use collectors::Clock;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, DCR, TENANT},
    fake_elastic::Elastic,
    process::{Place, Simulated},
};

const STREAM: &str = "logs-ccfd.connector_runs-default";

struct Bench {
    dir: TempDir,
    /// The sections of the sinks.
    sinks: String,
    runs: u64,
}

impl Bench {
    fn new(sinks: impl Into<String>) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), sinks: sinks.into(), runs: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Records so many runs.
    fn run(&mut self, count: u64) {
        let mut db = DetectDb::open(&self.path(FILE_NAME), 0).unwrap();
        for _ in 0..count {
            self.runs += 1;
            let run = RunRecord {
                id: format!("r-{}", self.runs),
                at: Clock::system().now() * 1000,
                connector: "advice".to_owned(),
                type_id: ".gen-ai".to_owned(),
                space: "default".to_owned(),
                caller_kind: CallerKind::ApiKey,
                caller: "ci".to_owned(),
                usage: TokenUsage {
                    model: Some("m".to_owned()),
                    total: Some(self.runs),
                    ..TokenUsage::default()
                },
                sent: RunSent::Yes,
                duration: Some(Duration::from_millis(1_500)),
                outcome: ConnectorRunOutcome::Done,
            };
            db.record_run(&run).unwrap();
        }
    }

    /// Delivers what there is, as the end of a daemon does. Returns the failures.
    async fn deliver(&self) -> Vec<String> {
        let names: Vec<String> = self
            .sinks
            .lines()
            .filter_map(|line| line.strip_prefix("[sink.")?.strip_suffix(']'))
            .filter(|name| !name.contains('.'))
            .map(|name| format!("\"{name}\""))
            .collect();
        let config = format!(
            "[state]\ndir = \"{}\"\n[collector.acme]\nsource = \"audit_logs\"\napi_key = {{ env = \"A\" }}\nsinks = [{}]\n\
             [connectors]\nruns = [{}]\n{}\n",
            self.dir.path().display(),
            names.first().unwrap(),
            names.join(", "),
            self.sinks
        );
        let file = self.path("ccfd.toml");
        fs::write(&file, config).unwrap();
        let environment: Environment = [("AZURE_CLIENT_SECRET", CLIENT_SECRET)].into_iter().collect();
        let config = Config::load(Some(&file), &environment, &[]).unwrap();
        let store = state::Store::open(self.dir.path(), state::StoreOptions::default()).unwrap().store;
        let assembly = Assembly::new(config, environment);
        let supervisor = Supervisor::new(assembly.clone(), store.clone());
        let failures = connector_runs::begin(&supervisor).end(true).await;
        drop(supervisor);
        assembly.close_sinks(None, Duration::from_secs(5)).await;
        store.close().await.unwrap();
        failures.iter().map(Failure::to_string).collect()
    }

    async fn deliver_all(&self) {
        assert_eq!(self.deliver().await, [] as [&str; 0]);
    }

    fn rows(&self, sql: &str) -> Vec<i64> {
        let database = Connection::open(self.path("tables.db")).unwrap();
        let mut query = database.prepare(sql).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn lines(&self) -> Vec<Value> {
        let files = self.path("files").read_dir().unwrap().map(|entry| entry.unwrap().path());
        let texts: Vec<String> = files.map(|file| fs::read_to_string(file).unwrap()).collect();
        texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const SQLITE: &str = "[sink.local]\ntype = \"sqlite\"\npath = \"tables.db\"\n";
const TOTALS: &str = "SELECT TotalTokens FROM CcfdConnectorRuns_CL ORDER BY TotalTokens";

#[tokio::test]
async fn each_run_arrives_once_in_every_sink() {
    let elastic = Elastic::plain();
    let mut bench = Bench::new(format!(
        "{SQLITE}[sink.files]\ntype = \"ndjson\"\ndir = \"files\"\nshape = \"table\"\n\
         [sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\n",
        elastic.server.url()
    ));
    bench.run(3);
    bench.deliver_all().await;
    bench.run(2);
    bench.deliver_all().await;
    bench.deliver_all().await;
    assert_eq!(bench.rows(TOTALS), [1, 2, 3, 4, 5]);
    let lines = bench.lines();
    assert_eq!(lines.len(), 5);
    let expected = json!(["advice", ".gen-ai", "default", "api_key", "ci", "done", 1_500, "m", null]);
    let names = [
        "ConnectorId",
        "ConnectorType",
        "SpaceId",
        "CallerKind",
        "CallerName",
        "Outcome",
        "DurationMs",
        "Model",
        "PromptTokens",
    ];
    let shown: Vec<Value> = names.iter().map(|name| lines[0][*name].clone()).collect();
    assert_eq!(json!(shown), expected, "{}", lines[0]);
    let documents = elastic.documents(STREAM);
    assert_eq!(documents.len(), 5);
    for (id, document) in documents {
        assert_eq!(
            (document["RunId"].as_str(), document["@timestamp"].is_string()),
            (Some(&*id), true),
            "{document}"
        );
    }
}

#[tokio::test]
async fn a_kill_between_the_write_and_its_commit_repeats_no_row() {
    let mut bench = Bench::new(SQLITE);
    bench.run(3);
    bench.deliver_all().await;
    let database = Connection::open(bench.path(FILE_NAME)).unwrap();
    database.execute_batch("DELETE FROM delivery").unwrap();
    bench.deliver_all().await;
    assert_eq!(bench.rows(TOTALS), [1, 2, 3]);
}

#[tokio::test]
async fn runs_wait_for_a_sink_that_is_down() {
    let mut bench = Bench::new(SQLITE);
    bench.run(2);
    fs::create_dir(bench.path("tables.db")).unwrap();
    assert_eq!(bench.deliver().await.len(), 1);
    bench.run(1);
    fs::remove_dir(bench.path("tables.db")).unwrap();
    bench.deliver_all().await;
    assert_eq!(bench.rows(TOTALS), [1, 2, 3]);
}

#[tokio::test]
async fn azure_gets_the_fields_of_the_stream() {
    let azure = Azure::start();
    let columns: Vec<String> = CONNECTOR_RUNS.stream.iter().map(|field| field.name.to_string()).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    azure.ingestion.declare("Custom-CcfdConnectorRuns_CL", &columns);
    let mut bench = Bench::new(format!(
        "[sink.sentinel]\ntype = \"logs_ingestion\"\nendpoint = \"{}\"\ndcr_immutable_id = \"{DCR}\"\nca_file = \"{}\"\n\
         [sink.sentinel.auth]\nkind = \"client_secret\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\n\
         client_secret = {{ env = \"AZURE_CLIENT_SECRET\" }}\nauthority_host = \"{}\"\n",
        azure.ingestion.server.url(),
        azure.ca.path().display(),
        azure.entra.server.url()
    ));
    bench.run(2);
    bench.deliver_all().await;
    bench.deliver_all().await;
    let rows = azure.ingestion.rows("Custom-CcfdConnectorRuns_CL");
    let totals: Vec<&Value> = rows.iter().map(|row| &row["total_tokens"]).collect();
    assert_eq!(totals, [&json!(1), &json!(2)]);
    assert_eq!(azure.ingestion.losses(), []);
}

#[test]
fn a_run_that_a_sink_refuses_is_kept_and_sent_again() {
    let (api, elastic) = (Simulated::start(&["--audit-logs", "1", "--completions", "0"]), Elastic::plain());
    let place = Place::new(&api.base_url);
    let config = place.config();
    let sink = format!("[sink.siem]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\n", elastic.server.url());
    place.write("ccfd.toml", &format!("{config}\n{sink}[connectors]\nruns = [\"siem\"]\n"));
    let mut connector = vec!["connectors", "create", "Notes", "--type", ".server-log", "--id", "notes"];
    place.run_to(0, &connector);
    connector = vec!["connectors", "run", "notes", "--params", "{\"message\":\"hello\"}"];
    place.run_to(0, &connector);
    place.run_to(0, &connector);
    elastic.fail("*", 1, 400, "document_parsing_exception");
    place.run(&["run", "--once"]);
    assert_eq!(elastic.documents(STREAM).len(), 1);
    let rejects = place.run_to(0, &["rejects", "list", "--json"]).stdout;
    assert!(rejects.contains("CcfdConnectorRuns_CL") && rejects.lines().count() == 1, "{rejects}");
    let retried = place.run_to(0, &["rejects", "retry", "--json"]).stdout;
    assert!(retried.contains("\"taken\":1") && retried.contains("\"not_sendable\":0"), "{retried}");
    let documents = elastic.documents(STREAM);
    assert_eq!(documents.len(), 2);
    assert!(documents.values().all(|document| document["ConnectorId"] == "notes"), "{documents:?}");
    let shown = place.run_to(0, &["status"]).stdout;
    assert!(shown.contains("runs/siem"), "{shown}");
}
