//! What is removed: matches and alerts that are too old, and the oldest matches, at last the oldest alerts, when the database
//! is too large. Matches are removed in the order of their time, so that one second says of each rule what it has forgotten:
//! see `mark`.

use std::{collections::BTreeSet, time::Duration};

use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    DetectDb,
    forget::{CHUNK_ALERTS, ForgettingChain},
    mark::NOTHING_FORGOTTEN,
    matches::TALLY_SECONDS,
    undelivered::UNDELIVERED_FACTOR,
};
use crate::{
    detect::model::RuleIndex,
    sinks::{SinkError, sqlite::of_database},
};

/// Matches, and pieces of them, that are removed in one transaction, so that no lock is held for long; more if they are of one
/// day, or of one second.
const CHUNK_MATCHES: u64 = 2_000;
const CHUNK_PIECES: u64 = 500;
/// A database that is too large loses this part of its pieces at a time at most: a small one no more than it must.
const SHRINK_PART: u64 = 8;
/// Seconds of a day.
pub(super) const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Days in one piece at most.
const PIECE_DAYS_MAX: i64 = 8;
/// Transactions in one go.
const CHUNKS_MAX: usize = 60;
/// Pages given back to the file system in one go.
const FREED_PAGES_MAX: u32 = 4_000;

/// How long matches and alerts are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertLimits {
    /// By the later of their event and their arrival.
    pub retention: Duration,
    /// The most bytes of the database.
    pub size_max: u64,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Matches.
    pub matches: u64,
    /// Alerts.
    pub alerts: u64,
    /// Those of them that a sink has not got.
    pub undelivered: u64,
    /// More is left to remove.
    pub more: bool,
}

impl DetectDb {
    /// Says how long matches are kept. Those of a small group within an eighth of that time, at least one day and at most
    /// eight, share a piece. What is removed by age are all matches of such days.
    pub fn keep_for(&mut self, retention: Duration) {
        self.held.limits.piece_seconds = piece_seconds(retention);
    }

    /// Removes what the limits say, and says what was removed. Without rules in use it removes nothing.
    pub fn clear_up(&mut self, limits: &AlertLimits, now: i64) -> Result<Forgotten, SinkError> {
        self.clear_up_at(limits, now).map_err(|error| of_database(&self.path, error))
    }

    fn clear_up_at(&mut self, limits: &AlertLimits, now: i64) -> rusqlite::Result<Forgotten> {
        if self.book.is_none() {
            return Ok(Forgotten::default());
        }
        let age = i64::try_from(limits.retention.as_secs()).unwrap_or(i64::MAX);
        let (mut left, before) = (CHUNKS_MAX, now.saturating_sub(age));
        // When the days of a piece are over, what has arrived in them moves to it, from where it can be removed.
        self.empty_journal(self.first_second(now).max(before), limits.size_max)?;
        let old = self.forget_old(before, now, &mut left)?;
        log_removed(old, "retention");
        let large = self.shrink(limits.size_max, now, &mut left)?;
        log_removed(large, "size_max");
        self.give_back()?;
        let more = left == 0;
        Ok(Forgotten {
            matches: old.matches + large.matches,
            alerts: old.alerts + large.alerts,
            undelivered: old.undelivered + large.undelivered,
            more,
        })
    }

    /// Removes what is older than a second.
    fn forget_old(&mut self, before: i64, now: i64, left: &mut usize) -> rusqlite::Result<Forgotten> {
        let sql = "DELETE FROM tally WHERE (hour + 1) * ?1 <= ?2";
        self.connection.execute(sql, [TALLY_SECONDS, before])?;
        let mut gone = Forgotten::default();
        // Pieces are of whole days, and so is what is removed.
        let last = self.first_second(before).saturating_sub(1);
        for chain in self.chains_with_pieces(last)? {
            while *left > 0
                && let Some(mark) = self.old_mark(&chain, last, before)?
            {
                *left -= 1;
                gone.matches += self.forget_matches(std::slice::from_ref(&chain), mark, now)?;
            }
        }
        let mut query = self.connection.prepare("SELECT id FROM rule ORDER BY id")?;
        let rules: Vec<i64> = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        drop(query);
        for rule in rules {
            while *left > 0 {
                let alerts = self.old_alerts(rule, before)?;
                if alerts.is_empty() {
                    break;
                }
                *left -= 1;
                self.forget_alerts(&alerts, now, &mut gone)?;
            }
        }
        Ok(gone)
    }

