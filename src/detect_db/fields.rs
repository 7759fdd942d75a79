//! Which fields the records had that rules looked at, over all runs.

use std::collections::BTreeMap;

use rusqlite::{TransactionBehavior, params};

use super::DetectDb;
use crate::{
    detect::rules::FieldPresence,
    sinks::{SinkError, sqlite::of_database},
};

/// The tables of this file.
pub(super) const TABLES: &str = "
CREATE TABLE field_use (
    rule TEXT NOT NULL, field TEXT NOT NULL, seen_at INTEGER, absent INTEGER NOT NULL, cut INTEGER NOT NULL,
    counted_at INTEGER NOT NULL, PRIMARY KEY (rule, field)
) WITHOUT ROWID;
";

/// Seconds after which a field is forgotten that no rule asks for any more.
const FORGOTTEN_AFTER: i64 = 90 * 24 * 3600;

/// What is known of a field that a detection reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldUse {
    /// When a record with a value was last judged.
    pub seen_at: Option<i64>,
    /// How many records without one the detection has looked at since.
    pub absent: u64,
    /// Values of which expressions looked at a part.
    pub cut: u64,
}

impl DetectDb {
    /// Adds what detections saw of their fields since the last time.
    pub fn note_fields(&mut self, fields: &[FieldPresence], now: i64) -> Result<(), SinkError> {
        if fields.is_empty() {
            return Ok(());
        }
        self.note_fields_at(fields, now).map_err(|error| of_database(&self.path, error))
    }

    fn note_fields_at(&mut self, fields: &[FieldPresence], now: i64) -> rusqlite::Result<()> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "INSERT INTO field_use VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (rule, field) DO UPDATE
                   SET absent = excluded.absent + iif(excluded.seen_at IS NULL, absent, 0),
                       seen_at = coalesce(excluded.seen_at, seen_at), cut = cut + excluded.cut, counted_at = excluded.counted_at";
        let mut add = begun.prepare_cached(sql)?;
        for FieldPresence { rule, field, is_seen, absent, cut } in fields {
            let seen_at = is_seen.then_some(now);
            let (absent, cut) = (absent.cast_signed(), cut.cast_signed());
            add.execute(params![&**rule, &**field, seen_at, absent, cut, now])?;
        }
        drop(add);
        begun
            .execute("DELETE FROM field_use WHERE counted_at < ?1", [now.saturating_sub(FORGOTTEN_AFTER)])?;
        // Numbers of alerts only grow.
        begun.execute("DELETE FROM silenced WHERE alert < (SELECT min(id) FROM alert)", [])?;
        begun.commit()
    }

    /// What is known of the fields of each detection, by its slug and the field.
    pub fn field_uses(&self) -> Result<BTreeMap<(String, String), FieldUse>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = "SELECT rule, field, seen_at, absent, cut FROM field_use";
        let mut query = self.connection.prepare(sql).map_err(failed)?;
        let uses = query.query_map([], |row| {
            let number = |column: usize| row.get(column).map(i64::unsigned_abs);
            let of = FieldUse { seen_at: row.get(2)?, absent: number(3)?, cut: number(4)? };
            Ok(((row.get(0)?, row.get(1)?), of))
        });
        uses.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }
}
