//! Runs of connectors: who ran what, what came of it, and how many tokens it used. A run is kept when it begins, so that one
//! which a kill ends is known, too.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::DetectDb;
use crate::{
    connectors::TokenUsage,
    sinks::{SinkError, sqlite::of_database},
};

/// The tables of this file. Times are in milliseconds. NULL is what nobody knows. The ids of runs are in the order of their ends,
/// which is the order of their delivery; what is in flight is apart.
pub(super) const TABLES: &str = "
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, connector TEXT NOT NULL,
    type TEXT NOT NULL, space TEXT NOT NULL, caller_kind TEXT NOT NULL, caller TEXT NOT NULL, model TEXT, prompt INTEGER,
    completion INTEGER, total INTEGER, sent INTEGER, duration INTEGER, outcome TEXT NOT NULL
);
CREATE INDEX run_at ON run (at);
CREATE TABLE run_in_flight (
    uid TEXT PRIMARY KEY, daemon TEXT, at INTEGER NOT NULL, connector TEXT NOT NULL, type TEXT NOT NULL, space TEXT NOT NULL,
    caller_kind TEXT NOT NULL, caller TEXT NOT NULL
) WITHOUT ROWID;
";

/// How long runs are kept: a year can be compared with the one before it.
const KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// The most runs that are kept, about 30 MiB: they must not take the place of alerts in the same database.
const RUNS_MAX: i64 = 200_000;
/// After so many runs the oldest are looked for.
const CLEARED_EVERY: i64 = 256;
/// A run of a command that began so long ago, in milliseconds, has ended. Nobody else knows whether its process has.
const COMMAND_MAX: i64 = 60 * 60 * 1000;
/// Runs removed at once, so that no lock is held for long. More than are recorded meanwhile.
const CLEARED_MAX: i64 = 1_024;

/// Who ran a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// A person at this machine, or with the token of the admin interface.
    Operator,
    /// An API key.
    ApiKey,
    /// A rule, for an alert.
    Rule,
}

impl CallerKind {
    /// Reads what `word` writes.
    pub(super) fn of_word(word: &str) -> Self {
        let kinds = [Self::ApiKey, Self::Rule];
        kinds.into_iter().find(|kind| kind.word() == word).unwrap_or(Self::Operator)
    }

    /// As it is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::ApiKey => "api_key",
            Self::Rule => "rule",
        }
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorRunOutcome {
    /// It did what it was asked to do.
    Done,
    /// It failed.
    Failed,
    /// The other system ended its answer early.
    Cut,
    /// The caller went away before the end of the answer.
    CallerLeft,
    /// Nobody knows: ccfd ended during it.
    Unknown,
}

impl ConnectorRunOutcome {
    /// Reads what `word` writes.
    pub(super) fn of_word(word: &str) -> Self {
        let outcomes = [Self::Done, Self::Cut, Self::CallerLeft, Self::Unknown];
        outcomes.into_iter().find(|outcome| outcome.word() == word).unwrap_or(Self::Failed)
    }

    /// As it is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cut => "cut",
            Self::CallerLeft => "caller_left",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a run sent anything to the other system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunSent {
    /// It did.
    Yes,
    /// It was refused or failed before.
    No,
    /// Nobody knows: it did not come to its end.
    Unknown,
}

impl RunSent {
    /// Reads what is stored.
    pub(super) fn of_stored(stored: Option<bool>) -> Self {
        match stored {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Unknown,
        }
    }

    fn stored(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown => None,
        }
    }

    /// As it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// Its id, the same everywhere.
    pub id: String,
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    /// The connector's id.
    pub connector: String,
    /// Its type.
    pub type_id: String,
    /// The space in which it ran.
    pub space: String,
    /// What ran it.
    pub caller_kind: CallerKind,
    /// The name of the caller.
    pub caller: String,
    /// Tokens, as far as the other system named them.
    pub usage: TokenUsage,
    /// Whether anything was sent to the other system.
    pub sent: RunSent,
    /// How long it took; `None` if nobody knows.
    pub duration: Option<Duration>,
    /// What came of it.
    pub outcome: ConnectorRunOutcome,
}

impl DetectDb {
    /// Keeps that a run has begun, in a daemon that names itself or in a command.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn begin_run(&mut self, run: &RunRecord, daemon: Option<&str>) -> Result<(), SinkError> {
        let sql = "INSERT INTO run_in_flight (uid, daemon, at, connector, type, space, caller_kind, caller)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let kind = run.caller_kind.word();
        let row = params![run.id, daemon, run.at, run.connector, run.type_id, run.space, kind, run.caller];
        self.connection.execute(sql, row).map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// Records a run that has ended, and now and then removes those that are too old or too many. One whose end was recorded
    /// before stays as it is: it may be delivered.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn record_run(&mut self, run: &RunRecord) -> Result<(), SinkError> {
        self.end_run(run).map_err(|error| of_database(&self.path, error))
    }

    fn end_run(&mut self, run: &RunRecord) -> rusqlite::Result<()> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        begun.prepare_cached("DELETE FROM run_in_flight WHERE uid = ?1")?.execute([&run.id])?;
        let tokens = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok());
        let milliseconds = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let sql = "INSERT OR IGNORE INTO run (uid, at, connector, type, space, caller_kind, caller, model, prompt, completion,
                       total, sent, duration, outcome)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        let added = begun.prepare_cached(sql)?.execute(params![
            run.id,
            run.at,
            run.connector,
            run.type_id,
            run.space,
            run.caller_kind.word(),
            run.caller,
            run.usage.model,
            tokens(run.usage.prompt),
            tokens(run.usage.completion),
            tokens(run.usage.total),
            run.sent.stored(),
            run.duration.map(milliseconds),
            run.outcome.word(),
        ])?;
        if added > 0 && begun.last_insert_rowid() % CLEARED_EVERY == 0 {
            clear_runs(&begun, run.at, RUNS_MAX)?;
        }
        begun.commit()
    }

    /// Records runs whose end nobody will record: those of daemons before this one, and those of commands that began long ago.
    /// Returns how many there were.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn end_left_runs(&mut self, daemon: &str, now: i64) -> Result<u64, SinkError> {
        self.end_left(daemon, now).map_err(|error| of_database(&self.path, error))
    }

    fn end_left(&mut self, daemon: &str, now: i64) -> rusqlite::Result<u64> {
        const LEFT: &str = "iif(daemon IS NULL, at < ?2, daemon <> ?1)";
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let key = params![daemon, now.saturating_mul(1000).saturating_sub(COMMAND_MAX)];
        let sql = format!(
            "INSERT OR IGNORE INTO run (uid, at, connector, type, space, caller_kind, caller, outcome)
             SELECT uid, at, connector, type, space, caller_kind, caller, '{}' FROM run_in_flight WHERE {LEFT} ORDER BY at, uid",
            ConnectorRunOutcome::Unknown.word()
        );
        let left = begun.execute(&sql, key)?;
        begun.execute(&format!("DELETE FROM run_in_flight WHERE {LEFT}"), key)?;
        begun.commit()?;
        Ok(left as u64)
    }
}

