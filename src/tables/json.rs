//! JSON text without a tree: the members of an object, and the two ways in which text is laid out anew.
//!
//! A record was found to be valid JSON when its page came. Here values are only stepped over, which costs a fraction of
//! reading them again; of text that is not valid JSON the members are some or none, and nothing breaks.

use std::borrow::Cow;

/// The members of an object in their order, repeated keys included.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Finds the members of `json` in one pass. What is not an object has none; after a fault, those before it count.
    pub(super) fn of(json: &'a str) -> Self {
        let mut members = Self(Vec::with_capacity(24));
        let mut steps = Steps { json, at: 0 };
        // A fault is not an error here: mapping cannot fail, and what is missing becomes null.
        let _ = members.collect(&mut steps);
        members
    }

    fn collect(&mut self, steps: &mut Steps<'a>) -> Option<()> {
        let mut before = b'{';
        while steps.next_is(before) {
            // An empty object ends here.
            let key = steps.value().filter(|key| key.starts_with('"'))?;
            let name = text(key).unwrap_or(Cow::Borrowed(key));
            steps.next_is(b':').then_some(())?;
            self.0.push((name, steps.value()?));
            before = b',';
        }
        Some(())
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

/// Steps over JSON text, value by value.
struct Steps<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Steps<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over this mark, if it comes next.
    fn next_is(&mut self, mark: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(mark);
        self.at += usize::from(found);
        found
    }

    /// Steps over a whole value.
    fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        match self.peek()? {
            b'"' => self.string()?,
            b'{' | b'[' => self.nested()?,
            _ => {
                while !matches!(self.peek(), None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')) {
                    self.at += 1;
                }
            }
        }
        self.json.get(start..self.at).filter(|value| !value.is_empty())
    }

    /// Steps over a string: to behind the next quote that no backslash stands before.
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            let rest = self.json.as_bytes().get(self.at..)?;
            let found = memchr::memchr2(b'"', b'\\', rest)?;
            self.at += found + 1;
            if rest.get(found) == Some(&b'"') {
                return Some(());
            }
            self.at += 1;
        }
    }

    /// Steps over an object or an array: to behind the bracket that closes it.
    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
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
        let members = Members::of(r#"{"\ud800":1,"id":"a"}"#);
        assert_eq!(members.get("id"), Some(r#""a""#));
    }

    #[test]
    fn members_are_found_whatever_their_values_hold() {
        let json = r#" { "a" : "}\"]{" , "b":[{"c":"\\"},[]] ,"d":-1.5e3,"e":{ "f":null } , "g":true }"#;
        let members = Members::of(json);
        let found: Vec<_> = members.keys().map(|key| (key, members.get(key).unwrap())).collect();
        let values = [
            ("a", r#""}\"]{""#),
            ("b", r#"[{"c":"\\"},[]]"#),
            ("d", "-1.5e3"),
            ("e", r#"{ "f":null }"#),
            ("g", "true"),
        ];
        assert_eq!(found, values);
    }

    #[test]
    fn every_cut_and_every_change_of_a_byte_is_survived() {
        let json = r#"{"a":"\u00e9\"","b":[{"c":1.5},"]"],"d":{"e":null},"f":-0}"#;
        for place in 0..json.len() {
            Members::of(&json[..place]);
            for byte in [b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b' ', b'x'] {
                let mut bytes = json.as_bytes().to_vec();
                bytes[place] = byte;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(Members::of(&changed).keys().count() <= changed.len());
            }
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert_eq!(text(r#""\ud83d""#), None);
        assert_eq!(text(r#""\ud83d\ude00""#).as_deref(), Some("😀"));
    }
}
