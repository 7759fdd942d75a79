//! Runs of connectors: who ran what, what came of it, and how many tokens it used.

use std::time::Duration;

use rusqlite::params;
use serde::Serialize;

use super::{DetectDb, raise::new_uid};
use crate::{
    connectors::TokenUsage,
    sinks::{SinkError, sqlite::of_database},
};

/// The tables of this file. Times are in milliseconds. Tokens are NULL where nobody knows them.
pub(super) const TABLES: &str = "
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL, at INTEGER NOT NULL, connector TEXT NOT NULL, type TEXT NOT NULL,
    space TEXT NOT NULL, caller_kind TEXT NOT NULL, caller TEXT NOT NULL, model TEXT, prompt INTEGER, completion INTEGER,
    total INTEGER, sent INTEGER NOT NULL, duration INTEGER NOT NULL, outcome TEXT NOT NULL
);
CREATE INDEX run_at ON run (at);
";

/// How long runs are kept: a year can be compared with the one before it.
const KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// The most runs that are kept, about 30 MiB: they must not take the place of alerts in the same database.
const RUNS_MAX: i64 = 200_000;
/// After so many runs the oldest are looked for.
const CLEARED_EVERY: i64 = 256;
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
}

impl ConnectorRunOutcome {
    /// Reads what `word` writes.
    pub(super) fn of_word(word: &str) -> Self {
        let outcomes = [Self::Done, Self::Cut, Self::CallerLeft];
        outcomes.into_iter().find(|outcome| outcome.word() == word).unwrap_or(Self::Failed)
    }

    /// As it is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cut => "cut",
            Self::CallerLeft => "caller_left",
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
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
    pub is_sent: bool,
    /// How long it took.
    pub duration: Duration,
    /// What came of it.
    pub outcome: ConnectorRunOutcome,
}

/// By what tokens are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageBy {
    /// Connectors, by their ids.
    Connector,
    /// Who ran them.
    User,
    /// Models, as the answers name them.
    Model,
    /// Days of UTC.
    Day,
}

impl UsageBy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Connector, Self::User, Self::Model, Self::Day];

    /// As it is asked for and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::User => "user",
            Self::Model => "model",
            Self::Day => "day",
        }
    }

    /// Reads what `word` writes.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.word() == word)
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::User => {
                "iif(caller_kind = 'operator', caller, replace(caller_kind, '_', ' ') || ' ' || caller)"
            }
            Self::Model => "model",
            Self::Day => "date(at / 1000, 'unixepoch')",
        }
    }
}

/// The tokens of some runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UsageRow {
    /// What they have in common; `None` where that is unknown.
    pub key: Option<String>,
    /// How many runs there were.
    pub runs: u64,
    /// Those that did not succeed.
    pub failed: u64,
    /// Tokens of prompts, as far as they are known; `None` if no run named them.
    pub prompt_tokens: Option<u64>,
    /// Tokens of completions.
    pub completion_tokens: Option<u64>,
    /// All tokens.
    pub total_tokens: Option<u64>,
    /// Runs that sent something and of which not all tokens are known.
    pub unknown: u64,
}

