//! Routes of rows while another process locks the database.

use std::{fs, sync::Arc, time::Duration};

use rusqlite::Connection;
use state::{Store, StoreOptions};
use tempfile::TempDir;

use crate::{
    config::{Config, Environment},
    connectors::TokenUsage,
    daemon::{assembly::Assembly, connector_runs, supervisor::Supervisor},
    detect_db::{CallerKind, ConnectorRunOutcome, DetectDb, FILE_NAME, RunRecord, RunSent},
};

/// Runs of connectors for a sink that knows no repeat.
struct Runs {
    dir: TempDir,
    assembly: Arc<Assembly>,
    supervisor: Supervisor,
}

impl Runs {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display();
        let settings = format!(
            "[state]\ndir = \"{at}\"\n[connectors]\nruns = [\"files\"]\n\
             [collector.acme]\nsource = \"audit_logs\"\napi_key = {{ env = \"A\" }}\nsinks = [\"files\"]\n\
             [sink.files]\ntype = \"ndjson\"\ndir = \"{at}/files\"\nshape = \"table\"\n"
        );
        let file = dir.path().join("ccfd.toml");
        fs::write(&file, settings).unwrap();
        let environment = Environment::default();
        let config = Config::load(Some(&file), &environment, &[]).unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap().store;
        let assembly = Assembly::new(config, environment);
        Self { supervisor: Supervisor::new(assembly.clone(), store), assembly, dir }
    }

    /// Records runs with these numbers.
    fn record(&self, numbers: std::ops::Range<i64>) {
        let mut db = DetectDb::open(&self.dir.path().join(FILE_NAME), 0).unwrap();
        for number in numbers {
            let run = RunRecord {
                id: format!("r-{number}"),
                at: 1_790_000_000_000 + number,
                connector: "advice".to_owned(),
                type_id: ".gen-ai".to_owned(),
                space: "default".to_owned(),
                caller_kind: CallerKind::ApiKey,
                caller: "ci".to_owned(),
                usage: TokenUsage::default(),
                sent: RunSent::Yes,
                duration: Some(Duration::from_secs(1)),
                outcome: ConnectorRunOutcome::Done,
            };
            db.record_run(&run).unwrap();
        }
    }

    fn lines(&self) -> usize {
        let files = self.dir.path().join("files").read_dir().unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| fs::read_to_string(file).unwrap().lines().count()).sum()
    }
}

#[tokio::test]
async fn a_lock_between_the_write_and_its_commit_repeats_no_line_also_if_the_settings_change_meanwhile() {
    let runs = Runs::new();
    runs.record(0..3);
    let lock = Connection::open(runs.dir.path().join(FILE_NAME)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let routes = connector_runs::begin(&runs.supervisor);
    while runs.assembly.registry.statuses().iter().all(|route| route.error.is_none()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(runs.lines(), 3);
    assert!(routes.end(false).await.is_empty(), "a change of the settings waits for no lock");
    lock.execute_batch("ROLLBACK").unwrap();
    runs.record(3..5);
    assert!(connector_runs::begin(&runs.supervisor).end(true).await.is_empty());
    assert_eq!(runs.lines(), 5, "what the lock kept from being committed is not written again");
    let status = runs.assembly.registry.statuses().remove(0);
    assert_eq!((status.delivered, status.waiting), (5, 0));
}
