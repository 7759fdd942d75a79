use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

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
