//! Rows that are due, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{ActionEvent, ActionState, KEPT_MAX, SentParams, kept};
use crate::{
    detect_db::{Alert, DetectDb, RowWorker, advice, verdict::alert_named},
    sinks::{SinkError, sqlite::of_database},
};

/// The row of the opening for which a row waits. That an alert was closed is not sent before its opening has ended: the
/// receiver would open again what it has closed.
pub(super) const OPENING: &str = "SELECT opening.id FROM outbox AS opening
    WHERE outbox.event = 'closed' AND opening.alert = outbox.alert AND opening.action = outbox.action
        AND opening.event = 'open' AND opening.state IN ('waiting', 'running')";
/// What may be claimed of an action: what is due.
const DUE: &str = "state = 'waiting' AND action = ?1 AND next_at <= ?2";
/// What its worker is named after.
const ROWS: &str = "outbox";

/// Rows of one action that may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionClaim {
    /// The action.
    pub action: String,
    /// At most so many.
    pub most: u32,
    /// Only those that somebody wants tried now: the others wait for something.
    pub is_urgent: bool,
}

impl ActionClaim {
    /// What it is for, by the name of the action, the second and the number of rows.
    fn sql(&self) -> String {
        if self.is_urgent { urgent() } else { format!("outbox WHERE {DUE} AND NOT EXISTS ({OPENING})") }
    }

    /// The same in parts: what is urgent comes first, however late it was put.
    fn parts(&self) -> Vec<String> {
        let rest = (!self.is_urgent)
            .then(|| format!("outbox WHERE urgent = 0 AND {DUE} AND NOT EXISTS ({OPENING})"));
        [urgent()].into_iter().chain(rest).collect()
    }
}

fn urgent() -> String {
    format!("outbox INDEXED BY outbox_urgent WHERE urgent = 1 AND {DUE} AND NOT EXISTS ({OPENING})")
}

/// A row that is being done.
#[derive(Clone, Debug, PartialEq)]
pub struct DueAction {
    /// Its number.
    pub id: i64,
    /// Who does it.
    pub claimed_by: RowWorker,
    /// The name of its action.
    pub action: String,
    /// The id of its alert.
    pub alert_id: String,
    /// The alert as it is now; `None` if it is no longer kept.
    pub alert: Option<Alert>,
    /// What happened to the alert.
    pub event: ActionEvent,
    /// How often it was tried, with this time.
    pub tries: u32,
    /// When it was put.
    pub put_at: i64,
    /// When its first try failed; `None` before.
    pub tried_at: Option<i64>,
    /// The connector that was tried, with the form of its parameters, and what was sent to it; `None` before the first attempt.
    pub sent: Option<(String, SentParams)>,
}

impl DueAction {
    /// The same for each attempt that sends the same, so that a receiver that knows it does the work once.
    pub fn idempotency_key(&self, version: u32) -> String {
        let key = match self.event {
            ActionEvent::Open => format!("{}:{}", self.alert_id, self.action),
            ActionEvent::Closed => format!("{}:{}:closed", self.alert_id, self.action),
        };
        if version == 0 { key } else { format!("{key}:{version}") }
    }
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionResult {
    /// It is done.
    Done(String),
    /// It is to be tried again at this second.
    Again(i64, String),
    /// It was not tried, and is to be at this second.
    Later(i64, String),
    /// The same, and nothing of its action can be done before an operator acts.
    Parked(i64, String),
    /// It failed for good.
    Failed(String),
}

/// How many rows of an action there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionCounts {
    /// To be done.
    pub waiting: u64,
    /// Done, and still kept.
    pub done: u64,
    /// Failed for good.
    pub failed: u64,
    /// Without room.
    pub dropped: u64,
}

impl DetectDb {
    /// Begins to work through the rows: those that a worker left when it was killed wait again, and it claims no others.
    pub fn begin_actions(&mut self) -> Result<RowWorker, SinkError> {
        self.begin_actions_at().map_err(|error| of_database(&self.path, error))
    }

