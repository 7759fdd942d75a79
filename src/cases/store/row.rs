//! A row as a case.

use rusqlite::{OptionalExtension as _, Row};

use super::{CaseStore, CaseTurn, parsed};
use crate::{
    cases::{Case, CaseError, CaseOwner, CaseSeverity, CaseStatus, error::CaseFault},
    tables::format_utc,
};

/// A longer number is the beginning of an id.
const NUMBER_CHARS_MAX: usize = 9;
/// A shorter text is the beginning of no id: it is a mistake.
const ID_CHARS_MIN: usize = 4;

/// The columns that [`read`] takes, in its order.
pub(super) const COLUMNS: &str = "cases.uid, cases.version, cases.number, cases.title, cases.description, cases.tags, \
    cases.status, cases.severity, cases.owner, cases.category, cases.assignees, cases.custom_fields, cases.connector, \
    cases.settings, cases.external, cases.disposition, cases.created_at, cases.created_by, cases.updated_at, \
    cases.updated_by, cases.in_progress_at, cases.closed_at, cases.closed_by, \
    (SELECT count(*) FROM case_attachment AS one WHERE one.case_id = cases.id AND one.type <> 'alert'), \
    (SELECT count(*) FROM case_alert AS one WHERE one.case_id = cases.id)";

/// Reads a row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Case> {
    let text = |column: usize| row.get::<_, String>(column);
    let maybe = |column: usize| row.get::<_, Option<String>>(column);
    let (created, begun, closed): (i64, Option<i64>, Option<i64>) =
        (row.get(16)?, row.get(20)?, row.get(21)?);
    Ok(Case {
        id: text(0)?,
        version: row.get::<_, i64>(1)?.to_string(),
        number: row.get(2)?,
        title: text(3)?,
        description: text(4)?,
        tags: parsed(&text(5)?),
        status: CaseStatus::of(&text(6)?).unwrap_or_default(),
        severity: CaseSeverity::of(&text(7)?).unwrap_or_default(),
        owner: CaseOwner::of(&text(8)?).unwrap_or_default(),
        category: maybe(9)?,
        assignees: parsed(&text(10)?),
        custom_fields: parsed(&text(11)?),
        connector: parsed(&text(12)?),
        settings: parsed(&text(13)?),
        observables: Vec::new(),
        external_service: maybe(14)?.map(|json| parsed(&json)),
        disposition: maybe(15)?,
        duration: closed.map(|closed| (closed - created).max(0)),
        created_at: format_utc(created),
        created_by: parsed(&text(17)?),
        updated_at: row.get::<_, Option<i64>>(18)?.map(format_utc),
        updated_by: maybe(19)?.map(|json| parsed(&json)),
        in_progress_at: begun.map(format_utc),
        closed_at: closed.map(format_utc),
        closed_by: maybe(22)?.map(|json| parsed(&json)),
        time_to_acknowledge: begun.map(|begun| (begun - created).max(0)),
        time_to_investigate: begun.zip(closed).map(|(begun, closed)| (closed - begun).max(0)),
        time_to_resolve: closed.map(|closed| (closed - created).max(0)),
        total_comment: row.get(23)?,
        total_alerts: row.get(24)?,
        total_events: 0,
        comments: None,
    })
}

impl CaseTurn<'_> {
    /// A case with the number of its row.
    pub(in crate::cases) fn case(&self, id: &str) -> Result<(i64, Case), CaseFault> {
        self.case_if_any(id)?.ok_or_else(|| CaseError::no_case(id).into())
    }

    /// The same, where there may be none.
    pub(in crate::cases) fn case_if_any(&self, id: &str) -> Result<Option<(i64, Case)>, CaseFault> {
        let sql = format!("SELECT {COLUMNS}, cases.id FROM cases WHERE space = ?1 AND uid = ?2");
        let mut query = self.begun.prepare_cached(&sql)?;
        let found = query.query_row([self.space, id], |row| Ok((row.get(25)?, read(row)?)));
        Ok(found.optional()?)
    }

    /// A case with everything that is attached to it.
    pub(super) fn whole_case(&self, id: &str) -> Result<Case, CaseFault> {
        let (row, case) = self.case(id)?;
        Ok(Case { comments: Some(self.attachments(row)?), ..case })
    }
}

impl CaseStore<'_> {
    /// A case with everything that is attached to it.
    pub fn get(&mut self, id: &str) -> Result<Case, CaseError> {
        self.look(|turn| turn.whole_case(id))
    }

    /// The one case that people call so: by its number, with or without `#`, or by the beginning of its id. A number is never
    /// the beginning of an id: a wrong one would be the id of another case.
    pub fn named(&mut self, name: &str) -> Result<Case, CaseError> {
        let digits = name.strip_prefix('#').unwrap_or(name);
        let number: Option<i64> = digits.parse().ok().filter(|_| digits.len() <= NUMBER_CHARS_MAX);
        if number.is_none() && name.len() < ID_CHARS_MIN {
            return Err(CaseError::no_case(name));
        }
        self.look(|turn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM cases WHERE space = ?1
                     AND iif(?3 IS NULL, substr(uid, 1, length(?2)) = ?2, number = ?3) LIMIT 2"
            );
            let mut query = turn.begun.prepare_cached(&sql)?;
            let found = query.query_map(rusqlite::params![turn.space, name, number], read)?;
            let mut found: Vec<Case> = found.collect::<rusqlite::Result<_>>()?;
            match (found.pop(), found.is_empty()) {
                (Some(case), true) => Ok(case),
                (Some(_), false) => {
                    let text = format!("`{name}` is the beginning of several cases: write more of it");
                    Err(CaseError::Invalid(text).into())
                }
                (None, _) => Err(CaseError::no_case(name).into()),
            }
        })
    }
}
