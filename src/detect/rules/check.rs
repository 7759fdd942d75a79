//! A compiled detection: entries of selections, joined by its condition.

use std::{collections::BTreeSet, sync::Arc};

use super::{condition::Condition, field::FieldId, judged_row::JudgedRow, matcher::Matcher};

/// One entry of a selection.
#[derive(Clone, Debug)]
pub(super) struct SelectionItem {
    pub field: FieldId,
    /// All of these must hold.
    pub matchers: Vec<Matcher>,
    pub negated: bool,
    /// How long it takes, roughly: of several, cheap ones come first.
    pub cost: u32,
    /// The selection that it belongs to.
    pub selection: Arc<str>,
}

impl SelectionItem {
    /// Whether it matches a record.
    pub fn holds(&self, row: &JudgedRow<'_>) -> bool {
        let judge = || self.matchers.iter().all(|matcher| matcher.holds(row, self.field)) != self.negated;
        if self.is_of_one_field() { row.remembered(self, judge) } else { judge() }
    }

    /// Whether its own field alone decides about it.
    fn is_of_one_field(&self) -> bool {
        self.matchers.iter().all(|matcher| matcher.references.is_empty())
    }

    /// The values that the field can have, folded, if these are texts without exception.
    fn texts(&self) -> Option<BTreeSet<String>> {
        let Matcher { cased, exact, .. } = self.only_texts()?;
        let fold = |text: &String| if *cased { super::fold::folded(text).into_owned() } else { text.clone() };
        Some(exact.iter().map(fold).collect())
    }

    /// What it allows, if these are texts without exception.
    fn only_texts(&self) -> Option<&Matcher> {
        let [matcher] = self.matchers.as_slice() else { return None };
        let Matcher {
            cased: _,
            none,
            exists,
            exact,
            search,
            expressions,
            numbers,
            comparisons,
            flags,
            networks,
            dates,
            references,
        } = matcher;
        let others = *none
            || exists.is_some()
            || search.is_some()
            || expressions.is_some()
            || !(numbers.is_empty() && comparisons.is_empty() && flags.is_empty())
            || !(networks.is_empty() && dates.is_empty() && references.is_empty());
        (!self.negated && !others && !exact.is_empty()).then_some(matcher)
    }
}

/// What must be true of a record.
#[derive(Clone, Debug)]
pub(super) enum Check {
    Item(Arc<SelectionItem>),
    Not(Box<Check>),
    All(Vec<Check>),
    Any(Vec<Check>),
}

impl Check {
    /// The check that a condition over these selections is.
    pub fn of(condition: &Condition, selections: &[Check]) -> Self {
        let all = |conditions: &[Condition]| conditions.iter().map(|one| Self::of(one, selections)).collect();
        match condition {
            Condition::Selection(place) => selections[*place].clone(),
            Condition::Not(inner) => Self::Not(Box::new(Self::of(inner, selections))),
            Condition::All(inner) => Self::all(all(inner)),
            Condition::Any(inner) => Self::any(all(inner)),
        }
    }

    /// All of these, cheap ones first.
    pub fn all(mut checks: Vec<Self>) -> Self {
        checks.sort_by_key(Self::cost);
        Self::All(checks)
    }

    /// One of these, cheap ones first.
    pub fn any(mut checks: Vec<Self>) -> Self {
        checks.sort_by_key(Self::cost);
        Self::Any(checks)
    }

    /// Whether it is true of a record.
    pub fn holds(&self, row: &JudgedRow<'_>) -> bool {
        match self {
            Self::Item(item) => item.holds(row),
            Self::Not(inner) => !inner.holds(row),
            Self::All(inner) => inner.iter().all(|one| one.holds(row)),
            Self::Any(inner) => inner.iter().any(|one| one.holds(row)),
        }
    }

    /// The texts that a field has in every record of which this is true; `None` if there are others.
    pub fn texts_of(&self, field: FieldId) -> Option<BTreeSet<String>> {
        match self {
            Self::Item(item) if item.field == field => item.texts(),
            Self::Item(_) | Self::Not(_) => None,
            Self::All(inner) => {
                let found = inner.iter().filter_map(|one| one.texts_of(field));
                found.reduce(|one, other| one.intersection(&other).cloned().collect())
            }
            Self::Any(inner) => {
                let mut texts = BTreeSet::new();
                for one in inner {
                    texts.extend(one.texts_of(field)?);
                }
                Some(texts)
            }
        }
    }

    /// What is left of it in records of which the values of a field are known: what `holds` says of the entries about it.
    pub fn knowing(&self, field: FieldId, holds: &dyn Fn(&SelectionItem) -> bool) -> Self {
        match self {
            Self::Item(item) if item.field == field && item.is_of_one_field() => match holds(item) {
                true => Self::All(Vec::new()),
                false => Self::Any(Vec::new()),
            },
            Self::Item(_) => self.clone(),
            Self::Not(inner) => match inner.knowing(field, holds) {
                left if left.is_always() => Self::Any(Vec::new()),
                left if left.is_never() => Self::All(Vec::new()),
                left => Self::Not(Box::new(left)),
            },
            Self::All(inner) => {
                let mut left: Vec<Self> = inner.iter().map(|one| one.knowing(field, holds)).collect();
                left.retain(|one| !one.is_always());
                match left.iter().any(Self::is_never) {
                    true => Self::Any(Vec::new()),
                    false if left.len() == 1 => left.remove(0),
                    false => Self::All(left),
                }
            }
            Self::Any(inner) => {
                let mut left: Vec<Self> = inner.iter().map(|one| one.knowing(field, holds)).collect();
                left.retain(|one| !one.is_never());
                match left.iter().any(Self::is_always) {
                    true => Self::All(Vec::new()),
                    false if left.len() == 1 => left.remove(0),
                    false => Self::Any(left),
                }
            }
        }
    }

    /// Whether it is true of every record.
    fn is_always(&self) -> bool {
        matches!(self, Self::All(all) if all.is_empty())
    }

    /// Whether it is true of no record.
    pub fn is_never(&self) -> bool {
        matches!(self, Self::Any(any) if any.is_empty())
    }

    /// How many entries it has, if one of them is about a field; otherwise none.
    pub fn entries_if_about(&self, field: FieldId) -> usize {
        let (mut count, mut is_about) = (0, false);
        self.items(&mut |item| (count, is_about) = (count + 1, is_about || item.field == field));
        if is_about { count } else { 0 }
    }

    /// Passes every entry on, each as often as the condition names it.
    pub fn items(&self, each: &mut dyn FnMut(&Arc<SelectionItem>)) {
        match self {
            Self::Item(item) => each(item),
            Self::Not(inner) => inner.items(each),
            Self::All(inner) | Self::Any(inner) => inner.iter().for_each(|one| one.items(each)),
        }
    }

    fn cost(&self) -> u32 {
        match self {
            Self::Item(item) => item.cost,
            Self::Not(inner) => inner.cost(),
            // They are sorted, and the first one decides most often.
            Self::All(inner) => inner.first().map_or(0, Self::cost),
            Self::Any(inner) => inner.iter().map(Self::cost).max().unwrap_or(0),
        }
    }
}
