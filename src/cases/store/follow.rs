//! The alerts of a case follow it: always, if its settings say so; otherwise those that it closed are opened and judged with it.

use super::CaseTurn;
use crate::{
    cases::{Case, CaseStamp, CaseStatus, error::CaseFault},
    detect_db::{CaseReach, CaseVerdict, follow_case},
};

impl CaseTurn<'_> {
    /// Gives the alerts of a case what follows from a change of it, and says whether that changed any. With `with_alerts` they
    /// follow this once.
    pub(super) fn judge_alerts(
        &self,
        row: i64,
        before: &Case,
        after: &Case,
        with_alerts: bool,
        stamp: CaseStamp<'_>,
    ) -> Result<bool, CaseFault> {
        let follows = after.settings.sync_alerts || with_alerts;
        let begins = with_alerts || (after.settings.sync_alerts && !before.settings.sync_alerts);
        let is_judged = after.status != before.status || after.disposition != before.disposition;
        let reach = match (follows, is_judged) {
            (true, true) => CaseReach::Following,
            (false, true) => CaseReach::Own,
            (true, false) if begins => first_reach(after),
            (_, false) => return Ok(false),
        };
        let mut query = self.begun.prepare_cached("SELECT alert FROM case_alert WHERE case_id = ?1")?;
        let alerts: rusqlite::Result<Vec<String>> = query.query_map([row], |row| row.get(0))?.collect();
        let mut is_changed = false;
        for alert in alerts? {
            is_changed |= self.judge_alert(&alert, after, reach, stamp)?;
        }
        Ok(is_changed)
    }

    /// Gives an alert that is attached to a case what the case says, if its alerts follow it.
    pub(super) fn judge_attached(
        &self,
        alert: &str,
        case: &Case,
        stamp: CaseStamp<'_>,
    ) -> Result<(), CaseFault> {
        if case.settings.sync_alerts {
            self.judge_alert(alert, case, first_reach(case), stamp)?;
        }
        Ok(())
    }

    fn judge_alert(
        &self,
        alert: &str,
        case: &Case,
        reach: CaseReach,
        stamp: CaseStamp<'_>,
    ) -> Result<bool, CaseFault> {
        let says = CaseVerdict {
            case: &case.id,
            status: case.status.of_alerts(),
            disposition: case.disposition.as_deref(),
            by: &stamp.by.username,
            now: stamp.now,
            reach,
        };
        let put = follow_case(&self.begun, self.outbox, alert, &says)?;
        self.put.set(self.put.get() + put.unwrap_or_default());
        Ok(put.is_some())
    }
}

/// Which alerts a case changes that they begin to follow. An open one leaves it noted that somebody looks at an alert.
fn first_reach(case: &Case) -> CaseReach {
    match case.status {
        CaseStatus::Open => CaseReach::Closed,
        CaseStatus::InProgress | CaseStatus::Closed => CaseReach::Following,
    }
}
