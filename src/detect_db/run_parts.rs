//! Parts of runs that are done, by the key of the run: an attempt that fails in between is continued by the next one.

use std::collections::BTreeSet;

use rusqlite::{TransactionBehavior, params};

use super::DetectDb;
use crate::sinks::{SinkError, sqlite::of_database};

/// The tables of this file.
pub(super) const TABLES: &str = "
CREATE TABLE run_part (
    doer TEXT NOT NULL, key TEXT NOT NULL, part TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (doer, key, part)
) WITHOUT ROWID;
";

/// How long they are kept, in seconds: longer than anything is tried.
const KEPT: i64 = 30 * 24 * 60 * 60;

/// One run, however often it is attempted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyedRun {
    /// Who has what it has done: the receiver, whatever the id of the connector, or a type that brings it to others.
    pub doer: String,
    /// The key of all its attempts.
    pub key: String,
}

impl DetectDb {
    /// The parts of a run that are done.
    pub fn run_parts(&self, run: &KeyedRun) -> Result<BTreeSet<String>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = "SELECT part FROM run_part WHERE doer = ?1 AND key = ?2";
        let mut query = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = query.query_map([&run.doer, &run.key], |row| row.get(0));
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Which of these parts other runs have done there.
    pub fn parts_of_others(&self, run: &KeyedRun, parts: &[String]) -> Result<BTreeSet<String>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let parts = serde_json::to_string(parts).unwrap_or_default();
        let sql = "SELECT part FROM run_part
                   WHERE doer = ?1 AND key <> ?2 AND part IN (SELECT value FROM json_each(?3))";
        let mut query = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = query.query_map([&run.doer, &run.key, &parts], |row| row.get(0));
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Keeps that these parts of a run are done.
    pub fn note_run_parts(&mut self, run: &KeyedRun, parts: &[String], now: i64) -> Result<(), SinkError> {
        self.note_parts(run, parts, now).map_err(|error| of_database(&self.path, error))
    }

    fn note_parts(&mut self, run: &KeyedRun, parts: &[String], now: i64) -> rusqlite::Result<()> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for part in parts {
            let sql = "INSERT OR IGNORE INTO run_part VALUES (?1, ?2, ?3, ?4)";
            begun.prepare_cached(sql)?.execute(params![run.doer, run.key, part, now])?;
        }
        begun.commit()
    }

    /// Forgets these parts of a run: its next attempt does them again.
    pub fn forget_run_parts(&mut self, run: &KeyedRun, parts: &[String]) -> Result<(), SinkError> {
        let parts = serde_json::to_string(parts).unwrap_or_default();
        let sql = "DELETE FROM run_part
                   WHERE doer = ?1 AND key = ?2 AND part IN (SELECT value FROM json_each(?3))";
        let forgotten = self.connection.execute(sql, params![run.doer, run.key, parts]);
        forgotten.map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// Forgets parts of runs that nobody attempts any more.
    pub fn clear_run_parts(&mut self, now: i64) -> Result<(), SinkError> {
        let sql = "DELETE FROM run_part WHERE at < ?1";
        let cleared = self.connection.execute(sql, [now.saturating_sub(KEPT)]);
        cleared.map(drop).map_err(|error| of_database(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_has_done_is_known_for_a_month_and_is_no_other_runs() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        let named = |doer: &str, key: &str| KeyedRun { doer: doer.to_owned(), key: key.to_owned() };
        let run = named("sn", "a:call");
        for parts in [&["one".to_owned()][..], &["one".to_owned(), "two".to_owned()]] {
            db.note_run_parts(&run, parts, 1_000).unwrap();
        }
        assert_eq!(db.run_parts(&run).unwrap(), BTreeSet::from(["one".to_owned(), "two".to_owned()]));
        for other in [named("sn", "b:call"), named("sn2", "a:call")] {
            assert_eq!(db.run_parts(&other).unwrap(), BTreeSet::new());
        }
        let of_others =
            |run: &KeyedRun| db.parts_of_others(run, &["two".to_owned(), "three".to_owned()]).unwrap();
        assert_eq!(of_others(&named("sn", "b:call")), BTreeSet::from(["two".to_owned()]));
        assert_eq!((of_others(&run), of_others(&named("sn2", "b:call"))), Default::default());
        db.clear_run_parts(1_000 + KEPT).unwrap();
        assert_eq!(db.run_parts(&run).unwrap().len(), 2);
        db.clear_run_parts(1_001 + KEPT).unwrap();
        assert_eq!(db.run_parts(&run).unwrap(), BTreeSet::new());
        let other = named("sn2", "a:call");
        for run in [&run, &other] {
            db.note_run_parts(run, &["one".to_owned(), "two".to_owned()], 1_000).unwrap();
        }
        db.forget_run_parts(&run, &["one".to_owned(), "three".to_owned()]).unwrap();
        assert_eq!(db.run_parts(&run).unwrap(), BTreeSet::from(["two".to_owned()]));
        assert_eq!(db.run_parts(&other).unwrap().len(), 2);
    }
}
