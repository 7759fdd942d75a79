//! A rule that has notified as often in an hour as it may: one alert says so, and counts those that are held back.

use rusqlite::{OptionalExtension as _, params};
use serde_json::json;

use super::{
    notice::HOUR,
    raise::new_uid,
    rules::{group_fields, level_name},
    store::Turn,
};
use crate::detect::{
    episodes::Episode,
    model::{FLOODING, Rule, RuleIndex},
};

/// The tables of this file: the alert of each rule, and when it last held one back.
pub(super) const TABLES: &str = "
CREATE TABLE flood (rule INTEGER PRIMARY KEY, alert INTEGER NOT NULL, held_at INTEGER NOT NULL);
";

const ABOUT: &str = "The rule has notified as often in an hour as `alerts_per_hour_max` of the sink allows. Its further \
                     alerts are recorded and notify nobody; this one counts them. If they are noise, make the rule more \
                     exact, or give it `suppress`; if they are not, raise the limit.";

/// The alert of a rule that is flooding, and the time of what it holds back in this transaction.
pub(super) struct TurnFlood {
    alert: i64,
    records: Episode,
}

impl Turn<'_> {
    /// The alert that says that this rule raises too many; it is raised if there is none. It holds one more back, of a
    /// record of this second.
    pub(super) fn hold_back(&mut self, rule: RuleIndex, at: i64) -> rusqlite::Result<Option<i64>> {
        let Some((rule, known)) = self.book.rule(rule) else { return Ok(None) };
        let known = known.id;
        if let Some(flood) = self.floods.get_mut(&known) {
            flood.records.from = flood.records.from.min(at);
            flood.records.to = flood.records.to.max(at);
            return Ok(Some(flood.alert));
        }
        // One that somebody closed is not opened again; the flood continues in another, an hour later.
        let sql = "SELECT alert.id, held_at FROM flood JOIN alert ON alert.id = flood.alert
                   WHERE flood.rule = ?1 AND held_at > ?2 AND (status <> 'closed' OR created_at > ?2)";
        let since = self.now.saturating_sub(HOUR);
        let mut query = self.begun.prepare_cached(sql)?;
        let found = query.query_row([known, since], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        drop(query);
        let (alert, held_at): (i64, Option<i64>) = match found {
            Some((alert, held_at)) => (alert, Some(held_at)),
            None => (self.raise_flood(rule, at)?, None),
        };
        if held_at != Some(self.now) {
            let sql = "INSERT OR REPLACE INTO flood VALUES (?1, ?2, ?3)";
            self.begun.prepare_cached(sql)?.execute([known, alert, self.now])?;
        }
        self.floods.insert(known, TurnFlood { alert, records: Episode { from: at, to: at } });
        Ok(Some(alert))
    }

    /// Writes of which time the alerts are that were held back. A flood is many: each transaction writes it once.
    pub(super) fn write_floods(&mut self) -> rusqlite::Result<()> {
        for TurnFlood { alert, records } in self.floods.values() {
            let sql = "UPDATE alert SET first_event_at = min(first_event_at, ?2), last_event_at = max(last_event_at, ?3),
                           ep_from = min(ep_from, ?2), ep_to = max(ep_to, ?3)
                       WHERE id = ?1 AND (first_event_at > ?2 OR last_event_at < ?3)";
            self.begun.prepare_cached(sql)?.execute([*alert, records.from, records.to])?;
        }
        Ok(())
    }

    fn raise_flood(&mut self, flooding: &Rule, at: i64) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO rule (slug, definition, edition, active_since) VALUES (?1, 0, 0, ?2)
                   ON CONFLICT (slug) DO UPDATE SET definition = 0 RETURNING id";
        let rule: i64 =
            self.begun.prepare_cached(sql)?.query_row(params![FLOODING, self.now], |row| row.get(0))?;
        let about = json!({
            "id": "", "title": format!("Rule {} is flooding", flooding.slug), "description": ABOUT, "tags": [],
            "references": [], "falsepositives": [], "group_by": ["Rule"],
        });
        let key = params![FLOODING, level_name(flooding.level), about.to_string()];
        let sql = "INSERT OR IGNORE INTO edition (slug, definition, level, about) VALUES (?1, 0, ?2, ?3)";
        self.begun.prepare_cached(sql)?.execute(key)?;
        let sql = "SELECT id FROM edition WHERE (slug, definition, level, about) = (?1, 0, ?2, ?3)";
        let edition: i64 = self.begun.prepare_cached(sql)?.query_row(key, |row| row.get(0))?;
        let slug = flooding.slug.to_string();
        let shown = json!({ "Rule": [slug], "AlertsPerHourMax": [self.notified_max.to_string()] });
        let fields = group_fields(&["Rule".into()], &[Some(slug)]);
        let sql = "INSERT INTO alert (uid, change, rule, edition, fields, created_at, changed_at, ep_from, ep_to, since,
                       first_event_at, last_event_at, event_count, head_to, record_ids, shown, tables, connectors,
                       historical, staging, notify, notified_at, live)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?7, ?7, ?7, ?7, 0, ?7, '[]', ?8, '[]', '[]', 0, 0, 1, ?6, 0)";
        let change = self.next_change()?;
        let row = params![new_uid(self.now), change, rule, edition, fields, self.now, at, shown.to_string()];
        let alert = self.begun.prepare_cached(sql)?.insert(row)?;
        self.stored.raised += 1;
        self.put_actions((FLOODING, flooding.level), alert, false)?;
        tracing::warn!(
            rule = &*flooding.slug,
            alerts_per_hour_max = self.notified_max,
            "a rule is flooding: further alerts of it notify nobody"
        );
        Ok(alert)
    }
}
