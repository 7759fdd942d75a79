//! Cases are changed, and their alerts with them.

use rusqlite::params;
use serde_json::{Value, json};

use super::{CaseStore, CaseTurn, json as kept};
use crate::cases::{Case, CaseChange, CaseError, CaseStamp, CaseStatus, error::CaseFault, limits};

/// A change of one case that somebody has seen with this version.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionedChange {
    /// The case.
    pub id: String,
    /// Its version. `None` changes whatever is there.
    pub version: Option<String>,
    /// The change.
    pub change: CaseChange,
}

impl CaseStore<'_> {
    /// Changes cases: all of them, or none if one cannot be changed. Returns them as they are then, without what is attached.
    pub fn update(
        &mut self,
        changes: &[VersionedChange],
        stamp: CaseStamp<'_>,
    ) -> Result<Vec<Case>, CaseError> {
        limits::list("cases", changes, limits::CASES_AT_ONCE_MAX)?;
        changes.iter().try_for_each(|one| one.change.check())?;
        self.turn(|turn| {
            let mut stale = Vec::new();
            for one in changes {
                let (_, case) = turn.case(&one.id)?;
                stale.extend(
                    one.version.as_ref().filter(|version| **version != case.version).map(|_| case.id),
                );
            }
            if !stale.is_empty() {
                let text = format!(
                    "These cases {} has been updated. Please refresh before saving additional updates.",
                    stale.join(", ")
                );
                return Err(CaseError::Conflict(text).into());
            }
            let mut changed = false;
            for one in changes {
                changed |= turn.change(&one.id, &one.change, stamp)?;
            }
            if !changed {
                return Err(CaseError::Unchanged.into());
            }
            changes.iter().map(|one| Ok(turn.case(&one.id)?.1)).collect()
        })
    }

    /// Changes one case, whatever its version.
    pub fn change(&mut self, id: &str, change: &CaseChange, stamp: CaseStamp<'_>) -> Result<Case, CaseError> {
        let change = VersionedChange { id: id.to_owned(), version: None, change: change.clone() };
        let mut changed = self.update(&[change], stamp)?;
        changed.pop().ok_or_else(|| CaseError::no_case(id))
    }
}

