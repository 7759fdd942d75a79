//! Alerts for those who look at them.

use std::collections::BTreeMap;

use rusqlite::params;

use super::{
    DetectDb,
    alert::{Alert, AlertStatus, COLUMNS, Disposition, read},
    matches::TALLY_SECONDS,
    rules::LEVELS,
};
use crate::{
    detect::model::Level,
    sinks::{SinkError, sqlite::of_database},
};

/// The spans in which the hits of a rule are counted, in seconds: a day, a week, thirty days.
const SPANS: [i64; 3] = [24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600];

/// Selects alerts.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Of this rule.
    pub rule: Option<String>,
    /// With this status.
    pub status: Option<AlertStatus>,
    /// With a record of this second or later.
    pub since: Option<i64>,
    /// Of this level or a higher one.
    pub level: Option<Level>,
    /// At most so many, the newest first.
    pub limit: Option<u32>,
    /// Also those that were withdrawn.
    pub withdrawn: bool,
    /// Not those that became part of others.
    pub unmerged: bool,
}

/// What became of a rule's matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFigures {
    /// Matches by the time of their record: of a day, a week, thirty days, by whole hours.
    pub matches: [u64; 3],
    /// Alerts by the time of their last record, in the same spans.
    pub alerts: [u64; 3],
    /// The second of the newest record that it matched or has an alert about.
    pub last_hit: Option<i64>,
    /// Its verdicts.
    pub verdicts: BTreeMap<Disposition, u64>,
}

impl DetectDb {
    /// Hands out the alerts that a filter selects, those with the newest records first.
    ///
    /// # Errors
    ///
    /// If the database cannot be read. What `each` returns is passed on.
    pub fn alerts<E>(
        &self,
        filter: &AlertFilter,
        mut each: impl FnMut(Alert) -> Result<(), E>,
    ) -> Result<Result<(), E>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let least =
            filter.level.and_then(|level| LEVELS.iter().position(|(one, _)| *one == level)).unwrap_or(0);
        let levels: Vec<&str> = LEVELS[least..].iter().map(|(_, name)| *name).collect();
        let levels = serde_json::to_string(&levels).unwrap_or_default();
        let sql = format!(
            "SELECT {COLUMNS} FROM alert JOIN edition ON edition.id = alert.edition
             WHERE (?1 IS NULL OR edition.slug = ?1) AND (?2 IS NULL OR iif(withdrawn, 'closed', status) = ?2)
                 AND last_event_at >= ?3 AND edition.level IN (SELECT value FROM json_each(?4)) AND (?5 OR NOT withdrawn)
                 AND (NOT ?7 OR merged_into IS NULL)
             ORDER BY last_event_at DESC, alert.id DESC LIMIT ?6"
        );
        let mut query = self.connection.prepare(&sql).map_err(failed)?;
        let status = filter.status.map(AlertStatus::word);
        let (since, limit) = (filter.since.unwrap_or(i64::MIN), filter.limit.map_or(-1, i64::from));
        let key = params![filter.rule, status, since, levels, filter.withdrawn, limit, filter.unmerged];
        let mut rows = query.query(key).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            if let Err(error) = each(read(row).map_err(failed)?) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// The alerts whose ids begin so, at most so many.
    pub fn alerts_named(&self, begin: &str, max: u32) -> Result<Vec<Alert>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = format!(
            "SELECT {COLUMNS} FROM alert JOIN edition ON edition.id = alert.edition
             WHERE substr(alert.uid, 1, length(?1)) = ?1 LIMIT ?2"
        );
        let mut query = self.connection.prepare(&sql).map_err(failed)?;
        let found = query.query_map(params![begin, max], read).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// The figures of each rule that the database knows, by its slug.
    pub fn figures(&self, now: i64) -> Result<BTreeMap<String, RuleFigures>, SinkError> {
        self.figures_at(now).map_err(|error| of_database(&self.path, error))
    }

