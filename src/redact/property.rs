//! Redaction against a plain model: trees of any shape, with duplicate and escaped names, written with any
//! white space. The model has its own tree, because a `serde_json::Value` has neither duplicates nor order.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tables::{AUDIT_LOGS, compact};

const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Few, so that paths often match.
const NAMES: [&str; 5] = ["a", "b", "c.d", "id", "object"];

#[derive(Clone, Debug)]
enum Tree {
    /// JSON text of a single value.
    Leaf(String),
    Array(Vec<Tree>),
    /// Names as written in the text, in quotes.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn write(&self, space: &str, out: &mut String) {
        let separate = |out: &mut String, place: usize| {
            out.push_str(if place == 0 { "" } else { "," });
            out.push_str(space);
        };
        match self {
            Self::Leaf(text) => out.push_str(text),
            Self::Array(elements) => {
                out.push('[');
                for (place, element) in elements.iter().enumerate() {
                    separate(out, place);
                    element.write(space, out);
                }
                out.push_str(space);
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (place, (name, value)) in members.iter().enumerate() {
                    separate(out, place);
                    *out += &format!("{name}{space}:{space}");
                    value.write(space, out);
                    out.push_str(space);
                }
                out.push_str(space);
                out.push('}');
            }
        }
    }

    fn text(&self, space: &str) -> String {
        let mut out = String::new();
        self.write(space, &mut out);
        out
    }

    /// Applies the rules in the simplest way: one after the other, from the top.
    fn redact(&mut self, names: &[&str], action: RuleAction) {
        match self {
            Self::Leaf(_) => {}
            Self::Array(elements) => elements.iter_mut().for_each(|element| element.redact(names, action)),
            Self::Object(members) => {
                let (first, rest) = names.split_first().unwrap();
                let is_named = |name: &str| serde_json::from_str::<String>(name).unwrap() == *first;
                if rest.is_empty() && action == RuleAction::Drop {
                    members.retain(|(name, _)| !is_named(name));
                }
                for (_, value) in members.iter_mut().filter(|(name, _)| is_named(name)) {
                    match (rest, action) {
                        ([], RuleAction::Drop) => {}
                        ([], RuleAction::Mask) => *value = Self::Leaf("\"[masked]\"".to_owned()),
                        ([], RuleAction::Hash) => value.hash(),
                        (rest, action) => value.redact(rest, action),
                    }
                }
            }
        }
    }

    fn hash(&mut self) {
        match self {
            Self::Leaf(text) if text == "null" => {}
            Self::Array(elements) => elements.iter_mut().for_each(Self::hash),
            Self::Leaf(_) | Self::Object(_) => {
                let hash = Hasher::new(&KEY.into()).unwrap().quoted(self.text("").as_bytes());
                *self = Self::Leaf(String::from_utf8(hash).unwrap());
            }
        }
    }
}

fn leaf() -> impl Strategy<Value = Tree> {
    const SCALARS: [&str; 7] =
        ["null", "true", "-1.50e3", "9223372036854775808", "\"\"", r#""\u00e9\"\\""#, r#""a,]}{[:""#];
    prop_oneof![prop::sample::select(&SCALARS[..]).prop_map(str::to_owned), "\"[a-z \\{\\},:]{0,6}\""]
        .prop_map(Tree::Leaf)
}

fn name() -> impl Strategy<Value = String> {
    let escaped =
        prop::sample::select(&["\"\\u0061\"", "\"\\u0062\"", "\"c\\u002ed\""][..]).prop_map(str::to_owned);
    prop_oneof![4 => prop::sample::select(&NAMES[..]).prop_map(|name| format!("{name:?}")), 1 => escaped]
}

fn object(value: impl Strategy<Value = Tree> + Clone) -> impl Strategy<Value = Tree> {
    prop::collection::vec((name(), value), 0..6).prop_map(Tree::Object)
}

fn record() -> impl Strategy<Value = Tree> {
    let inner = leaf().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::Array), object(inner)]
    });
    object(inner)
}

fn rules() -> impl Strategy<Value = Vec<(Vec<&'static str>, RuleAction)>> {
    let action = prop::sample::select(&[RuleAction::Drop, RuleAction::Mask, RuleAction::Hash][..]);
    let names = prop::collection::vec(prop::sample::select(&NAMES[..]), 1..4);
    prop::collection::vec((names, action), 0..5)
}

/// The rules that are compatible with those before them.
fn fitting(wanted: Vec<(Vec<&'static str>, RuleAction)>) -> (Vec<(Vec<&'static str>, RuleAction)>, Rules) {
    let (mut named, mut list) = (Vec::new(), Vec::new());
    for (names, action) in wanted {
        let text: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        let Ok(path) = Path::parse(&text.join(".")) else { continue };
        list.push(RedactionRule { path, action });
        match Rules::new(list.clone(), None, &AUDIT_LOGS) {
            Ok(_) => named.push((names, action)),
            Err(_) => drop(list.pop()),
        }
    }
    (named, Rules::new(list, None, &AUDIT_LOGS).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_what_the_paths_name_is_changed(
        record in record(),
        wanted in rules(),
        space in prop::sample::select(&["", " ", "\r\n\t"][..]),
    ) {
        let (named, rules) = fitting(wanted);
        let redaction = Redaction::new(rules, Some(Hasher::new(&KEY.into()).unwrap()));
        let raw = Bytes::from(record.text(space));
        let redacted = redaction.record(&raw).unwrap();
        prop_assert!(serde_json::from_slice::<Value>(&redacted).is_ok());

        let mut model = record.clone();
        named.iter().for_each(|(names, action)| model.redact(names, *action));
        prop_assert_eq!(compact(&redacted), compact(model.text("").as_bytes()));
        if model.text("") == record.text("") {
            prop_assert_eq!(&redacted, &raw, "nothing named, and yet not as received");
        }
    }
}