fn clear_runs(connection: &Connection, now: i64, runs_max: i64) -> rusqlite::Result<()> {
    let age = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    let sql = "DELETE FROM run WHERE id IN (
                       SELECT id FROM run WHERE at < ?1 OR id <= (SELECT max(id) FROM run) - ?2 ORDER BY id LIMIT ?3
                   )";
    connection.prepare_cached(sql)?.execute([now.saturating_sub(age), runs_max, CLEARED_MAX])?;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::detect_db::new_uid;

    pub(in crate::detect_db) const DAY: i64 = 24 * 60 * 60;
    pub(in crate::detect_db) const AT: i64 = 1_770_000_000;

    pub(in crate::detect_db) fn db() -> (tempfile::TempDir, DetectDb) {
        let dir = tempfile::tempdir().unwrap();
        let db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        (dir, db)
    }

    pub(in crate::detect_db) fn run(
        caller: (CallerKind, &str),
        second: i64,
        tokens: Option<(u64, u64)>,
    ) -> RunRecord {
        let usage = TokenUsage {
            model: tokens.map(|_| "m".to_owned()),
            prompt: tokens.map(|(prompt, _)| prompt),
            completion: tokens.map(|(_, completion)| completion),
            total: tokens.map(|(prompt, completion)| prompt + completion),
        };
        let outcome = if tokens.is_some() { ConnectorRunOutcome::Done } else { ConnectorRunOutcome::Failed };
        RunRecord {
            id: new_uid(second),
            at: second * 1000,
            connector: "advice".to_owned(),
            type_id: ".gen-ai".to_owned(),
            space: "default".to_owned(),
            caller_kind: caller.0,
            caller: caller.1.to_owned(),
            usage,
            sent: RunSent::Yes,
            duration: Some(Duration::from_millis(1500)),
            outcome,
        }
    }

    fn kept(db: &DetectDb) -> i64 {
        db.connection.query_row("SELECT count(*) FROM run", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn runs_that_are_too_old_or_too_many_are_removed() {
        let (_dir, mut db) = db();
        let caller = (CallerKind::Operator, "ann");
        for second in 0..10 {
            db.record_run(&run(caller, AT - 500 * DAY + second, None)).unwrap();
        }
        for second in 10..CLEARED_EVERY {
            db.record_run(&run(caller, AT + second, None)).unwrap();
        }
        assert_eq!(kept(&db), CLEARED_EVERY - 10, "the old ones went with the last run");
        clear_runs(&db.connection, AT * 1000, 100).unwrap();
        assert_eq!(kept(&db), 100);
        let newest: i64 = db.connection.query_row("SELECT max(at) FROM run", [], |row| row.get(0)).unwrap();
        assert_eq!(newest, (AT + CLEARED_EVERY - 1) * 1000, "the oldest are removed");
    }
    #[test]
    fn a_run_whose_process_was_killed_has_an_unknown_end() {
        let (_dir, mut db) = db();
        let begun = |db: &mut DetectDb, second, daemon| {
            let run = run((CallerKind::Rule, "r"), second, None);
            db.begin_run(&run, daemon).unwrap();
            run
        };
        begun(&mut db, AT, Some("before"));
        let own = begun(&mut db, AT - DAY, Some("now"));
        let old = begun(&mut db, AT - DAY, None);
        begun(&mut db, AT - 60, None);
        assert_eq!(db.end_left_runs("now", AT).unwrap(), 2);
        let ended = db.due_runs(&db.delivery_checkpoint("runs/x", "here").unwrap(), 9).unwrap();
        let unknown = ended.iter().filter(|due| due.run.outcome == ConnectorRunOutcome::Unknown);
        assert_eq!(unknown.count(), 2);
        assert!(ended.iter().all(|due| (due.run.sent, due.run.duration) == (RunSent::Unknown, None)));
        assert_eq!(ended[0].run.id, old.id, "the earlier one is the first");
        db.record_run(&own).unwrap();
        db.record_run(&RunRecord { sent: RunSent::Yes, ..old }).unwrap();
        assert_eq!(kept(&db), 3, "each has one row, and what may be delivered does not change");
        assert_eq!(db.end_left_runs("later", AT).unwrap(), 0, "one of a command may still run");
    }
}