impl CaseTurn<'_> {
    /// Changes a case, and says whether anything of it is different now.
    pub(in crate::cases) fn change(
        &self,
        id: &str,
        change: &CaseChange,
        stamp: CaseStamp<'_>,
    ) -> Result<bool, CaseFault> {
        let (row, before) = self.case(id)?;
        let mut after = before.clone();
        self.check_names(change.tags.as_deref().unwrap_or_default(), &before.tags)?;
        let fields =
            change.custom_fields.as_ref().map(|fields| self.completed(before.owner, fields)).transpose()?;
        set(&mut after.title, change.title.as_ref());
        set(&mut after.description, change.description.as_ref());
        set(&mut after.tags, change.tags.as_ref());
        set(&mut after.severity, change.severity.as_ref());
        set(&mut after.category, change.category.as_ref());
        set(&mut after.assignees, change.assignees.as_ref());
        set(&mut after.custom_fields, fields.as_ref());
        set(&mut after.connector, change.connector.as_ref());
        set(&mut after.settings, change.settings.as_ref());
        if after != before {
            self.has_room(row, &before)?;
        }
        let status = change.status.filter(|status| *status != before.status);
        if let Some(status) = status {
            after.status = status;
        }
        let disposition = match (after.status, change.disposition) {
            (CaseStatus::Closed, Some(disposition)) => Some(disposition.word().to_owned()),
            (CaseStatus::Closed, None) => before.disposition.clone(),
            (CaseStatus::Open | CaseStatus::InProgress, _) => None,
        };
        after.disposition = disposition;
        let is_changed = after != before;
        if is_changed {
            self.write(row, &before, &after, stamp)?;
            self.record_changes(row, &before, &after, stamp)?;
        }
        Ok(self.judge_alerts(row, &before, &after, change.with_alerts, stamp)? || is_changed)
    }

    fn write(&self, row: i64, before: &Case, after: &Case, stamp: CaseStamp<'_>) -> Result<(), CaseFault> {
        let is_closed = after.status == CaseStatus::Closed;
        let closes = is_closed && before.status != CaseStatus::Closed;
        let sql = "UPDATE cases SET version = ?2, title = ?3, description = ?4, tags = ?5, status = ?6, severity = ?7,
                       category = ?8, assignees = ?9, custom_fields = ?10, connector = ?11, settings = ?12, disposition = ?13,
                       updated_at = ?14, updated_by = ?15,
                       in_progress_at = iif(?6 = 'in-progress', coalesce(in_progress_at, ?14), in_progress_at),
                       closed_at = iif(?16, iif(?17, ?14, closed_at), NULL),
                       closed_by = iif(?16, iif(?17, ?15, closed_by), NULL)
                   WHERE id = ?1";
        self.begun.prepare_cached(sql)?.execute(params![
            row,
            self.next_version()?,
            after.title,
            after.description,
            kept(&after.tags),
            after.status.word(),
            after.severity.word(),
            after.category,
            kept(&after.assignees),
            kept(&after.custom_fields),
            kept(&after.connector),
            kept(&after.settings),
            after.disposition,
            stamp.now,
            kept(stamp.by),
            is_closed,
            closes,
        ])?;
        Ok(())
    }

    fn record_changes(
        &self,
        row: i64,
        before: &Case,
        after: &Case,
        stamp: CaseStamp<'_>,
    ) -> Result<(), CaseFault> {
        let changed: [(&str, Value, Value); 9] = [
            ("title", json!(before.title), json!(after.title)),
            ("description", json!(before.description), json!(after.description)),
            ("severity", json!(before.severity), json!(after.severity)),
            ("category", json!(before.category), json!(after.category)),
            ("customFields", json!(before.custom_fields), json!(after.custom_fields)),
            ("connector", json!(before.connector), json!(after.connector)),
            ("settings", json!(before.settings), json!(after.settings)),
            ("status", json!(before.status), json!(after.status)),
            ("disposition", json!(before.disposition), json!(after.disposition)),
        ];
        for (kind, old, new) in changed {
            if old != new {
                self.record(row, stamp, kind, "update", &json!({ kind: new }), None)?;
            }
        }
        let lists = [
            ("tags", json!(before.tags), json!(after.tags)),
            ("assignees", json!(before.assignees), json!(after.assignees)),
        ];
        for (kind, old, new) in &lists {
            for (action, these, others) in [("add", new, old), ("delete", old, new)] {
                let is_only_here = |one: &&Value| !items(others).contains(one);
                let these: Vec<&Value> = items(these).iter().filter(is_only_here).collect();
                if !these.is_empty() {
                    self.record(row, stamp, kind, action, &json!({ *kind: these }), None)?;
                }
            }
        }
        Ok(())
    }

    /// Notes that something of a case has changed that is in another table.
    pub(super) fn touch(&self, row: i64, stamp: CaseStamp<'_>) -> Result<(), CaseFault> {
        let sql = "UPDATE cases SET version = ?2, updated_at = ?3, updated_by = ?4 WHERE id = ?1";
        let version = self.next_version()?;
        self.begun.prepare_cached(sql)?.execute(params![row, version, stamp.now, kept(stamp.by)])?;
        Ok(())
    }

    /// Keeps where a case was sent.
    pub(super) fn set_external(&self, row: i64, external: &Value) -> Result<(), CaseFault> {
        self.begun
            .prepare_cached("UPDATE cases SET external = ?2 WHERE id = ?1")?
            .execute(params![row, kept(external)])?;
        Ok(())
    }
}

fn set<T: Clone>(member: &mut T, new: Option<&T>) {
    if let Some(new) = new {
        member.clone_from(new);
    }
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}