    /// Removes the oldest matches, at last the oldest alerts, until the database is small enough. Matches do not go for the space
    /// of alerts that a sink has not got: correlations would find nothing for as long as it is down.
    fn shrink(&mut self, size_max: u64, now: i64, left: &mut usize) -> rusqlite::Result<Forgotten> {
        let mut gone = Forgotten::default();
        if !self.is_larger_than(size_max)? {
            return Ok(gone);
        }
        let delivered = self.delivered_by_all()?;
        let undelivered = delivered.as_ref().map_or(Ok(0), |place| self.alerts_behind(place))?;
        let most = size_max.saturating_mul(UNDELIVERED_FACTOR);
        let with_undelivered = size_max.saturating_add(self.bytes_of_alerts(undelivered)?).min(most);
        while *left > 0
            && self.is_larger_than(with_undelivered)?
            && let Some(mark) = self.next_mark(i64::MAX, None)?
        {
            *left -= 1;
            let chains = self.chains_with_pieces(mark)?;
            gone.matches += self.forget_matches(&chains, mark, now)?;
        }
        if gone.matches > 0 && undelivered > 0 && with_undelivered == most {
            let (matches, advice) =
                (gone.matches, "mend the sinks of alerts that `ccfd status` shows, or raise `size_max`");
            tracing::warn!(
                matches,
                undelivered,
                advice,
                "correlations forget: alerts that a sink has not got take their space"
            );
        }
        self.shrink_alerts((size_max, delivered.as_ref()), now, left, &mut gone)?;
        self.shrink_alerts((most, None), now, left, &mut gone)?;
        if *left > 0 && self.is_larger_than(size_max)? {
            let undelivered = delivered.map_or(Ok(0), |place| self.alerts_behind(&place))?;
            tracing::warn!(
                size_max,
                undelivered,
                "the database of alerts is larger than `size_max` with what is still in use"
            );
        }
        Ok(gone)
    }

