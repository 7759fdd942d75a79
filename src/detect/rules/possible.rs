//! Whether what a rule asks for can be at all: what can never be is a mistake, and an error.

use std::collections::BTreeMap;

use super::{
    check::Check,
    condition::{Condition, used},
    field::{FieldSource, Fields},
    matcher::{Matcher, compares},
    value::Number,
};
use crate::{
    detect::model::Comparison,
    tables::{ColumnKind, iso8601},
};

/// Evaluations that a condition is tried with.
const TRIES_MAX: usize = 1 << 16;

/// Which numbers there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NumberRange {
    /// Whole ones from this one on.
    Count(u32),
    /// All.
    Any,
}

impl NumberRange {
    /// Whether a number satisfies all of these comparisons.
    pub fn has(self, comparisons: &[(Comparison, f64)]) -> bool {
        // What holds changes only at the numbers that are compared with, so one number between each two of them is enough.
        let mut tried: Vec<f64> = comparisons.iter().map(|(_, number)| *number).collect();
        tried.sort_by(f64::total_cmp);
        let between: Vec<f64> = tried.windows(2).map(|two| two[0] / 2.0 + two[1] / 2.0).collect();
        let beyond = tried.iter().flat_map(|number| [number - 1.0, number + 1.0]);
        tried = tried.iter().copied().chain(between).chain(beyond).collect();
        if let Self::Count(from) = self {
            let least = f64::from(from);
            let whole = tried.iter().flat_map(|number| [number.floor(), number.ceil()]);
            tried = whole.chain([least]).filter(|number| *number >= least).collect();
        }
        let holds = |number: f64| {
            comparisons
                .iter()
                .all(|(comparison, other)| compares(Number::Real(number), *comparison, Number::Real(*other)))
        };
        tried.into_iter().any(holds)
    }
}

/// Whether a condition can be true, whatever its selections are, and whether it can be false. `None` if there are too many
/// selections to try.
pub(super) fn outcomes(condition: &Condition) -> Option<[bool; 2]> {
    let mut uses = Vec::new();
    used(condition, &mut uses);
    let terms = uses.len();
    let places: BTreeMap<usize, usize> = {
        uses.sort_unstable();
        uses.dedup();
        uses.into_iter().zip(0..).collect()
    };
    let tries = 1_usize.checked_shl(u32::try_from(places.len()).ok()?)?;
    if tries.saturating_mul(terms) > TRIES_MAX {
        return None;
    }
    let is_true = |held: usize| {
        evaluated(condition, &|place| places.get(&place).is_some_and(|bit| held >> bit & 1 == 1))
    };
    let trues = (0..tries).filter(|held| is_true(*held)).count();
    Some([trues > 0, trues < tries])
}

fn evaluated(condition: &Condition, holds: &dyn Fn(usize) -> bool) -> bool {
    match condition {
        Condition::Selection(place) => holds(*place),
        Condition::Not(inner) => !evaluated(inner, holds),
        Condition::All(inner) => inner.iter().all(|one| evaluated(one, holds)),
        Condition::Any(inner) => inner.iter().any(|one| evaluated(one, holds)),
    }
}

/// A field with one value that would have to be several texts at once.
pub(super) fn torn_field<'f>(check: &Check, fields: &'f Fields) -> Option<&'f str> {
    let mut found = Vec::new();
    check.items(&mut |item| found.push(item.field));
    found.sort_unstable();
    found.dedup();
    let torn = found.into_iter().find(|field| {
        kind_of(&fields.get(*field).source, fields, fields.get(*field).table).is_some()
            && check.texts_of(*field).is_some_and(|texts| texts.is_empty())
    });
    torn.map(|field| &*fields.get(field).name)
}

