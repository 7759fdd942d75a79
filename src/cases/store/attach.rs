//! Comments and alerts are attached.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, params};
use serde_json::{Value, json};

use super::{CaseStore, CaseTurn, json as kept};
use crate::{
    cases::{AlertToAttach, AttachedRule, Case, CaseError, CaseOwner, CaseStamp, error::CaseFault, limits},
    detect_db::{alert_named, new_uid},
};

/// What is new about an attachment.
pub(super) struct NewAttachment<'a> {
    pub(super) kind: &'a str,
    pub(super) comment: Option<&'a str>,
    pub(super) rule: Option<&'a AttachedRule>,
}

impl CaseStore<'_> {
    /// Adds a comment.
    pub fn comment(&mut self, id: &str, comment: &str, stamp: CaseStamp<'_>) -> Result<Case, CaseError> {
        limits::text("comment", comment, limits::TEXT_CHARS_MAX)?;
        self.turn(|turn| {
            let (row, case) = turn.case(id)?;
            turn.has_room(row, &case)?;
            let new = NewAttachment { kind: "user", comment: Some(comment), rule: None };
            let (_, attachment) = turn.attach(row, case.owner, &new, stamp)?;
            let payload = json!({ "comment": { "type": "user", "comment": comment, "owner": case.owner } });
            turn.record(row, stamp, "comment", "create", &payload, Some((&attachment, "user")))?;
            turn.touch(row, stamp)?;
            turn.whole_case(id)
        })
    }

    /// Attaches alerts that are not there yet. Those of ours are kept with their summary.
    pub fn attach_alerts(
        &mut self,
        id: &str,
        alerts: &[AlertToAttach],
        rule: &AttachedRule,
        stamp: CaseStamp<'_>,
    ) -> Result<Case, CaseError> {
        limits::list("alertId", alerts, limits::ALERTS_MAX)?;
        alerts.iter().try_for_each(AlertToAttach::check)?;
        let rule = AttachedRule {
            id: rule.id.as_ref().map(|id| limits::cut(id, limits::NAME_CHARS_MAX)),
            name: rule.name.as_ref().map(|name| limits::cut(name, limits::NAME_CHARS_MAX)),
        };
        self.turn(|turn| {
            let (row, case) = turn.case(id)?;
            turn.has_room(row, &case)?;
            let new = turn.not_attached(row, alerts)?;
            if case.total_alerts + new.len() as i64 > limits::ALERTS_MAX as i64 {
                let max = limits::ALERTS_MAX;
                let text = format!("Case has reached the maximum allowed number ({max}) of attached alerts.");
                return Err(CaseError::Invalid(text).into());
            }
            turn.attach_new_alerts(row, &case, &new, &rule, stamp)?;
            turn.whole_case(id)
        })
    }
}

impl CaseTurn<'_> {
    /// The alerts that a case does not have, each once.
    pub(in crate::cases) fn not_attached<'b>(
        &self,
        row: i64,
        alerts: &'b [AlertToAttach],
    ) -> Result<Vec<&'b AlertToAttach>, CaseFault> {
        let mut known =
            self.begun.prepare_cached("SELECT 1 FROM case_alert WHERE case_id = ?1 AND alert = ?2")?;
        let (mut new, mut seen) = (Vec::new(), BTreeSet::new());
        for alert in alerts {
            if seen.insert(&alert.id) && !known.exists(params![row, alert.id])? {
                new.push(alert);
            }
        }
        Ok(new)
    }

    /// Attaches alerts that a case does not have, as one attachment.
    pub(in crate::cases) fn attach_new_alerts(
        &self,
        row: i64,
        case: &Case,
        alerts: &[&AlertToAttach],
        rule: &AttachedRule,
        stamp: CaseStamp<'_>,
    ) -> Result<(), CaseFault> {
        if alerts.is_empty() {
            return Ok(());
        }
        let new = NewAttachment { kind: "alert", comment: None, rule: Some(rule) };
        let (number, attachment) = self.attach(row, case.owner, &new, stamp)?;
        let sql = "INSERT INTO case_alert VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let mut insert = self.begun.prepare_cached(sql)?;
        for (place, alert) in alerts.iter().enumerate() {
            let summary = self.summary(alert)?;
            insert.execute(params![
                row,
                alert.id,
                number,
                place as i64,
                alert.index,
                kept(&summary),
                stamp.now
            ])?;
            self.judge_attached(&alert.id, case, stamp)?;
        }
        let ids: Vec<&String> = alerts.iter().map(|alert| &alert.id).collect();
        let indices: Vec<&String> = alerts.iter().map(|alert| &alert.index).collect();
        let payload = json!({ "comment": {
            "type": "alert", "alertId": ids, "index": indices, "rule": rule, "owner": case.owner,
        } });
        self.record(row, stamp, "comment", "create", &payload, Some((&attachment, "alert")))?;
        self.touch(row, stamp)
    }

    /// What is kept of an alert: what came with it, else what is known of it.
    fn summary(&self, alert: &AlertToAttach) -> Result<Value, CaseFault> {
        if !alert.summary.is_null() && alert.summary.to_string().len() <= limits::JSON_BYTES_MAX {
            return Ok(alert.summary.clone());
        }
        let found = alert_named(&self.begun, &alert.id).optional()?;
        Ok(found.map_or(Value::Null, |alert| AlertToAttach::summary_of(&alert)))
    }

    /// Adds an attachment, and returns the number of its row and its id.
    pub(super) fn attach(
        &self,
        row: i64,
        owner: CaseOwner,
        new: &NewAttachment<'_>,
        stamp: CaseStamp<'_>,
    ) -> Result<(i64, String), CaseFault> {
        let id = new_uid(stamp.now);
        let sql = "INSERT INTO case_attachment (uid, case_id, type, owner, version, comment, rule_id, rule_name, created_at, created_by)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let number = self.begun.prepare_cached(sql)?.insert(params![
            id,
            row,
            new.kind,
            owner.word(),
            self.next_version()?,
            new.comment,
            new.rule.and_then(|rule| rule.id.as_ref()),
            new.rule.and_then(|rule| rule.name.as_ref()),
            stamp.now,
            kept(stamp.by),
        ])?;
        Ok((number, id))
    }
}
