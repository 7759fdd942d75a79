use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::{
    sinks::samples::NOW,
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, render},
};

/// A database with one row, made by somebody else.
fn database() -> (TempDir, PathBuf, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tables.db");
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (Id TEXT); INSERT INTO t VALUES ('a')")
        .unwrap();
    (dir, path, writer)
}

/// Rows of a query as text.
#[derive(Default)]
struct Lines(Vec<String>);

impl Rows for Lines {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        self.0.push(names.join(","));
        Ok(())
    }

    fn row(&mut self, values: &[ResultCell<'_>]) -> io::Result<()> {
        self.0.push(values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(","));
        Ok(())
    }
}

#[test]
fn a_query_reads_beside_an_open_transaction_and_refuses_to_write() {
    let (dir, path, writer) = database();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM t").unwrap();

    let mut lines = Lines::default();
    let sql = "SELECT Id, 1 AS one, 0.5, NULL, x'ff' FROM t";
    assert_eq!(run(&path, sql, &mut lines).unwrap(), 1);
    assert_eq!(lines.0, ["Id,one,0.5,NULL,x'ff'", "Text(\"a\"),Integer(1),Real(0.5),Null,Bytes([255])"]);

    let elsewhere = dir.path().join("copy.db");
    for sql in [
        "DELETE FROM t",
        "CREATE TEMP TABLE t (a)",
        "PRAGMA journal_mode = DELETE",
        &format!("VACUUM INTO '{}'", elsewhere.display()),
    ] {
        let refused = run(&path, sql, &mut Lines::default());
        assert!(matches!(refused, Err(QueryError::Writes)), "{sql}: {refused:?}");
    }
    for sql in ["SELECT 1; SELECT 2", "SELEC", "", &format!("ATTACH '{}' AS x", elsewhere.display())] {
        let refused = run(&path, sql, &mut Lines::default());
        assert!(matches!(refused, Err(QueryError::Sql(_))), "{sql}: {refused:?}");
    }
    assert!(!elsewhere.exists());
}

#[test]
fn a_query_does_not_make_a_missing_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tables.db");
    let missing = run(&path, "SELECT 1", &mut Lines::default());
    assert!(matches!(missing, Err(QueryError::Missing { .. })));
    assert!(!path.exists());
}

#[test]
fn a_backup_replaces_what_a_killed_one_has_left_and_leaves_the_copy_alone() {
    let (dir, path, _writer) = database();
    let copy = dir.path().join("copy.db");
    for left in ["copy.db.ccfd-unfinished", "copy.db.ccfd-unfinished-journal"] {
        fs::write(dir.path().join(left), "x".repeat(5000)).unwrap();
    }
    let bytes = backup(&path, &copy).unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().len(), bytes);
    let id: String =
        Connection::open(&copy).unwrap().query_row("SELECT Id FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(id, "a");
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["copy.db", "tables.db", "tables.db-shm", "tables.db-wal"]);
}

#[test]
fn a_backup_does_not_touch_one_that_is_being_written() {
    let (dir, path, _writer) = database();
    let unfinished = dir.path().join("copy.db.ccfd-unfinished");
    fs::write(&unfinished, "half").unwrap();
    let other = fs::File::open(&unfinished).unwrap();
    other.lock().unwrap();
    let refused = backup(&path, &dir.path().join("copy.db"));
    assert!(matches!(refused, Err(QueryError::Copying { .. })), "{refused:?}");
    assert_eq!(fs::read_to_string(&unfinished).unwrap(), "half");
}

/// The rows of a query, without the names of its columns.
fn rows(path: &Path, sql: &str) -> Result<Vec<String>, QueryError> {
    let mut lines = Lines::default();
    run_at(path, sql, NOW, &mut lines)?;
    Ok(lines.0.split_off(1))
}

#[test]
fn a_time_before_now_compares_with_the_columns_as_text() {
    let (_dir, path, writer) = database();
    writer
        .execute_batch(
            "CREATE TABLE times (at TEXT);
             INSERT INTO times VALUES ('2026-02-13T00:00:00Z'), ('2026-02-13T09:52:04Z'), ('2026-02-13T09:52:06Z')",
        )
        .unwrap();
    let count =
        |sql: &str| rows(&path, &format!("SELECT count(*) FROM times WHERE {sql}")).unwrap().remove(0);
    assert_eq!(
        count("at > datetime('2026-02-13 10:52:05', '-1 hour')"),
        "Integer(3)",
        "what SQLite has for it"
    );
    assert_eq!(count("at > since('1h')"), "Integer(1)");
    assert_eq!(count("at > since('30m')"), "Integer(0)");
    assert_eq!(
        rows(&path, "SELECT since('90s'), since('15m'), since('1d'), since('2w'), since('5000y')").unwrap(),
        [[
            "2026-02-13T10:50:35Z",
            "2026-02-13T10:37:05Z",
            "2026-02-12T10:52:05Z",
            "2026-01-30T10:52:05Z",
            "1970-01-01T00:00:00Z"
        ]
        .map(|time| format!("Text({time:?})"))
        .join(",")]
    );
}

#[test]
fn what_is_no_duration_is_an_error_that_says_what_is_wanted() {
    let (_dir, path, _writer) = database();
    for (argument, shown) in
        [("'soon'", "'soon'"), ("'1'", "'1'"), ("60", "60"), ("NULL", "NULL"), ("x'00'", "a blob")]
    {
        let error = rows(&path, &format!("SELECT since({argument})")).unwrap_err().to_string();
        assert!(error.contains(&format!("since({shown}): wanted a duration with its unit")), "{error}");
    }
}

#[test]
fn the_views_have_the_columns_that_they_say_and_leave_the_database_as_it_is() {
    let (_dir, path, writer) = database();
    assert!(matches!(rows(&path, "SELECT * FROM audit"), Err(QueryError::Sql(_))), "without its table");
    for table in [&*AUDIT_LOGS, &*CHAT_COMPLETIONS] {
        writer.execute_batch(&render::sqlite_create(table)).unwrap();
    }
    for view in views::views() {
        let mut lines = Lines::default();
        run(&path, &format!("SELECT * FROM {}", view.name), &mut lines).unwrap();
        assert_eq!(lines.0, [view.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(",")]);
    }
    let deep = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
    writer
        .execute_batch(&format!(
            "INSERT INTO OpenAIAuditLogs_CL (TimeGenerated, Id, ActorSession, EventDetails, Record)
             VALUES ('2026-02-13T10:52:05Z', 'a', '{{\"user\":{{\"email\":\"x@example.com\"}}}}', '{deep}', '')"
        ))
        .unwrap();
    assert_eq!(
        rows(&path, "SELECT actor, target, id FROM audit").unwrap(),
        ["Text(\"x@example.com\"),Null,Text(\"a\")"]
    );
    writer.execute_batch("CREATE TABLE Audit (own)").unwrap();
    assert_eq!(rows(&path, "SELECT * FROM audit").unwrap(), Vec::<String>::new(), "the database's own");
    let views = "SELECT count(*) FROM main.sqlite_schema WHERE type = 'view'";
    assert_eq!(rows(&path, views).unwrap(), ["Integer(0)"]);
}
