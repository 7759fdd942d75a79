//! Who is notified: limits of rules and of the sink silence alerts, and never keep one from being recorded.

use rusqlite::{OptionalExtension as _, params};

use super::store::Turn;
use crate::detect::model::{RuleIndex, RuleState};

/// The time in which the notifications of a rule are counted.
const HOUR: i64 = 60 * 60;

/// Why an alert notifies nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
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
    fn word(self) -> &'static str {
        match self {
            Self::Historical => "historical",
            Self::Staging => "staging",
            Self::Suppressed => "suppressed",
            Self::Capped => "capped",
        }
    }
}

impl Turn<'_> {
    /// Decides whether an alert notifies, unless that is decided; a historical one that has new events is decided again.
    pub(super) fn decide_notice(&mut self, rule: RuleIndex, id: i64) -> rusqlite::Result<()> {
        let Some((rule, known)) = self.book.rule(rule) else { return Ok(()) };
        let sql = "SELECT last_event_at, fields, notify, silence FROM alert WHERE id = ?1";
        let (last, fields, notify, silence): (i64, String, bool, Option<String>) = self
            .begun
            .prepare_cached(sql)?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        let is_historical = last < known.active_since;
        let was_historical = silence.as_deref() == Some(Silence::Historical.word());
        if notify || (silence.is_some() && !was_historical) {
            let sql = "UPDATE alert SET historical = ?2 WHERE id = ?1 AND historical <> ?2";
            return self.begun.prepare_cached(sql)?.execute(params![id, is_historical]).map(drop);
        }
        let silence = if is_historical {
            Some((Silence::Historical, None))
        } else if rule.state == RuleState::Staging {
            Some((Silence::Staging, None))
        } else {
            let within = rule.suppress.map(|within| i64::try_from(within.as_secs()).unwrap_or(i64::MAX));
            match self.notified_within(known.id, within, &fields)? {
                Some(other) => Some((Silence::Suppressed, Some(other))),
                None => self.capped_by(known.id)?.map(|other| (Silence::Capped, other)),
            }
        };
        let sql =
            "UPDATE alert SET historical = ?2, notify = ?3, silence = ?4, notified_at = ?5 WHERE id = ?1";
        let notified_at = silence.is_none().then_some(self.now);
        let word = silence.map(|(silence, _)| silence.word());
        self.begun.prepare_cached(sql)?.execute(params![
            id,
            is_historical,
            silence.is_none(),
            word,
            notified_at
        ])?;
        if let Some((_, Some(other))) = silence {
            let change = self.next_change()?;
            let sql = "UPDATE alert SET suppressed_count = suppressed_count + 1, change = ?2, changed_at = ?3 WHERE id = ?1";
            self.begun.prepare_cached(sql)?.execute([other, change, self.now])?;
        }
        Ok(())
    }

    /// The last alert of this rule and group that has notified within a time.
    fn notified_within(&self, rule: i64, within: Option<i64>, fields: &str) -> rusqlite::Result<Option<i64>> {
        let Some(within) = within else { return Ok(None) };
        let sql = "SELECT id FROM alert WHERE rule = ?1 AND notified_at > ?2 AND fields = ?3
                   ORDER BY notified_at DESC, id DESC LIMIT 1";
        let key = params![rule, self.now.saturating_sub(within), fields];
        self.begun.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()
    }

    /// If the rule has notified as often in the last hour as it may: its last alert that has.
    fn capped_by(&self, rule: i64) -> rusqlite::Result<Option<Option<i64>>> {
        let sql = "SELECT count(*), max(id) FROM
                       (SELECT id FROM alert WHERE rule = ?1 AND notified_at > ?2 ORDER BY notified_at DESC LIMIT ?3)";
        let key = params![rule, self.now.saturating_sub(HOUR), self.notified_max];
        let (count, last): (u32, Option<i64>) =
            self.begun.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((count >= self.notified_max).then_some(last))
    }
}
