//! What the cases of a space have in common: tags, reporters, counts; and the cases of an alert.

use rusqlite::params;
use serde::Serialize;
use serde_json::json;

use super::{CaseStore, parsed};
use crate::{
    cases::{CaseError, CaseOwner, CasePerson, CaseStatus},
    tables::format_utc,
};

/// The most of a list: its caller looks for one of them.
const LIST_MAX: i64 = 10_000;

/// How many cases there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CaseCounts {
    /// Open ones.
    pub count_open_cases: i64,
    /// Those in progress.
    pub count_in_progress_cases: i64,
    /// Closed ones.
    pub count_closed_cases: i64,
}

/// A case in a few words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseTitle {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Its status.
    pub status: CaseStatus,
    /// When it was created.
    #[serde(rename = "createdAt")]
    pub created_at: String,
    /// What it has.
    pub totals: CaseTotals,
}

/// How much a case has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CaseTotals {
    /// Alerts.
    pub alerts: i64,
    /// Comments.
    #[serde(rename = "userComments")]
    pub comments: i64,
}

/// The owners as the database compares them; null for all.
fn these(owners: &[CaseOwner]) -> Option<String> {
    (!owners.is_empty()).then(|| json!(owners).to_string())
}

const OF_OWNERS: &str =
    "cases.space = ?1 AND (?2 IS NULL OR cases.owner IN (SELECT value FROM json_each(?2)))";

impl CaseStore<'_> {
    /// The tags of the cases of some owners, or of all.
    pub fn tags(&mut self, owners: &[CaseOwner]) -> Result<Vec<String>, CaseError> {
        self.look(|turn| {
            let sql = format!(
                "SELECT DISTINCT tag.value FROM cases, json_each(cases.tags) AS tag WHERE {OF_OWNERS} ORDER BY 1 LIMIT {LIST_MAX}"
            );
            let mut query = turn.begun.prepare_cached(&sql)?;
            let tags = query.query_map(params![turn.space, these(owners)], |row| row.get(0))?;
            Ok(tags.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Who created the cases of some owners, or of all.
    pub fn reporters(&mut self, owners: &[CaseOwner]) -> Result<Vec<CasePerson>, CaseError> {
        self.look(|turn| {
            let sql = format!(
                "SELECT DISTINCT created_by FROM cases WHERE {OF_OWNERS} ORDER BY 1 LIMIT {LIST_MAX}"
            );
            let mut query = turn.begun.prepare_cached(&sql)?;
            let people = query.query_map(params![turn.space, these(owners)], |row| {
                row.get::<_, String>(0).map(|by| parsed(&by))
            })?;
            Ok(people.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// How many cases some owners have, or all.
    pub fn counts(&mut self, owners: &[CaseOwner]) -> Result<CaseCounts, CaseError> {
        self.look(|turn| {
            let sql = format!(
                "SELECT count(*) FILTER (WHERE status = 'open'), count(*) FILTER (WHERE status = 'in-progress'),
                     count(*) FILTER (WHERE status = 'closed') FROM cases WHERE {OF_OWNERS}"
            );
            let counts = turn.begun.query_row(&sql, params![turn.space, these(owners)], |row| {
                Ok(CaseCounts {
                    count_open_cases: row.get(0)?,
                    count_in_progress_cases: row.get(1)?,
                    count_closed_cases: row.get(2)?,
                })
            })?;
            Ok(counts)
        })
    }

    /// The cases of some owners, or of all, that an alert is attached to.
    pub fn of_alert(&mut self, alert: &str, owners: &[CaseOwner]) -> Result<Vec<CaseTitle>, CaseError> {
        self.look(|turn| {
            let sql = format!(
                "SELECT uid, title, description, status, created_at,
                     (SELECT count(*) FROM case_alert AS one WHERE one.case_id = cases.id),
                     (SELECT count(*) FROM case_attachment AS one WHERE one.case_id = cases.id AND one.type = 'user')
                 FROM cases WHERE {OF_OWNERS} AND id IN (SELECT case_id FROM case_alert WHERE alert = ?3)
                 ORDER BY id LIMIT {LIST_MAX}"
            );
            let mut query = turn.begun.prepare_cached(&sql)?;
            let titles = query.query_map(params![turn.space, these(owners), alert], |row| {
                Ok(CaseTitle {
                    id: row.get(0)?,
                    title: row.get(1)?,
                    description: row.get(2)?,
                    status: CaseStatus::of(&row.get::<_, String>(3)?).unwrap_or_default(),
                    created_at: format_utc(row.get(4)?),
                    totals: CaseTotals { alerts: row.get(5)?, comments: row.get(6)? },
                })
            })?;
            Ok(titles.collect::<rusqlite::Result<_>>()?)
        })
    }
}
