//! A correlation that is added, or switched on, over another one sees what that one already knows; and one that begins to
//! raise alerts raises those of what it knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{TransactionBehavior, params};

use super::{DetectDb, rules::RuleBook};
use crate::detect::{
    episodes::Episode,
    model::{RuleIndex, RuleState},
};

/// Groups that are evaluated in one transaction.
pub(super) const GROUPS_MAX: usize = 100;
/// The most alerts of a rule in an hour that notify, of those that come of it. They are about the past.
const NOTIFIED_MAX: u32 = 100;
/// Among the uses of a rule: its own alerts.
const ALERTS: &str = "alerts";

/// The uses of a rule, where they have changed.
struct RuleUses {
    json: String,
    /// There is one that it did not have.
    is_more: bool,
    /// The correlations that begin to use it.
    parents: Vec<RuleIndex>,
}

/// What the matches of a correlation are used for, with the correlation that uses them.
fn uses(book: &RuleBook, index: RuleIndex) -> BTreeMap<String, Option<RuleIndex>> {
    let Some((rule, _)) = book.rule(index) else { return BTreeMap::new() };
    let parents = book.parents.get(index.0 as usize).into_iter().flatten();
    let mut uses: BTreeMap<String, Option<RuleIndex>> = parents
        .filter_map(|link| {
            let (parent, known) = book.rule(link.parent)?;
            Some((format!("{} {} {}", parent.slug, known.epoch, link.input), Some(link.parent)))
        })
        .collect();
    if rule.alerts && rule.state != RuleState::Off {
        uses.insert(ALERTS.to_owned(), None);
    }
    uses
}

impl DetectDb {
    /// Evaluates what is stored of each rule that has a new use.
    pub(super) fn feed(&mut self, now: i64) -> rusqlite::Result<()> {
        let changed = self.changed_uses()?;
        if changed.is_empty() {
            return Ok(());
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM piece) OR EXISTS (SELECT 1 FROM journal)";
        let has_matches: bool = self.connection.query_row(sql, [], |row| row.get(0))?;
        let order = self.book.as_ref().filter(|_| has_matches).map(|book| book.order.clone());
        for index in order.iter().flatten() {
            if changed.iter().any(|(_, uses, _)| uses.parents.contains(index)) {
                self.rejoin(*index, NOTIFIED_MAX, now)?;
            }
            let more = changed.iter().find(|(changed, uses, _)| changed == index && uses.is_more);
            let Some((_, _, slug)) = more else { continue };
            let groups = self.feed_groups(*index, now)?;
            if groups > 0 {
                tracing::info!(
                    rule = &**slug,
                    groups,
                    "a rule has a new use: what it knew was looked at again"
                );
            }
        }
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (_, uses, slug) in &changed {
            begun.execute("UPDATE rule SET feeds = ?2 WHERE slug = ?1", params![&**slug, uses.json])?;
        }
        begun.commit()
    }

    /// The correlations whose uses are others than before, each after those that it is about.
    fn changed_uses(&self) -> rusqlite::Result<Vec<(RuleIndex, RuleUses, Arc<str>)>> {
        let mut changed = Vec::new();
        let Some(book) = &self.book else { return Ok(changed) };
        for index in &book.order {
            let Some((rule, known)) = book.rule(*index) else { continue };
            let uses = uses(book, *index);
            let sql = "SELECT feeds FROM rule WHERE id = ?1";
            let before: String = self.connection.query_row(sql, [known.id], |row| row.get(0))?;
            let before: BTreeSet<String> = serde_json::from_str(&before).unwrap_or_default();
            if !uses.keys().eq(&before) {
                let json = serde_json::to_string(&uses.keys().collect::<Vec<_>>()).unwrap_or_default();
                let new = || uses.iter().filter(|(of, _)| !before.contains(*of));
                let parents = new().filter_map(|(_, parent)| *parent).collect();
                let is_more = new().next().is_some();
                changed.push((*index, RuleUses { json, is_more, parents }, rule.slug.clone()));
            }
        }
        Ok(changed)
    }

    /// Evaluates every group of a rule. How many there are.
    fn feed_groups(&mut self, index: RuleIndex, now: i64) -> rusqlite::Result<usize> {
        let mut groups = BTreeSet::new();
        self.in_turn(NOTIFIED_MAX, now, |turn| {
            groups = turn.groups_of(index)?;
            Ok(())
        })?;
        let groups: Vec<i64> = groups.into_iter().collect();
        for some in groups.chunks(GROUPS_MAX) {
            self.in_turn(NOTIFIED_MAX, now, |turn| {
                let Some(rule) = turn.known(index).map(|known| known.id) else { return Ok(()) };
                for group in some {
                    let begun = turn.begun;
                    if let Some((from, to)) = turn.held.group(rule, *group).extent(begun)? {
                        turn.work_on(index, *group).stretches.push(Episode { from, to });
                    }
                }
                Ok(())
            })?;
        }
        Ok(groups.len())
    }
}