    fn begin_actions_at(&mut self) -> rusqlite::Result<RowWorker> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let worker = RowWorker::begin(&begun, ROWS)?;
        begun.execute("UPDATE outbox SET state = 'waiting' WHERE state = 'running'", [])?;
        begun.commit()?;
        Ok(worker)
    }

    /// Fails the rows that wait for actions other than these: they are no longer in the settings. Returns how many of each
    /// such action failed now.
    pub fn end_actions(
        &mut self,
        names: &BTreeSet<String>,
        now: i64,
    ) -> Result<BTreeMap<String, u64>, SinkError> {
        self.end_at(names, now).map_err(|error| of_database(&self.path, error))
    }

    fn end_at(&mut self, names: &BTreeSet<String>, now: i64) -> rusqlite::Result<BTreeMap<String, u64>> {
        let names = serde_json::to_string(names).unwrap_or_default();
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "UPDATE outbox SET state = 'failed', sent = NULL, changed_at = ?2,
                       answer = 'the settings have no action of this name'
                   WHERE state = 'waiting' AND action NOT IN (SELECT value FROM json_each(?1)) RETURNING action";
        let mut left = BTreeMap::new();
        for action in begun.prepare(sql)?.query_map(params![names, now], |row| row.get(0))? {
            *left.entry(action?).or_default() += 1;
        }
        begun.commit()?;
        Ok(left)
    }

    /// How many of these rows are due, by action.
    pub fn due_actions(&self, claims: &[ActionClaim], now: i64) -> Result<BTreeMap<String, u32>, SinkError> {
        let count = |claim: &ActionClaim| {
            let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT ?3)", claim.sql());
            let mut query = self.connection.prepare_cached(&sql)?;
            let key = params![claim.action, now, claim.most];
            Ok((claim.action.clone(), query.query_row(key, |row| row.get(0))?))
        };
        let counted: rusqlite::Result<_> = claims.iter().map(count).collect();
        counted.map_err(|error| of_database(&self.path, error))
    }

    /// Rows that are due, what is urgent and the oldest first. They are running then. None once another worker has begun.
    pub fn claim_actions(
        &mut self,
        worker: RowWorker,
        wanted: &[ActionClaim],
        now: i64,
    ) -> Result<Vec<DueAction>, SinkError> {
        self.claim_at(worker, wanted, now).map_err(|error| of_database(&self.path, error))
    }

    fn claim_at(
        &mut self,
        worker: RowWorker,
        wanted: &[ActionClaim],
        now: i64,
    ) -> rusqlite::Result<Vec<DueAction>> {
        let mut claimed = Vec::new();
        for (claim, part) in
            wanted.iter().flat_map(|claim| claim.parts().into_iter().map(move |part| (claim, part)))
        {
            let sql = format!(
                "SELECT id, alert, event, tries, put_at, sent_to, sent, version, tried_at FROM {part}
                 ORDER BY next_at, id LIMIT ?3"
            );
            let before = claimed.iter().filter(|due: &&DueAction| due.action == claim.action).count();
            let left = claim.most.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX));
            let mut query = self.connection.prepare_cached(&sql)?;
            let found = query.query_map(params![claim.action, now, left], |row| {
                let sent: (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
                let version = row.get(7)?;
                Ok(DueAction {
                    id: row.get(0)?,
                    claimed_by: worker,
                    action: claim.action.clone(),
                    alert_id: row.get(1)?,
                    alert: None,
                    event: ActionEvent::of(&row.get::<_, String>(2)?),
                    tries: row.get::<_, u32>(3)?.saturating_add(1),
                    put_at: row.get(4)?,
                    tried_at: row.get(8)?,
                    sent: sent.0.zip(sent.1).map(|(to, params)| (to, SentParams { params, version })),
                })
            })?;
            claimed.extend(found.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        if claimed.is_empty() {
            return Ok(claimed);
        }
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut taken = Vec::new();
        if !worker.is_last(&begun, ROWS)? {
            return Ok(taken);
        }
        for mut due in claimed {
            let sql = "UPDATE outbox SET state = 'running', tries = ?2, changed_at = ?3 WHERE id = ?1 AND state = 'waiting'";
            // Somebody may have removed it meanwhile.
            if begun.prepare_cached(sql)?.execute(params![due.id, due.tries, now])? > 0 {
                due.alert = alert_named(&begun, &due.alert_id).optional()?;
                taken.push(due);
            }
        }
        begun.commit()?;
        Ok(taken)
    }

    /// Says what became of a row. One that was removed meanwhile stays removed. Of a worker after which another one has begun,
    /// only what it has done counts: that one does the rest.
    pub fn settle_action(
        &mut self,
        (id, claimed_by): (i64, RowWorker),
        result: &ActionResult,
        now: i64,
    ) -> Result<(), SinkError> {
        let settle = |begun: Transaction<'_>| {
            let is_last = claimed_by.is_last(&begun, ROWS)?;
            if is_last || matches!(result, ActionResult::Done(_)) {
                settle_at(&begun, id, result, is_last, now)?;
            }
            begun.commit()
        };
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        begun.and_then(settle).map_err(|error| of_database(&self.path, error))
    }

    /// Lets rows that waited for an operator be tried now: their action works again.
    pub fn unpark_actions(&mut self, action: &str, now: i64) -> Result<(), SinkError> {
        let sql = "UPDATE outbox SET next_at = ?2
                   WHERE state = 'waiting' AND action = ?1 AND next_at > ?2 AND parked = 1";
        let unparked = self.connection.execute(sql, params![action, now]);
        unparked.map(drop).map_err(|error| of_database(&self.path, error))
    }

    /// How many rows of each action there are.
    pub fn count_actions(&self) -> Result<BTreeMap<String, ActionCounts>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = "SELECT action, count(*) FILTER (WHERE state IN ('waiting', 'running')),
                       count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'dropped')
                   FROM outbox GROUP BY action";
        let mut query = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = query.query_map([], |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            let counts =
                ActionCounts { waiting: count(1)?, done: count(2)?, failed: count(3)?, dropped: count(4)? };
            Ok((row.get(0)?, counts))
        });
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Removes what is over the limits: rows that are done and older than `before`, and the oldest of each state.
    pub fn clear_actions(&mut self, before: i64) -> Result<(), SinkError> {
        self.clear_at(before).map_err(|error| of_database(&self.path, error))
    }

    fn clear_at(&mut self, before: i64) -> rusqlite::Result<()> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        begun.execute("DELETE FROM outbox WHERE state = 'done' AND changed_at < ?1", [before])?;
        for state in [ActionState::Done, ActionState::Failed, ActionState::Dropped] {
            let sql = "DELETE FROM outbox WHERE state = ?1 AND id <=
                           (SELECT id FROM outbox WHERE state = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
            let gone = begun.execute(sql, params![state.word(), KEPT_MAX])?;
            if gone > 0 && state != ActionState::Done {
                tracing::warn!(
                    actions = gone,
                    state = state.word(),
                    "removed the oldest actions: too many are kept"
                );
            }
        }
        advice::forget(&begun)?;
        begun.commit()
    }
}

