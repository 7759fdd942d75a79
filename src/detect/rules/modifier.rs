//! Modifiers: `EventDetails.name|contains|all`.

use super::{
    clock::DatePart,
    encoding::Utf16,
    error::{excerpt, unknown},
    matcher::MatchPlace,
};
use crate::detect::model::Comparison;

/// A modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Modifier {
    All,
    NotEqual,
    Cased,
    Exists,
    Place(MatchPlace),
    Windash,
    Utf16(Utf16),
    Base64,
    Base64Offset,
    Expand,
    Expression,
    IgnoreCase,
    MultiLine,
    SingleLine,
    Compare(Comparison),
    Date(DatePart),
    Cidr,
    FieldReference,
}

/// The modifiers of the specification, by name.
const MODIFIERS: [(&str, Modifier); 31] = [
    ("all", Modifier::All),
    ("base64", Modifier::Base64),
    ("base64offset", Modifier::Base64Offset),
    ("cased", Modifier::Cased),
    ("cidr", Modifier::Cidr),
    ("contains", Modifier::Place(MatchPlace::Inside)),
    ("day", Modifier::Date(DatePart::Day)),
    ("endswith", Modifier::Place(MatchPlace::End)),
    ("exists", Modifier::Exists),
    ("expand", Modifier::Expand),
    ("fieldref", Modifier::FieldReference),
    ("gt", Modifier::Compare(Comparison::Greater)),
    ("gte", Modifier::Compare(Comparison::AtLeast)),
    ("hour", Modifier::Date(DatePart::Hour)),
    ("i", Modifier::IgnoreCase),
    ("lt", Modifier::Compare(Comparison::Less)),
    ("lte", Modifier::Compare(Comparison::AtMost)),
    ("m", Modifier::MultiLine),
    ("minute", Modifier::Date(DatePart::Minute)),
    ("month", Modifier::Date(DatePart::Month)),
    ("neq", Modifier::NotEqual),
    ("re", Modifier::Expression),
    ("s", Modifier::SingleLine),
    ("startswith", Modifier::Place(MatchPlace::Start)),
    ("utf16", Modifier::Utf16(Utf16::Marked)),
    ("utf16be", Modifier::Utf16(Utf16::Be)),
    ("utf16le", Modifier::Utf16(Utf16::Le)),
    ("week", Modifier::Date(DatePart::Week)),
    ("wide", Modifier::Utf16(Utf16::Le)),
    ("windash", Modifier::Windash),
    ("year", Modifier::Date(DatePart::Year)),
];

/// What the modifiers of one entry make of its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ModifierChain {
    pub all: bool,
    pub negated: bool,
    pub cased: bool,
    pub meaning: ValueMeaning,
    /// What is done to texts, in order.
    pub steps: Vec<Modifier>,
    /// Where a text must be that is an expression or a field.
    pub place: MatchPlace,
}

/// What a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum ValueMeaning {
    /// A text with wildcards, a number, `true`, `false` or `null`.
    #[default]
    Plain,
    /// A regular expression.
    Expression { ignore_case: bool, multi_line: bool, single_line: bool },
    /// A number to compare with.
    Compare(Comparison),
    /// A number to compare a part of a date with.
    Date(DatePart, Comparison),
    /// A network.
    Cidr,
    /// The name of a field.
    FieldReference,
    /// Whether there is a value.
    Exists,
}

/// The name of the field, and the chain of its modifiers. The error says what is wrong with them.
pub(super) fn parse(key: &str) -> Result<(&str, ModifierChain), String> {
    let (field, modifiers) = match end_of_name(key) {
        Some(end) => (&key[..end], Some(&key[end + 1..])),
        None => (key, None),
    };
    let mut chain = ModifierChain::default();
    let mut earlier: Vec<&str> = Vec::new();
    for name in modifiers.into_iter().flat_map(|modifiers| modifiers.split('|')) {
        if name.is_empty() {
            return Err("a modifier is missing after `|`".to_owned());
        }
        let known = MODIFIERS.iter().find(|(known, _)| *known == name);
        let Some((_, modifier)) = known else {
            let names: Vec<_> = MODIFIERS.iter().map(|(name, _)| *name).collect();
            return Err(unknown("modifier", name, &names));
        };
        if earlier.contains(&name) {
            return Err(format!("`{}` is there twice", excerpt(name)));
        }
        if !chain.add(*modifier) {
            return Err(match earlier.as_slice() {
                [] => format!("`{name}` needs `re` before it"),
                earlier => format!("`{name}` cannot follow `{}`", earlier.join("|")),
            });
        }
        earlier.push(name);
    }
    let last = |wanted: fn(&Modifier) -> bool| chain.steps.iter().rposition(wanted);
    let placed = last(|step| matches!(step, Modifier::Place(_)));
    if last(|step| *step == Modifier::Base64Offset) > placed {
        return Err("`base64offset` makes pieces of longer texts: put `contains` after it".to_owned());
    }
    Ok((field, chain))
}

/// The place of the first `|` that is not in double quotes.
fn end_of_name(key: &str) -> Option<usize> {
    let mut quoted = false;
    key.char_indices().find_map(|(place, c)| {
        quoted ^= c == '"';
        (c == '|' && !quoted).then_some(place)
    })
}

