//! Who is notified: limits of rules and of the sink silence alerts, and never keep one from being recorded.
//!
//! An alert that has notified stays so, however it grows: it is updated under its id. A silent one is decided again when a
//! later record continues it, because then it is news: the rule may be active now, the time of `suppress` or the hour may
//! be over. One that takes in an alert that has notified has notified.

use rusqlite::{OptionalExtension as _, params};

use super::store::Turn;
use crate::detect::model::{FLOODING, Rule, RuleIndex, RuleState};

/// The tables of this file: alerts that may still grow and are silent, the alert that counts each of them, and the last
/// record that was known when that was decided.
pub(super) const TABLES: &str = "
CREATE TABLE silenced (alert INTEGER PRIMARY KEY, by INTEGER, last_event_at INTEGER NOT NULL);
";

/// The time in which the notifications of a rule are counted.
pub(super) const HOUR: i64 = 60 * 60;

/// Why an alert notifies nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Its events are older than the rule.
    Historical,
    /// The rule is in staging.
    Staging,
    /// Another alert of the rule and group has notified within `suppress`.
    Suppressed,
    /// The rule has notified as often in this hour as it may.
    Capped,
}

impl Silence {
    /// As the database has it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Historical => "historical",
            Self::Staging => "staging",
            Self::Suppressed => "suppressed",
            Self::Capped => "capped",
        }
    }
}

/// What decides whether an alert notifies.
struct NoticedAlert {
    last_event_at: i64,
    fields: String,
    notify: bool,
    silence: Option<String>,
    /// Whether it may get more records.
    grows: bool,
}

