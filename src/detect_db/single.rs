//! Alerts of single matches. Each is one row that never grows, so all of it is decided before it is written.

use std::borrow::Cow;

use rusqlite::params;

use super::{
    notice::Silence,
    raise::new_uid,
    rules::group_fields,
    shown::{self, GatheredShown},
    store::Turn,
};
use crate::detect::model::RuleIndex;

/// One match of a detection that alerts.
pub(super) struct SingleAlert<'m> {
    pub(super) rule: RuleIndex,
    pub(super) at: i64,
    pub(super) group: &'m [Option<Cow<'m, str>>],
    pub(super) record: &'m str,
    pub(super) shown: &'m [(&'m str, &'m str)],
    /// Its table and its collector, each as a JSON array.
    pub(super) from: &'m [String; 2],
}

impl Turn<'_> {
    /// Raises the alert of one match of a detection. Whether it is new.
    pub(super) fn raise_single(&mut self, alert: &SingleAlert<'_>) -> rusqlite::Result<bool> {
        let book = self.book;
        let Some((rule, known)) = book.rule(alert.rule) else { return Ok(false) };
        let records = shown::names([alert.record]);
        if self.is_raised(known.id, alert.at, &records)? {
            return Ok(false);
        }
        let fields = group_fields(&rule.group_by, alert.group);
        let is_historical = alert.at < known.active_since;
        let silence = match is_historical {
            true => Some((Silence::Historical, None)),
            false => self.silence(alert.rule, rule, known.id, alert.at, &fields)?,
        };
        self.count_silenced(silence.and_then(|(_, by)| by), 1);
        let silence = silence.map(|(silence, _)| silence);
        let mut gathered = GatheredShown::default();
        alert.shown.iter().for_each(|(name, value)| gathered.add(name, value));
        let [table, connector] = alert.from;
        let sql = "INSERT INTO alert (uid, change, rule, edition, fields, created_at, changed_at, ep_from, ep_to, since,
                       first_event_at, last_event_at, event_count, head_to, record_ids, shown, tables, connectors,
                       historical, staging, notify, silence, notified_at, live)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?7, ?7, ?7, ?7, 1, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 0)";
        let id = self.begun.prepare_cached(sql)?.insert(params![
            new_uid(self.now),
            self.next_change()?,
            known.id,
            known.edition,
            fields,
            self.now,
            alert.at,
            i64::MAX,
            records,
            gathered.json(),
            table,
            connector,
            is_historical,
            silence == Some(Silence::Staging),
            silence.is_none(),
            silence.map(Silence::word),
            silence.is_none().then_some(self.now),
        ])?;
        self.stored.raised += 1;
        if silence.is_none_or(|silence| silence == Silence::Historical) {
            self.put_actions((&rule.slug, rule.level), id, silence.is_some())?;
        }
        Ok(true)
    }

    /// Whether a record has an alert of a detection.
    fn is_raised(&self, rule: i64, at: i64, records: &str) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM alert WHERE rule = ?1 AND last_event_at = ?2 AND iif(grp IS NULL, record_ids, NULL) = ?3";
        self.begun.prepare_cached(sql)?.exists(params![rule, at, records])
    }
}
