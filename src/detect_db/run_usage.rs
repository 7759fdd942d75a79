//! How many tokens runs of connectors used.

use rusqlite::params;
use serde::Serialize;

use super::DetectDb;
use crate::sinks::{SinkError, sqlite::of_database};

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
                 sum(coalesce(total, prompt + completion)), sum(coalesce(sent, 1) AND (prompt IS NULL OR completion IS NULL))
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
    use crate::detect_db::{
        CallerKind, RunRecord, RunSent,
        runs::tests::{AT, DAY, db, run},
    };

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
        db.record_run(&RunRecord { sent: RunSent::No, ..run(ann, AT, None) }).unwrap();
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
}