/// The kind of the column that a field is. `None` for others, which may have several values of any kind.
pub(super) fn kind_of(source: &FieldSource, fields: &Fields, table: usize) -> Option<ColumnKind> {
    match source {
        FieldSource::Path(path) if path.names.is_empty() => {
            let kind = fields.tables[table].columns.get(path.column)?.kind;
            (kind != ColumnKind::Dynamic).then_some(kind)
        }
        FieldSource::Path(_)
        | FieldSource::First(_)
        | FieldSource::All(_)
        | FieldSource::Roles(_)
        | FieldSource::Contents(_)
        | FieldSource::Everything => None,
    }
}

/// Why no value of a column of this kind can be as it must be.
pub(super) fn misfit(kind: ColumnKind, matcher: &Matcher) -> Option<String> {
    let (is, example) = match kind {
        ColumnKind::String | ColumnKind::Dynamic => return None,
        ColumnKind::DateTime => ("a time", "2026-01-31T00:00:00Z"),
        ColumnKind::Long | ColumnKind::Real => ("a number", "42"),
    };
    let fits = |text: &String| match kind {
        ColumnKind::DateTime => is_second(&text.to_uppercase()),
        ColumnKind::Long => text.parse::<i64>().is_ok_and(|number| number.to_string() == *text),
        ColumnKind::Real => text.parse::<f64>().is_ok_and(|number| number.to_string() == *text),
        ColumnKind::String | ColumnKind::Dynamic => true,
    };
    if let Some(text) = matcher.exact.iter().find(|text| !fits(text)) {
        let shown = super::error::excerpt(text);
        return Some(format!("never equals `{shown}`: it is {is}, written as `{example}`"));
    }
    if !matcher.flags.is_empty() || !matcher.networks.is_empty() {
        return Some(format!("is {is}, which is neither a network nor `true` or `false`"));
    }
    None
}

/// Whether a text is a second as a row has it.
fn is_second(text: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(text).is_ok_and(|time| iso8601(time.timestamp()).as_str() == text)
}

#[cfg(test)]
mod tests {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less, NotEqual};

    use super::*;
    use crate::detect::rules::condition::parse;

    #[test]
    fn a_number_is_there_exactly_where_all_comparisons_leave_one() {
        let any = NumberRange::Any;
        assert!(any.has(&[(AtLeast, 5.0)]) && any.has(&[(Greater, 5.0), (Less, 5.5)]));
        assert!(any.has(&[(AtLeast, 5.0), (AtMost, 5.0)]) && any.has(&[(NotEqual, 5.0)]));
        assert!(!any.has(&[(AtLeast, 5.0), (Less, 3.0)]) && !any.has(&[(Greater, 5.0), (AtMost, 5.0)]));
        assert!(!any.has(&[(Equal, 5.0), (NotEqual, 5.0)]) && any.has(&[(AtMost, -1.0)]));
        let count = NumberRange::Count(1);
        assert!(count.has(&[(Greater, 5.0), (Less, 7.0)]) && !count.has(&[(Greater, 5.0), (Less, 6.0)]));
        assert!(!count.has(&[(Less, 1.0)]) && count.has(&[(Less, 1.5)]) && !count.has(&[(Equal, 2.5)]));
        assert!(!count.has(&[(AtMost, -1.0)]) && count.has(&[(AtLeast, 1e300)]));
        assert!(NumberRange::Count(0).has(&[(Less, 1.0)]));
    }

    #[test]
    fn a_condition_is_tried_with_everything_that_its_selections_can_be() {
        let names = ["a", "b", "c"];
        let found = |text: &str| outcomes(&parse(text, &names).unwrap());
        assert_eq!(found("a and not b or c"), Some([true, true]));
        assert_eq!(found("a and (b or c) and not a"), Some([false, true]));
        assert_eq!(found("a or not a"), Some([true, false]));
        let many: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(outcomes(&parse("all of them", &many).unwrap()), None);
    }

    #[test]
    fn a_time_is_a_second_in_the_one_form_that_rows_have() {
        assert!(is_second("2026-01-31T00:00:00Z"));
        for other in ["2026-01-31", "2026-01-31T00:00:00+00:00", "2026-01-31T00:00:00.5Z", "soon", ""] {
            assert!(!is_second(other), "{other}");
        }
    }
}
