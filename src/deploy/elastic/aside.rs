//! Values that the templates' fields refuse, and with them the whole document: they are put beside, and not indexed.

use std::{borrow::Cow, collections::BTreeMap};

use memchr::memmem;
use serde_json::value::RawValue;

use super::field::{TOKENS, Use, use_of};
use crate::tables::Column;

/// What is added to a column's name where its value is kept and not indexed. No template maps such a name.
const SUFFIX: &[u8] = b"Unindexed";

/// The longest object whose values and paths surely are terms that an index takes (32,766 bytes with the column's name).
const OBJECT_BYTES_MAX: usize = 32_000;

/// Renames the member of a document that was just written, if the templates could not index its value: `"EventDetails":[1]`
/// becomes `"EventDetailsUnindexed":[1]`. A record is worth more than its shape: without this, OpenSearch refuses the
/// document whose details are a list, and the one with a text of 32 KiB in them. `out` ends with the member, and its
/// value begins at `begin`: made to be handed to [`Objects::write_with`](crate::tables::object::Objects::write_with).
pub fn set_aside(column: &'static Column, out: &mut Vec<u8>, begin: usize) {
    if !fits(column, &out[begin..]) {
        // The value follows `":`.
        let end_of_name = begin.saturating_sub(2);
        out.splice(end_of_name..end_of_name, SUFFIX.iter().copied());
    }
}

fn fits(column: &Column, json: &[u8]) -> bool {
    match use_of(column) {
        Use::Exact | Use::Time | Use::Moment | Use::Figure(_) | Use::Kept => true,
        // Elasticsearch takes no NUL in a key.
        Use::Flat => {
            json == b"null"
                || json.starts_with(b"{")
                    && json.len() <= OBJECT_BYTES_MAX
                    && memmem::find(json, b"\\u0000").is_none()
        }
        Use::Tokens => json == b"null" || has_plain_tokens(json),
    }
}

/// Whether this is an object whose names cannot be taken for paths, with a number or nothing where numbers are summed up.
fn has_plain_tokens(json: &[u8]) -> bool {
    let Ok(members) = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(json) else {
        return false;
    };
    members.into_iter().all(|(name, value)| {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let scalar = !value.get().starts_with(['{', '[']);
        plain && (scalar || !TOKENS.contains(&name.as_ref()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{
        ALL, AUDIT_LOGS, CHAT_COMPLETIONS, Oddities, Table,
        object::{Nulls, Objects},
    };

    /// The document of a record whose field holds this JSON.
    fn document(table: &'static Table, field: &str, json: &str) -> String {
        let record = format!(r#"{{"type":"a.b","{field}":{json}}}"#);
        let mut out = Vec::new();
        let objects = Objects::new(table, [table.columns], "acme", Nulls::LeftOut);
        objects.write_with(record.as_bytes(), &mut Oddities::default(), &mut out, set_aside);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_object_and_nothing_stay_in_their_field() {
        assert!(document(&AUDIT_LOGS, "a.b", r#"{"id":"1"}"#).contains(r#""EventDetails":{"id":"1"}"#));
        for column in ALL.into_iter().flat_map(|table| table.columns) {
            assert!(fits(column, b"null"), "{}", column.name);
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
    fn tokens_are_indexed_only_as_numbers_under_plain_names() {
        for plain in [
            "{}",
            r#"{"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0}}"#,
            r#"{"total_tokens":null}"#,
        ] {
            assert!(document(&CHAT_COMPLETIONS, "usage", plain).contains("\"Usage\":"), "{plain}");
        }
        for odd in ["[]", "3", r#"{"total_tokens":{"a":1}}"#, r#"{"a..b":1}"#, r#"{"":1}"#] {
            assert!(document(&CHAT_COMPLETIONS, "usage", odd).contains("\"UsageUnindexed\":"), "{odd}");
        }
    }

    #[test]
    fn what_is_only_kept_may_be_anything() {
        assert!(document(&CHAT_COMPLETIONS, "choices", "\"x\"").contains(r#""Choices":"x""#));
    }
}
