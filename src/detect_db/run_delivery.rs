//! Runs of connectors for the sinks that get them.

use std::time::Duration;

use rusqlite::{Row, TransactionBehavior, params};

use super::{
    DetectDb,
    delivery::{DeliveryCheckpoint, DeliveryPlace, note_place},
    runs::{CallerKind, ConnectorRunOutcome, RunRecord, RunSent},
};
use crate::{
    connectors::TokenUsage,
    sinks::{SinkError, sqlite::of_database},
};

/// A run to deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct DueRun {
    /// Its number in the order of runs.
    pub number: i64,
    /// What is kept of it.
    pub run: RunRecord,
}

const COLUMNS: &str = "id, uid, at, connector, type, space, caller_kind, caller, model, prompt, completion, total, sent, duration, outcome";

impl DetectDb {
    /// The runs behind a checkpoint, in their order, at most so many.
    pub fn due_runs(&self, checkpoint: &DeliveryCheckpoint, max: u32) -> Result<Vec<DueRun>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = format!("SELECT {COLUMNS} FROM run WHERE id > ?1 ORDER BY id LIMIT ?2");
        let mut query = self.connection.prepare_cached(&sql).map_err(failed)?;
        let found = query.query_map(params![checkpoint.place.change, max], read);
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// How many runs are behind a checkpoint.
    pub fn count_due_runs(&self, place: &DeliveryPlace) -> Result<u64, SinkError> {
        let sql = "SELECT count(*) FROM run WHERE id > ?1";
        let count = self.connection.query_row(sql, [place.change], |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs).map_err(|error| of_database(&self.path, error))
    }

    /// Commits that these runs are delivered, all that are due up to the last of them.
    pub fn commit_runs(&mut self, route: &str, destination: &str, runs: &[DueRun]) -> Result<(), SinkError> {
        let Some(last) = runs.last() else { return Ok(()) };
        let place = DeliveryPlace { change: last.number, id: last.run.id.clone() };
        let commit = |begun: rusqlite::Transaction<'_>| {
            note_place(&begun, (route, destination), &place, runs.len())?;
            begun.commit()
        };
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        begun.and_then(commit).map_err(|error| of_database(&self.path, error))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<DueRun> {
    let tokens = |place| row.get::<_, Option<i64>>(place).map(|count| count.map(i64::unsigned_abs));
    let word = |place: usize| row.get::<_, String>(place);
    Ok(DueRun {
        number: row.get(0)?,
        run: RunRecord {
            id: row.get(1)?,
            at: row.get(2)?,
            connector: row.get(3)?,
            type_id: row.get(4)?,
            space: row.get(5)?,
            caller_kind: CallerKind::of_word(&word(6)?),
            caller: row.get(7)?,
            usage: TokenUsage {
                model: row.get(8)?,
                prompt: tokens(9)?,
                completion: tokens(10)?,
                total: tokens(11)?,
            },
            sent: RunSent::of_stored(row.get(12)?),
            duration: row.get::<_, Option<i64>>(13)?.map(|ms| Duration::from_millis(ms.unsigned_abs())),
            outcome: ConnectorRunOutcome::of_word(&word(14)?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(second: i64, sent: RunSent) -> RunRecord {
        RunRecord {
            id: format!("r-{second}"),
            at: second * 1000,
            connector: "advice".to_owned(),
            type_id: ".gen-ai".to_owned(),
            space: "default".to_owned(),
            caller_kind: CallerKind::ApiKey,
            caller: "ci".to_owned(),
            usage: TokenUsage { model: Some("m".to_owned()), prompt: Some(3), ..TokenUsage::default() },
            sent,
            duration: (sent != RunSent::Unknown).then_some(Duration::from_millis(1500)),
            outcome: ConnectorRunOutcome::CallerLeft,
        }
    }

    #[test]
    fn a_commit_that_comes_late_moves_no_checkpoint_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        (0..3).for_each(|second| db.record_run(&run(second, RunSent::Yes)).unwrap());
        let checkpoint = |db: &DetectDb| db.delivery_checkpoint("runs/x", "here").unwrap();
        let early = db.due_runs(&checkpoint(&db), 1).unwrap();
        let all = db.due_runs(&checkpoint(&db), 9).unwrap();
        for runs in [&all, &early, &all] {
            db.commit_runs("runs/x", "here", runs).unwrap();
            assert!(db.due_runs(&checkpoint(&db), 9).unwrap().is_empty());
            assert_eq!(checkpoint(&db).delivered, 3);
        }
    }

    #[test]
    fn a_run_is_due_until_it_is_committed_for_this_destination() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        let runs: Vec<RunRecord> = [RunSent::Yes, RunSent::No, RunSent::Unknown, RunSent::Yes, RunSent::No]
            .into_iter()
            .zip(1_770_000_000..)
            .map(|(sent, second)| run(second, sent))
            .collect();
        runs.iter().for_each(|run| db.record_run(run).unwrap());
        let mut seen = Vec::new();
        loop {
            let checkpoint = db.delivery_checkpoint("runs/x", "here").unwrap();
            assert_eq!(checkpoint.delivered, seen.len() as u64);
            assert_eq!(db.count_due_runs(&checkpoint.place).unwrap(), 5 - seen.len() as u64);
            let due = db.due_runs(&checkpoint, 2).unwrap();
            if due.is_empty() {
                break;
            }
            db.commit_runs("runs/x", "here", &due).unwrap();
            seen.extend(due);
        }
        assert_eq!(seen.iter().map(|due| due.run.clone()).collect::<Vec<_>>(), runs);
        let ids: std::collections::BTreeSet<&str> = seen.iter().map(|due| &*due.run.id).collect();
        assert_eq!(ids.len(), 5, "{ids:?}");
        let elsewhere = db.delivery_checkpoint("runs/x", "elsewhere").unwrap();
        assert_eq!(db.due_runs(&elsewhere, 9).unwrap(), seen, "nothing has arrived there");
        db.commit_runs("runs/x", "elsewhere", &seen[..1]).unwrap();
        assert_eq!(db.delivery_checkpoint("runs/x", "elsewhere").unwrap().delivered, 1);
    }
}
