//! Cases are removed, with all that belongs to them.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::CaseStore;
use crate::cases::{CaseError, limits};

impl CaseStore<'_> {
    /// Removes cases: all of them, or none if one is not there.
    pub fn delete(&mut self, ids: &[String]) -> Result<(), CaseError> {
        limits::list("ids", ids, limits::CASES_AT_ONCE_MAX)?;
        self.turn(|turn| {
            let mut rows = BTreeSet::new();
            for id in ids {
                rows.insert(turn.case(id)?.0);
            }
            for row in rows {
                for sql in [
                    "DELETE FROM case_alert WHERE case_id = ?1",
                    "DELETE FROM case_file WHERE case_id = ?1",
                    "DELETE FROM case_attachment WHERE case_id = ?1",
                    "DELETE FROM case_action WHERE case_id = ?1",
                    "DELETE FROM cases WHERE id = ?1",
                ] {
                    turn.begun.prepare_cached(sql)?.execute([row])?;
                }
            }
            Ok(())
        })
    }
}

/// Removes the cases of a space, and all that belongs to them, as part of a transaction.
pub(crate) fn forget_space(begun: &Connection, space: &str) -> rusqlite::Result<()> {
    for table in ["case_alert", "case_file", "case_attachment", "case_action"] {
        let sql = format!("DELETE FROM {table} WHERE case_id IN (SELECT id FROM cases WHERE space = ?1)");
        begun.execute(&sql, [space])?;
    }
    for table in ["cases", "case_configuration", "case_oracle", "case_number", "case_target"] {
        begun.execute(&format!("DELETE FROM {table} WHERE space = ?1"), [space])?;
    }
    Ok(())
}