impl DetectDb {
    /// Records a run, and now and then removes those that are too old or too many.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn record_run(&mut self, run: &RunRecord) -> Result<(), SinkError> {
        self.insert_run(run).map_err(|error| of_database(&self.path, error))
    }

    fn insert_run(&self, run: &RunRecord) -> rusqlite::Result<()> {
        let tokens = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok());
        let sql = "INSERT INTO run (uid, at, connector, type, space, caller_kind, caller, model, prompt, completion, total, sent,
                       duration, outcome)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        self.connection.prepare_cached(sql)?.execute(params![
            new_uid(run.at / 1000),
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
            run.is_sent,
            i64::try_from(run.duration.as_millis()).unwrap_or(i64::MAX),
            run.outcome.word(),
        ])?;
        if self.connection.last_insert_rowid() % CLEARED_EVERY == 0 {
            self.clear_runs(run.at, RUNS_MAX)?;
        }
        Ok(())
    }

    fn clear_runs(&self, now: i64, runs_max: i64) -> rusqlite::Result<()> {
        let age = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        let sql = "DELETE FROM run WHERE id IN (
                       SELECT id FROM run WHERE at < ?1 OR id <= (SELECT max(id) FROM run) - ?2 ORDER BY id LIMIT ?3
                   )";
        self.connection.prepare_cached(sql)?.execute([now.saturating_sub(age), runs_max, CLEARED_MAX])?;
        Ok(())
    }

    /// The tokens of a type's runs since a second, in one space or in all: the most first, or the days in their order.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn token_usage(
        &self,
        type_id: &str,
        space: Option<&str>,
        by: UsageBy,
        since: i64,
    ) -> Result<Vec<UsageRow>, SinkError> {
        self.sum_tokens(type_id, space, by, since).map_err(|error| of_database(&self.path, error))
    }

    fn sum_tokens(
        &self,
        type_id: &str,
        space: Option<&str>,
        by: UsageBy,
        since: i64,
    ) -> rusqlite::Result<Vec<UsageRow>> {
        let order = match by {
            UsageBy::Connector | UsageBy::User | UsageBy::Model => "6 DESC NULLS LAST, 1",
            UsageBy::Day => "1",
        };
        let sql = format!(
            "SELECT {key}, count(*), sum(outcome <> 'done'), sum(prompt), sum(completion),
                 sum(coalesce(total, prompt + completion)), sum(sent AND (prompt IS NULL OR completion IS NULL))
             FROM run WHERE type = ?1 AND at >= ?2 AND (?3 IS NULL OR space = ?3) GROUP BY 1 ORDER BY {order}",
            key = by.sql()
        );
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows = query.query_map(params![type_id, since.saturating_mul(1000), space], |row| {
            let count = |place| row.get::<_, i64>(place).map(i64::unsigned_abs);
            let tokens = |place| row.get::<_, Option<i64>>(place).map(|sum| sum.map(i64::unsigned_abs));
            Ok(UsageRow {
                key: row.get(0)?,
                runs: count(1)?,
                failed: count(2)?,
                prompt_tokens: tokens(3)?,
                completion_tokens: tokens(4)?,
                total_tokens: tokens(5)?,
                unknown: count(6)?,
            })
        })?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60;
    const AT: i64 = 1_770_000_000;

    fn db() -> (tempfile::TempDir, DetectDb) {
        let dir = tempfile::tempdir().unwrap();
        let db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        (dir, db)
    }

    fn run(caller: (CallerKind, &str), second: i64, tokens: Option<(u64, u64)>) -> RunRecord {
        let usage = TokenUsage {
            model: tokens.map(|_| "m".to_owned()),
            prompt: tokens.map(|(prompt, _)| prompt),
            completion: tokens.map(|(_, completion)| completion),
            total: tokens.map(|(prompt, completion)| prompt + completion),
        };
        let outcome = if tokens.is_some() { ConnectorRunOutcome::Done } else { ConnectorRunOutcome::Failed };
        RunRecord {
            at: second * 1000,
            connector: "advice".to_owned(),
            type_id: ".gen-ai".to_owned(),
            space: "default".to_owned(),
            caller_kind: caller.0,
            caller: caller.1.to_owned(),
            usage,
            is_sent: true,
            duration: Duration::from_millis(1500),
            outcome,
        }
    }

    fn kept(db: &DetectDb) -> i64 {
        db.connection.query_row("SELECT count(*) FROM run", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn tokens_are_summed_and_unknown_ones_are_not_zero() {
        let (_dir, mut db) = db();
        let (ann, ci) = ((CallerKind::Operator, "ann"), (CallerKind::ApiKey, "ci"));
        for one in [
            run(ann, AT, Some((10, 5))),
            run(ann, AT + DAY, Some((1, 1))),
            run(ann, AT, None),
            run(ci, AT, None),
            run(ann, AT - 40 * DAY, Some((999, 999))),
        ] {
            db.record_run(&one).unwrap();
        }
        let other = RunRecord { type_id: ".webhook".to_owned(), ..run(ann, AT, None) };
        db.record_run(&other).unwrap();
        let usage = |by| db.token_usage(".gen-ai", None, by, AT - 30 * DAY).unwrap();
        let of_ann = UsageRow {
            key: Some("ann".to_owned()),
            runs: 3,
            failed: 1,
            prompt_tokens: Some(11),
            completion_tokens: Some(6),
            total_tokens: Some(17),
            unknown: 1,
        };
        let of_ci = UsageRow {
            key: Some("api key ci".to_owned()),
            runs: 1,
            failed: 1,
            unknown: 1,
            ..UsageRow::default()
        };
        assert_eq!(usage(UsageBy::User), [of_ann, of_ci]);
        let keys = |by| usage(by).into_iter().map(|row| row.key).collect::<Vec<_>>();
        assert_eq!(keys(UsageBy::Day), [Some("2026-02-02".to_owned()), Some("2026-02-03".to_owned())]);
        assert_eq!(keys(UsageBy::Model), [Some("m".to_owned()), None]);
        assert_eq!(keys(UsageBy::Connector), [Some("advice".to_owned())]);
    }

    #[test]
    fn a_run_that_sent_nothing_used_no_tokens() {
        let (_dir, mut db) = db();
        let ann = (CallerKind::Operator, "ann");
        db.record_run(&RunRecord { is_sent: false, ..run(ann, AT, None) }).unwrap();
        db.record_run(&run(ann, AT, Some((1, 1)))).unwrap();
        let row = &db.token_usage(".gen-ai", None, UsageBy::User, AT).unwrap()[0];
        assert_eq!((row.runs, row.failed, row.unknown), (2, 1, 0));
    }

    #[test]
    fn a_total_that_no_answer_names_follows_from_its_parts() {
        let (_dir, mut db) = db();
        let mut one = run((CallerKind::Rule, "r"), AT, Some((10, 5)));
        one.usage.total = None;
        db.record_run(&one).unwrap();
        let row = &db.token_usage(".gen-ai", Some("default"), UsageBy::User, AT).unwrap()[0];
        assert_eq!(db.token_usage(".gen-ai", Some("soc"), UsageBy::User, AT).unwrap(), []);
        assert_eq!((row.key.as_deref(), row.total_tokens, row.unknown), (Some("rule r"), Some(15), 0));
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
        db.clear_runs(AT * 1000, 100).unwrap();
        assert_eq!(kept(&db), 100);
        let newest: i64 = db.connection.query_row("SELECT max(at) FROM run", [], |row| row.get(0)).unwrap();
        assert_eq!(newest, (AT + CLEARED_EVERY - 1) * 1000, "the oldest are removed");
    }
}