    fn figures_at(&self, now: i64) -> rusqlite::Result<BTreeMap<String, RuleFigures>> {
        let mut rules = self.connection.prepare("SELECT id, slug FROM rule")?;
        let rules: Vec<(i64, String)> =
            rules.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        let sql = "SELECT coalesce(sum(n), 0) FROM tally WHERE rule = ?1 AND hour * ?2 > ?3";
        let mut matches = self.connection.prepare(sql)?;
        let sql = "SELECT count(*) FROM alert WHERE rule = ?1 AND last_event_at > ?2 AND merged_into IS NULL AND NOT withdrawn";
        let mut alerts = self.connection.prepare(sql)?;
        let mut verdict =
            self.connection.prepare("SELECT count(*) FROM alert WHERE rule = ?1 AND disposition = ?2")?;
        let sql = "SELECT max(at) FROM (SELECT max(last_at) AS at FROM tally WHERE rule = ?1 UNION ALL
                       SELECT max(last_event_at) FROM alert WHERE rule = ?1 AND NOT withdrawn)";
        let mut last = self.connection.prepare(sql)?;
        let mut figures = BTreeMap::new();
        for (id, slug) in rules {
            let last_hit = last.query_row([id], |row| row.get(0))?;
            let mut of = RuleFigures { last_hit, ..RuleFigures::default() };
            for (place, span) in SPANS.into_iter().enumerate() {
                let since = now - span;
                let hours = [id, TALLY_SECONDS, since];
                of.matches[place] = matches.query_row(hours, |row| row.get(0)).map(i64::unsigned_abs)?;
                of.alerts[place] = alerts.query_row([id, since], |row| row.get(0)).map(i64::unsigned_abs)?;
            }
            for one in Disposition::ALL {
                let count: i64 = verdict.query_row(params![id, one.word()], |row| row.get(0))?;
                of.verdicts.insert(one, count.unsigned_abs());
            }
            figures.insert(slug, of);
        }
        Ok(figures)
    }

    /// The names of the rules that are in use, or have raised alerts.
    pub fn rule_slugs(&self) -> Result<Vec<String>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = "SELECT slug FROM rule WHERE is_on UNION SELECT slug FROM edition WHERE id IN (SELECT edition FROM alert)";
        let mut query = self.connection.prepare(sql).map_err(failed)?;
        let slugs = query.query_map([], |row| row.get(0)).map_err(failed)?;
        slugs.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// The number of alerts that are not part of others and were not withdrawn.
    pub fn count_alerts(&self) -> Result<u64, SinkError> {
        let sql = "SELECT count(*) FROM alert WHERE merged_into IS NULL AND NOT withdrawn";
        let count = self.connection.query_row(sql, [], |row| row.get(0)).map(i64::unsigned_abs);
        count.map_err(|error| of_database(&self.path, error))
    }

    /// When the newest match arrived.
    pub fn newest_arrival(&self) -> Result<Option<i64>, SinkError> {
        let sql = "SELECT max(arrived) FROM (SELECT nullif(value, 0) AS arrived FROM counter WHERE name = 'arrived' UNION ALL
                   SELECT arrived FROM (SELECT arrived FROM journal ORDER BY id DESC LIMIT 1) UNION ALL
                   SELECT created_at FROM (SELECT created_at FROM alert ORDER BY id DESC LIMIT 1))";
        let newest = self.connection.query_row(sql, [], |row| row.get(0));
        newest.map_err(|error| of_database(&self.path, error))
    }

    /// The change number of the newest change of an alert.
    pub fn newest_change(&self) -> Result<i64, SinkError> {
        let sql = "SELECT value FROM counter WHERE name = 'change'";
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(|error| of_database(&self.path, error))
    }

    /// The alerts that changed after a change number, in the order of their changes, at most so many.
    pub fn changed_after(&self, change: i64, max: u32) -> Result<Vec<Alert>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = format!(
            "SELECT {COLUMNS} FROM alert JOIN edition ON edition.id = alert.edition
             WHERE alert.change > ?1 ORDER BY alert.change LIMIT ?2"
        );
        let mut query = self.connection.prepare(&sql).map_err(failed)?;
        let found = query.query_map(params![change, max], read).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }
}