impl Turn<'_> {
    /// Decides whether an alert notifies, unless that is decided.
    pub(super) fn decide_notice(&mut self, index: RuleIndex, id: i64) -> rusqlite::Result<()> {
        let Some((rule, known)) = self.book.rule(index) else { return Ok(()) };
        let alert = self.noticed(id)?;
        if alert.grows {
            self.release_parts(id)?;
        }
        let is_historical = alert.last_event_at < known.active_since;
        if !self.is_open(id, &alert)? {
            let sql = "UPDATE alert SET historical = ?2 WHERE id = ?1 AND historical <> ?2";
            return self.begun.prepare_cached(sql)?.execute(params![id, is_historical]).map(drop);
        }
        let notified_at = if alert.grows { self.notified_part(id)? } else { None };
        // What a part of it has notified has acted, too.
        let is_news = notified_at.is_none();
        let silence = match notified_at {
            Some(_) => None,
            None if is_historical => Some((Silence::Historical, None)),
            None => self.silence(index, rule, known.id, alert.last_event_at, &alert.fields)?,
        };
        let before = self.no_longer_silenced(id, &alert)?;
        let by = silence.and_then(|(_, by)| by);
        if before != by {
            self.count_silenced(before, -1);
            self.count_silenced(by, 1);
        }
        if silence.is_some_and(|(silence, _)| alert.grows && silence != Silence::Historical) {
            let sql = "INSERT OR REPLACE INTO silenced VALUES (?1, ?2, ?3)";
            self.begun.prepare_cached(sql)?.execute(params![id, by, alert.last_event_at])?;
        }
        let sql = "UPDATE alert SET historical = ?2, notify = ?3, silence = ?4, notified_at = ?5, staging = ?6 WHERE id = ?1";
        let silence = silence.map(|(silence, _)| silence);
        let notified_at = silence.is_none().then(|| notified_at.unwrap_or(self.now));
        self.begun.prepare_cached(sql)?.execute(params![
            id,
            is_historical,
            silence.is_none(),
            silence.map(Silence::word),
            notified_at,
            silence == Some(Silence::Staging)
        ])?;
        if is_news && silence.is_none_or(|silence| silence == Silence::Historical) {
            self.put_actions((&rule.slug, rule.level), id, silence.is_some())?;
        }
        Ok(())
    }

    fn noticed(&self, id: i64) -> rusqlite::Result<NoticedAlert> {
        let sql = "SELECT last_event_at, fields, notify, silence, grp IS NOT NULL FROM alert WHERE id = ?1";
        self.begun.prepare_cached(sql)?.query_row([id], |row| {
            Ok(NoticedAlert {
                last_event_at: row.get(0)?,
                fields: row.get(1)?,
                notify: row.get(2)?,
                silence: row.get(3)?,
                grows: row.get(4)?,
            })
        })
    }

    /// Whether there is anything to decide.
    fn is_open(&self, id: i64, alert: &NoticedAlert) -> rusqlite::Result<bool> {
        match &alert.silence {
            None => Ok(!alert.notify),
            Some(silence) if silence == Silence::Historical.word() => Ok(true),
            Some(_) => {
                let sql = "SELECT 1 FROM silenced WHERE alert = ?1 AND last_event_at < ?2
                           UNION ALL SELECT 1 FROM alert WHERE merged_into = ?1 AND notify = 1";
                self.begun.prepare_cached(sql)?.exists([id, alert.last_event_at])
            }
        }
    }

    /// Why an alert of a rule that is not historical notifies nobody, and which alert counts it.
    pub(super) fn silence(
        &mut self,
        index: RuleIndex,
        rule: &Rule,
        id: i64,
        last_event_at: i64,
        fields: &str,
    ) -> rusqlite::Result<Option<(Silence, Option<i64>)>> {
        if rule.state == RuleState::Staging {
            return Ok(Some((Silence::Staging, None)));
        }
        let within = rule.suppress.map(|within| i64::try_from(within.as_secs()).unwrap_or(i64::MAX));
        if let Some(other) = self.notified_within(id, within, fields)? {
            return Ok(Some((Silence::Suppressed, Some(other))));
        }
        if !self.is_capped(id)? {
            return Ok(None);
        }
        // Where nothing may notify, nothing says so.
        let by = if self.notified_max == 0 { None } else { self.hold_back(index, last_event_at)? };
        Ok(Some((Silence::Capped, by)))
    }

    /// When an alert has notified that is part of this one.
    fn notified_part(&self, id: i64) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT max(notified_at) FROM alert WHERE merged_into = ?1 AND notify = 1";
        self.begun.prepare_cached(sql)?.query_row([id], |row| row.get(0))
    }

    /// Forgets that an alert was silenced. Returns the alert that counts it.
    fn no_longer_silenced(&self, id: i64, alert: &NoticedAlert) -> rusqlite::Result<Option<i64>> {
        if alert.silence.is_none() {
            return Ok(None);
        }
        let sql = "DELETE FROM silenced WHERE alert = ?1 RETURNING by";
        let by = self.begun.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
        Ok(by.flatten())
    }

    /// Alerts that are part of another one now are no longer counted as silent ones.
    fn release_parts(&self, id: i64) -> rusqlite::Result<()> {
        let sql =
            "DELETE FROM silenced WHERE alert IN (SELECT id FROM alert WHERE merged_into = ?1) RETURNING by";
        let released: rusqlite::Result<Vec<Option<i64>>> =
            self.begun.prepare_cached(sql)?.query_map([id], |row| row.get(0))?.collect();
        released?.into_iter().for_each(|by| self.count_silenced(by, -1));
        Ok(())
    }

    /// Changes how many alerts one has kept from notifying.
    pub(super) fn count_silenced(&self, by: Option<i64>, more: i64) {
        if let Some(by) = by {
            *self.silenced.borrow_mut().entry(by).or_default() += more;
        }
    }

    /// Writes how many alerts more each one has kept from notifying. One that says that a rule is flooding is about these.
    pub(super) fn write_silenced(&self) -> rusqlite::Result<()> {
        for (by, more) in self.silenced.take() {
            let change = self.next_change()?;
            let sql = "UPDATE alert SET suppressed_count = max(0, suppressed_count + ?2), change = ?3, changed_at = ?4,
                           event_count = iif(rule = (SELECT id FROM rule WHERE slug = ?5), max(0, event_count + ?2), event_count)
                       WHERE id = ?1";
            self.begun.prepare_cached(sql)?.execute(params![by, more, change, self.now, FLOODING])?;
        }
        Ok(())
    }

    /// The last alert of this rule and group that has notified within a time, other than those that were wrong.
    fn notified_within(&self, rule: i64, within: Option<i64>, fields: &str) -> rusqlite::Result<Option<i64>> {
        let Some(within) = within else { return Ok(None) };
        let sql =
            "SELECT id FROM alert WHERE rule = ?1 AND notified_at > ?2 AND fields = ?3 AND withdrawn = 0
                   ORDER BY notified_at DESC, id DESC LIMIT 1";
        let key = params![rule, self.now.saturating_sub(within), fields];
        self.begun.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()
    }

    /// Whether a rule has notified as often in the last hour as it may.
    fn is_capped(&self, rule: i64) -> rusqlite::Result<bool> {
        if self.capped.borrow().contains(&rule) {
            return Ok(true);
        }
        let sql = "SELECT count(*) FROM (SELECT 1 FROM alert WHERE rule = ?1 AND notified_at > ?2 LIMIT ?3)";
        let key = params![rule, self.now.saturating_sub(HOUR), self.notified_max];
        let count: u32 = self.begun.prepare_cached(sql)?.query_row(key, |row| row.get(0))?;
        let is_capped = count >= self.notified_max;
        if is_capped {
            self.capped.borrow_mut().insert(rule);
        }
        Ok(is_capped)
    }
}
