//! Cases are created.

use rusqlite::params;
use serde_json::json;

use super::{CaseStore, CaseTurn, json as kept};
use crate::{
    cases::{Case, CaseError, CaseStamp, NewCase, error::CaseFault},
    detect_db::new_uid,
};

/// A case that an action creates has an id that follows from its group, and is known to be of a rule.
#[derive(Clone, Copy, Debug)]
pub(in crate::cases) struct MadeCase<'a> {
    pub(in crate::cases) id: &'a str,
    pub(in crate::cases) made_for: &'a str,
}

impl CaseStore<'_> {
    /// Creates a case.
    pub fn create(&mut self, new: &NewCase, stamp: CaseStamp<'_>) -> Result<Case, CaseError> {
        new.check()?;
        self.turn(|turn| {
            let id = turn.create(new, None, stamp)?;
            turn.whole_case(&id)
        })
    }
}

impl CaseTurn<'_> {
    /// Creates a case, and returns its id.
    pub(in crate::cases) fn create(
        &self,
        new: &NewCase,
        made: Option<MadeCase<'_>>,
        stamp: CaseStamp<'_>,
    ) -> Result<String, CaseFault> {
        self.check_names(&new.tags, &[])?;
        let fields = self.completed(new.owner, &new.custom_fields)?;
        let id = made.map_or_else(|| new_uid(stamp.now), |made| made.id.to_owned());
        let sql = "INSERT INTO case_number VALUES (?1, 1) ON CONFLICT (space) DO UPDATE SET last = last + 1 RETURNING last";
        let number: i64 = self.begun.prepare_cached(sql)?.query_row([self.space], |row| row.get(0))?;
        let sql = "INSERT INTO cases (uid, space, owner, number, version, title, description, tags, status, severity, category,
                       assignees, custom_fields, connector, settings, made_for, created_at, created_by)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'open', ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
        let row = self.begun.prepare_cached(sql)?.insert(params![
            id,
            self.space,
            new.owner.word(),
            number,
            self.next_version()?,
            new.title,
            new.description,
            kept(&new.tags),
            new.severity.word(),
            new.category,
            kept(&new.assignees),
            kept(&fields),
            kept(&new.connector),
            kept(&new.settings),
            made.map(|made| made.made_for),
            stamp.now,
            kept(stamp.by),
        ])?;
        let payload = json!({
            "title": new.title, "description": new.description, "tags": new.tags, "owner": new.owner,
            "severity": new.severity, "category": new.category, "assignees": new.assignees, "customFields": fields,
            "connector": new.connector, "settings": new.settings, "status": "open",
        });
        self.record(row, stamp, "create_case", "create", &payload, None)?;
        Ok(id)
    }
}
