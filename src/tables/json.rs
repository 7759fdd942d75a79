//! JSON text as other text: the content of a string, and two ways to reformat a value.

use std::{borrow::Cow, fmt, iter};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use super::{
    json_scanner::{JsonScanner, mark},
    unescape::unescape,
};

/// The bytes between the quotes of a JSON string, if it has no escapes.
pub(super) fn unescaped(json: &[u8]) -> Option<&[u8]> {
    let inner = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    // There is no quote in it, so a mark is a backslash.
    mark(inner).is_none().then_some(inner)
}

/// Whether this is a JSON string that Unicode can express.
pub(super) fn is_text(json: &[u8]) -> bool {
    unescaped(json).is_some() || text(json).is_some()
}

/// The text of a JSON string, borrowed if it has no escapes; `None` for other JSON and for text that Unicode
/// cannot express (half of a surrogate pair).
pub fn text(json: &[u8]) -> Option<Cow<'_, str>> {
    match unescaped(json) {
        Some(inner) => std::str::from_utf8(inner).ok().map(Cow::Borrowed),
        None => unescape(json).map(Cow::Owned),
    }
}

/// The text of a JSON string, with U+FFFD in place of what Unicode cannot express; `None` for other JSON.
pub fn lossy_text(json: &[u8]) -> Option<Cow<'_, str>> {
    text(json).or_else(|| {
        let ByteText(bytes) = serde_json::from_slice(json).ok()?;
        Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
    })
}

/// A JSON string as bytes, in which half of a surrogate pair is written like another character: no UTF-8.
struct ByteText(Vec<u8>);

impl<'de> Deserialize<'de> for ByteText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = ByteText;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<ByteText, E> {
                Ok(ByteText(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// JSON text without the white space between its tokens, with U+FFFD in place of what is not UTF-8.
pub fn compact(json: &[u8]) -> String {
    String::from_utf8_lossy(&compact_bytes(json)).into_owned()
}

/// JSON text without the white space between its tokens. Borrows where there is none.
pub(super) fn compact_bytes(json: &[u8]) -> Cow<'_, [u8]> {
    let mut parts = compact_parts(json);
    let first = parts.next().unwrap_or_default();
    let Some(second) = parts.next() else { return Cow::Borrowed(first) };
    let mut compact = Vec::with_capacity(json.len());
    [first, second].into_iter().chain(parts).for_each(|part| compact.extend_from_slice(part));
    Cow::Owned(compact)
}

/// The parts of compact JSON text: what is between the white space that is between its tokens. There is one, where there
/// is no such white space.
pub fn compact_parts(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut steps = JsonScanner::of(json);
    iter::from_fn(move || steps.part())
}

/// JSON on one line: without its raw line breaks, which are white space between tokens and forbidden inside
/// strings. Borrows if there are none. In text that is not JSON the line breaks are removed as well.
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
        assert_eq!(compact(b"{ \"a b\" :\n [1, \"c \\\" d\", \"\\\\\" ] }"), r#"{"a b":[1,"c \" d","\\"]}"#);
    }

    #[test]
    fn compact_text_is_borrowed_where_nothing_goes_and_valid_text_means_the_same() {
        for json in [r#"{"a b":[1,"c \" \\",true],"d":{}}"#, "\"a b\"", "1", " [1]\n"] {
            assert!(matches!(compact_bytes(json.as_bytes()), Cow::Borrowed(_)), "{json}");
        }
        let value = serde_json::json!({"a": [1.5, "b \" \\ \n", {"": [[], {}, null]}], "é": "\u{1}"});
        let pretty = serde_json::to_vec_pretty(&value).expect("in memory");
        assert_eq!(compact_bytes(&pretty).as_ref(), value.to_string().as_bytes());
    }

    #[test]
    fn what_is_no_json_is_survived_cut_at_any_place() {
        let json = b"{ \"a\\\" \" : [ 1 , \"\xff\" ] }";
        for end in 0..json.len() {
            assert!(compact_bytes(&json[..end]).len() <= end);
        }
        assert!(compact_bytes(b" \n ").is_empty());
    }

    #[test]
    fn one_line_borrows_what_has_no_breaks_and_joins_what_has() {
        assert!(matches!(one_line(br#"{"a":"\n"}"#), Cow::Borrowed(_)));
        assert_eq!(one_line(b"{\r\n  \"a\": 1\n}\n").as_ref(), b"{  \"a\": 1}");
    }

    #[test]
    fn what_unicode_cannot_express_is_replaced_in_a_lossy_text_and_nothing_else() {
        assert_eq!(lossy_text(br#""a \ud83d b \u00e9""#).as_deref(), Some("a \u{fffd}\u{fffd}\u{fffd} b é"));
        assert_eq!(lossy_text(br#""\ud83d\ude00""#).as_deref(), Some("😀"));
        assert!(matches!(lossy_text(br#""plain""#), Some(Cow::Borrowed("plain"))));
        for json in ["1", "[1]", "{}", "null", "\"cut", ""] {
            assert_eq!(lossy_text(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert_eq!(text(br#""\ud83d""#), None);
        assert_eq!(text(br#""\ud83d\ude00""#).as_deref(), Some("😀"));
    }
}
