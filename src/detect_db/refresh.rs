//! What an alert counts and shows, after its episode or its records have changed.

use std::collections::BTreeSet;

use rusqlite::params;

use super::{
    groups::{AddedRecord, GroupWork},
    held_piece::PieceLane,
    kept::KeptPart,
    raise::{LiveAlert, PendingAlert, PendingAlerts},
    shown::{self, GatheredShown},
    store::Turn,
};
use crate::detect::{
    episodes::Episode,
    model::{Correlation, RuleIndex},
};

/// How many records an alert names.
const NAMED_MAX: usize = 100;
/// Seconds between changes that are looked at together.
const CLOSE: i64 = 24 * 60 * 60;

/// The first records of an alert, and what they show.
#[derive(Clone, Debug)]
pub(super) struct AlertHead {
    pub(super) first_at: i64,
    pub(super) head_to: i64,
    pub(super) records: String,
    pub(super) shown: String,
    pub(super) tables: String,
    pub(super) connectors: String,
}

/// What a group's alerts are brought up to date from.
struct AlertRefresh<'w> {
    rule: RuleIndex,
    group: i64,
    work: &'w GroupWork,
    /// In order of time.
    added: Vec<&'w AddedRecord>,
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
        if pending.is_empty() && !self.held.alerted.contains(&group) {
            return Ok(());
        }
        let back = book.back_of_inputs(correlation);
        let mut added: Vec<&AddedRecord> = work.added.iter().collect();
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
        let kept = self.kept_parts(refresh.group, changed.episode)?;
        let since = self.since(refresh, correlation, changed)?;
        let since = kept.iter().map(|part| part.since).fold(since, i64::min);
        let count = match self.counted_on(refresh, changed, since)? {
            Some(count) => count,
            None => {
                let forgotten: i64 = kept.iter().map(|part| part.count).sum();
                forgotten + self.counted(refresh, changed.episode, since)?
            }
        };
        let (change, to) = (self.next_change()?, changed.episode.to);
        let sql =
            "UPDATE alert SET since = ?2, event_count = ?3, last_event_at = ?4, change = ?5, changed_at = ?6
                   WHERE id = ?1";
        self.begun.prepare_cached(sql)?.execute([id, since, count, to, change, self.now])?;
        if !has_same_head(refresh, changed, since) {
            let head = self.head(refresh.group, changed.episode, since, &kept, i64::MAX)?;
            let sql = "UPDATE alert SET first_event_at = ?2, head_to = ?3, record_ids = ?4, shown = ?5, tables = ?6,
                           connectors = ?7 WHERE id = ?1";
            let AlertHead { first_at, head_to, records, shown, tables, connectors } = head;
            let row = params![id, first_at, head_to, records, shown, tables, connectors];
            self.begun.prepare_cached(sql)?.execute(row)?;
        }
        self.decide_notice(refresh.rule, id)
    }

    /// The earliest second that a record of an episode can have: hits bring earlier ones.
    fn since(
        &mut self,
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
                let first = refresh.work.changed.iter().copied().filter(|at| (from..=to).contains(at)).min();
                (first.unwrap_or(i64::MAX).min(part.episode.to.saturating_add(1)), part.since)
            }
        };
        let (book, rows_read) = (self.book, self.rows_read);
        let Some(held) = self.held(refresh.group, PieceLane::Ticks, [start, to])? else { return Ok(least) };
        let mut since = least;
        for tick in held.ticks_between(start, to) {
            rows_read.set(rows_read.get() + 1);
            since = since.min(tick.at.saturating_sub(book.back_of_input(correlation, tick.input)));
        }
        Ok(since)
    }

    /// The number of records, from those of its parts and what has come. `None` if that does not give it.
    fn counted_on(
        &mut self,
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
        let (mut count, mut next) = (0, from);
        for part in &parts {
            let Episode { from: first, to: last } = part.episode;
            count += part.event_count + refresh.came(first, last, |one| one.is_new);
            count += self.records_between(refresh.group, next, first.saturating_sub(1))?;
            next = last.saturating_add(1);
        }
        count += self.records_between(refresh.group, next, to)?;
        // What hits brought from before an episode is counted with it, and some of that now lies inside.
        let same = parts.first().copied().filter(|part| part.since == since && part.episode.from == from);
        if let Some(part) = same {
            count += refresh.came(since, from.saturating_sub(1), |one| one.is_newly_brought);
            parts.retain(|other| other.id != part.id);
        } else {
            count += self.brought_between(refresh.group, since, from.saturating_sub(1))?;
        }
        for part in parts {
            let (since, end) = (part.since, part.episode.from.saturating_sub(1));
            count -= self.brought_between(refresh.group, since, end)?
                - refresh.came(since, end, |one| one.is_newly_brought);
        }
        Ok(Some(count))
    }

    /// The number of records, one by one.
    fn counted(&mut self, refresh: &AlertRefresh<'_>, episode: Episode, since: i64) -> rusqlite::Result<i64> {
        let count = self.records_between(refresh.group, episode.from, episode.to)?;
        Ok(count + self.brought_between(refresh.group, since, episode.from.saturating_sub(1))?)
    }

    pub(super) fn brought_between(&mut self, group: i64, from: i64, to: i64) -> rusqlite::Result<i64> {
        if from > to {
            return Ok(0);
        }
        let rows_read = self.rows_read;
        let Some(held) = self.held(group, PieceLane::Records, [from, to])? else { return Ok(0) };
        let mut count = 0;
        for (_, _, record) in held.records_between(from, to) {
            rows_read.set(rows_read.get() + 1);
            count += i64::from(record.brought > 0);
        }
        Ok(count)
    }

    pub(super) fn records_between(&mut self, group: i64, from: i64, to: i64) -> rusqlite::Result<i64> {
        if from > to {
            return Ok(0);
        }
        let rows_read = self.rows_read;
        let Some(held) = self.held(group, PieceLane::Records, [from, to])? else { return Ok(0) };
        let count = held.records_between(from, to).count();
        rows_read.set(rows_read.get() + count as u64);
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// The first records of an episode up to a second, after those that are forgotten.
    pub(super) fn head(
        &mut self,
        group: i64,
        episode: Episode,
        since: i64,
        kept: &[KeptPart],
        until: i64,
    ) -> rusqlite::Result<AlertHead> {
        let (begun, rows_read) = (self.begun, self.rows_read);
        let mut origins = BTreeSet::new();
        let (mut records, mut gathered) = (Vec::new(), GatheredShown::default());
        let (mut tables, mut connectors) = (BTreeSet::new(), BTreeSet::new());
        let (mut first_at, mut last_at) = (episode.from, i64::MAX);
        for AlertHead { first_at: at, records: of, shown, tables: from, connectors: by, .. } in
            kept.iter().map(|part| &part.head)
        {
            let names = shown::list(of);
            first_at = if records.is_empty() && !names.is_empty() { *at } else { first_at };
            records.extend(names);
            gathered.add_all(shown);
            tables.extend(shown::list(from));
            connectors.extend(shown::list(by));
        }
        if records.len() >= NAMED_MAX {
            records.truncate(NAMED_MAX);
            last_at = since;
        }
        let last = episode.to.min(until);
        let mut next = since;
        while next <= last && records.len() < NAMED_MAX {
            let Some(held) = self.held.groups.get_mut(&group) else { break };
            let end = held.known_after(begun, PieceLane::Records, [next, last], rows_read)?;
            let Some(held) = self.held.groups.get(&group) else { break };
            for (at, id, record) in held.records_between(next, end) {
                if at < episode.from && record.brought <= 0 {
                    continue;
                }
                rows_read.set(rows_read.get() + 1);
                if records.is_empty() {
                    first_at = at;
                }
                records.push(id.to_owned());
                held.shown(record).for_each(|(name, value)| gathered.add(self.held.name(name), value));
                origins.insert(record.origin);
                if records.len() == NAMED_MAX {
                    last_at = at;
                    break;
                }
            }
            let Some(after) = end.checked_add(1) else { break };
            next = after;
        }
        for origin in origins {
            let [table, connector] = self.held.origin_names(begun, origin)?;
            tables.insert(table.clone());
            connectors.insert(connector.clone());
        }
        Ok(AlertHead {
            first_at,
            head_to: last_at,
            records: shown::names(records.iter().map(String::as_str)),
            shown: gathered.json(),
            tables: shown::names(tables.iter().map(String::as_str)),
            connectors: shown::names(connectors.iter().map(String::as_str)),
        })
    }
}

impl AlertRefresh<'_> {
    /// How many of the records that have come in these seconds are so.
    fn came(&self, from: i64, to: i64, is_so: impl Fn(&AddedRecord) -> bool) -> i64 {
        let begin = self.added.partition_point(|one| one.at < from);
        let inside = self.added[begin..].iter().take_while(|one| one.at <= to);
        i64::try_from(inside.filter(|one| is_so(one)).count()).unwrap_or(i64::MAX)
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
