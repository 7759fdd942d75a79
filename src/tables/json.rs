//! JSON text without a tree: the members of an object, and the two ways in which text is laid out anew.
//!
//! A record was found to be valid JSON when its page came. Here values are only stepped over, which costs a fraction of
//! reading them again; of text that is not valid JSON the members are some or none, and nothing breaks.

use std::borrow::Cow;

/// Members of an object: name and value, in their order, repeated keys included.
type Found<'a> = Vec<(Cow<'a, [u8]>, &'a [u8])>;

/// The members of an object, and those of one object in it.
pub(super) struct Members<'a> {
    own: Found<'a>,
    opened: Found<'a>,
}

impl<'a> Members<'a> {
    /// Finds the members of `json` in one pass, and in the same pass those of the object under the key `open`. What is
    /// not an object has none; after a fault, those before it count.
    pub(super) fn of(json: &'a [u8], open: Option<&str>) -> Self {
        let mut members = Self { own: Vec::with_capacity(24), opened: Vec::with_capacity(8) };
        // A fault is not an error here: mapping cannot fail, and what is missing becomes null.
        let _ = members.collect(&mut Steps::of(json), open);
        members
    }

    fn collect(&mut self, steps: &mut Steps<'a>, open: Option<&str>) -> Option<()> {
        let opened = &mut self.opened;
        let own = &mut self.own;
        steps.members(|steps, name| {
            if open.is_some_and(|open| open.as_bytes() == name.as_ref()) {
                opened.clear();
                if steps.comes(b'{') {
                    let start = steps.at;
                    let whole = steps.members(|steps, name| {
                        opened.push((name, steps.value()?));
                        Some(())
                    });
                    own.push((name, steps.json.get(start..steps.at)?));
                    return whole;
                }
            }
            own.push((name, steps.value()?));
            Some(())
        })
    }

    /// The value under `key` as JSON text; of repeated keys the last one.
    pub(super) fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        last(&self.own, key)
    }

    /// The value under `key` in the object that was opened.
    pub(super) fn get_inner(&self, key: &[u8]) -> Option<&'a [u8]> {
        last(&self.opened, key)
    }

    /// The keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.own.iter().map(|(name, _)| String::from_utf8_lossy(name))
    }
}

fn last<'a>(found: &Found<'a>, key: &[u8]) -> Option<&'a [u8]> {
    found.iter().rev().find(|(name, _)| name.as_ref() == key).map(|(_, value)| *value)
}