    /// The chains that have matches of this second or an earlier one.
    fn chains_with_pieces(&self, last: i64) -> rusqlite::Result<Vec<ForgettingChain>> {
        let mut query =
            self.connection.prepare_cached("SELECT DISTINCT rule FROM piece WHERE to_at <= ?1")?;
        let mut rules: BTreeSet<i64> =
            query.query_map([last], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut chains = Vec::new();
        if let Some(book) = self.book.as_ref().filter(|_| !rules.is_empty()) {
            for chain in book.chains() {
                let of = |index: RuleIndex| Some((book.rule(index)?.1.id, Some(index)));
                let chain = ForgettingChain { rules: chain.into_iter().filter_map(of).collect() };
                // Each of them is taken out.
                let has_pieces = chain.rules.iter().filter(|(rule, _)| rules.remove(rule)).count() > 0;
                chains.extend(has_pieces.then_some(chain));
            }
        }
        // A rule that is no longer in use forgets by itself.
        chains.extend(rules.into_iter().map(|rule| ForgettingChain { rules: vec![(rule, None)] }));
        Ok(chains)
    }

    /// The next mark of a chain, at most `last`, so that nothing is forgotten that has arrived since `before`.
    fn old_mark(&mut self, chain: &ForgettingChain, last: i64, before: i64) -> rusqlite::Result<Option<i64>> {
        let Some(mark) = self.settled(chain, last, before)? else { return Ok(None) };
        if self.next_mark(mark, Some(chain))?.is_none() {
            return Ok(None);
        }
        // What is in the journal counts, too.
        self.spill()?;
        let Some(mark) = self.settled(chain, last, before)? else { return Ok(None) };
        // Day by day, so that no lock is held for long.
        let end = |second: i64| {
            let day = second.div_euclid(DAY_SECONDS).saturating_mul(DAY_SECONDS);
            day.saturating_add(DAY_SECONDS - 1)
        };
        Ok(self.next_mark(mark, Some(chain))?.map(|next| end(next).min(mark)))
    }

    /// The end of the days before the first ones with a match that arrived since `before`.
    fn settled(&self, chain: &ForgettingChain, last: i64, before: i64) -> rusqlite::Result<Option<i64>> {
        let sql =
            "SELECT min(from_at) FROM piece WHERE to_at <= ?4 AND from_at <= ?1 AND n > 0 AND arrived >= ?2
                       AND rule IN (SELECT value FROM json_each(?3))";
        // Only a piece that was written when more was kept begins before `last` and ends after it.
        let key = params![last, before, chain.json(), last.saturating_add(PIECE_DAYS_MAX * DAY_SECONDS)];
        let newly: Option<i64> = self.connection.prepare_cached(sql)?.query_row(key, |row| row.get(0))?;
        let mark = newly.map_or(last, |newly| self.first_second(newly).saturating_sub(1));
        Ok((mark > NOTHING_FORGOTTEN).then_some(mark))
    }

    /// A second up to which one transaction can forget, at most `last`. `None` if there is nothing to forget.
    fn next_mark(&self, last: i64, chain: Option<&ForgettingChain>) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT to_at, n FROM piece WHERE to_at <= ?1
                       AND (?2 IS NULL OR rule IN (SELECT value FROM json_each(?2))) ORDER BY to_at";
        let mut query = self.connection.prepare_cached(sql)?;
        let mut rows = query.query(params![last, chain.map(ForgettingChain::json)])?;
        let part = if chain.is_some() { CHUNK_PIECES } else { self.count_pieces()? / SHRINK_PART };
        let (mut mark, mut matches, mut pieces) = (None, 0, 0);
        while let Some(row) = rows.next()? {
            mark = Some(row.get(0)?);
            matches += row.get::<_, i64>(1)?.unsigned_abs();
            pieces += 1;
            if matches >= CHUNK_MATCHES || pieces >= part.min(CHUNK_PIECES) {
                break;
            }
        }
        Ok(mark)
    }

    /// The first second of the days that are removed with a second.
    fn first_second(&self, second: i64) -> i64 {
        let days = self.held.limits.piece_seconds;
        second.div_euclid(days).saturating_mul(days)
    }

    fn count_pieces(&self) -> rusqlite::Result<u64> {
        let count =
            self.connection.prepare_cached("SELECT count(*) FROM piece")?.query_row([], |row| row.get(0));
        count.map(i64::unsigned_abs)
    }

    /// Moves the marks of chains, and removes what they forget. How many matches that are.
    fn forget_matches(&mut self, chains: &[ForgettingChain], mark: i64, now: i64) -> rusqlite::Result<u64> {
        let mut matches = 0;
        self.in_turn(0, now, |turn| {
            for chain in chains {
                matches += turn.forget_chain(chain, mark)?;
            }
            Ok(())
        })?;
        self.read_marks()?;
        Ok(matches)
    }

