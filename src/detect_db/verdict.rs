//! What people decide about alerts.

use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    DetectDb,
    alert::{Alert, AlertStatus, COLUMNS, Disposition, read},
    outbox::{ActionOutbox, put_closed, wake},
};
use crate::sinks::{SinkError, sqlite::of_database};

/// Characters of a note that are kept.
const NOTE_CHARS_MAX: usize = 2_000;

/// Why an alert could not be given a status.
#[derive(Debug, thiserror::Error)]
pub enum VerdictError {
    /// No alert has an id that begins so.
    #[error("no alert `{0}`")]
    Unknown(String),
    /// Several alerts have.
    #[error("`{0}` is the beginning of several alerts: write more of it")]
    Ambiguous(String),
    /// It is part of another alert now, or was withdrawn.
    #[error("{0}")]
    Settled(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] SinkError),
}

impl DetectDb {
    /// The one alert whose id begins so.
    pub fn alert_named(&self, begin: &str) -> Result<Alert, VerdictError> {
        let mut found = self.alerts_named(begin, 2)?;
        match (found.pop(), found.is_empty()) {
            (Some(alert), true) => Ok(alert),
            (Some(_), false) => Err(VerdictError::Ambiguous(begin.to_owned())),
            (None, _) => Err(VerdictError::Unknown(begin.to_owned())),
        }
    }

    /// Gives an alert a status, and notes who gave it; with a verdict it is closed, and what it does then is put into the
    /// outbox. Returns it as it is then.
    pub fn judge_alert(
        &mut self,
        begin: &str,
        verdict: Option<Disposition>,
        by: &str,
        note: Option<&str>,
        now: i64,
    ) -> Result<Alert, VerdictError> {
        let alert = self.alert_named(begin)?;
        if let Some(into) = alert.merged_into {
            return Err(VerdictError::Settled(format!("{} is part of alert {into} now", alert.id)));
        }
        if alert.withdrawn {
            return Err(VerdictError::Settled(format!("{} was withdrawn", alert.id)));
        }
        if let (Some(before), None) = (&alert.disposition, verdict) {
            let refused = format!("{} is closed as {before}; `close` can change that", alert.id);
            return Err(VerdictError::Settled(refused));
        }
        let status = if verdict.is_some() { AlertStatus::Closed } else { AlertStatus::Acknowledged };
        let note: Option<String> = note.map(|note| note.chars().take(NOTE_CHARS_MAX).collect());
        let failed = |error| of_database(&self.path, error);
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let counted = begun.execute("UPDATE counter SET value = value + 1 WHERE name = 'change'", []);
        counted.map_err(failed)?;
        let sql =
            "UPDATE alert SET status = ?2, disposition = ?3, judged_by = ?4, judged_at = ?5, changed_at = ?5,
                       note = coalesce(?6, note), change = (SELECT value FROM counter WHERE name = 'change')
                   WHERE uid = ?1";
        let word = verdict.map(Disposition::word);
        begun.execute(sql, params![alert.id, status.word(), word, by, now, note]).map_err(failed)?;
        let put = match verdict {
            Some(_) => put_closed(&self.outbox, &begun, &alert, now).map_err(failed)?,
            None => 0,
        };
        begun.commit().map_err(failed)?;
        if put > 0 {
            wake();
        }
        self.alert_named(&alert.id)
    }
}

/// The alert with this id.
pub(crate) fn alert_named(begun: &Connection, id: &str) -> rusqlite::Result<Alert> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alert JOIN edition ON edition.id = alert.edition WHERE alert.uid = ?1"
    );
    begun.prepare_cached(&sql)?.query_row([id], read)
}

/// Gives an alert the status of a case that it belongs to, with the verdict on the case if there is one. A verdict that
/// somebody gave to the alert itself remains, as does what is part of another alert or was withdrawn. Returns how many actions
/// follow from it.
pub(crate) fn sync_alert(
    begun: &Connection,
    outbox: &ActionOutbox,
    id: &str,
    status: AlertStatus,
    verdict: Option<Disposition>,
    (by, now): (&str, i64),
) -> rusqlite::Result<u64> {
    let sql =
        "UPDATE alert SET status = ?2, disposition = ?3, judged_by = ?4, judged_at = ?5, changed_at = ?5,
                   change = (SELECT value + 1 FROM counter WHERE name = 'change')
               WHERE uid = ?1 AND merged_into IS NULL AND NOT withdrawn AND disposition IS NULL
                   AND (status <> ?2 OR ?3 IS NOT NULL)";
    let verdict = verdict.map(Disposition::word);
    let changed = begun.prepare_cached(sql)?.execute(params![id, status.word(), verdict, by, now])?;
    if changed == 0 {
        return Ok(0);
    }
    begun.prepare_cached("UPDATE counter SET value = value + 1 WHERE name = 'change'")?.execute([])?;
    match status {
        AlertStatus::Closed => put_closed(outbox, begun, &alert_named(begun, id)?, now),
        AlertStatus::Open | AlertStatus::Acknowledged => Ok(0),
    }
}
