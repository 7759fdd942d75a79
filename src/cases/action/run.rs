//! The steps of a run, and what is done if somebody else was first.

use std::{thread, time::Duration};

use rand::RngExt as _;

use super::{ActionOutcome, CaseAlert, CaseRule, CasesAction, steps::Steps};
use crate::{cases::CaseError, detect_db::DetectDb, sinks::SinkError};

/// How often a run is tried.
const ATTEMPTS: u32 = 10;
/// The most that the first repeat waits.
const DELAY_FIRST: Duration = Duration::from_millis(5);
/// The most that any repeat waits.
const DELAY_MAX: Duration = Duration::from_secs(2);

/// What a run has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActionStep {
    /// It knows the groups.
    Grouped,
    /// Each group has a record.
    Recorded,
    /// Groups whose window has passed have their next number.
    Windowed,
    /// Each group has a case.
    Created,
    /// Closed cases are open, or their groups have other ones.
    Settled,
    /// The alerts of one more group are attached.
    Attached,
}

/// Brings alerts of one rule into cases. It is a blocking call: while somebody else changes the same cases, it waits.
///
/// It may be called again with the same alerts, whether it failed or not: each alert is attached once to the cases of its rule.
///
/// # Errors
///
/// [`CaseError::Conflict`] if somebody else changed the same cases each time, [`CaseError::Database`] if the database failed;
/// both may pass. Others do not.
pub fn run(
    db: &mut DetectDb,
    action: &CasesAction,
    rule: &CaseRule,
    alerts: &[CaseAlert],
    now: i64,
) -> Result<ActionOutcome, CaseError> {
    run_watched(db, action, rule, alerts, now, &mut thread::sleep, &mut |_| Ok(()))
}

/// The same for tests, which stop it between steps, and wait themselves.
pub(super) fn run_watched(
    db: &mut DetectDb,
    action: &CasesAction,
    rule: &CaseRule,
    alerts: &[CaseAlert],
    now: i64,
    wait: &mut dyn FnMut(Duration),
    watch: &mut dyn FnMut(ActionStep) -> Result<(), CaseError>,
) -> Result<ActionOutcome, CaseError> {
    action.check().map_err(CaseError::Invalid)?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let store = db.cases(&action.space);
        let done = Steps { store, action, rule, now, watch }.run(alerts);
        match done {
            Err(error) if attempt < ATTEMPTS && may_pass(&error) => {
                tracing::debug!(attempt, "cases were changed by someone else: the action is repeated");
                wait(delay(attempt));
            }
            done => return done,
        }
    }
}

fn may_pass(error: &CaseError) -> bool {
    match error {
        CaseError::Conflict(_) | CaseError::Database(SinkError::Busy { .. }) => true,
        CaseError::Database(_) | CaseError::Invalid(_) | CaseError::Unchanged | CaseError::Unknown { .. } => {
            false
        }
    }
}

/// Anything up to a limit that doubles, so that those who wait for each other do not meet again.
fn delay(attempt: u32) -> Duration {
    let most = DELAY_FIRST.saturating_mul(1 << attempt.min(10)).min(DELAY_MAX);
    most.mul_f64(rand::rng().random())
}
