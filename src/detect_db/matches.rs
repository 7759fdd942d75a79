//! The matches of a batch, and what correlations see of those that are new.

use std::collections::HashMap;

use rusqlite::{OptionalExtension as _, params};

use super::{groups::Membership, rules::group_fields, shown, store::Turn};
use crate::detect::{
    episodes::{Amount, Episode, Tick, TickValue},
    model::{CorrelationKind, Match, MatchValue, RuleIndex, RuleState, Seen},
};

/// What a correlation sees of one match at most: a record may have an array of a million values.
const SEEN_MAX: usize = 100;

impl Turn<'_> {
    /// Stores the matches that are new.
    pub(super) fn take(&mut self, table: &str, connector: &str, matches: &[Match]) -> rusqlite::Result<()> {
        let origin = self.origin(table, connector)?;
        for one in matches {
            let Some((rule, known)) = self.book.rule(one.rule) else { continue };
            let known = *known;
            // A rule may skip records without a group.
            let own = one.seen_by.iter().find(|seen| seen.by == one.rule && rule.alerts);
            let record = shown::key(&one.record);
            let shown = shown::of_match(&one.shown).json();
            let sql = "INSERT OR IGNORE INTO match (record, rule, at, arrived, origin, shown)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let row = params![record, known.id, one.at, self.now, origin, shown];
            if self.begun.prepare_cached(sql)?.execute(row)? == 0 {
                continue;
            }
            self.stored.matches += 1;
            if let Some(own) = own {
                let fields = group_fields(&rule.group_by, &bounded(own));
                self.raise_single(one.rule, one.at, &fields, &record, &shown, [table, connector])?;
            }
            self.show(one, &record)?;
        }
        Ok(())
    }

    fn origin(&self, table: &str, connector: &str) -> rusqlite::Result<i64> {
        let find = "SELECT id FROM origin WHERE (tbl, connector) = (?1, ?2)";
        let found = self.begun.prepare_cached(find)?.query_row([table, connector], |row| row.get(0));
        match found.optional()? {
            Some(id) => Ok(id),
            None => {
                let sql = "INSERT INTO origin (tbl, connector) VALUES (?1, ?2)";
                self.begun.prepare_cached(sql)?.insert([table, connector])
            }
        }
    }

    /// Shows a match to the correlations that use its rule.
    fn show(&mut self, one: &Match, record: &str) -> rusqlite::Result<()> {
        let mut counts: HashMap<RuleIndex, usize> = HashMap::new();
        for seen in one.seen_by.iter().filter(|seen| seen.by != one.rule) {
            let count = counts.entry(seen.by).or_default();
            *count += 1;
            let is_on = self.book.rule(seen.by).is_some_and(|(rule, _)| rule.state != RuleState::Off);
            if *count <= SEEN_MAX && is_on {
                self.show_to(seen, one.at, record)?;
            }
        }
        Ok(())
    }

    fn show_to(&mut self, seen: &Seen, at: i64, record: &str) -> rusqlite::Result<()> {
        let Some(group) = self.group(seen.by, &bounded(seen))? else { return Ok(()) };
        let value = match &seen.value {
            None => TickValue::Nothing,
            Some(MatchValue::Text(text)) => TickValue::Text(shown::key(text)),
            Some(MatchValue::Number(number)) => TickValue::Number(Amount::new(*number)),
        };
        self.add_tick(seen.by, group, &Tick { at, input: seen.input, value, count: 1 })?;
        self.add_member(seen.by, group, at, record, Membership::Direct)?;
        self.note_first(seen.by, at)
    }

    /// Nothing counts as new until the correlation has seen matches for some time. An earlier first match ends that time
    /// earlier, for every group.
    fn note_first(&mut self, rule: RuleIndex, at: i64) -> rusqlite::Result<()> {
        let kind = self.book.correlation(rule).map(|correlation| correlation.kind.clone());
        let Some(CorrelationKind::FirstSeen { learn, .. }) = kind else { return Ok(()) };
        let before = self.first_at(rule);
        if before.is_some_and(|before| before <= at) {
            return Ok(());
        }
        self.firsts.insert(rule, at);
        let Some(known) = self.known(rule) else { return Ok(()) };
        let sql = "UPDATE rule SET first_at = ?2 WHERE id = ?1";
        self.begun.prepare_cached(sql)?.execute([known.id, at])?;
        if let Some(before) = before {
            let stretch = Episode { from: at.saturating_add(learn), to: before.saturating_add(learn) };
            for group in self.groups_of(rule)? {
                self.work_on(rule, group).stretches.push(stretch);
            }
        }
        Ok(())
    }
}

/// The values of a group, each at a bounded length.
fn bounded(seen: &Seen) -> Vec<Option<String>> {
    seen.group.0.iter().map(|value| value.as_deref().map(shown::key)).collect()
}
