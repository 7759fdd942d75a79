//! What was done to a case: added to and never rewritten.

use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::{Value, json};

use super::{CaseStore, CaseTurn, json as kept, parsed};
use crate::{
    cases::{Case, CaseError, CaseOwner, CasePerson, CaseStamp, error::CaseFault, limits},
    detect_db::new_uid,
    tables::format_utc,
};

/// Something that was done to a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserAction {
    /// Names it for ever.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What was done: `create`, `update`, `add`, `delete`, `push_to_service`.
    pub action: String,
    /// To what: `title`, `status`, `comment` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// The new value, under the name of what changed.
    pub payload: Value,
    /// The application that the case belongs to.
    pub owner: CaseOwner,
    /// The attachment that it is about.
    pub comment_id: Option<String>,
    /// When.
    pub created_at: String,
    /// By whom.
    pub created_by: CasePerson,
}

/// Selects what was done.
#[derive(Clone, Debug, Default)]
pub struct HistoryFilter {
    /// Only to these: names of [`UserAction::kind`], or `user`, `alert`, `attachment` for comments of one type.
    pub types: Vec<String>,
    /// The newest first.
    pub newest_first: bool,
    /// The page, from 1 on.
    pub page: u32,
    /// How many a page has.
    pub per_page: u32,
}

/// A page of what was done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryPage {
    /// What was done.
    #[serde(rename = "userActions")]
    pub actions: Vec<UserAction>,
    /// The page.
    pub page: u32,
    /// How many a page has.
    #[serde(rename = "perPage")]
    pub per_page: u32,
    /// How many all pages have.
    pub total: i64,
}

impl CaseTurn<'_> {
    /// Records what was done. What it is about may be an attachment: its id, and its type.
    pub(in crate::cases) fn record(
        &self,
        case: i64,
        stamp: CaseStamp<'_>,
        kind: &str,
        action: &str,
        payload: &Value,
        attachment: Option<(&str, &str)>,
    ) -> Result<(), CaseFault> {
        let sql = "INSERT INTO case_action (uid, case_id, at, by, type, action, payload, attachment, subject, version)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let (id, subject) = attachment.unzip();
        let who = kept(stamp.by);
        let uid = new_uid(stamp.now);
        self.begun.prepare_cached(sql)?.execute(params![
            uid,
            case,
            stamp.now,
            who,
            kind,
            action,
            kept(payload),
            id,
            subject,
            self.next_version()?
        ])?;
        Ok(())
    }

    /// Whether so much was done to a case that nothing can be added.
    pub(in crate::cases) fn is_full(&self, row: i64) -> Result<bool, CaseFault> {
        let sql =
            "SELECT count(*), coalesce(sum(octet_length(payload)), 0) FROM case_action WHERE case_id = ?1";
        let (done, bytes): (i64, i64) =
            self.begun.prepare_cached(sql)?.query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(done >= limits::USER_ACTIONS_MAX || bytes >= limits::HISTORY_BYTES_MAX)
    }

    /// Fails if nothing can be added to a case.
    pub(super) fn has_room(&self, row: i64, case: &Case) -> Result<(), CaseFault> {
        if !self.is_full(row)? {
            return Ok(());
        }
        let (id, max) = (&case.id, limits::USER_ACTIONS_MAX);
        let text = format!("The case with id {id} has reached the limit of {max} user actions.");
        Err(CaseError::Invalid(text).into())
    }
}

impl CaseStore<'_> {
    /// What was done to a case, by pages.
    pub fn history(&mut self, id: &str, filter: &HistoryFilter) -> Result<HistoryPage, CaseError> {
        self.look(|turn| {
            let (row, case) = turn.case(id)?;
            let types = (!filter.types.is_empty()).then(|| json!(filter.types).to_string());
            let chosen = "FROM case_action WHERE case_id = ?1 AND (?2 IS NULL OR type IN (SELECT value FROM json_each(?2))
                              OR subject IN (SELECT iif(value = 'attachment', 'externalReference', value) FROM json_each(?2)))";
            let sql = format!("SELECT count(*) {chosen}");
            let total = turn.begun.query_row(&sql, params![row, types], |row| row.get(0))?;
            let order = if filter.newest_first { "DESC" } else { "ASC" };
            let sql = format!(
                "SELECT uid, version, action, type, payload, attachment, at, by {chosen} ORDER BY id {order} LIMIT ?3 OFFSET ?4"
            );
            let mut query = turn.begun.prepare_cached(&sql)?;
            let page = filter.page.max(1);
            let before = i64::from(page - 1) * i64::from(filter.per_page);
            let key = params![row, types, filter.per_page, before];
            let actions = query.query_map(key, |row| read(row, case.owner))?.collect::<rusqlite::Result<_>>()?;
            Ok(HistoryPage { actions, page, per_page: filter.per_page, total })
        })
    }
}

fn read(row: &Row<'_>, owner: CaseOwner) -> rusqlite::Result<UserAction> {
    Ok(UserAction {
        id: row.get(0)?,
        version: row.get::<_, i64>(1)?.to_string(),
        action: row.get(2)?,
        kind: row.get(3)?,
        payload: parsed(&row.get::<_, String>(4)?),
        owner,
        comment_id: row.get(5)?,
        created_at: format_utc(row.get(6)?),
        created_by: parsed(&row.get::<_, String>(7)?),
    })
}
