//! What an alert counts and shows, after its episode or its records have changed.

use std::collections::BTreeSet;

use rusqlite::params;

use super::{
    groups::{AddedMember, GroupWork},
    raise::{LiveAlert, PendingAlert, PendingAlerts},
    shown::{self, GatheredShown},
    store::Turn,
};
use crate::detect::{
    episodes::Episode,
    model::{Correlation, RuleIndex},
};

/// How many records an alert names.
const NAMED_MAX: i64 = 100;
/// Seconds between changes that are looked at together.
const CLOSE: i64 = 24 * 60 * 60;

/// The first records of an alert, and what they show.
struct Head {
    first_at: i64,
    head_to: i64,
    records: String,
    shown: String,
    tables: String,
    connectors: String,
}

/// What a group's alerts are brought up to date from.
struct AlertRefresh<'w> {
    rule: RuleIndex,
    group: i64,
    work: &'w GroupWork,
    /// In order of time.
    added: Vec<&'w AddedMember>,
    /// How many seconds before a tick its records lie at most.
    back: i64,
}

impl Turn<'_> {
    /// Brings alerts up to date: those that are pending, and those whose records have changed.
    pub(super) fn refresh(
        &mut self,
        rule: RuleIndex,
        group: i64,
        mut pending: PendingAlerts,
        work: &GroupWork,
    ) -> rusqlite::Result<()> {
        let book = self.book;
        let Some(correlation) = book.correlation(rule) else { return Ok(()) };
        let back = book.back_of_inputs(correlation);
        let mut added: Vec<&AddedMember> = work.added.iter().collect();
        added.sort_unstable_by_key(|one| one.at);
        let refresh = AlertRefresh { rule, group, work, added, back };
        self.add_touched(&refresh, &mut pending)?;
        for (id, changed) in &pending {
            self.refresh_one(&refresh, correlation, *id, changed)?;
        }
        Ok(())
    }

    /// Adds the alerts with new records whose episodes are as before.
    fn add_touched(&self, refresh: &AlertRefresh<'_>, pending: &mut PendingAlerts) -> rusqlite::Result<()> {
        let seconds: BTreeSet<i64> =
            refresh.added.iter().map(|one| one.at).chain(refresh.work.lost.iter().copied()).collect();
        let mut close: Vec<Episode> = Vec::new();
        for at in &seconds {
            match close.last_mut().filter(|last| at - last.to <= CLOSE) {
                Some(last) => last.to = *at,
                None => close.push(Episode { from: *at, to: *at }),
            }
        }
        for stretch in close {
            let near = Episode { from: stretch.from, to: stretch.to.saturating_add(refresh.back) };
            for alert in self.live(refresh.group, near)? {
                let since = alert.episode.from.saturating_sub(refresh.back);
                if seconds.range(since..=alert.episode.to).next().is_some() {
                    pending
                        .entry(alert.id)
                        .or_insert_with(|| PendingAlert { episode: alert.episode, parts: vec![alert] });
                }
            }
        }
        Ok(())
    }

    fn refresh_one(
        &mut self,
        refresh: &AlertRefresh<'_>,
        correlation: &Correlation,
        id: i64,
        changed: &PendingAlert,
    ) -> rusqlite::Result<()> {
        let since = self.since(refresh, correlation, changed)?;
        let count = match self.counted_on(refresh, changed, since)? {
            Some(count) => count,
            None => self.counted(refresh, changed.episode, since)?,
        };
        let (change, to) = (self.next_change()?, changed.episode.to);
        let sql =
            "UPDATE alert SET since = ?2, event_count = ?3, last_event_at = ?4, change = ?5, changed_at = ?6
                   WHERE id = ?1";
        self.begun.prepare_cached(sql)?.execute([id, since, count, to, change, self.now])?;
        if !has_same_head(refresh, changed, since) {
            let head = self.head(refresh, changed.episode, since)?;
            let sql = "UPDATE alert SET first_event_at = ?2, head_to = ?3, record_ids = ?4, shown = ?5, tables = ?6,
                           connectors = ?7 WHERE id = ?1";
            let Head { first_at, head_to, records, shown, tables, connectors } = head;
            let row = params![id, first_at, head_to, records, shown, tables, connectors];
            self.begun.prepare_cached(sql)?.execute(row)?;
        }
        self.decide_notice(refresh.rule, id)
    }

    /// The earliest second that a record of an episode can have: hits bring earlier ones.
    fn since(
        &self,
        refresh: &AlertRefresh<'_>,
        correlation: &Correlation,
        changed: &PendingAlert,
    ) -> rusqlite::Result<i64> {
        let Episode { from, to } = changed.episode;
        if refresh.back == 0 {
            return Ok(from);
        }
        let known =
            sole_part(refresh, changed).filter(|part| part.episode.from == from && part.episode.to <= to);
        let (start, least) = match known {
            None => (from, from),
            Some(part) => {
                let first = refresh.work.changed.range(from..=to).next().copied();
                (first.unwrap_or(i64::MAX).min(part.episode.to.saturating_add(1)), part.since)
            }
        };
        let sql = "SELECT input, min(at), count(*) FROM tick WHERE grp = ?1 AND at BETWEEN ?2 AND ?3 GROUP BY input";
        let mut query = self.begun.prepare_cached(sql)?;
        let mut rows = query.query([refresh.group, start, to])?;
        let mut since = least;
        while let Some(row) = rows.next()? {
            let (input, at, count): (u32, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            self.read(count.unsigned_abs());
            since = since.min(at.saturating_sub(self.book.back_of_input(correlation, input)));
        }
        Ok(since)
    }

    /// The number of records, from those of its parts and what has come. `None` if that does not give it.
    fn counted_on(
        &self,
        refresh: &AlertRefresh<'_>,
        changed: &PendingAlert,
        since: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let Episode { from, to } = changed.episode;
        let mut parts: Vec<&LiveAlert> = changed.parts.iter().collect();
        parts.sort_unstable_by_key(|part| part.episode);
        let is_whole = |part: &&LiveAlert| changed.episode.covers(&part.episode);
        let is_less = refresh.work.recount || !refresh.work.lost.is_empty();
        if is_less || parts.is_empty() || !parts.iter().all(is_whole) {
            return Ok(None);
        }
        if refresh.back > 0
            && !matches!(parts[..], [part] if part.episode.from == from && part.since == since)
        {
            return Ok(None);
        }
        let (mut count, mut next) = (0, from);
        for part in parts {
            count += part.event_count + refresh.came(part.since.min(part.episode.from), part.episode);
            count += self.records_between(refresh.group, next, part.episode.from - 1)?;
            next = part.episode.to.saturating_add(1);
        }
        Ok(Some(count + self.records_between(refresh.group, next, to)?))
    }

    /// The number of records, second by second.
    fn counted(&self, refresh: &AlertRefresh<'_>, episode: Episode, since: i64) -> rusqlite::Result<i64> {
        let mut count = self.records_between(refresh.group, episode.from, episode.to)?;
        if since < episode.from {
            let sql = "SELECT coalesce(sum(brought), 0), count(*) FROM second WHERE grp = ?1 AND at BETWEEN ?2 AND ?3";
            count += self.summed(sql, refresh.group, since, episode.from - 1)?;
        }
        Ok(count)
    }

    fn records_between(&self, group: i64, from: i64, to: i64) -> rusqlite::Result<i64> {
        let sql = "SELECT coalesce(sum(n), 0), count(*) FROM second WHERE grp = ?1 AND at BETWEEN ?2 AND ?3";
        if from > to { Ok(0) } else { self.summed(sql, group, from, to) }
    }

    fn summed(&self, sql: &str, group: i64, from: i64, to: i64) -> rusqlite::Result<i64> {
        let mut query = self.begun.prepare_cached(sql)?;
        let (sum, rows): (i64, i64) =
            query.query_row([group, from, to], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.read(rows.unsigned_abs());
        Ok(sum)
    }

    /// The first records of an episode.
    fn head(&self, refresh: &AlertRefresh<'_>, episode: Episode, since: i64) -> rusqlite::Result<Head> {
        let sql = "SELECT at, record FROM member WHERE grp = ?1 AND at BETWEEN ?2 AND ?3 AND (at >= ?4 OR brought > 0)
                   ORDER BY at, record LIMIT ?5";
        let mut query = self.begun.prepare_cached(sql)?;
        let key = [refresh.group, since, episode.to, episode.from, NAMED_MAX];
        let found = query.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let found: Vec<(i64, String)> = found.collect::<rusqlite::Result<_>>()?;
        self.read(found.len() as u64);
        let (mut gathered, mut tables, mut connectors) =
            (GatheredShown::default(), BTreeSet::new(), BTreeSet::new());
        let leaves = self.book.leaves.get(refresh.rule.0 as usize);
        let sql = "SELECT match.rule, shown, tbl, connector FROM match JOIN origin ON origin.id = origin
                   WHERE record = ?1 ORDER BY match.rule";
        let mut query = self.begun.prepare_cached(sql)?;
        for (_, record) in &found {
            let mut rows = query.query([record])?;
            while let Some(row) = rows.next()? {
                if !leaves.is_some_and(|leaves| row.get(0).is_ok_and(|rule| leaves.contains(&rule))) {
                    continue;
                }
                for (name, values) in shown::parse(&row.get::<_, String>(1)?) {
                    gathered.add(&name, &values);
                }
                tables.insert(row.get(2)?);
                connectors.insert(row.get(3)?);
            }
        }
        let records: Vec<&String> = found.iter().map(|(_, record)| record).collect();
        let is_full = i64::try_from(found.len()).is_ok_and(|count| count >= NAMED_MAX);
        let last = found.last().map(|(at, _)| *at).filter(|_| is_full);
        Ok(Head {
            first_at: found.first().map_or(episode.from, |(at, _)| *at),
            head_to: last.unwrap_or(i64::MAX),
            records: serde_json::to_string(&records).unwrap_or_else(|_| "[]".to_owned()),
            shown: gathered.json(),
            tables: shown::names(&tables),
            connectors: shown::names(&connectors),
        })
    }
}

impl AlertRefresh<'_> {
    /// How many records have come to an alert whose episode and first record were these.
    fn came(&self, since: i64, episode: Episode) -> i64 {
        let begin = self.added.partition_point(|one| one.at < since);
        let inside = self.added[begin..].iter().take_while(|one| one.at <= episode.to);
        let counts =
            |one: &&&AddedMember| if one.at < episode.from { one.is_newly_brought } else { one.is_new };
        i64::try_from(inside.filter(counts).count()).unwrap_or(i64::MAX)
    }
}

/// The only alert that a changed one consists of, if nothing was taken from it.
fn sole_part<'a>(refresh: &AlertRefresh<'_>, changed: &'a PendingAlert) -> Option<&'a LiveAlert> {
    match &changed.parts[..] {
        [part] if !refresh.work.recount => Some(part),
        _ => None,
    }
}

/// Whether the first records of an alert, which it names, are the same as before.
fn has_same_head(refresh: &AlertRefresh<'_>, changed: &PendingAlert, since: i64) -> bool {
    let same = |part: &LiveAlert| {
        let begin = refresh.added.partition_point(|one| one.at < since);
        let comes_first = refresh.added.get(begin).is_some_and(|one| one.at <= part.head_to);
        let is_longer = part.head_to == i64::MAX && part.episode != changed.episode;
        part.episode.from == changed.episode.from
            && part.since == since
            && part.episode.to <= changed.episode.to
            && !comes_first
            && !is_longer
    };
    refresh.work.lost.is_empty() && sole_part(refresh, changed).is_some_and(same)
}
