//! What follows from an attempt: for its row, its action and its connector.

use std::time::Duration;

use tokio::task::{Id, JoinError};

use super::{
    lane::{ASKED_MAX, delay, whole_seconds},
    outcome::{Attempted, Attempts},
    shown::ShownAction,
    worker::{ActionWorker, RunningAttempt},
};
use crate::{
    detect_db::{ActionResult, ConnectorPause, DueAction},
    pipeline::{
        backoff::Delays,
        policy::{ActionFailure, ActionFailureKind, Failure},
        retry::{mended, report_and_delay},
        stage::Stage,
    },
};

/// What fails for this long, from its first try, is given up and kept as failed. In seconds.
const KEEP_TRYING: i64 = 7 * 24 * 60 * 60;

impl ActionWorker {
    /// Notes what came of a task.
    pub(super) fn note(&mut self, ended: Result<(Id, Attempts), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(begun) = self.running.remove(&id) else { return };
        let lane = self.lanes.entry(begun.lane.clone()).or_default();
        lane.running = lane.running.saturating_sub(1);
        self.changed = true;
        match ended {
            Ok((_, attempts)) => {
                for (due, attempted) in attempts {
                    let result = self.judge(&begun, &due, attempted);
                    self.unsettled.result(&due, result);
                }
            }
            Err(error) => {
                tracing::error!(%error, "an action ended by a bug in ccfd: please report this; the next start tries it again");
            }
        }
    }

    fn judge(&mut self, begun: &RunningAttempt, due: &DueAction, attempted: Attempted) -> ActionResult {
        let now = self.attempter.clock.now();
        let lane = self.lanes.entry(begun.lane.clone()).or_default();
        let name = &begun.settings.outbox.name;
        let named = self.actions.iter_mut().find(|action| action.settings.outbox.name == *name);
        let is_same = named.as_ref().is_some_and(|action| *action.settings == *begun.settings);
        let Some(action) = named else {
            // Should it have to be tried again, it ends like all that its action left.
            self.has_left = true;
            return match attempted {
                Attempted::Done(text) => ActionResult::Done(text),
                Attempted::Failed(text) => ActionResult::Failed(text),
                Attempted::NotBefore(_, text) => ActionResult::Later(now, text),
                Attempted::Rest(text) => ActionResult::Again(now, text),
                Attempted::Again(failure, _) => ActionResult::Again(now, failure.text),
            };
        };
        match attempted {
            Attempted::Done(text) => {
                if lane.worked() {
                    self.unsettled.resumed(&begun.lane);
                }
                if action.worked() {
                    self.unsettled.unparked(name);
                }
                mended(Stage::Writing, &action.progress);
                action.progress.count(|counters| {
                    counters.fetched += 1;
                    counters.delivered += 1;
                });
                action.progress.update(|status| {
                    status.last_record = status.last_record.max(Some(due.put_at));
                });
                ActionResult::Done(text)
            }
            // Only this row waits.
            Attempted::Rest(text) => {
                if lane.worked() {
                    self.unsettled.resumed(&begun.lane);
                }
                if action.worked() {
                    self.unsettled.unparked(name);
                }
                mended(Stage::Writing, &action.progress);
                later(action, due, now, Duration::ZERO, text)
            }
            Attempted::Failed(text) => {
                if lane.worked() {
                    self.unsettled.resumed(&begun.lane);
                }
                action.failed(due, &text);
                ActionResult::Failed(text)
            }
            Attempted::NotBefore(_, text) if !is_same => ActionResult::Later(now, text),
            Attempted::NotBefore(at, text) => ActionResult::Later(at, text),
            // Only other settings help, and there are others now.
            Attempted::Again(ActionFailure { kind: ActionFailureKind::Lasting, text }, _) if !is_same => {
                ActionResult::Later(now, text)
            }
            Attempted::Again(failure, receiver) => {
                let kind = match failure.kind {
                    ActionFailureKind::Asked(asked) => ActionFailureKind::Asked(asked.min(ASKED_MAX)),
                    kind @ (ActionFailureKind::Passing | ActionFailureKind::Lasting) => kind,
                };
                let waits_for_operator = kind == ActionFailureKind::Lasting;
                let text = failure.text.clone();
                let failure = ActionFailure { kind, ..failure };
                action.failing = Some(failure.clone());
                let parked = lane.delays.wanted().parked;
                // What somebody wanted tried in a pause makes nothing else wait longer.
                let mut apart = Delays::default();
                let delays = if begun.in_pause { &mut apart } else { &mut lane.delays };
                let reported = report_and_delay(&Failure::Action(failure), delays, &action.progress);
                let wait = reported.unwrap_or(parked);
                // What only this action has does not hold up others of its connector.
                if waits_for_operator {
                    if !action.is_paused() {
                        action.pause(wait);
                    }
                } else if !begun.in_pause {
                    lane.pause(wait, &text);
                    let until = now.saturating_add(whole_seconds(wait));
                    self.unsettled.paused(pause(begun, None, until, &text));
                }
                let mut own = wait;
                if let (ActionFailureKind::Asked(asked), Some(receiver)) = (kind, receiver) {
                    let until = now.saturating_add(whole_seconds(asked));
                    lane.ask(&receiver, until, &text);
                    self.unsettled.paused(pause(begun, Some(receiver), until, &text));
                    // The connector waits, and the row with it: one that leads elsewhere need not.
                    own = Duration::ZERO;
                }
                if waits_for_operator {
                    // Nothing was sent: it is no try, and it is not given up.
                    ActionResult::Parked(now.saturating_add(whole_seconds(wait)), text)
                } else {
                    later(action, due, now, own, text)
                }
            }
        }
    }
}

/// Tries a row again after this time at least, unless it has been tried for long enough.
fn later(action: &ShownAction, due: &DueAction, now: i64, wait: Duration, text: String) -> ActionResult {
    if due.tried_at.is_some_and(|first| now.saturating_sub(first) > KEEP_TRYING) {
        let text = format!("given up: {text}");
        action.failed(due, &text);
        return ActionResult::Failed(text);
    }
    ActionResult::Again(now.saturating_add(whole_seconds(wait.max(delay(due.tries)))), text)
}

fn pause(begun: &RunningAttempt, asked_by: Option<String>, until: i64, reason: &str) -> ConnectorPause {
    let (space, connector) = begun.lane.clone();
    ConnectorPause { space, connector, asked_by, until, reason: reason.to_owned() }
}
