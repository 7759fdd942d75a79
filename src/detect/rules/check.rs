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
        self.matchers.iter().all(|matcher| matcher.holds(row, self.field)) != self.negated
    }

    /// Whether it matches this folded text, if that can be said without its case.
    fn holds_of(&self, text: &str) -> Option<bool> {
        let matcher = self.only_texts()?;
        (!matcher.cased).then(|| matcher.exact.contains(text))
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

    /// What is left of it in records of which the only value of a field is known, as a folded text.
    pub fn knowing(&self, field: FieldId, text: &str) -> Self {
        match self {
            Self::Item(item) if item.field == field => match item.holds_of(text) {
                Some(true) => Self::All(Vec::new()),
                Some(false) => Self::Any(Vec::new()),
                None => self.clone(),
            },
            Self::Item(_) => self.clone(),
            Self::Not(inner) => Self::Not(Box::new(inner.knowing(field, text))),
            Self::All(inner) => {
                let mut left: Vec<Self> = inner.iter().map(|one| one.knowing(field, text)).collect();
                left.retain(|one| !matches!(one, Self::All(all) if all.is_empty()));
                if left.len() == 1 { left.remove(0) } else { Self::All(left) }
            }
            Self::Any(inner) => {
                let mut left: Vec<Self> = inner.iter().map(|one| one.knowing(field, text)).collect();
                left.retain(|one| !matches!(one, Self::Any(any) if any.is_empty()));
                if left.len() == 1 { left.remove(0) } else { Self::Any(left) }
            }
        }
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
