//! What the value of a field must be: everything that one entry of a selection allows, compiled.

use std::cmp::Ordering;

use super::{
    clock::DatePart,
    exact::ExactTexts,
    expressions::Expressions,
    field::FieldId,
    fold::folded,
    judged_row::JudgedRow,
    network::Network,
    value::{Number, RowValue},
    wildcards::WildcardSearch,
};
use crate::detect::model::Comparison;

/// Values of two fields that are compared with each other: the product of both is the cost.
const COMPARED_MAX: usize = 100;

/// Where in a text another one must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum MatchPlace {
    /// It is all of it.
    #[default]
    Whole,
    /// Anywhere.
    Inside,
    /// At the beginning.
    Start,
    /// At the end.
    End,
}

/// Another field whose values a value is compared with.
#[derive(Clone, Debug)]
pub(super) struct FieldReference {
    pub field: FieldId,
    pub place: MatchPlace,
}

/// One of these must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    /// Whether case counts.
    pub cased: bool,
    /// There is no value.
    pub none: bool,
    /// There is one, or not.
    pub exists: Option<bool>,
    /// The text is one of these; folded unless case counts.
    pub exact: ExactTexts,
    /// A pattern with wildcards matches.
    pub search: Option<WildcardSearch>,
    /// An expression of the rule finds something.
    pub expressions: Option<Expressions>,
    /// It is this number, or that in a text.
    pub numbers: Vec<Number>,
    /// It compares so with a number.
    pub comparisons: Vec<(Comparison, Number)>,
    /// It is `true` or `false`.
    pub flags: Vec<bool>,
    /// It is an address in a network.
    pub networks: Vec<Network>,
    /// A part of the date compares so with a number.
    pub dates: Vec<(DatePart, Comparison, Number)>,
    /// It is like a value of another field.
    pub references: Vec<FieldReference>,
}

impl Matcher {
    /// Whether a field of a record is as it must be.
    pub fn holds(&self, row: &JudgedRow<'_>, field: FieldId) -> bool {
        if self.none || self.exists.is_some() {
            let has_any = row.any(field, &mut |_| true);
            if (self.none && !has_any) || self.exists == Some(has_any) {
                return true;
            }
        }
        row.any(field, &mut |value| self.value_holds(value, row, field))
            || self.references.iter().any(|reference| self.refers(reference, row, field))
    }

    fn value_holds(&self, value: &RowValue<'_>, row: &JudgedRow<'_>, field: FieldId) -> bool {
        self.text_holds(value, row, field) || self.number_holds(value) || self.other_holds(value)
    }

    fn text_holds(&self, value: &RowValue<'_>, row: &JudgedRow<'_>, field: FieldId) -> bool {
        if self.exact.is_empty() && self.search.is_none() && self.expressions.is_none() {
            return false;
        }
        let text = value.text();
        let looked = |(found, rest): (bool, usize)| {
            if rest > 0 {
                row.note_cut(field, rest as u64);
            }
            found
        };
        self.is_exact(&text)
            || self.search.as_ref().is_some_and(|search| looked(search.find(&text)))
            || self.expressions.as_ref().is_some_and(|expressions| looked(expressions.find(&text)))
    }

    /// Whether this text is one of the exact ones.
    pub fn is_exact(&self, text: &str) -> bool {
        if self.cased { self.exact.contains(text) } else { self.exact.contains_folded(text) }
    }

    fn number_holds(&self, value: &RowValue<'_>) -> bool {
        if self.numbers.is_empty() && self.comparisons.is_empty() {
            return false;
        }
        value.number().is_some_and(|number| {
            self.numbers.iter().any(|wanted| number.order(*wanted) == Ordering::Equal)
                || self.comparisons.iter().any(|(comparison, other)| compares(number, *comparison, *other))
        })
    }

    fn other_holds(&self, value: &RowValue<'_>) -> bool {
        self.flags.iter().any(|flag| match value {
            RowValue::Bool(value) => value == flag,
            RowValue::Text(text) => text.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
            RowValue::Number(_) | RowValue::Time(_) | RowValue::Object(..) => false,
        }) || self.network_holds(value)
            || self.dates.iter().any(|(part, comparison, number)| {
                part.of(value).is_some_and(|part| compares(Number::Whole(part), *comparison, *number))
            })
    }

    fn network_holds(&self, value: &RowValue<'_>) -> bool {
        let RowValue::Text(text) = value else { return false };
        !self.networks.is_empty()
            && Network::parse(text).is_some_and(|other| self.networks.iter().any(|one| one.contains(other)))
    }

    /// Whether a value of a field is like one of another field. Each value is folded once, and not for each pair.
    fn refers(&self, reference: &FieldReference, row: &JudgedRow<'_>, field: FieldId) -> bool {
        let others = self.compared_texts(reference.field, row);
        if others.is_empty() {
            return false;
        }
        self.compared_texts(field, row).iter().any(|own| {
            others.iter().any(|other| match reference.place {
                MatchPlace::Whole => own == other,
                MatchPlace::Inside => memchr::memmem::find(own.as_bytes(), other.as_bytes()).is_some(),
                MatchPlace::Start => own.starts_with(&**other),
                MatchPlace::End => own.ends_with(&**other),
            })
        })
    }

    /// The values of a field that are compared with those of another one. It is noted if there are more.
    fn compared_texts(&self, field: FieldId, row: &JudgedRow<'_>) -> Vec<String> {
        let mut texts = Vec::new();
        row.any(field, &mut |value| {
            if texts.len() == COMPARED_MAX {
                row.note_cut(field, 0);
                return true;
            }
            let text = value.text();
            texts.push(if self.cased { text.into_owned() } else { folded(&text).into_owned() });
            false
        });
        texts
    }
}

/// Whether a number compares so with another one.
pub(super) fn compares(number: Number, comparison: Comparison, other: Number) -> bool {
    let order = number.order(other);
    match comparison {
        Comparison::Less => order.is_lt(),
        Comparison::AtMost => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::AtLeast => order.is_ge(),
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
    }
}
