//! What `ccfd check` looks at: whether a transaction can begin, and which rows are the newest.

use std::sync::Arc;

use rusqlite::TransactionBehavior;

use super::{classify::of_database, database::Database};
use crate::{sinks::SinkError, tables::Table};

impl Database {
    /// Proves that a transaction can begin, and says what is there.
    pub(super) fn look(&mut self, tables: &[Arc<Table>]) -> Result<String, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut newest = Vec::new();
        for table in tables {
            let sql = format!("SELECT max(\"{}\") FROM \"{}\"", table.time, table.name);
            let time: Option<String> = begun.query_row(&sql, [], |row| row.get(0)).map_err(failed)?;
            newest.push(format!("{} {}", table.name, time.as_deref().unwrap_or("empty")));
        }
        begun.rollback().map_err(failed)?;
        Ok(format!("{}: writable; newest rows: {}", self.path.display(), newest.join(", ")))
    }
}
