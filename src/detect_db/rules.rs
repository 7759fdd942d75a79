//! The rules in use, as the database knows them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use serde_json::json;

use super::{DetectDb, retain::forget_group};
use crate::{
    detect::{
        episodes::is_monotone,
        model::{Correlation, Level, Rule, RuleIndex, RuleState},
    },
    sinks::{SinkError, sqlite::of_database},
};

/// A rule in the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownRule {
    /// Its id there.
    pub(super) id: i64,
    /// What people read of it.
    pub(super) edition: i64,
    /// When it first judged.
    pub(super) active_since: i64,
    /// The earliest match that the correlation has seen.
    pub(super) first_at: Option<i64>,
}

/// A correlation that uses another.
#[derive(Clone, Debug)]
pub(super) struct ChainLink {
    pub(super) parent: RuleIndex,
    /// The place among its inputs.
    pub(super) input: u32,
    /// Where the values of its group are in that of the one it uses.
    pub(super) group_from: Vec<usize>,
}

/// The rules of a configuration, their ids here, and how they depend on each other.
#[derive(Clone, Debug)]
pub(super) struct RuleBook {
    pub(super) rules: Arc<[Rule]>,
    pub(super) known: Vec<KnownRule>,
    /// Every correlation, after those that it uses.
    pub(super) order: Vec<RuleIndex>,
    /// The correlations that use each rule, if it is a correlation.
    pub(super) parents: Vec<Vec<ChainLink>>,
    /// How many seconds before a hit of each rule a record of it can lie.
    pub(super) back: Vec<i64>,
    /// Whether hits of each rule are never taken back, once they are there.
    pub(super) only_grows: Vec<bool>,
    /// The ids of the detections below each rule.
    pub(super) leaves: Vec<BTreeSet<i64>>,
}

impl RuleBook {
    fn new(rules: Arc<[Rule]>, known: Vec<KnownRule>) -> Self {
        let mut book = Self {
            order: Vec::new(),
            parents: vec![Vec::new(); rules.len()],
            back: vec![0; rules.len()],
            only_grows: vec![true; rules.len()],
            leaves: known.iter().map(|rule| BTreeSet::from([rule.id])).collect(),
            rules: rules.clone(),
            known,
        };
        let mut placed = vec![false; rules.len()];
        for index in 0..rules.len() {
            book.place(index, &mut placed);
        }
        book
    }

    /// Places a rule after its inputs. A rule set has no cycles; in one, the place of a rule would be arbitrary.
    fn place(&mut self, index: usize, placed: &mut [bool]) {
        if std::mem::replace(&mut placed[index], true) {
            return;
        }
        let rules = self.rules.clone();
        let Some(correlation) = rules[index].correlation() else { return };
        let (mut back, mut leaves, mut only_grows) = (0, BTreeSet::new(), is_monotone(correlation));
        for (input, of) in (0..).zip(&correlation.inputs) {
            let child = of.rule.0 as usize;
            self.place(child, placed);
            back = back.max(self.back[child]);
            only_grows &= self.only_grows[child];
            leaves.extend(&self.leaves[child]);
            // A rule that is off sees nothing, and shows nothing to others.
            let are_on = [index, child].iter().all(|rule| rules[*rule].state != RuleState::Off);
            if rules[child].correlation().is_some() && are_on {
                let parent = RuleIndex(u32::try_from(index).unwrap_or(u32::MAX));
                self.parents[child].push(ChainLink { parent, input, group_from: of.group_from.clone() });
            }
        }
        self.back[index] = correlation.timespan.saturating_add(back);
        self.leaves[index] = leaves;
        self.only_grows[index] = only_grows;
        self.order.push(RuleIndex(u32::try_from(index).unwrap_or(u32::MAX)));
    }

    pub(super) fn rule(&self, index: RuleIndex) -> Option<(&Rule, &KnownRule)> {
        let place = index.0 as usize;
        self.rules.get(place).zip(self.known.get(place))
    }

    pub(super) fn correlation(&self, index: RuleIndex) -> Option<&Correlation> {
        self.rules.get(index.0 as usize)?.correlation()
    }

    /// How many seconds before its hits records of an input lie.
    pub(super) fn back_of_input(&self, correlation: &Correlation, input: u32) -> i64 {
        let rule = correlation.inputs.get(input as usize).map(|of| of.rule.0 as usize);
        rule.and_then(|rule| self.back.get(rule)).copied().unwrap_or(0)
    }

    /// The same of all its inputs.
    pub(super) fn back_of_inputs(&self, correlation: &Correlation) -> i64 {
        (0..)
            .zip(&correlation.inputs)
            .map(|(input, _)| self.back_of_input(correlation, input))
            .max()
            .unwrap_or(0)
    }
}

