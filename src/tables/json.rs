//! JSON text as other text: what a string says, and the two ways to reformat a value.

use std::borrow::Cow;

/// The bytes between the quotes of a JSON string, when nothing in it is escaped.
pub(super) fn unescaped(json: &[u8]) -> Option<&[u8]> {
    let inner = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    memchr::memchr(b'\\', inner).is_none().then_some(inner)
}

/// Whether this is a JSON string that has a text.
pub(super) fn is_text(json: &[u8]) -> bool {
    unescaped(json).is_some() || text(json).is_some()
}

/// The text of a JSON string, borrowed when nothing in it is escaped; `None` for other JSON and for text that
/// Unicode cannot express (half of a surrogate pair).
pub fn text(json: &[u8]) -> Option<Cow<'_, str>> {
    match unescaped(json) {
        Some(inner) => std::str::from_utf8(inner).ok().map(Cow::Borrowed),
        None => serde_json::from_slice::<String>(json).ok().map(Cow::Owned),
    }
}

/// JSON text without the white space between its tokens.
pub fn compact(json: &[u8]) -> String {
    let (mut inside, mut escaped) = (false, false);
    String::from_utf8_lossy(json)
        .chars()
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
        assert_eq!(compact(b"{ \"a b\" :\n [1, \"c \\\" d\", \"\\\\\" ] }"), r#"{"a b":[1,"c \" d","\\"]}"#);
    }

    #[test]
    fn one_line_borrows_what_has_no_breaks_and_joins_what_has() {
        assert!(matches!(one_line(br#"{"a":"\n"}"#), Cow::Borrowed(_)));
        assert_eq!(one_line(b"{\r\n  \"a\": 1\n}\n").as_ref(), b"{  \"a\": 1}");
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert_eq!(text(br#""\ud83d""#), None);
        assert_eq!(text(br#""\ud83d\ude00""#).as_deref(), Some("😀"));
    }
}
