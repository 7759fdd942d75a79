//! The rules in use, as the database knows them.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, ffi, params};
use serde_json::json;

use super::{
    DetectDb,
    mark::{NOTHING_FORGOTTEN, RuleLines},
    retain::next_turn,
};
use crate::{
    detect::{
        episodes::is_monotone,
        model::{Correlation, CorrelationInput, Level, Rule, RuleIndex, RuleState},
    },
    sinks::{SinkError, sqlite::of_database},
};

/// A rule in the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownRule {
    /// Its id there.
    pub(super) id: i64,
    /// How often it has started over.
    pub(super) epoch: i64,
    /// What people read of it.
    pub(super) edition: i64,
    /// When it first judged.
    pub(super) active_since: i64,
    /// The earliest match that the correlation has seen.
    pub(super) first_at: Option<i64>,
    /// Up to where it has forgotten.
    pub(super) mark: i64,
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
    /// Up to where something cannot be known of each rule.
    pub(super) lines: Vec<RuleLines>,
}

impl RuleBook {
    fn new(rules: Arc<[Rule]>, known: Vec<KnownRule>) -> Self {
        let mut book = Self {
            order: Vec::new(),
            parents: vec![Vec::new(); rules.len()],
            back: vec![0; rules.len()],
            only_grows: vec![true; rules.len()],
            lines: Vec::new(),
            rules: rules.clone(),
            known,
        };
        let mut placed = vec![false; rules.len()];
        for index in 0..rules.len() {
            book.place(index, &mut placed);
        }
        book.draw_lines();
        book
    }

    /// Places a rule after its inputs. A rule set has no cycles; in one, the place of a rule would be arbitrary.
    fn place(&mut self, index: usize, placed: &mut [bool]) {
        if std::mem::replace(&mut placed[index], true) {
            return;
        }
        let rules = self.rules.clone();
        let Some(correlation) = rules[index].correlation() else { return };
        let (mut back, mut only_grows) = (0, is_monotone(correlation));
        for (input, of) in (0..).zip(&correlation.inputs) {
            let child = of.rule.0 as usize;
            self.place(child, placed);
            back = back.max(self.back[child]);
            only_grows &= self.only_grows[child];
            // A rule that is off sees nothing, and shows nothing to others.
            let are_on = [index, child].iter().all(|rule| rules[*rule].state != RuleState::Off);
            if rules[child].correlation().is_some() && are_on {
                let parent = RuleIndex(u32::try_from(index).unwrap_or(u32::MAX));
                self.parents[child].push(ChainLink { parent, input, group_from: of.group_from.clone() });
            }
        }
        self.back[index] = correlation.timespan.saturating_add(back);
        self.only_grows[index] = only_grows;
        self.order.push(RuleIndex(u32::try_from(index).unwrap_or(u32::MAX)));
    }

    /// Reads what may have changed of the rules in the database. It fails if another process has other definitions of them:
    /// matches of both together would mean nothing.
    pub(super) fn read_again(&mut self, begun: &Connection) -> rusqlite::Result<()> {
        let mut query =
            begun.prepare_cached("SELECT first_at, mark, definition, epoch FROM rule WHERE id = ?1")?;
        for (rule, known) in self.rules.iter().zip(&mut self.known) {
            let (first_at, mark, stored): (_, Option<i64>, (i64, i64)) = query
                .query_row([known.id], |row| Ok((row.get(0)?, row.get(1)?, (row.get(2)?, row.get(3)?))))?;
            if stored != (rule.definition.cast_signed(), known.epoch) {
                return Err(changed_elsewhere());
            }
            (known.first_at, known.mark) = (first_at, mark.unwrap_or(NOTHING_FORGOTTEN));
        }
        self.draw_lines();
        Ok(())
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
    /// stay as they are. What is stored is looked at again for rules that now use it.
    pub fn adopt(&mut self, rules: Arc<[Rule]>, now: i64) -> Result<(), SinkError> {
        let adopted = self.adopt_at(rules, now).and_then(|book| {
            self.book = Some(book);
            self.forget_missed(now)?;
            self.feed(now)
        });
        adopted.map_err(|error| of_database(&self.path, error))
    }

    /// The rules as they are in the database.
    fn adopt_at(&mut self, rules: Arc<[Rule]>, now: i64) -> rusqlite::Result<RuleBook> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.held.begin(&begun)?;
        let is_first = !begun.prepare("SELECT 1 FROM rule")?.exists([])?;
        let mut known = Vec::new();
        for (rule, is_on) in rules.iter().zip(in_use(&rules)) {
            let found = adopt(&begun, rule, is_on, now)?;
            if found.starts_over {
                self.held.spill(&begun)?;
                start_over(&begun, found.known.id, rule.correlation().is_some())?;
            }
            if is_on && !found.was_on && !is_first && sees_records(&rules, rule) {
                tracing::info!(
                    rule = &*rule.slug,
                    "a correlation begins now: it does not know the records that were delivered before, until `ccfd backfill` \
                     delivers them again"
                );
            }
            known.push(found.known);
        }
        let ids: Vec<i64> = known.iter().map(|rule| rule.id).collect();
        let sql = "UPDATE rule SET is_on = 0 WHERE is_on = 1 AND id NOT IN (SELECT value FROM json_each(?1))";
        begun.execute(sql, [serde_json::to_string(&ids).unwrap_or_default()])?;
        let book = RuleBook::new(rules, known);
        book.note_reach(&begun)?;
        next_turn(&begun)?;
        self.held.forget();
        begun.commit()?;
        Ok(book)
    }
}