impl DetectDb {
    /// Takes these rules into use. A rule whose definition has changed starts over: its matches are removed, and its alerts
    /// stay as they are.
    pub fn adopt(&mut self, rules: Arc<[Rule]>, now: i64) -> Result<(), SinkError> {
        let failed = |error| of_database(&self.path, error);
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let known: rusqlite::Result<Vec<KnownRule>> =
            rules.iter().map(|rule| adopt(&begun, rule, now)).collect();
        let known = known.map_err(failed)?;
        begun.commit().map_err(failed)?;
        self.book = Some(RuleBook::new(rules, known));
        Ok(())
    }
}

fn adopt(begun: &Transaction<'_>, rule: &Rule, now: i64) -> rusqlite::Result<KnownRule> {
    // What a correlation without alerts keeps of its groups is not enough to raise any later.
    let definition = (rule.definition ^ u64::from(rule.alerts)).cast_signed();
    let edition = edition(begun, rule)?;
    let sql = "SELECT id, definition, active_since, first_at FROM rule WHERE slug = ?1";
    let found: Option<(i64, i64, i64, Option<i64>)> = begun
        .query_row(sql, [&*rule.slug], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((id, before, active_since, first_at)) = found else {
        let sql = "INSERT INTO rule (slug, definition, edition, active_since) VALUES (?1, ?2, ?3, ?4)";
        begun.execute(sql, params![&*rule.slug, definition, edition, now])?;
        return Ok(KnownRule { id: begun.last_insert_rowid(), edition, active_since: now, first_at: None });
    };
    let sql =
        "UPDATE rule SET definition = ?2, edition = ?3 WHERE id = ?1 AND (definition, edition) <> (?2, ?3)";
    begun.execute(sql, [id, definition, edition])?;
    if before == definition {
        return Ok(KnownRule { id, edition, active_since, first_at });
    }
    start_over(begun, id)?;
    tracing::info!(
        rule = &*rule.slug,
        "the definition of a rule has changed: it starts over, and its alerts stay"
    );
    Ok(KnownRule { id, edition, active_since, first_at: None })
}

fn start_over(begun: &Connection, rule: i64) -> rusqlite::Result<()> {
    begun.execute("DELETE FROM match WHERE rule = ?1", [rule])?;
    begun.execute("DELETE FROM hit WHERE parent IN (SELECT id FROM grp WHERE rule = ?1)", [rule])?;
    let mut groups = begun.prepare("SELECT id FROM grp WHERE rule = ?1")?;
    let groups: rusqlite::Result<Vec<i64>> = groups.query_map([rule], |row| row.get(0))?.collect();
    for group in groups? {
        forget_group(begun, group)?;
    }
    begun.execute("UPDATE alert SET live = 0 WHERE rule = ?1 AND live = 1", [rule])?;
    begun.execute("UPDATE rule SET first_at = NULL WHERE id = ?1", [rule])?;
    Ok(())
}

/// What people read of a rule; an alert keeps that of its time.
fn edition(begun: &Connection, rule: &Rule) -> rusqlite::Result<i64> {
    let about = json!({
        "id": rule.id, "title": rule.title, "description": rule.description, "tags": rule.tags,
        "references": rule.references, "falsepositives": rule.falsepositives,
        "group_by": rule.correlation().map(|of| of.group_by.iter().map(|name| &**name).collect::<Vec<_>>()),
    });
    let key = params![&*rule.slug, rule.definition.cast_signed(), level_name(rule.level), about.to_string()];
    begun.execute(
        "INSERT OR IGNORE INTO edition (slug, definition, level, about) VALUES (?1, ?2, ?3, ?4)",
        key,
    )?;
    let sql = "SELECT id FROM edition WHERE (slug, definition, level, about) = (?1, ?2, ?3, ?4)";
    begun.query_row(sql, key, |row| row.get(0))
}

/// The levels by their words in Sigma, the least first.
pub(super) const LEVELS: [(Level, &str); 5] = [
    (Level::Informational, "informational"),
    (Level::Low, "low"),
    (Level::Medium, "medium"),
    (Level::High, "high"),
    (Level::Critical, "critical"),
];

/// The word of a level in Sigma.
pub fn level_name(level: Level) -> &'static str {
    LEVELS.iter().find(|(one, _)| *one == level).map_or("medium", |(_, name)| name)
}

/// The fields of a group with their values, as an alert shows them.
pub(super) fn group_fields(names: &[Arc<str>], values: &[Option<String>]) -> String {
    let fields: BTreeMap<&str, Option<&str>> =
        names.iter().map(|name| &**name).zip(values.iter().map(Option::as_deref)).collect();
    serde_json::to_string(&fields).unwrap_or_else(|_| "{}".to_owned())
}
