//! The record of each group: which of its cases is the current one.

use rusqlite::{OptionalExtension as _, params};
use serde_json::{Map, Value, json};

use super::CaseRule;
use crate::cases::{CaseError, error::CaseFault, store::CaseTurn};

/// The record of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Oracle {
    pub(super) id: String,
    pub(super) version: i64,
    /// The number of its current case, from 1 on.
    pub(super) counter: i64,
    /// When that number last changed.
    pub(super) since: i64,
}

impl CaseTurn<'_> {
    pub(super) fn oracle(&self, id: &str) -> Result<Option<Oracle>, CaseFault> {
        let sql = "SELECT version, counter, coalesce(updated_at, created_at) FROM case_oracle WHERE uid = ?1";
        let found = self.begun.prepare_cached(sql)?.query_row([id], |row| {
            let (version, counter, since) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Oracle { id: id.to_owned(), version, counter, since })
        });
        Ok(found.optional()?)
    }

    pub(super) fn create_oracle(
        &self,
        id: &str,
        rule: &CaseRule,
        grouping: &Map<String, Value>,
        now: i64,
    ) -> Result<Oracle, CaseFault> {
        if self.oracle(id)?.is_some() {
            return Err(
                CaseError::Conflict("the record of a group was created by someone else".to_owned()).into()
            );
        }
        let version = self.next_version()?;
        let sql = "INSERT INTO case_oracle VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, NULL)";
        let rules = json!([{ "id": rule.id }]).to_string();
        let grouping = Value::Object(grouping.clone()).to_string();
        self.begun.prepare_cached(sql)?.execute(params![id, self.space, version, rules, grouping, now])?;
        Ok(Oracle { id: id.to_owned(), version, counter: 1, since: now })
    }

    /// The group gets its next case, unless someone else has changed its record.
    pub(super) fn advance(&self, oracle: &Oracle, now: i64) -> Result<Oracle, CaseFault> {
        let version = self.next_version()?;
        let sql = "UPDATE case_oracle SET version = ?3, counter = counter + 1, updated_at = ?4
                   WHERE uid = ?1 AND version = ?2";
        let changed =
            self.begun.prepare_cached(sql)?.execute(params![oracle.id, oracle.version, version, now])?;
        if changed == 0 {
            return Err(
                CaseError::Conflict("the record of a group was changed by someone else".to_owned()).into()
            );
        }
        Ok(Oracle { version, counter: oracle.counter + 1, since: now, ..oracle.clone() })
    }
}
