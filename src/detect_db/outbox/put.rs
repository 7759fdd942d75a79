//! Which actions an alert has, and their rows.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::{Connection, params};

use super::{ActionEvent, ActionOutbox, ActionState, PUT};
use crate::{
    detect::model::Level,
    detect_db::{Alert, DetectDb, rules::LEVELS, store::Turn},
};

/// An action, as far as it decides which alerts it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxAction {
    /// Its name.
    pub name: Arc<str>,
    /// The slugs of its rules; `None` for all.
    pub rules: Option<BTreeSet<String>>,
    /// The least level of its rules.
    pub level_min: Option<Level>,
    /// What must happen to an alert.
    pub on: BTreeSet<ActionEvent>,
    /// Whether it is also for alerts that notify nobody because their events are older than the rule.
    pub historical: bool,
}

impl OutboxAction {
    /// Whether it is for alerts of a rule.
    pub fn reaches(&self, slug: &str, level: Level) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.contains(slug))
            && self.level_min.is_none_or(|least| level >= least)
    }
}

/// An alert that something happened to.
struct ActingAlert<'a> {
    /// Its id.
    uid: &'a str,
    /// The slug of its rule.
    slug: &'a str,
    /// The level of its rule.
    level: Level,
    /// Whether it is silent because its events are older than the rule.
    is_historical: bool,
}

impl ActionOutbox {
    /// Puts a row for each action of an alert. An alert acts once, also if the row was removed. Returns how many are new.
    fn put(
        &self,
        begun: &Connection,
        alert: &ActingAlert<'_>,
        event: ActionEvent,
        now: i64,
    ) -> rusqlite::Result<u64> {
        let mut put = 0;
        for action in self.actions.iter() {
            let wanted = action.on.contains(&event) && action.reaches(alert.slug, alert.level);
            if !wanted || (alert.is_historical && !action.historical) {
                continue;
            }
            let sql = "INSERT OR IGNORE INTO acted VALUES (?1, ?2, ?3)";
            let has_acted = params![alert.uid, &*action.name, event.word()];
            if begun.prepare_cached(sql)?.execute(has_acted)? == 0 {
                continue;
            }
            let state = if self.is_full(begun)? { ActionState::Dropped } else { ActionState::Waiting };
            let sql =
                "INSERT OR IGNORE INTO outbox (alert, action, event, state, put_at, next_at, changed_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5)";
            let row = params![alert.uid, &*action.name, event.word(), state.word(), now];
            let is_new = begun.prepare_cached(sql)?.execute(row)? > 0;
            put += u64::from(is_new);
            if is_new && state == ActionState::Dropped {
                let advice =
                    "the outbox is full: see `ccfd alerts actions list`, and `retry` once it has room";
                tracing::error!(action = &*action.name, alert = alert.uid, advice, "action dropped");
            }
        }
        Ok(put)
    }

    fn is_full(&self, begun: &Connection) -> rusqlite::Result<bool> {
        // Looks at no more rows than may wait.
        let sql = "SELECT 1 FROM outbox WHERE state = 'waiting' LIMIT 1 OFFSET ?1";
        begun.prepare_cached(sql)?.exists([self.waiting_max.saturating_sub(1)])
    }
}

/// Puts what an alert does that somebody closed. Returns how many rows are new: `wake` once they are committed.
pub(in crate::detect_db) fn put_closed(
    outbox: &ActionOutbox,
    begun: &Connection,
    alert: &Alert,
    now: i64,
) -> rusqlite::Result<u64> {
    if !alert.notify && !alert.historical {
        return Ok(0);
    }
    let level = level_of(&alert.level);
    let acting = ActingAlert { uid: &alert.id, slug: &alert.rule, level, is_historical: !alert.notify };
    outbox.put(begun, &acting, ActionEvent::Closed, now)
}

/// Wakes what works through the rows: call it once they are committed.
pub(crate) fn wake() {
    PUT.notify_one();
}

impl Turn<'_> {
    /// Puts the actions of an alert that begins to notify, or that is historical.
    pub(in crate::detect_db) fn put_actions(
        &mut self,
        (slug, level): (&str, Level),
        id: i64,
        is_historical: bool,
    ) -> rusqlite::Result<()> {
        if self.outbox.actions.is_empty() {
            return Ok(());
        }
        let sql = "SELECT uid FROM alert WHERE id = ?1";
        let uid: String = self.begun.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        let alert = ActingAlert { uid: &uid, slug, level, is_historical };
        self.put += self.outbox.put(self.begun, &alert, ActionEvent::Open, self.now)?;
        Ok(())
    }
}

impl DetectDb {
    /// Takes these actions into use, for the alerts that this process raises or closes.
    pub fn act(&mut self, actions: Arc<[OutboxAction]>) {
        self.outbox.actions = actions;
    }

    /// Lets no more rows than these wait.
    pub fn limit_outbox(&mut self, waiting_max: u32) {
        self.outbox.waiting_max = waiting_max;
    }
}

/// The level of a word.
fn level_of(word: &str) -> Level {
    LEVELS.iter().find(|(_, name)| *name == word).map_or(Level::Medium, |(level, _)| *level)
}
