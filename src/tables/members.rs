//! The members of a JSON object, found without a tree: names and values are slices of the text.

use std::borrow::Cow;

use super::json_scanner::JsonScanner;

/// Members of an object: name and value, in their order, including repeated names.
type FoundMembers<'a> = Vec<(Cow<'a, [u8]>, &'a [u8])>;

/// The members of an object, and those of one object inside it.
pub(super) struct Members<'a> {
    own: FoundMembers<'a>,
    opened: FoundMembers<'a>,
}

impl<'a> Members<'a> {
    /// Finds the members of `json`, and in the same pass those of the object under the key `open`. Anything
    /// but an object has none; after a syntax error, the members before it count.
    pub(super) fn of(json: &'a [u8], open: Option<&str>) -> Self {
        let mut members = Self { own: Vec::with_capacity(24), opened: Vec::with_capacity(8) };
        // A syntax error is not an error here: mapping cannot fail, and a missing value becomes null.
        let _ = members.collect(&mut JsonScanner::of(json), open);
        members
    }

    fn collect(&mut self, steps: &mut JsonScanner<'a>, open: Option<&str>) -> Option<()> {
        let opened = &mut self.opened;
        let own = &mut self.own;
        steps.members(|steps, name| {
            if open.is_some_and(|open| open.as_bytes() == name.as_ref()) {
                opened.clear();
                if steps.comes(b'{') {
                    let start = steps.at();
                    let whole = steps.members(|steps, name| {
                        opened.push((name, steps.value()?));
                        Some(())
                    });
                    own.push((name, steps.since(start)?));
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

fn last<'a>(found: &FoundMembers<'a>, key: &[u8]) -> Option<&'a [u8]> {
    found.iter().rev().find(|(name, _)| name.as_ref() == key).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
