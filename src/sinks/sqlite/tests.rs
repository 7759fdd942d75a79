use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use tempfile::TempDir;

use super::sink::SqliteSink;
use crate::{
    config::SqliteSettings,
    sinks::{
        Batch, Receipt, Refused, Sink as _, SinkError, WriteFailure,
        samples::{DAY, NOW, SOON, batch, clock, event, wait_until},
        upkeep::Pace,
    },
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Tables},
};

mod log;
mod upkeep;

/// A directory for a database, and a clock that a test moves.
struct Bench {
    dir: TempDir,
    now: Arc<AtomicI64>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), now: Arc::new(AtomicI64::new(NOW)) }
    }

    fn settings(&self) -> SqliteSettings {
        let path = self.dir.path().join("data").join("tables.db");
        SqliteSettings { path, retention: None, size_max: None, free_min: 0, tables: Tables::built_in() }
    }

    fn sink(&self, settings: SqliteSettings) -> SqliteSink {
        SqliteSink::new(settings, clock(&self.now))
    }

    /// The database as somebody else sees it.
    fn other(&self) -> Connection {
        let path = self.settings().path;
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        Connection::open(path).unwrap()
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let other = self.other();
        let mut statement = other.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

fn events(ids: &[&str]) -> Batch {
    batch(&AUDIT_LOGS, &ids.iter().map(|id| event(id, NOW)).collect::<Vec<_>>())
}

#[tokio::test]
async fn every_table_is_there_from_the_first_open_and_only_the_owner_reads_them() {
    let bench = Bench::new();
    let line = bench.sink(bench.settings()).check(&Tables::built_in().of_records()).await.unwrap();
    assert!(
        line.text.ends_with("newest rows: OpenAIAuditLogs_CL empty, OpenAIChatCompletions_CL empty"),
        "{line}"
    );
    let tables = bench.texts("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let of_ccfd = ["CcfdAlerts_CL", "CcfdConnectorRuns_CL", "CcfdHealth_CL"];
    assert_eq!(tables, [&of_ccfd[..], &["OpenAIAuditLogs_CL", "OpenAIChatCompletions_CL"]].concat());
    let path = bench.settings().path;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_row_holds_its_columns_and_the_record_as_received() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    let record =
        "{\n \"id\": \"c-1\", \"created\": 1770979925, \"seed\": -9223372036854775808, \"top_p\": 0.5,
        \"choices\": [1,\n  {\"a b\": 2}], \"x\": 1}";
    sink.write(batch(&CHAT_COMPLETIONS, &[record.to_owned()])).await.unwrap();
    let row = bench.texts(
        "SELECT concat_ws('|', TimeGenerated, Id, CreatedAt, Seed, typeof(Seed), TopProbability, Choices,
            ConnectorName, Model IS NULL) FROM OpenAIChatCompletions_CL",
    );
    let expected = "2026-02-13T10:52:05Z|c-1|2026-02-13T10:52:05Z|-9223372036854775808|integer|0.5|[1,{\"a b\":2}]|acme|1";
    assert_eq!(row, [expected]);
    assert_eq!(bench.texts("SELECT Record FROM OpenAIChatCompletions_CL"), [record]);
}

#[tokio::test]
async fn of_a_repeated_record_the_first_version_stays() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    let first = sink.write(events(&["b", "a", "b"])).await.unwrap();
    assert_eq!(first, Receipt { accepted: 2, already_there: 1, ..Receipt::default() });
    let changed = |id| event(id, NOW).replace("user.added", "user.updated");
    let second = sink.write(batch(&AUDIT_LOGS, &[changed("a"), changed("c")])).await.unwrap();
    assert_eq!(second, Receipt { accepted: 1, already_there: 1, ..Receipt::default() });
    let types = bench.texts("SELECT EventType FROM OpenAIAuditLogs_CL ORDER BY Id");
    assert_eq!(types, ["user.added", "user.added", "user.updated"]);
}

