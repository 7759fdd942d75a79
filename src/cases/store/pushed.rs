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
    /// Keeps that a case was sent to a service, with these of its attachments: with which connector, and what it is called
    /// there. A configuration may close it with that.
    pub fn pushed(
        &mut self,
        id: &str,
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
            turn.keep_pushed(row, &external, attachments)?;
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

    /// Forgets what a case is called in the system of this connector, and what was sent with it: it was deleted there.
    pub fn forget_pushed(&mut self, id: &str, connector: &str) -> Result<(), CaseError> {
        self.turn(|turn| {
            let (row, _) = turn.case(id)?;
            let sql = "DELETE FROM case_pushed WHERE case_id = ?1 AND connector = ?2";
            turn.begun.prepare_cached(sql)?.execute(params![row, connector])?;
            Ok(())
        })
    }

    /// What is known of a case in the system of this connector; `None` if it was never sent with it.
    pub fn pushed_with(&mut self, id: &str, connector: &str) -> Result<Option<CasePushed>, CaseError> {
        self.look(|turn| {
            let (row, _) = turn.case(id)?;
            turn.pushed_with(row, connector)
        })
    }
}

impl CaseTurn<'_> {
    fn pushed_with(&self, row: i64, connector: &str) -> Result<Option<CasePushed>, CaseFault> {
        let sql = "SELECT external_id, attachments FROM case_pushed WHERE case_id = ?1 AND connector = ?2";
        let found = self.begun.prepare_cached(sql)?.query_row(params![row, connector], |row| {
            let attachments: String = row.get(1)?;
            Ok(CasePushed { external_id: row.get(0)?, attachments: parsed(&attachments) })
        });
        Ok(found.optional()?)
    }

    /// A case may be sent with several connectors in turn: each system knows it by another id, and has other comments of it.
    fn keep_pushed(&self, row: i64, external: &Value, attachments: &[String]) -> Result<(), CaseFault> {
        let text = |name: &str| external[name].as_str().unwrap_or_default().to_owned();
        let (connector, id) = (text("connector_id"), text("external_id"));
        // Of another incident there, nothing is known.
        let before = self.pushed_with(row, &connector)?.filter(|before| before.external_id == id);
        let mut all: BTreeSet<String> = before.map(|before| before.attachments).unwrap_or_default();
        all.extend(attachments.iter().cloned());
        let sql = "INSERT OR REPLACE INTO case_pushed VALUES (?1, ?2, ?3, ?4)";
        self.begun.prepare_cached(sql)?.execute(params![row, connector, id, kept(&all)])?;
        Ok(())
    }
}