/// Steps over JSON text, value by value.
pub struct Steps<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Steps<'a> {
    /// Stands before the first value of `json`.
    pub fn of(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }

    /// Steps over an object; `each` gets every name, and must step over its value. `None` when it is no object, or as
    /// soon as `each` answers that. A name that cannot be decoded is given as it stands, with its quotes.
    pub fn members(&mut self, mut each: impl FnMut(&mut Self, Cow<'a, [u8]>) -> Option<()>) -> Option<()> {
        self.next_is(b'{').then_some(())?;
        if self.next_is(b'}') {
            return Some(());
        }
        loop {
            let key = self.comes(b'"').then(|| self.value())??;
            self.next_is(b':').then_some(())?;
            each(self, name(key))?;
            if !self.next_is(b',') {
                return self.next_is(b'}').then_some(());
            }
        }
    }

    /// Steps over a value; `each` must step over what is no array: the value itself, or the elements of the array that it
    /// is, and of arrays in it. However deep they are, the stack does not grow.
    pub fn elements(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            if self.next_is(b'[') {
                depth += 1;
                if !self.next_is(b']') {
                    continue;
                }
                depth -= 1;
            } else {
                each(self)?;
            }
            while depth > 0 && !self.next_is(b',') {
                self.next_is(b']').then_some(())?;
                depth -= 1;
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Where it stands: so many bytes are stepped over.
    pub fn at(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// Whether this mark comes next.
    pub fn comes(&mut self, mark: u8) -> bool {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.peek() == Some(mark)
    }

    /// Steps over this mark, if it comes next.
    fn next_is(&mut self, mark: u8) -> bool {
        let found = self.comes(mark);
        self.at += usize::from(found);
        found
    }

    /// Steps over a whole value.
    pub fn value(&mut self) -> Option<&'a [u8]> {
        let is_text = self.comes(b'"');
        let start = self.at;
        match self.peek()? {
            _ if is_text => self.string()?,
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
            let rest = self.json.get(self.at..)?;
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

/// The name that a key stands for; one that cannot be decoded stands for itself.
fn name(key: &[u8]) -> Cow<'_, [u8]> {
    match unescaped(key) {
        Some(name) => Cow::Borrowed(name),
        None => text(key).map_or(Cow::Borrowed(key), |text| Cow::Owned(text.into_owned().into_bytes())),
    }
}

/// The bytes between the quotes of a JSON string, when nothing in it is escaped.
fn unescaped(json: &[u8]) -> Option<&[u8]> {
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
    fn an_undecodable_key_does_not_hide_the_members_after_it() {
        let members = Members::of(br#"{"\ud800":1,"id":"a"}"#, None);
        assert_eq!(members.get(b"id"), Some(br#""a""#.as_slice()));
    }

    #[test]
    fn members_are_found_whatever_their_values_hold() {
        let json =
            r#" { "a" : "}\"]{" , "b":[{"c":"\\"},[]] ,"d":-1.5e3,"e":{ "f":null } , "g":true,"h":{}}"#;
        let members = Members::of(json.as_bytes(), None);
        let text = |key: &str| std::str::from_utf8(members.get(key.as_bytes()).unwrap()).unwrap();
        let found: Vec<_> = members.keys().map(|key| format!("{key}={}", text(&key))).collect();
        let values =
            [r#"a="}\"]{""#, r#"b=[{"c":"\\"},[]]"#, "d=-1.5e3", r#"e={ "f":null }"#, "g=true", "h={}"];
        assert_eq!(found, values);
    }

    #[test]
    fn the_object_that_is_opened_is_found_whole_and_in_its_members() {
        let json = br#"{"x":1,"actor": { "type":"session","session":{"a":[{}]} },"y":2}"#;
        let members = Members::of(json, Some("actor"));
        assert_eq!(members.get(b"actor"), Some(br#"{ "type":"session","session":{"a":[{}]} }"#.as_slice()));
        assert_eq!(members.get_inner(b"session"), Some(br#"{"a":[{}]}"#.as_slice()));
        assert_eq!(members.get(b"y"), Some(b"2".as_slice()));
        let repeated = Members::of(br#"{"actor":{"type":1},"actor":null}"#, Some("actor"));
        assert_eq!((repeated.get(b"actor"), repeated.get_inner(b"type")), (Some(b"null".as_slice()), None));
    }

    #[test]
    fn every_cut_and_every_change_of_a_byte_is_survived() {
        let json = br#"{"a":"\u00e9\"","b":[{"c":1.5},"]"],"d":{"e":null},"f":-0}"#;
        for place in 0..json.len() {
            Members::of(&json[..place], Some("d"));
            for byte in *b"\"\\{}[],: x\xff" {
                let mut changed = json.to_vec();
                changed[place] = byte;
                assert!(Members::of(&changed, Some("d")).keys().count() <= changed.len());
            }
        }
    }

    #[test]
    fn elements_are_those_of_arrays_of_any_depth_and_a_value_that_is_none_stands_for_itself() {
        let elements = |json: &str| {
            let mut found = Vec::new();
            let mut steps = Steps::of(json.as_bytes());
            steps.elements(|steps| {
                found.push(String::from_utf8_lossy(steps.value()?).into_owned());
                Some(())
            })?;
            Some((found, steps.at()))
        };
        let of = |found: &[&str], at| Some((found.iter().map(ToString::to_string).collect::<Vec<_>>(), at));
        assert_eq!(
            elements("[1, [[], \"a,]\"],[ ] ,{\"b\":[2]}] ,3"),
            of(&["1", "\"a,]\"", "{\"b\":[2]}"], 31)
        );
        assert_eq!(elements(" 5,6"), of(&["5"], 2));
        assert_eq!(elements("[1"), None);
        assert_eq!(elements("[1}"), None);
        assert!(elements(&("[".repeat(200_000) + &"]".repeat(200_000))).is_some());
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert_eq!(text(br#""\ud83d""#), None);
        assert_eq!(text(br#""\ud83d\ude00""#).as_deref(), Some("😀"));
    }
}
