//! JSON text without a tree: the members of an object, and the two ways in which text is laid out anew.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object in their order, repeated keys included.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Reads the members of `json` in one pass. What is not an object has none; after a fault, those before it count.
    pub(super) fn of(json: &'a [u8]) -> Self {
        let mut members = Self(Vec::with_capacity(24));
        // A fault is not an error here: mapping cannot fail, and what is missing becomes null.
        let _ = Collect(&mut members.0).deserialize(&mut serde_json::Deserializer::from_slice(json));
        members
    }

    /// The value under `key` as JSON text; of repeated keys the last one.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }
}

struct Collect<'m, 'a>(&'m mut Vec<(Cow<'a, str>, &'a str)>);

impl<'de: 'a, 'a> DeserializeSeed<'de> for Collect<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Collect<'_, 'a> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Keys are taken raw as well: one that cannot be decoded must not hide the members after it.
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            let value: &'de RawValue = map.next_value()?;
            let name = text(key.get()).unwrap_or(Cow::Borrowed(key.get()));
            self.0.push((name, value.get()));
        }
        Ok(())
    }
}

/// The text of a JSON string, borrowed when nothing in it is escaped; `None` for other JSON and for text that
/// Unicode cannot express (half of a surrogate pair).
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(json).ok().map(Cow::Owned)
}

/// JSON text without the white space between its tokens.
pub(super) fn compact(json: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    json.chars()
        .filter(|&letter| {
            let keep = inside || !matches!(letter, ' ' | '\t' | '\n' | '\r');
            if letter == '"' && !escaped {
                inside = !inside;
            }
            escaped = inside && letter == '\\' && !escaped;
            keep
        })
        .collect()
}

/// JSON on one line: without its raw line breaks, which are white space between tokens and forbidden inside strings.
/// Borrows when there are none. The bytes need not be valid JSON; then their line breaks go all the same.
pub fn one_line(json: &[u8]) -> Cow<'_, [u8]> {
    let mut breaks = memchr::memchr2_iter(b'\n', b'\r', json).peekable();
    if breaks.peek().is_none() {
        return Cow::Borrowed(json);
    }
    let mut line = Vec::with_capacity(json.len());
    let mut from = 0;
    for at in breaks {
        line.extend_from_slice(&json[from..at]);
        from = at + 1;
    }
    line.extend_from_slice(&json[from..]);
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_text_keeps_the_blanks_inside_strings() {
        assert_eq!(compact("{ \"a b\" :\n [1, \"c \\\" d\", \"\\\\\" ] }"), r#"{"a b":[1,"c \" d","\\"]}"#);
    }

    #[test]
    fn one_line_borrows_what_has_no_breaks_and_joins_what_has() {
        assert!(matches!(one_line(br#"{"a":"\n"}"#), Cow::Borrowed(_)));
        assert_eq!(one_line(b"{\r\n  \"a\": 1\n}\n").as_ref(), b"{  \"a\": 1}");
    }

    #[test]
    fn an_undecodable_key_does_not_hide_the_members_after_it() {
        let members = Members::of(br#"{"\ud800":1,"id":"a"}"#);
        assert_eq!(members.get("id"), Some(r#""a""#));
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert_eq!(text(r#""\ud83d""#), None);
        assert_eq!(text(r#""\ud83d\ude00""#).as_deref(), Some("😀"));
    }
}