/// What became of a rule.
struct AdoptedRule {
    known: KnownRule,
    was_on: bool,
    starts_over: bool,
}

/// Whether a rule is a correlation that is on and about detections.
fn sees_records(rules: &[Rule], rule: &Rule) -> bool {
    let is_detection = |input: &CorrelationInput| {
        rules.get(input.rule.0 as usize).is_some_and(|rule| rule.correlation().is_none())
    };
    rule.state != RuleState::Off && rule.correlation().is_some_and(|of| of.inputs.iter().any(is_detection))
}

/// Which rules judge: those that alert and are not off, and what they use.
fn in_use(rules: &[Rule]) -> Vec<bool> {
    let is_on = |place: usize| rules.get(place).is_some_and(|rule| rule.state != RuleState::Off);
    let mut used = vec![false; rules.len()];
    let mut open: Vec<usize> = (0..rules.len()).filter(|place| rules[*place].alerts).collect();
    while let Some(place) = open.pop() {
        if is_on(place) && !std::mem::replace(&mut used[place], true) {
            let inputs = rules[place].correlation().into_iter().flat_map(|of| &of.inputs);
            open.extend(inputs.map(|input| input.rule.0 as usize));
        }
    }
    used
}

fn adopt(begun: &Transaction<'_>, rule: &Rule, is_on: bool, now: i64) -> rusqlite::Result<AdoptedRule> {
    let definition = rule.definition.cast_signed();
    let edition = edition(begun, rule)?;
    let sql = "SELECT id, definition, active_since, first_at, mark, epoch, is_on FROM rule WHERE slug = ?1";
    let found = begun.query_row(sql, [&*rule.slug], |row| {
        let known = KnownRule {
            id: row.get(0)?,
            epoch: row.get(5)?,
            edition,
            active_since: row.get(2)?,
            first_at: row.get(3)?,
            mark: row.get::<_, Option<i64>>(4)?.unwrap_or(NOTHING_FORGOTTEN),
        };
        Ok((known, row.get::<_, i64>(1)?, row.get::<_, bool>(6)?))
    });
    let Some((known, before, was_on)) = found.optional()? else {
        let sql = "INSERT INTO rule (slug, definition, edition, active_since, epoch, is_on, feeds, missed)
                   VALUES (?1, ?2, ?3, ?4, 0, ?5, '[]', ?5)";
        begun.execute(sql, params![&*rule.slug, definition, edition, now, is_on])?;
        let id = begun.last_insert_rowid();
        let mark = NOTHING_FORGOTTEN;
        let known = KnownRule { id, epoch: 0, edition, active_since: now, first_at: None, mark };
        return Ok(AdoptedRule { known, was_on: false, starts_over: false });
    };
    let starts_over = before != definition;
    let known = match starts_over {
        true => KnownRule {
            epoch: known.epoch + 1,
            first_at: None,
            // What a detection has raised alerts about, it still has.
            mark: if rule.correlation().is_some() { NOTHING_FORGOTTEN } else { known.mark },
            ..known
        },
        false => known,
    };
    let KnownRule { id, epoch, .. } = known;
    let sql =
        "UPDATE rule SET definition = ?2, edition = ?3, epoch = ?4, is_on = ?5, missed = missed AND NOT ?6
               WHERE id = ?1 AND (definition, edition, epoch, is_on) <> (?2, ?3, ?4, ?5)";
    begun.execute(sql, params![id, definition, edition, epoch, is_on, starts_over])?;
    if starts_over {
        tracing::info!(
            rule = &*rule.slug,
            "the definition of a rule has changed: it starts over, and its alerts stay"
        );
    }
    // What is said of a changed rule covers it.
    Ok(AdoptedRule { known, was_on: was_on || starts_over, starts_over })
}

/// Another process uses other definitions of the rules: read from their files again, they may be the same.
fn changed_elsewhere() -> rusqlite::Error {
    let reason = "another process has taken other rules into use".to_owned();
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), Some(reason))
}

fn start_over(begun: &Connection, rule: i64, is_correlation: bool) -> rusqlite::Result<()> {
    begun.execute("DELETE FROM piece WHERE rule = ?1", [rule])?;
    begun.execute("DELETE FROM kept WHERE rule = ?1", [rule])?;
    begun.execute("DELETE FROM tally WHERE rule = ?1", [rule])?;
    begun.execute("UPDATE alert SET live = 0 WHERE rule = ?1 AND live = 1", [rule])?;
    // Nothing leads to these alerts again. A detection still knows the records that it has raised alerts about.
    let sql = "UPDATE alert SET outdated = 1 WHERE rule = ?1 AND outdated = 0 AND (?2 OR grp IS NOT NULL)";
    begun.execute(sql, params![rule, is_correlation])?;
    let sql = "UPDATE rule SET first_at = NULL, feeds = '[]', mark = iif(?2, NULL, mark) WHERE id = ?1";
    begun.execute(sql, params![rule, is_correlation])?;
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
pub(super) fn group_fields<T: Deref<Target = str>>(names: &[Arc<str>], values: &[Option<T>]) -> String {
    if names.is_empty() {
        return "{}".to_owned();
    }
    let fields: BTreeMap<&str, Option<&str>> =
        names.iter().map(|name| &**name).zip(values.iter().map(Option::as_deref)).collect();
    serde_json::to_string(&fields).unwrap_or_else(|_| "{}".to_owned())
}
