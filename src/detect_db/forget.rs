//! How rules forget: their marks move, and what lies before them is removed, in one transaction.

use std::collections::HashSet;

use rusqlite::params;

use super::{DetectDb, kept::ForgettingRule, mark::RuleLines, rules::RuleBook, store::Turn};
use crate::detect::model::RuleIndex;

/// Alerts removed in one transaction, so that no lock is held for long.
pub(super) const CHUNK_ALERTS: i64 = 500;

/// Rules that forget together, by their ids; those in use also by their places.
#[derive(Debug)]
pub(super) struct ForgettingChain {
    pub(super) rules: Vec<(i64, Option<RuleIndex>)>,
}

impl ForgettingChain {
    /// The ids as a JSON array.
    pub(super) fn json(&self) -> String {
        let ids: Vec<i64> = self.rules.iter().map(|(rule, _)| *rule).collect();
        serde_json::to_string(&ids).unwrap_or_default()
    }
}

impl DetectDb {
    /// What rules that were not in use have missed: those that they are about may have forgotten something since. The database
    /// knows which they are until this is done.
    pub(super) fn forget_missed(&mut self, now: i64) -> rusqlite::Result<()> {
        let Some(book) = &self.book else { return Ok(()) };
        let mut query = self.connection.prepare("SELECT id FROM rule WHERE missed AND is_on")?;
        let ids: HashSet<i64> = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        drop(query);
        let has_missed = |index: &RuleIndex| {
            book.rule(*index).is_some_and(|(_, known)| ids.contains(&known.id))
                && book.lines(*index).is_drawn()
        };
        let missed = (0..).map(RuleIndex).take(book.rules.len()).filter(has_missed);
        let missed: Vec<ForgettingRule> =
            missed.filter_map(|index| of_rule(book, index, book.lines(index))).collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.in_turn(0, now, |turn| {
            missed.iter().try_for_each(|rule| turn.forget(rule))?;
            turn.begun.execute("UPDATE rule SET missed = 0 WHERE missed AND is_on", [])?;
            // Groups in memory know the marks as they were.
            turn.held.spill(turn.begun)
        })?;
        self.read_marks()
    }
}

/// A correlation with these lines forgets.
fn of_rule(book: &RuleBook, index: RuleIndex, lines: RuleLines) -> Option<ForgettingRule> {
    let (correlation, rule) = book.correlation(index).zip(Some(book.rule(index)?.1.id))?;
    let RuleLines { mark, judged, .. } = lines;
    let touched = judged.max(mark.saturating_add(book.back_of_inputs(correlation)));
    Some(ForgettingRule { rule, mark, judged, touched })
}

impl Turn<'_> {
    /// The rules of a chain forget everything up to a second. How many matches they knew.
    pub(super) fn forget_chain(&mut self, chain: &ForgettingChain, mark: i64) -> rusqlite::Result<u64> {
        let book = self.book;
        let mut marks: Vec<i64> = book.known.iter().map(|known| known.mark).collect();
        for place in chain.rules.iter().filter_map(|(_, index)| *index) {
            if let Some(known) = marks.get_mut(place.0 as usize) {
                *known = mark.max(*known);
            }
        }
        let lines = book.lines_of(&marks);
        let mut forgetting = Vec::new();
        for (rule, index) in &chain.rules {
            let of = index.and_then(|index| of_rule(book, index, *lines.get(index.0 as usize)?));
            forgetting.push(match of {
                Some(of) => of,
                None => self.unused(*rule, mark)?,
            });
        }
        forgetting.iter().try_for_each(|rule| self.forget(rule))?;
        // A rule that is not in use may be about one of the chain: what it knew is looked at when it comes back.
        self.begun.prepare_cached("UPDATE rule SET missed = 1 WHERE NOT is_on AND NOT missed")?.execute([])?;
        self.held.spill(self.begun)?;
        let mut matches = 0;
        for ForgettingRule { rule, mark, .. } in forgetting {
            let sql = "DELETE FROM piece WHERE rule = ?1 AND to_at <= ?2 RETURNING n";
            let mut query = self.begun.prepare_cached(sql)?;
            let mut rows = query.query([rule, mark])?;
            while let Some(row) = rows.next()? {
                matches += row.get::<_, i64>(0)?.unsigned_abs();
            }
        }
        Ok(matches)
    }

    /// A rule that is not in use forgets, and later looks back as it did when it was. What others have forgotten that it is
    /// about counts when it is in use again: see `forget_missed`.
    fn unused(&self, rule: i64, mark: i64) -> rusqlite::Result<ForgettingRule> {
        let sql = "SELECT reach, back FROM rule WHERE id = ?1";
        let (reach, back): (i64, i64) =
            self.begun.prepare_cached(sql)?.query_row([rule], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let judged = mark.saturating_add(reach);
        let touched = judged.max(mark.saturating_add(back));
        Ok(ForgettingRule { rule, mark, judged, touched })
    }

    /// Removes alerts. A detection knows by them which records it has raised alerts about, so it forgets these, too.
    pub(super) fn forget_alerts(&mut self, ids: &[i64]) -> rusqlite::Result<()> {
        let sql =
            "DELETE FROM alert WHERE id = ?1 RETURNING rule, last_event_at, grp IS NULL AND NOT outdated";
        let mut delete = self.begun.prepare_cached(sql)?;
        let mut silenced = self.begun.prepare_cached("DELETE FROM silenced WHERE alert = ?1")?;
        let sql = "UPDATE rule SET mark = max(coalesce(mark, ?2), ?2) WHERE id = ?1";
        let mut mark = self.begun.prepare_cached(sql)?;
        for id in ids {
            silenced.execute([id])?;
            let (rule, at, is_single): (i64, i64, bool) =
                delete.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            if is_single {
                mark.execute(params![rule, at])?;
            }
        }
        Ok(())
    }
}
