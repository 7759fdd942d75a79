//! Values that the templates' fields refuse, and with them the whole document: they are stored under another
//! name, without an index.

use memchr::memmem;

use super::field::{Field, FieldMembers, field};
use crate::tables::{Column, JsonScanner, Table};

/// Appended to a column's name if its value is stored and not indexed. No template maps such a name.
const SUFFIX: &[u8] = b"Unindexed";

/// The longest object whose values and paths are certainly terms that an index accepts (32,766 bytes with the
/// column's name).
const OBJECT_BYTES_MAX: usize = 32_000;

/// The deepest nesting in an indexed column. With the document itself and the column it is below 20, the
/// default of `index.mapping.depth.limit`. OpenAI sends at most five levels.
const NESTED_MAX: usize = 18;

/// The same in a column that is only stored, such as the JSON schema of a response. A node parses stored
/// columns, too: some thousand levels overflow its stack, and it never responds.
const KEPT_NESTED_MAX: usize = 100;

/// Renames the member of a document that was just written, if the templates could not index its value:
/// `"EventDetails":[1]` becomes `"EventDetailsUnindexed":[1]`. Otherwise OpenSearch would refuse the document
/// if its details are a list or have a text of 32 KiB. A value nested so deep that a node may crash is stored
/// as text. `out` ends with the member, whose value begins at `begin`: made to be passed to
/// [`Objects::write_with`](crate::tables::object::Objects::write_with).
pub fn set_aside(column: &Column, out: &mut Vec<u8>, begin: usize) {
    let (field, json) = (field(column), &out[begin..]);
    let is_too_deep = match field {
        // Columns that are not dynamic contain what their type says.
        Field::Text
        | Field::Address
        | Field::Time
        | Field::Moment
        | Field::Number(_)
        | Field::Count
        | Field::Flag => return,
        Field::Kept => is_nested_deeper(json, KEPT_NESTED_MAX),
        Field::Flat | Field::Object(_) => is_nested_deeper(json, NESTED_MAX),
    };
    if is_too_deep {
        let text = serde_json::Value::from(String::from_utf8_lossy(json).as_ref()).to_string();
        out.truncate(begin);
        out.extend_from_slice(text.as_bytes());
    } else if fits(field, json) {
        return;
    }
    // The value follows `":`.
    let end_of_name = begin.saturating_sub(2);
    out.splice(end_of_name..end_of_name, SUFFIX.iter().copied());
}

/// What is to be done to the members of documents of a table: nothing, if ccfd itself makes their content.
pub fn set_aside_in(table: &Table) -> fn(&Column, &mut Vec<u8>, usize) {
    if table.documents.is_empty() { set_aside } else { |_, _, _| {} }
}

/// Whether more than this many objects and arrays are inside each other.
fn is_nested_deeper(json: &[u8], max: usize) -> bool {
    // Nearly every value has fewer brackets than that, including those in its texts.
    memchr::memchr2_iter(b'{', b'[', json).nth(max).is_some() && nested(json) > max
}