    /// Some alerts of a rule that are older than a second, and that nothing leads to again: matches of their time are
    /// forgotten, or will be.
    fn old_alerts(&self, rule: i64, before: i64) -> rusqlite::Result<Vec<i64>> {
        // Of a detection the mark must not pass records that have arrived since then.
        let sql = "SELECT id FROM alert WHERE rule = ?1 AND last_event_at < ?2 AND changed_at < ?2 AND iif(grp IS NULL,
                       last_event_at < (SELECT coalesce(min(last_event_at), ?2) FROM alert
                           WHERE rule = ?1 AND last_event_at < ?2 AND created_at >= ?2),
                       merged_into IS NOT NULL OR outdated OR ep_to <= (SELECT mark FROM rule WHERE id = ?1))
                   ORDER BY last_event_at LIMIT ?3";
        let mut query = self.connection.prepare_cached(sql)?;
        query.query_map([rule, before, CHUNK_ALERTS], |row| row.get(0))?.collect()
    }

    pub(super) fn forget_alerts(
        &mut self,
        ids: &[i64],
        now: i64,
        gone: &mut Forgotten,
    ) -> rusqlite::Result<()> {
        let delivered = self.delivered_by_all()?;
        gone.undelivered += self.count_behind(ids, delivered.as_ref())?;
        self.in_turn(0, now, |turn| turn.forget_alerts(ids))?;
        gone.alerts += ids.len() as u64;
        self.read_marks()
    }

    /// The rules in use follow the marks in the database.
    pub(super) fn read_marks(&mut self) -> rusqlite::Result<()> {
        match &mut self.book {
            Some(book) => book.read_again(&self.connection),
            None => Ok(()),
        }
    }

    /// Whether what can be removed here is larger than this. Cases, their files and the runs of connectors have limits of their
    /// own: alerts do not give way to them.
    pub(super) fn is_larger_than(&self, size_max: u64) -> rusqlite::Result<bool> {
        let sql = "SELECT coalesce(sum(bytes), 0) FROM case_file";
        let files: i64 = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        let used = self.bytes_used()?.saturating_sub(files.unsigned_abs());
        if used <= size_max {
            return Ok(false);
        }
        // Only now, because it reads the pages that it counts.
        let sql = "SELECT coalesce(sum((SELECT pgsize FROM dbstat WHERE aggregate = TRUE AND dbstat.name = part.name)), 0)
                   FROM sqlite_schema AS part
                   WHERE rootpage > 0 AND (tbl_name LIKE 'case%' AND tbl_name <> 'case_file' OR tbl_name = 'run')";
        let others: i64 = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(used.saturating_sub(others.unsigned_abs()) > size_max)
    }

    /// Moves what is in the journal to its pieces, if some of it is old, or if something must be removed.
    fn empty_journal(&mut self, before: i64, size_max: u64) -> rusqlite::Result<()> {
        // Not that of the first row: a clock may have been ahead.
        let sql = "SELECT min(arrived) FROM journal";
        let oldest: Option<i64> = self.connection.query_row(sql, [], |row| row.get(0))?;
        let Some(oldest) = oldest else { return Ok(()) };
        if oldest < before || self.is_larger_than(size_max)? { self.spill() } else { Ok(()) }
    }

    /// Moves what is in the journal to its pieces.
    fn spill(&mut self) -> rusqlite::Result<()> {
        if !self.connection.prepare_cached("SELECT 1 FROM journal")?.exists([])? {
            return Ok(());
        }
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.held.begin(&begun)?;
        self.held.spill(&begun)?;
        next_turn(&begun)?;
        self.held.forget();
        begun.commit()
    }

    /// Returns free pages to the file system.
    fn give_back(&self) -> rusqlite::Result<()> {
        let sql = format!("PRAGMA incremental_vacuum({FREED_PAGES_MAX})");
        let mut vacuum = self.connection.prepare(&sql)?;
        let mut steps = vacuum.raw_query();
        while steps.next()?.is_some() {}
        Ok(())
    }
}

fn log_removed(gone: Forgotten, why: &str) {
    let Forgotten { matches, alerts, undelivered, more: _ } = gone;
    if matches > 0 || alerts > 0 {
        tracing::info!(matches, alerts, why, "removed old matches and alerts");
    }
    if undelivered > 0 {
        let advice = "see `ccfd status` for the routes of alerts that are behind, and mend their sinks";
        tracing::error!(undelivered, why, advice, "removed alerts that a sink has not got");
    }
}

/// Seconds of event time in one piece, for matches that are kept so long.
fn piece_seconds(retention: Duration) -> i64 {
    let days = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX) / DAY_SECONDS / 8;
    let whole = 1 << days.clamp(1, PIECE_DAYS_MAX).ilog2();
    whole * DAY_SECONDS
}

/// Other processes forget what they have in memory.
pub(super) fn next_turn(begun: &Connection) -> rusqlite::Result<()> {
    begun.execute("UPDATE counter SET value = value + 1 WHERE name = 'turn'", []).map(drop)
}
