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
                       judged_case = NULL, note = coalesce(?6, note), change = (SELECT value FROM counter WHERE name = 'change')
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

/// What a case says of its alerts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaseVerdict<'a> {
    /// The id of the case.
    pub(crate) case: &'a str,
    /// The status that they get.
    pub(crate) status: AlertStatus,
    /// The verdict with which they are closed, if there is one.
    pub(crate) disposition: Option<&'a str>,
    /// Who changed the case.
    pub(crate) by: &'a str,
    /// The second.
    pub(crate) now: i64,
    /// Which of them get it.
    pub(crate) reach: CaseReach,
}

/// Which of its alerts a case changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaseReach {
    /// Those that are not closed, and those that it may judge.
    Following,
    /// Of those that are closed, the ones that it may judge.
    Closed,
    /// Those that it closed itself.
    Own,
}

impl CaseReach {
    fn word(self) -> &'static str {
        match self {
            Self::Following => "following",
            Self::Closed => "closed",
            Self::Own => "own",
        }
    }
}

/// Gives an alert what a case says of it. Returns how many actions follow; `None` if it changed nothing. A closed alert belongs to what closed it: a
/// person, whose verdict remains; or a case, which alone can judge it again or open it, as long as it has the alert. A case with
/// a verdict may also judge an alert that another one closed without. What is part of another alert or was withdrawn remains.
pub(crate) fn follow_case(
    begun: &Connection,
    outbox: &ActionOutbox,
    id: &str,
    says: &CaseVerdict<'_>,
) -> rusqlite::Result<Option<u64>> {
    let sql =
        "UPDATE alert SET status = ?2, disposition = ?3, judged_by = ?4, judged_at = ?5, changed_at = ?5, judged_case = ?6,
                   change = (SELECT value + 1 FROM counter WHERE name = 'change')
               WHERE uid = ?1 AND merged_into IS NULL AND NOT withdrawn
                   AND (status <> ?2 OR disposition IS NOT ?3)
                   AND (?7 = 'following' OR status = 'closed') AND (?7 <> 'own' OR judged_case = ?6)
                   AND (status <> 'closed' OR judged_case = ?6 OR (disposition IS NULL AND ?3 IS NOT NULL)
                       OR (judged_case IS NOT NULL AND NOT EXISTS (
                           SELECT 1 FROM cases JOIN case_alert ON case_alert.case_id = cases.id
                           WHERE cases.uid = alert.judged_case AND case_alert.alert = alert.uid)))";
    let CaseVerdict { case, status, disposition, by, now, reach } = *says;
    let row = params![id, status.word(), disposition, by, now, case, reach.word()];
    if begun.prepare_cached(sql)?.execute(row)? == 0 {
        return Ok(None);
    }
    begun.prepare_cached("UPDATE counter SET value = value + 1 WHERE name = 'change'")?.execute([])?;
    match status {
        AlertStatus::Closed => put_closed(outbox, begun, &alert_named(begun, id)?, now).map(Some),
        AlertStatus::Open | AlertStatus::Acknowledged => Ok(Some(0)),
    }
}
