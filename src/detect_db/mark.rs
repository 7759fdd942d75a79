//! What a rule has forgotten, and what it can therefore no longer know.
//!
//! Each rule has a *mark*: a match of that second or an earlier one is forgotten. It is not counted, raises nothing and
//! notifies nobody, however often it is delivered. The mark moves in the transaction that removes what lies before it, for all
//! rules of a chain together. So nothing is judged by one half of a history.
//!
//! A window that begins before the mark has lost a part. Where more matches can only satisfy a condition, what is left is
//! judged: too little may be found, and never too much. Every other window waits until all that it looks back to lies after
//! the mark.

use rusqlite::Connection;

use super::rules::RuleBook;
use crate::detect::{episodes::condition_reach, model::RuleIndex};

/// Before the mark of a rule that has forgotten nothing there is no second.
pub(super) const NOTHING_FORGOTTEN: i64 = i64::MIN;

/// The seconds up to which something cannot be known of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleLines {
    /// Its matches are forgotten.
    pub(super) mark: i64,
    /// Its hits may have been others than those that what is left gives: they stay as they are.
    pub(super) exact: i64,
    /// Its windows are not evaluated again.
    pub(super) judged: i64,
}

impl RuleLines {
    /// Whether anything is forgotten: no rule looks back for half of time.
    pub(super) fn is_drawn(&self) -> bool {
        self.exact > NOTHING_FORGOTTEN / 2
    }
}

impl RuleBook {
    /// The lines of each rule, if these are the marks.
    pub(super) fn lines_of(&self, marks: &[i64]) -> Vec<RuleLines> {
        let line = |mark: &i64| RuleLines { mark: *mark, exact: *mark, judged: *mark };
        let mut lines: Vec<RuleLines> = marks.iter().map(line).collect();
        for index in &self.order {
            let place = index.0 as usize;
            let Some(correlation) = self.correlation(*index) else { continue };
            // What it sees of another correlation is whole where the hits of that one are.
            let whole = correlation.inputs.iter().fold(lines[place].mark, |whole, input| {
                match self.correlation(input.rule) {
                    Some(_) => whole.max(lines[input.rule.0 as usize].exact),
                    None => whole,
                }
            });
            let exact = whole.saturating_add(condition_reach(correlation));
            let judged = if self.only_grows[place] { lines[place].mark } else { exact };
            lines[place] = RuleLines { exact, judged, ..lines[place] };
        }
        lines
    }

    /// The lines follow the marks.
    pub(super) fn draw_lines(&mut self) {
        let marks: Vec<i64> = self.known.iter().map(|known| known.mark).collect();
        self.lines = self.lines_of(&marks);
    }

    /// The lines of a rule.
    pub(super) fn lines(&self, index: RuleIndex) -> RuleLines {
        let nothing =
            RuleLines { mark: NOTHING_FORGOTTEN, exact: NOTHING_FORGOTTEN, judged: NOTHING_FORGOTTEN };
        self.lines.get(index.0 as usize).copied().unwrap_or(nothing)
    }

    /// Notes how far each correlation looks back, for the time when it is not in use and forgets by itself.
    pub(super) fn note_reach(&self, begun: &Connection) -> rusqlite::Result<()> {
        let sql = "UPDATE rule SET reach = ?2, back = ?3 WHERE id = ?1 AND (reach, back) <> (?2, ?3)";
        let mut update = begun.prepare_cached(sql)?;
        for index in &self.order {
            let Some((correlation, rule)) = self.correlation(*index).zip(self.rule(*index)) else { continue };
            let only_grows = self.only_grows[index.0 as usize];
            let reach = if only_grows { 0 } else { condition_reach(correlation) };
            update.execute([rule.1.id, reach, self.back_of_inputs(correlation)])?;
        }
        Ok(())
    }

    /// The rules that must forget together: each correlation with those that it is about, and those with theirs.
    pub(super) fn chains(&self) -> Vec<Vec<RuleIndex>> {
        let mut chains: Vec<Vec<RuleIndex>> = Vec::new();
        for index in &self.order {
            let Some(correlation) = self.correlation(*index) else { continue };
            let uses = |rule: &RuleIndex| correlation.inputs.iter().any(|input| input.rule == *rule);
            let (with, without) =
                chains.into_iter().partition(|chain: &Vec<RuleIndex>| chain.iter().any(uses));
            chains = without;
            let mut chain: Vec<RuleIndex> = with.into_iter().flatten().collect();
            chain.push(*index);
            chains.push(chain);
        }
        chains
    }
}
