//! YAML documents as values that know their line.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{
    Options, Spanned,
    options::{DuplicateKeyPolicy, MergeKeyPolicy},
};

/// No rule is larger; this bounds what one file costs.
pub(super) const FILE_BYTES_MAX: usize = 1 << 20;

/// Documents of one file. A correlation and its inputs are a handful.
const DOCUMENTS_MAX: usize = 64;

/// A rule nests about six deep. This bounds the stack of everything that reads nodes.
const DEPTH_MAX: usize = 24;

/// Values of one file, those that aliases repeat included.
const NODES_MAX: usize = 20_000;

/// A value, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct YamlNode {
    pub line: u32,
    pub value: NodeValue,
}

/// A value of YAML.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NodeValue {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<YamlNode>),
    /// Keys with their lines, in order, each once.
    Map(Vec<(String, u32, YamlNode)>),
}

impl YamlNode {
    /// What it is, for errors.
    pub fn kind(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "true or false",
            NodeValue::Integer(_) | NodeValue::Float(_) => "a number",
            NodeValue::Text(_) => "a text",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a map",
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Integer(_)
            | NodeValue::Float(_)
            | NodeValue::List(_)
            | NodeValue::Map(_) => None,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self.value {
            NodeValue::Integer(whole) => Some(whole as f64),
            NodeValue::Float(number) => Some(number),
            NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Text(_)
            | NodeValue::List(_)
            | NodeValue::Map(_) => None,
        }
    }

    /// Writes the value without its lines: two nodes that mean the same are written alike.
    pub fn write(&self, out: &mut String) {
        use std::fmt::Write as _;
        // Writing to memory cannot fail.
        _ = match &self.value {
            NodeValue::Null => out.write_str("~"),
            NodeValue::Bool(value) => write!(out, "b{value}"),
            NodeValue::Integer(whole) => write!(out, "i{whole}"),
            NodeValue::Float(number) => write!(out, "f{number:?}"),
            NodeValue::Text(text) => write!(out, "t{text:?}"),
            NodeValue::List(elements) => {
                out.push('[');
                for element in elements {
                    element.write(out);
                    out.push(',');
                }
                out.write_char(']')
            }
            NodeValue::Map(members) => {
                out.push('{');
                for (name, _, member) in members {
                    _ = write!(out, "{name:?}:");
                    member.write(out);
                    out.push(',');
                }
                out.write_char('}')
            }
        };
    }
}

/// Why a file is not YAML: the line, if known, and the reason.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub line: u32,
    pub reason: String,
}

/// Reads the documents of a file; empty ones are left out.
pub(super) fn documents(text: &str) -> Result<Vec<YamlNode>, Unreadable> {
    if text.len() > FILE_BYTES_MAX {
        let reason = format!("{} bytes; a rule file has at most {FILE_BYTES_MAX}", text.len());
        return Err(Unreadable { line: 0, reason });
    }
    let read = serde_saphyr::from_multiple_with_options::<Spanned<Plain>>(text, options());
    match read {
        Ok(documents) => Ok(documents.into_iter().map(YamlNode::from).collect()),
        Err(error) => {
            let line = error.location().map_or(0, |location| line(location.line()));
            Err(Unreadable { line, reason: reason(&error.without_snippet().to_string()) })
        }
    }
}

/// The reason without its place, which is shown before it, and without what is only for programmers.
fn reason(text: &str) -> String {
    if text.contains("budget breached") || text.contains("recursion limit") {
        return format!(
            "larger than a rule file can be: {NODES_MAX} values, {DEPTH_MAX} levels, {DOCUMENTS_MAX} documents"
        );
    }
    let first = text.lines().next().unwrap_or_default();
    let reason = first.split(" at line ").next().unwrap_or_default();
    let reason = reason.split(", set ").next().unwrap_or_default();
    format!("not valid YAML: {}", reason.trim_end_matches(" by configured policy"))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: DOCUMENTS_MAX,
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 4 * NODES_MAX,
            max_total_scalar_bytes: 2 * FILE_BYTES_MAX,
            flow_nesting_limit: DEPTH_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        // `NO` is a country, and `0123` is no number, in a rule as in a record.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn line(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// A value whose elements know their lines.
#[derive(Debug)]
enum Plain {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Plain>>),
    Map(Vec<(Spanned<String>, Spanned<Plain>)>),
}

impl From<Spanned<Plain>> for YamlNode {
    fn from(plain: Spanned<Plain>) -> Self {
        let line = line(plain.referenced.line());
        let value = match plain.value {
            Plain::Null => NodeValue::Null,
            Plain::Bool(value) => NodeValue::Bool(value),
            Plain::Integer(whole) => NodeValue::Integer(whole),
            Plain::Float(number) => NodeValue::Float(number),
            Plain::Text(text) => NodeValue::Text(text),
            Plain::List(elements) => NodeValue::List(elements.into_iter().map(Self::from).collect()),
            Plain::Map(members) => {
                let member = |(name, member): (Spanned<String>, Spanned<Plain>)| {
                    (name.value, self::line(name.referenced.line()), Self::from(member))
                };
                NodeValue::Map(members.into_iter().map(member).collect())
            }
        };
        Self { line, value }
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Plain;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Plain, E> {
                Ok(Plain::Null)
            }
            fn visit_none<E>(self) -> Result<Plain, E> {
                Ok(Plain::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Plain, D::Error> {
                Plain::deserialize(deserializer)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
                Ok(Plain::Bool(value))
            }
            fn visit_i64<E>(self, whole: i64) -> Result<Plain, E> {
                Ok(Plain::Integer(whole))
            }
            fn visit_u64<E>(self, whole: u64) -> Result<Plain, E> {
                Ok(i64::try_from(whole).map_or(Plain::Float(whole as f64), Plain::Integer))
            }
            fn visit_i128<E>(self, whole: i128) -> Result<Plain, E> {
                Ok(Plain::Float(whole as f64))
            }
            fn visit_u128<E>(self, whole: u128) -> Result<Plain, E> {
                Ok(Plain::Float(whole as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Plain, E> {
                Ok(Plain::Float(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
                Ok(Plain::Text(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<Plain, E> {
                Ok(Plain::Text(text))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Plain, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Plain::List(elements))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Plain::Map(members))
            }
        }
        deserializer.deserialize_any(Values)
    }
}