#[tokio::test]
async fn a_refused_row_is_named_and_its_neighbours_are_stored() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    sink.check(&Tables::built_in().of_records()).await.unwrap();
    bench
        .other()
        .execute_batch(
            "CREATE TRIGGER picky BEFORE INSERT ON OpenAIAuditLogs_CL WHEN NEW.Id = 'bad'
             BEGIN SELECT RAISE(ABORT, 'not this one'); END;
             CREATE TRIGGER reader BEFORE INSERT ON OpenAIAuditLogs_CL WHEN NEW.Id = 'worse'
             BEGIN SELECT json('no json'); END;",
        )
        .unwrap();
    let mut records: Vec<String> = ["z", "worse", "bad", "a"].iter().map(|id| event(id, NOW)).collect();
    records.push(r#"{"effective_at":1}"#.to_owned());
    let receipt = sink.write(batch(&AUDIT_LOGS, &records)).await.unwrap();

    let refused = |index, reason: &str| Refused { index, kind: "refused", reason: reason.to_owned() };
    let expected = [
        refused(1, "malformed JSON"),
        refused(2, "not this one"),
        refused(4, "NOT NULL constraint failed: OpenAIAuditLogs_CL.Id"),
    ];
    assert_eq!((receipt.accepted, receipt.already_there), (2, 0));
    assert_eq!(receipt.refused, expected);
    assert_eq!(bench.texts("SELECT Id FROM OpenAIAuditLogs_CL ORDER BY Id"), ["a", "z"]);
}

#[tokio::test]
async fn each_row_of_a_large_batch_keeps_its_own_record_and_the_bad_ones_are_named() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    let mut records: Vec<String> =
        (0..1000_i64).map(|n| event(&format!("{}", n * 7919 % 1000), NOW + n)).collect();
    records[500] = r#"{"effective_at":1}"#.to_owned();
    let receipt = sink.write(batch(&AUDIT_LOGS, &records)).await.unwrap();

    assert_eq!(receipt.accepted, 999);
    assert_eq!(receipt.refused.iter().map(|refused| refused.index).collect::<Vec<_>>(), [500]);
    let astray = "SELECT Id FROM OpenAIAuditLogs_CL
                  WHERE Record ->> 'id' <> Id OR unixepoch(TimeGenerated) <> Record ->> 'effective_at'";
    assert_eq!(bench.texts(astray), Vec::<String>::new());
    let unwritten = format!("SELECT '{}' EXCEPT SELECT Record FROM OpenAIAuditLogs_CL", records[999]);
    assert_eq!(bench.texts(&unwritten), Vec::<String>::new());
}

#[tokio::test]
async fn a_trigger_that_rolls_back_everything_fails_the_batch_and_not_the_rows() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    sink.check(&Tables::built_in().of_records()).await.unwrap();
    let trigger = "CREATE TRIGGER harsh BEFORE INSERT ON OpenAIAuditLogs_CL WHEN NEW.Id = 'b'
                   BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END;";
    bench.other().execute_batch(trigger).unwrap();
    let failed = sink.write(events(&["a", "b", "c"])).await;
    assert!(matches!(failed, Err(WriteFailure { error: SinkError::Misplaced { .. }, .. })), "{failed:?}");
    assert_eq!(bench.texts("SELECT Id FROM OpenAIAuditLogs_CL"), Vec::<String>::new());
}

#[tokio::test]
async fn a_dropped_table_fails_the_batch_and_is_made_again() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    sink.write(events(&["a"])).await.unwrap();
    bench.other().execute_batch("DROP TABLE OpenAIAuditLogs_CL").unwrap();
    assert!(matches!(
        sink.write(events(&["b"])).await,
        Err(WriteFailure { error: SinkError::Misplaced { .. }, .. })
    ));
    assert_eq!(sink.write(events(&["b"])).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn a_database_that_was_removed_is_made_again() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    sink.write(events(&["a"])).await.unwrap();
    fs::remove_file(bench.settings().path).unwrap();
    sink.write(events(&["b"])).await.unwrap();
    assert_eq!(bench.texts("SELECT Id FROM OpenAIAuditLogs_CL"), ["b"]);
}

