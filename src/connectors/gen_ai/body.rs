//! The body of a request: as the caller gave it, byte by byte, except for the few members that Kibana sets.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

const INCLUDE_USAGE: &str = r#"{"include_usage":true}"#;

/// What is set in a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyChanges<'a> {
    /// For a body that names no model.
    pub(super) model: Option<&'a str>,
    /// `stream`, whatever the body says.
    pub(super) stream: bool,
    /// Whether a stream is asked to end with the tokens that it used.
    pub(super) include_usage: bool,
}

/// A body with its changes. One that is no JSON object is left as it is: the other side says what is wrong with it.
pub(super) fn changed<'a>(body: &'a str, changes: BodyChanges<'_>) -> Cow<'a, str> {
    let Some(mut edits) = Edits::of(body) else { return Cow::Borrowed(body) };
    if let Some(model) = changes.model
        && edits.last("model").is_none_or(|model| matches!(model, "null" | "\"\""))
    {
        edits.set("model", serde_json::Value::from(model).to_string());
    }
    edits.set("stream", changes.stream.to_string());
    if changes.stream && changes.include_usage {
        let options = edits.last("stream_options").and_then(|options| {
            let mut options = Edits::of(options)?;
            options.set("include_usage", "true".to_owned());
            Some(options.applied().into_owned())
        });
        edits.set("stream_options", options.unwrap_or_else(|| INCLUDE_USAGE.to_owned()));
    }
    edits.applied()
}

/// Changes of an object's members that leave every other byte alone.
struct Edits<'a> {
    object: &'a str,
    members: RawMembers<'a>,
    replaced: Vec<(Range<usize>, String)>,
    added: String,
}

impl<'a> Edits<'a> {
    /// None of an object yet; `None` if the text is no object.
    fn of(object: &'a str) -> Option<Self> {
        let members = serde_json::from_str(object).ok()?;
        Some(Self { object, members, replaced: Vec::new(), added: String::new() })
    }

    /// The value of a member, as text. Of several, the last one counts, as it does for most readers.
    fn last(&self, name: &str) -> Option<&'a str> {
        self.members.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.get())
    }

    /// Sets a member: each that has this name, or a new one.
    fn set(&mut self, name: &str, value: String) {
        let mut is_known = false;
        for (_, old) in self.members.0.iter().filter(|(known, _)| known == name) {
            is_known = true;
            if old.get() != value {
                let begin = old.get().as_ptr() as usize - self.object.as_ptr() as usize;
                self.replaced.push((begin..begin + old.get().len(), value.clone()));
            }
        }
        if !is_known {
            let comma = if self.members.0.is_empty() && self.added.is_empty() { "" } else { "," };
            self.added.push_str(&format!("{comma}\"{name}\":{value}"));
        }
    }

    fn applied(mut self) -> Cow<'a, str> {
        if self.replaced.is_empty() && self.added.is_empty() {
            return Cow::Borrowed(self.object);
        }
        self.replaced.sort_by_key(|(range, _)| range.start);
        let mut text = String::with_capacity(self.object.len() + self.added.len() + 64);
        let mut done = 0;
        for (range, value) in &self.replaced {
            text.push_str(&self.object[done..range.start]);
            text.push_str(value);
            done = range.end;
        }
        let end = self.object.rfind('}').unwrap_or(self.object.len());
        text.push_str(&self.object[done..end]);
        text.push_str(&self.added);
        text.push_str(&self.object[end..]);
        Cow::Owned(text)
    }
}

/// The members of an object, in their order, with values as text. A name may occur twice.
struct RawMembers<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;
        impl<'de> Visitor<'de> for OfObject {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    members.push((name, map.next_value()?));
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(OfObject)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const PLAIN: BodyChanges<'static> = BodyChanges { model: Some("m"), stream: false, include_usage: false };
    const STREAM: BodyChanges<'static> = BodyChanges { model: Some("m"), stream: true, include_usage: true };

    #[test]
    fn every_byte_but_those_of_the_members_that_are_set_stays() {
        let body = "{ \"seed\": 9007199254740993, \"a\" :1.0e2,\n\"stream\" : true, \"b\":\"\\u00e9\" }";
        let expected = "{ \"seed\": 9007199254740993, \"a\" :1.0e2,\n\"stream\" : false, \"b\":\"\\u00e9\" ,\"model\":\"m\"}";
        assert_eq!(changed(body, PLAIN), expected);
        assert_eq!(changed("{}", PLAIN), r#"{"model":"m","stream":false}"#);
        let unchanged = r#"{"model":"mine","stream":false}"#;
        assert!(matches!(changed(unchanged, PLAIN), Cow::Borrowed(_)));
    }

    #[test]
    fn a_model_that_is_named_is_kept_and_one_that_is_not_is_filled_in() {
        for (given, expected) in [
            (r#"{"model":"x","stream":false}"#, r#"{"model":"x","stream":false}"#),
            (r#"{"model":null,"stream":false}"#, r#"{"model":"m","stream":false}"#),
            (r#"{"model":"","stream":false}"#, r#"{"model":"m","stream":false}"#),
            (r#"{"model":"","model":"x","stream":false}"#, r#"{"model":"","model":"x","stream":false}"#),
        ] {
            assert_eq!(changed(given, PLAIN), expected);
        }
        let none = BodyChanges { model: None, ..PLAIN };
        assert_eq!(changed(r#"{"a":1}"#, none), r#"{"a":1,"stream":false}"#);
        let quoted = BodyChanges { model: Some("a\"b"), ..PLAIN };
        assert_eq!(changed("{}", quoted), r#"{"model":"a\"b","stream":false}"#);
    }

    #[test]
    fn a_stream_says_what_it_used_and_keeps_its_other_options() {
        for (given, expected) in [
            (r#"{"model":"x"}"#, r#"{"model":"x","stream":true,"stream_options":{"include_usage":true}}"#),
            (
                r#"{"model":"x","stream_options":{ "include_obfuscation":false,"include_usage": false }}"#,
                r#"{"model":"x","stream_options":{ "include_obfuscation":false,"include_usage": true },"stream":true}"#,
            ),
            (
                r#"{"model":"x","stream_options":null,"stream":false}"#,
                r#"{"model":"x","stream_options":{"include_usage":true},"stream":true}"#,
            ),
        ] {
            assert_eq!(changed(given, STREAM), expected);
        }
        let without = BodyChanges { include_usage: false, ..STREAM };
        assert_eq!(changed(r#"{"model":"x"}"#, without), r#"{"model":"x","stream":true}"#);
    }

    #[test]
    fn what_is_no_object_is_sent_as_it_is() {
        for body in ["", "no json", "[1]", "null", "{\"a\":1", "{\"a\":1} x", "\u{feff}{}"] {
            assert_eq!(changed(body, STREAM), body);
        }
    }

    proptest! {
        #[test]
        fn a_body_means_the_same_apart_from_what_is_set(
            members in proptest::collection::btree_map("[a-z]{1,3}|stream|model|stream_options", 0..9u32, 0..6),
            pretty: bool,
        ) {
            let body = json!(members);
            let text = if pretty { serde_json::to_string_pretty(&body).unwrap() } else { body.to_string() };
            let mut expected = body;
            expected["stream"] = json!(true);
            expected["stream_options"] = json!({ "include_usage": true });
            if expected.get("model").is_none() {
                expected["model"] = json!("m");
            }
            prop_assert_eq!(serde_json::from_str::<Value>(&changed(&text, STREAM)).unwrap(), expected);
        }
    }
}
