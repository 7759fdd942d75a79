//! What is begun, of what is due: as far as lanes have room, each action in its turn.

use std::collections::BTreeMap;

use tracing::Instrument as _;

use super::{
    lane::SHARED_RUNS_MAX,
    shown::ShownAction,
    worker::{ActionWorker, LaneKey, RunningAttempt},
};
use crate::{
    config::ActionDoes,
    detect_db::{ActionClaim, DueAction},
    sinks::SinkError,
};

/// Alerts of which cases are made at a time.
const CASES_BATCH: u32 = 100;

impl ActionWorker {
    /// Begins attempts of what is due, as far as lanes have room.
    pub(super) async fn fill(&mut self) -> Result<(), SinkError> {
        let Some(worker) = self.number else { return Ok(()) };
        let now = self.attempter.clock.now();
        let claims = self.may_begin(now);
        if claims.is_empty() {
            return Ok(());
        }
        let asked = claims.clone();
        let due = self.attempter.database.run(move |db| db.due_actions(&asked, now)).await?;
        let wanted = self.wanted(claims, &due, now);
        if wanted.is_empty() {
            return Ok(());
        }
        let claimed = self.attempter.database.run(move |db| db.claim_actions(worker, &wanted, now)).await?;
        let mut of_cases: BTreeMap<usize, Vec<DueAction>> = BTreeMap::new();
        for due in claimed {
            self.changed = true;
            let named = |action: &ShownAction| *action.settings.outbox.name == *due.action;
            let Some(index) = self.actions.iter().position(named) else { continue };
            match self.actions[index].settings.does {
                ActionDoes::Run { .. } => self.spawn(index, vec![due], now),
                ActionDoes::Cases(_) => of_cases.entry(index).or_default().push(due),
            }
        }
        of_cases.into_iter().for_each(|(index, due)| self.spawn(index, due, now));
        Ok(())
    }

    /// What may be begun of each action: of one that is paused, or whose connector must wait, only what somebody wants tried
    /// now.
    fn may_begin(&self, now: i64) -> Vec<ActionClaim> {
        let claim = |action: &ShownAction| {
            let lane = self.lanes.get(&action.lane());
            let waits = action.is_paused() || lane.is_some_and(|lane| lane.waits(now).is_some());
            let has_room = lane.is_none_or(|lane| lane.room(0, SHARED_RUNS_MAX) > 0);
            let name = action.settings.outbox.name.to_string();
            has_room.then_some(ActionClaim { action: name, most: CASES_BATCH, is_urgent: waits })
        };
        self.actions.iter().filter_map(claim).collect()
    }

    /// What is attempted now of each action, of so many rows that are due. Slots go to what is due only, and first to what had
    /// none for the longest time.
    fn wanted(
        &mut self,
        claims: Vec<ActionClaim>,
        due: &BTreeMap<String, u32>,
        now: i64,
    ) -> Vec<ActionClaim> {
        let in_use: usize = self.lanes.values().map(|lane| lane.running.saturating_sub(1)).sum();
        let mut shared = SHARED_RUNS_MAX.saturating_sub(in_use);
        let mut taken: BTreeMap<LaneKey, usize> = BTreeMap::new();
        let mut wanted = Vec::new();
        self.turn += 1;
        let mut claims: BTreeMap<String, ActionClaim> =
            claims.into_iter().map(|claim| (claim.action.clone(), claim)).collect();
        let mut order: Vec<usize> = (0..self.actions.len()).collect();
        order.sort_by_key(|index| self.actions[*index].turn);
        for index in order {
            let name = &*self.actions[index].settings.outbox.name;
            let Some(ready) = due.get(name).copied().filter(|ready| *ready > 0) else { continue };
            let Some(claim) = claims.remove(name) else { continue };
            let key = self.actions[index].lane();
            let settings = self.actions[index].settings.clone();
            let lane = self.lanes.entry(key.clone()).or_default();
            let taken = taken.entry(key).or_default();
            let free =
                if claim.is_urgent { lane.room(*taken, shared) } else { lane.free(now, *taken, shared) };
            let is_first = lane.running + *taken == 0;
            let (runs, rows) = match settings.does {
                ActionDoes::Run { .. } => {
                    let rows = ready.min(u32::try_from(free).unwrap_or(1));
                    (rows as usize, rows)
                }
                // One run at a time: the alerts of a rule are looked at together.
                ActionDoes::Cases(_) if free > 0 && is_first => (1, CASES_BATCH),
                ActionDoes::Cases(_) => (0, 0),
            };
            if runs > 0 {
                *taken += runs;
                // The first of a lane is its own.
                shared = shared.saturating_sub(runs - usize::from(is_first));
                wanted.push(ActionClaim { most: rows, ..claim });
                self.actions[index].turn = self.turn;
            }
        }
        wanted
    }

    fn spawn(&mut self, index: usize, due: Vec<DueAction>, now: i64) {
        let (lane, settings) = (self.actions[index].lane(), self.actions[index].settings.clone());
        let shared = self.lanes.entry(lane.clone()).or_default();
        shared.running += 1;
        let in_pause = shared.waits(now).is_some();
        let (attempter, action) = (self.attempter.clone(), settings.clone());
        let span = tracing::error_span!("action", action = &*action.outbox.name);
        let attempt = async move { attempter.attempt(&action, due).await };
        let task = self.tasks.spawn(attempt.instrument(span));
        self.running.insert(task.id(), RunningAttempt { lane, settings, in_pause });
    }
}