/// How deeply objects and arrays are nested.
fn nested(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut at = 0;
    // Most bytes are those of texts.
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = JsonScanner::of(&json[at..]).value().map_or(json.len(), <[u8]>::len);
                at += end;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

fn fits(field: Field, json: &[u8]) -> bool {
    match field {
        Field::Text
        | Field::Address
        | Field::Time
        | Field::Moment
        | Field::Number(_)
        | Field::Count
        | Field::Flag
        | Field::Kept => true,
        Field::Flat => {
            // Elasticsearch takes no NUL in a key.
            let indexed = || json.len() <= OBJECT_BYTES_MAX && memmem::find(json, b"\\u0000").is_none();
            json == b"null" || json.starts_with(b"{") && indexed()
        }
        Field::Object(members) => json == b"null" || object(members, &mut JsonScanner::of(json)).is_some(),
    }
}

/// Skips an object whose members fit their fields; `None` if one does not.
fn object(members: FieldMembers, steps: &mut JsonScanner<'_>) -> Option<()> {
    steps.members(|steps, name| {
        // What could be taken for a path.
        if name.is_empty() || name.contains(&b'.') {
            return None;
        }
        let known = members.iter().find(|(own, _)| own.as_bytes() == name.as_ref());
        match known.map(|(_, field)| *field) {
            None | Some(Field::Kept) => steps.value().map(drop),
            Some(Field::Object(inner)) if steps.comes(b'{') => object(inner, steps),
            Some(Field::Object(_)) => steps.value().filter(|value| *value == b"null").map(drop),
            // For anything but an object the type does not matter: the mapping ignores what it cannot read.
            Some(
                Field::Text
                | Field::Address
                | Field::Time
                | Field::Moment
                | Field::Number(_)
                | Field::Count
                | Field::Flag
                | Field::Flat,
            ) => steps.value().filter(|value| !value.starts_with(b"{") && !value.starts_with(b"[")).map(drop),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{
        AUDIT_LOGS, CHAT_COMPLETIONS, SchemaDrift, Table, Tables,
        object::{Nulls, Objects},
    };

    /// The document of a record whose field holds this JSON.
    fn document(table: &Table, field: &str, json: &str) -> String {
        let record = format!(r#"{{"type":"a.b","{field}":{json}}}"#);
        let mut out = Vec::new();
        let objects = Objects::new([table.columns.as_slice()], "acme", Nulls::LeftOut);
        objects.write_with(record.as_bytes(), &mut SchemaDrift::default(), &mut out, set_aside);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_object_and_nothing_stay_in_their_field() {
        assert!(document(&AUDIT_LOGS, "a.b", r#"{"id":"1"}"#).contains(r#""EventDetails":{"id":"1"}"#));
        for column in Tables::built_in().iter().flat_map(|table| &table.columns) {
            assert!(fits(field(column), b"null"), "{}", column.name);
        }
    }

    #[test]
    fn what_a_flat_field_refuses_is_kept_beside_it() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(40_000));
        for json in ["[1]", "\"text\"", "7", r#"{"a\u0000":1}"#, &long] {
            let text = document(&AUDIT_LOGS, "a.b", json);
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            let kept: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(
                (&document["EventDetailsUnindexed"], document.get("EventDetails")),
                (&kept, None),
                "{json}"
            );
        }
    }

    #[test]
    fn an_object_with_known_members_stays_while_they_are_what_is_known() {
        let plain = [
            "{}",
            r#"{"user":{"id":"u","email":"user@example.com","more":[{"a..b":1}]},"ip_address":"192.0.2.1"}"#,
            r#"{"user":null,"ip_address":7}"#,
        ];
        for json in plain {
            assert!(actor(json).contains("\"ActorSession\":"), "{json}");
        }
        let odd = [
            "[]",
            "3",
            r#"{"user":"u"}"#,
            r#"{"user":{"id":{}}}"#,
            r#"{"ip_address":[1]}"#,
            r#"{"a.b":1}"#,
            r#"{"":1}"#,
        ];
        for json in odd {
            assert!(actor(json).contains("\"ActorSessionUnindexed\":"), "{json}");
        }
    }

    fn actor(session: &str) -> String {
        document(&AUDIT_LOGS, "actor", &format!(r#"{{"session":{session}}}"#))
    }

    #[test]
    fn tokens_that_cannot_be_summed_up_are_kept_beside() {
        let usage = |json| document(&CHAT_COMPLETIONS, "usage", json);
        assert!(
            usage(r#"{"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0}}"#).contains("\"Usage\":")
        );
        assert!(usage(r#"{"total_tokens":{"a":1}}"#).contains("\"UsageUnindexed\":"));
    }

    #[test]
    fn what_is_nested_so_deep_that_a_node_breaks_down_is_kept_as_text() {
        for deep in [NESTED_MAX, NESTED_MAX + 1, 5_000, 100_000] {
            let json = format!("{}1{}", r#"{"a":"#.repeat(deep), "}".repeat(deep));
            let text = document(&AUDIT_LOGS, "a.b", &json);
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            let kept = &document["EventDetailsUnindexed"];
            assert_eq!(kept.as_str(), (deep > NESTED_MAX).then_some(json.as_str()));
            assert_eq!(document.get("EventDetails").is_some(), deep == NESTED_MAX);
        }
    }

    #[test]
    fn a_column_that_is_only_kept_may_be_deeper() {
        let choices = |deep: usize| {
            let json = format!("{}\"[{{\"{}", "[".repeat(deep), "]".repeat(deep));
            let text = document(&CHAT_COMPLETIONS, "choices", &json);
            text.contains("\"Choices\":")
        };
        assert!(choices(KEPT_NESTED_MAX) && !choices(KEPT_NESTED_MAX + 1));
    }

    #[test]
    fn what_is_only_kept_may_be_anything() {
        assert!(document(&CHAT_COMPLETIONS, "choices", "\"x\"").contains(r#""Choices":"x""#));
    }
}