#[tokio::test]
async fn a_column_that_an_older_database_lacks_is_added() {
    let bench = Bench::new();
    let older = "CREATE TABLE OpenAIAuditLogs_CL (Id TEXT NOT NULL PRIMARY KEY, EventType TEXT, Own TEXT);
                 INSERT INTO OpenAIAuditLogs_CL VALUES ('old', 'x', 'y')";
    bench.other().execute_batch(older).unwrap();
    bench.sink(bench.settings()).write(events(&["new"])).await.unwrap();
    let rows =
        bench.texts("SELECT concat_ws('|', Id, EventType, ActorType) FROM OpenAIAuditLogs_CL ORDER BY Id");
    assert_eq!(rows, ["new|user.added|session", "old|x"]);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_with_the_reason() {
    for (sql, reason) in [
        (
            "CREATE TABLE OpenAIAuditLogs_CL (Id INTEGER PRIMARY KEY)",
            "column Id of table OpenAIAuditLogs_CL has type",
        ),
        (
            "CREATE TABLE OpenAIAuditLogs_CL (Id TEXT)",
            "the primary key of table OpenAIAuditLogs_CL is neither (TimeGenerated, Id) nor Id",
        ),
        ("CREATE VIEW OpenAIAuditLogs_CL AS SELECT 1 AS Id", "OpenAIAuditLogs_CL is not a table"),
        (
            "CREATE TABLE OpenAIAuditLogs_CL (Id TEXT PRIMARY KEY, Own TEXT NOT NULL)",
            "column Own of table OpenAIAuditLogs_CL is not one of ccfd's and requires a value",
        ),
    ] {
        let bench = Bench::new();
        bench.other().execute_batch(sql).unwrap();
        match bench.sink(bench.settings()).write(events(&["a"])).await {
            Err(WriteFailure { error: SinkError::Misplaced { reason: found, .. }, .. }) => {
                assert!(found.starts_with(reason), "{found}")
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_and_a_directory_are_misplaced() {
    let bench = Bench::new();
    let file = bench.dir.path().join("notes");
    fs::write(&file, "x".repeat(5000)).unwrap();
    for path in [file, bench.dir.path().to_owned()] {
        let sink = bench.sink(SqliteSettings { path, ..bench.settings() });
        let failed = sink.check(&Tables::built_in().of_records()).await;
        assert!(matches!(failed, Err(SinkError::Misplaced { .. })), "{failed:?}");
    }
}

#[tokio::test]
async fn with_too_little_space_nothing_is_stored() {
    let bench = Bench::new();
    let sink = bench.sink(SqliteSettings { free_min: u64::MAX, ..bench.settings() });
    let failed = sink.write(events(&["a"])).await;
    assert!(
        matches!(failed, Err(WriteFailure { error: SinkError::DiskFull { wanted: u64::MAX, .. }, .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn with_too_little_space_room_is_made_that_the_settings_allow() {
    let bench = Bench::new();
    bench.sink(bench.settings()).write(events(&["a"])).await.unwrap();
    let settings = SqliteSettings { free_min: u64::MAX, size_max: Some(1), ..bench.settings() };
    bench.sink(settings).check(&Tables::built_in().of_records()).await.unwrap_err();
    assert_eq!(bench.texts("SELECT Id FROM OpenAIAuditLogs_CL"), Vec::<String>::new());
}

#[tokio::test]
async fn rows_that_are_too_old_are_removed_at_most_once_a_minute() {
    let bench = Bench::new();
    let retention = Some(Duration::from_secs(7 * 24 * 60 * 60));
    let sink = bench.sink(SqliteSettings { retention, ..bench.settings() });
    let aged: Vec<String> = (0..10).map(|days| event(&days.to_string(), NOW - days * DAY)).collect();
    let ids = || bench.texts("SELECT Id FROM OpenAIAuditLogs_CL ORDER BY Id");

    sink.write(batch(&AUDIT_LOGS, &aged)).await.unwrap();
    assert_eq!(ids(), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    bench.now.fetch_add(59, Ordering::SeqCst);
    sink.write(events(&["later"])).await.unwrap();
    assert_eq!(ids().len(), 9);
    bench.now.fetch_add(1, Ordering::SeqCst);
    sink.write(events(&["later"])).await.unwrap();
    assert_eq!(ids(), ["0", "1", "2", "3", "4", "5", "6", "later"]);
}

#[tokio::test]
async fn the_oldest_rows_go_when_the_tables_are_too_large_and_the_file_shrinks() {
    let bench = Bench::new();
    let many =
        |from: i64| (from..from + 6000).map(|n| event(&format!("{n:05}"), NOW + n)).collect::<Vec<_>>();
    let path = bench.settings().path;
    let sink = bench.sink(bench.settings());
    sink.write(batch(&AUDIT_LOGS, &many(0))).await.unwrap();
    sink.close().await.unwrap();
    let before = fs::metadata(&path).unwrap().len();

    let size_max = 1 << 20;
    let sink = bench.sink(SqliteSettings { size_max: Some(size_max), ..bench.settings() });
    sink.write(batch(&CHAT_COMPLETIONS, &[r#"{"id":"old","created":1}"#.to_owned()])).await.unwrap();
    sink.close().await.unwrap();
    let after = fs::metadata(&path).unwrap().len();
    assert!(before > 2 * size_max && after <= size_max, "{before} -> {after}");
    assert_eq!(bench.texts("SELECT max(Id) FROM OpenAIAuditLogs_CL"), ["05999"]);
    assert_eq!(bench.texts("SELECT Id FROM OpenAIChatCompletions_CL"), Vec::<String>::new());
}
