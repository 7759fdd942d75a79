//! Where cases were sent with connectors, and what is known of them there.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, params};
use serde_json::{Value, json};

use super::{CaseStore, CaseTurn, json as kept, parsed};
use crate::{
    cases::{Case, CaseChange, CaseError, CasePushed, CaseStamp, CaseStatus, error::CaseFault, limits},
    tables::format_utc,
};

impl CaseStore<'_> {
    /// Keeps that a case was sent to this receiver, with these of its attachments: with which connector, and what it is called
    /// there. A configuration may close it with that.
    pub fn pushed(
        &mut self,
        id: &str,
        receiver: &str,
        external: &Value,
        attachments: &[String],
        stamp: CaseStamp<'_>,
    ) -> Result<Case, CaseError> {
        limits::json("external service", external)?;
        self.turn(|turn| {
            let (row, case) = turn.case(id)?;
            let mut external = external.clone();
            external["pushed_at"] = json!(format_utc(stamp.now));
            external["pushed_by"] = json!(stamp.by);
            turn.set_external(row, &external)?;
            turn.keep_pushed(row, receiver, &external, attachments)?;
            let sql = "UPDATE case_attachment SET pushed_at = ?2, pushed_by = ?3 WHERE case_id = ?1 AND uid = ?4 AND pushed_at IS NULL";
            let mut push = turn.begun.prepare_cached(sql)?;
            for attachment in attachments {
                push.execute(params![row, stamp.now, kept(stamp.by), attachment])?;
            }
            turn.touch(row, stamp)?;
            let payload = json!({ "externalService": external });
            turn.record(row, stamp, "pushed", "push_to_service", &payload, None)?;
            if turn.closes_when_pushed(case.owner)? {
                let status = Some(CaseStatus::Closed);
                turn.change(id, &CaseChange { status, ..CaseChange::default() }, stamp)?;
            }
            turn.whole_case(id)
        })
    }

    /// Forgets what a case is called at a receiver, and what was sent to it, with whichever connector: it was deleted there. What
    /// other receivers call the same remains: a connector may have led there before.
    pub fn forget_pushed(&mut self, id: &str, receiver: &str, external_id: &str) -> Result<(), CaseError> {
        self.turn(|turn| {
            let (row, _) = turn.case(id)?;
            let sql = "DELETE FROM case_pushed WHERE case_id = ?1 AND receiver = ?2 AND external_id = ?3";
            turn.begun.prepare_cached(sql)?.execute(params![row, receiver, external_id])?;
            Ok(())
        })
    }

    /// What is known of a case at this receiver, or else where this connector led before: the same system may have got another
    /// address. `None` if the case was never sent there nor with it.
    pub fn pushed_with(
        &mut self,
        id: &str,
        connector: &str,
        receiver: &str,
    ) -> Result<Option<CasePushed>, CaseError> {
        // Under this id there may have been a connector of another type.
        let type_id = receiver.split_once(' ').map_or(receiver, |(type_id, _)| type_id);
        self.look(|turn| {
            let (row, _) = turn.case(id)?;
            let sql = "SELECT external_id, receiver <> ?3 FROM case_pushed
                       WHERE case_id = ?1 AND (receiver = ?3 OR (connector = ?2 AND receiver GLOB ?4 || ' *'))
                       ORDER BY receiver = ?3 DESC, connector = ?2 DESC, rowid DESC LIMIT 1";
            let mut query = turn.begun.prepare_cached(sql)?;
            let values = params![row, connector, receiver, type_id];
            let found = query.query_row(values, |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
            let Some((external_id, is_earlier)) = found.optional()? else { return Ok(None) };
            Ok(Some(CasePushed { attachments: turn.sent_to(row, &external_id)?, external_id, is_earlier }))
        })
    }
}

impl CaseTurn<'_> {
    /// The attachments that were sent to what a case is called somewhere.
    fn sent_to(&self, row: i64, external_id: &str) -> Result<BTreeSet<String>, CaseFault> {
        let sql = "SELECT attachments FROM case_pushed WHERE case_id = ?1 AND external_id = ?2";
        let mut query = self.begun.prepare_cached(sql)?;
        let mut rows = query.query(params![row, external_id])?;
        let mut all = BTreeSet::new();
        while let Some(row) = rows.next()? {
            all.extend(parsed::<Vec<String>>(&row.get::<_, String>(0)?));
        }
        Ok(all)
    }

    /// A case may be sent with several connectors in turn: each system knows it by another id, and has other comments of it.
    fn keep_pushed(
        &self,
        row: i64,
        receiver: &str,
        external: &Value,
        attachments: &[String],
    ) -> Result<(), CaseFault> {
        let text = |name: &str| external[name].as_str().unwrap_or_default();
        let (connector, external_id) = (text("connector_id"), text("external_id"));
        // Of another incident there, nothing is known.
        let mut all = self.sent_to(row, external_id)?;
        all.extend(attachments.iter().cloned());
        let sql =
            "INSERT OR REPLACE INTO case_pushed (case_id, connector, receiver, external_id, attachments)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let kept = params![row, connector, receiver, external_id, kept(&all)];
        self.begun.prepare_cached(sql)?.execute(kept)?;
        Ok(())
    }
}