/// `is_last`: no other worker has begun since it was claimed, so that it is still running.
fn settle_at(
    begun: &Connection,
    id: i64,
    result: &ActionResult,
    is_last: bool,
    now: i64,
) -> rusqlite::Result<()> {
    let (state, next_at, untried, answer) = match result {
        ActionResult::Done(answer) => (ActionState::Done, None, 0, answer),
        ActionResult::Again(at, answer) => (ActionState::Waiting, Some(at), 0, answer),
        ActionResult::Later(at, answer) | ActionResult::Parked(at, answer) => {
            (ActionState::Waiting, Some(at), 1, answer)
        }
        ActionResult::Failed(answer) => (ActionState::Failed, None, 0, answer),
    };
    let sql =
        "UPDATE outbox SET state = ?2, next_at = coalesce(?3, next_at), tries = tries - ?4, answer = ?5,
                       changed_at = ?6, urgent = 0, parked = ?7, sent = iif(?2 = 'waiting', sent, NULL),
                       tried_at = iif(?4 = 0, coalesce(tried_at, ?6), tried_at)
                   WHERE id = ?1 AND (state = 'running' OR state = 'waiting' AND NOT ?8)";
    let is_parked = matches!(result, ActionResult::Parked(..));
    let row = params![id, state.word(), next_at, untried, kept(answer), now, is_parked, is_last];
    begun.execute(sql, row)?;
    if let ActionResult::Parked(_, answer) = result {
        // What waits behind it says why, too.
        let sql = "UPDATE outbox SET answer = ?2 WHERE state = 'waiting' AND answer IS NOT ?2
                           AND action = (SELECT action FROM outbox WHERE id = ?1)";
        begun.execute(sql, params![id, kept(answer)])?;
    }
    Ok(())
}
