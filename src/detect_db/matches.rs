//! The matches of a batch, and what correlations see of those that are new.

use std::{borrow::Cow, collections::HashMap};

use rusqlite::params;
use smallvec::SmallVec;

use super::{piece::ShownPair, shown, single::SingleAlert, store::Turn};
use crate::detect::{
    episodes::{Amount, Episode, TickValue},
    model::{CorrelationKind, Match, MatchValue, RuleIndex, RuleState, Seen},
};

/// Seconds whose matches of a rule are counted together.
pub(super) const TALLY_SECONDS: i64 = 60 * 60;

/// Values that a match shows, and for which there is room on the stack.
pub(super) const SHOWN_FEW: usize = 16;

/// The tables of this file: how many records matched a rule, by hours of event time.
pub(super) const TABLES: &str = "
CREATE TABLE tally (
    rule INTEGER NOT NULL, hour INTEGER NOT NULL, n INTEGER NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY (rule, hour)
) WITHOUT ROWID;
";

/// A match, as one input of a correlation sees it.
pub(super) struct SeenMatch<'m> {
    pub(super) at: i64,
    pub(super) record: &'m str,
    pub(super) origin: i64,
    pub(super) shown: &'m [ShownPair<'m>],
    pub(super) input: u32,
    pub(super) values: SmallVec<[TickValue; 1]>,
}

impl Turn<'_> {
    /// Stores the matches that are new: each once for every correlation, so that one that is added later takes those in that
    /// others know, if they are delivered again.
    pub(super) fn take(&mut self, table: &str, connector: &str, matches: &[Match]) -> rusqlite::Result<()> {
        let origin = self.held.origin(self.begun, [table, connector])?;
        let from = [shown::names([table]), shown::names([connector])];
        let mut tally: HashMap<(i64, i64), (i64, i64)> = HashMap::new();
        for one in matches {
            let Some((rule, known)) = self.book.rule(one.rule) else { continue };
            let id = known.id;
            let record = shown::key(&one.record);
            let shown = shown::of_match(&one.shown);
            // How many saw it, and to how many of these it is new.
            let (mut seen_by, mut new_to) = (0, 0);
            let mut note = |is_new: Option<bool>| {
                seen_by += usize::from(is_new.is_some());
                new_to += usize::from(is_new == Some(true));
            };
            // A rule may skip records without a group.
            let own = one.seen_by.iter().find(|seen| seen.by == one.rule && rule.alerts);
            let mut is_forgotten = own.is_some() && one.at <= known.mark;
            if let Some(own) = own.filter(|_| !is_forgotten) {
                let (at, record, shown) = (one.at, &*record, &shown[..]);
                let alert =
                    SingleAlert { rule: one.rule, at, group: &bounded(own), record, shown, from: &from };
                note(Some(self.raise_single(&alert)?));
            }
            let mut pairs: SmallVec<[ShownPair<'_>; SHOWN_FEW]> = SmallVec::new();
            for seen in one.seen_by.iter().filter(|seen| seen.by != one.rule) {
                if self.is_on(seen.by) && self.is_forgotten(seen.by, one.at) {
                    is_forgotten = true;
                    continue;
                }
                if pairs.is_empty() {
                    for (name, value) in &shown {
                        pairs.push((self.held.name_id(self.begun, name)?, *value));
                    }
                }
                note(self.show(seen, one.at, &record, origin, &pairs)?);
            }
            self.stored.forgotten += u64::from(is_forgotten);
            if !is_forgotten && seen_by > 0 && seen_by == new_to {
                self.stored.matches += 1;
                let (count, last) =
                    tally.entry((id, one.at.div_euclid(TALLY_SECONDS))).or_insert((0, one.at));
                (*count, *last) = (*count + 1, one.at.max(*last));
            }
        }
        let sql = "INSERT INTO tally VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE
                   SET n = n + excluded.n, last_at = max(last_at, excluded.last_at)";
        let mut insert = self.begun.prepare_cached(sql)?;
        for ((rule, hour), (count, last)) in tally {
            insert.execute(params![rule, hour, count, last])?;
        }
        Ok(())
    }

    /// Shows a match to a correlation that uses its rule. Whether it is new there; `None` if the correlation is off.
    fn show(
        &mut self,
        seen: Seen<'_>,
        at: i64,
        record: &str,
        origin: i64,
        shown: &[ShownPair<'_>],
    ) -> rusqlite::Result<Option<bool>> {
        if !self.is_on(seen.by) {
            return Ok(None);
        }
        let Some(group) = self.group(seen.by, &bounded(seen)) else { return Ok(None) };
        let mut values: SmallVec<[TickValue; 1]> = seen.values().map(tick_value).collect();
        if values.is_empty() {
            values.push(TickValue::Nothing);
        }
        let seen_match = SeenMatch { at, record, origin, shown, input: seen.input, values };
        let is_new = self.add_match(seen.by, group, seen_match)?;
        if is_new {
            self.note_first(seen.by, at)?;
        }
        Ok(Some(is_new))
    }

    fn is_on(&self, rule: RuleIndex) -> bool {
        self.book.rule(rule).is_some_and(|(rule, _)| rule.state != RuleState::Off)
    }

    /// Nothing counts as new until the correlation has seen matches for some time. An earlier first match ends that time
    /// earlier, for every group.
    fn note_first(&mut self, rule: RuleIndex, at: i64) -> rusqlite::Result<()> {
        let Some(CorrelationKind::FirstSeen { learn, .. }) = self.book.correlation(rule).map(|of| &of.kind)
        else {
            return Ok(());
        };
        let before = self.first_at(rule);
        if before.is_some_and(|before| before <= at) {
            return Ok(());
        }
        self.firsts.insert(rule, at);
        let Some(known) = self.known(rule) else { return Ok(()) };
        let sql = "UPDATE rule SET first_at = ?2 WHERE id = ?1";
        self.begun.prepare_cached(sql)?.execute([known.id, at])?;
        if let Some(before) = before {
            let stretch = Episode { from: at.saturating_add(*learn), to: before.saturating_add(*learn) };
            for group in self.groups_of(rule)? {
                self.work_on(rule, group).stretches.push(stretch);
            }
        }
        Ok(())
    }
}

fn tick_value(value: MatchValue<'_>) -> TickValue {
    match value {
        MatchValue::Text(text) => TickValue::Text(shown::key(text).into_owned()),
        MatchValue::Number(number) => TickValue::Number(Amount::new(number)),
    }
}

/// The values of a group, each at a bounded length.
fn bounded(seen: Seen<'_>) -> SmallVec<[Option<Cow<'_, str>>; 2]> {
    seen.group().map(|value| value.map(shown::key)).collect()
}