impl ModifierChain {
    /// Adds a modifier; false if it cannot follow those before it.
    fn add(&mut self, modifier: Modifier) -> bool {
        let plain = self.meaning == ValueMeaning::Plain;
        let untouched = plain && self.steps.is_empty() && !self.cased;
        match modifier {
            Modifier::All => self.all = true,
            Modifier::NotEqual => self.negated = true,
            Modifier::Cased => {
                if !plain && self.meaning != ValueMeaning::FieldReference {
                    return false;
                }
                self.cased = true;
            }
            Modifier::Place(place) => match self.meaning {
                ValueMeaning::Plain => {
                    let placed = self.steps.iter().any(|step| matches!(step, Modifier::Place(_)));
                    self.steps.push(modifier);
                    return !placed;
                }
                ValueMeaning::Expression { .. } | ValueMeaning::FieldReference => {
                    let first = self.place == MatchPlace::Whole;
                    self.place = place;
                    return first;
                }
                ValueMeaning::Compare(_)
                | ValueMeaning::Date(..)
                | ValueMeaning::Cidr
                | ValueMeaning::Exists => return false,
            },
            Modifier::Expand => {
                if !plain && !matches!(self.meaning, ValueMeaning::Expression { .. }) {
                    return false;
                }
                self.steps.push(modifier);
            }
            Modifier::Windash | Modifier::Utf16(_) | Modifier::Base64 | Modifier::Base64Offset => {
                if !plain {
                    return false;
                }
                self.steps.push(modifier);
            }
            Modifier::Expression => {
                if !untouched {
                    return false;
                }
                self.meaning =
                    ValueMeaning::Expression { ignore_case: false, multi_line: false, single_line: false };
            }
            Modifier::IgnoreCase | Modifier::MultiLine | Modifier::SingleLine => {
                let ValueMeaning::Expression { ignore_case, multi_line, single_line } = &mut self.meaning
                else {
                    return false;
                };
                *ignore_case |= modifier == Modifier::IgnoreCase;
                *multi_line |= modifier == Modifier::MultiLine;
                *single_line |= modifier == Modifier::SingleLine;
            }
            Modifier::Compare(comparison) => match self.meaning {
                ValueMeaning::Plain if untouched => self.meaning = ValueMeaning::Compare(comparison),
                ValueMeaning::Date(part, Comparison::Equal) => {
                    self.meaning = ValueMeaning::Date(part, comparison)
                }
                ValueMeaning::Plain
                | ValueMeaning::Expression { .. }
                | ValueMeaning::Compare(_)
                | ValueMeaning::Date(..)
                | ValueMeaning::Cidr
                | ValueMeaning::FieldReference
                | ValueMeaning::Exists => return false,
            },
            Modifier::Date(part) => return self.mean(untouched, ValueMeaning::Date(part, Comparison::Equal)),
            Modifier::Cidr => return self.mean(untouched, ValueMeaning::Cidr),
            Modifier::FieldReference => {
                return self.mean(plain && self.steps.is_empty(), ValueMeaning::FieldReference);
            }
            Modifier::Exists => return self.mean(untouched, ValueMeaning::Exists),
        }
        true
    }

    fn mean(&mut self, allowed: bool, meaning: ValueMeaning) -> bool {
        if allowed {
            self.meaning = meaning;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_field_and_its_modifiers() {
        let (field, chain) = parse("EventDetails.name|contains|all").unwrap();
        assert_eq!(field, "EventDetails.name");
        assert_eq!((chain.all, chain.steps), (true, vec![Modifier::Place(MatchPlace::Inside)]));
        assert_eq!(parse("|all").unwrap().0, "");
        assert_eq!(parse(r#"Metadata."a|b"|cased"#).unwrap().0, r#"Metadata."a|b""#);
        let (_, chain) = parse("f|re|i|s").unwrap();
        let meaning = ValueMeaning::Expression { ignore_case: true, multi_line: false, single_line: true };
        assert_eq!(chain.meaning, meaning);
        let (_, chain) = parse("TimeGenerated|hour|gte").unwrap();
        assert_eq!(chain.meaning, ValueMeaning::Date(DatePart::Hour, Comparison::AtLeast));
    }

    #[test]
    fn modifiers_that_do_not_go_together_are_refused() {
        let errors: Vec<_> = [
            "f|contain",
            "f|",
            "f|contains|contains",
            "f|contains|startswith",
            "f|contains|re",
            "f|i",
            "f|re|cased",
            "f|re|base64",
            "f|lt|gt",
            "f|cidr|contains",
            "f|exists|all|cidr",
            "f|cased|lt",
            "f|hour|minute",
            "f|wide|fieldref",
            "f|median",
            "f|base64offset",
        ]
        .iter()
        .map(|key| parse(key).unwrap_err())
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        `contain` is not a modifier; did you mean `contains`?
        a modifier is missing after `|`
        `contains` is there twice
        `startswith` cannot follow `contains`
        `re` cannot follow `contains`
        `i` needs `re` before it
        `cased` cannot follow `re`
        `base64` cannot follow `re`
        `gt` cannot follow `lt`
        `contains` cannot follow `cidr`
        `cidr` cannot follow `exists|all`
        `lt` cannot follow `cased`
        `minute` cannot follow `hour`
        `fieldref` cannot follow `wide`
        `median` is not a modifier
        `base64offset` makes pieces of longer texts: put `contains` after it
        "#);
    }
}
