//! Adds a member to the record of a completion.

use bytes::Bytes;

use crate::tables::{JsonScanner, MESSAGES};

/// Whether the record already has a member of this name, which is then left unchanged.
pub(super) fn has_own(record: &[u8]) -> bool {
    let mut found = false;
    // An error ends the search: what is not JSON has no members.
    let _ = JsonScanner::of(record).members(|steps, name| {
        found |= name.as_ref() == MESSAGES.as_bytes();
        steps.value().map(drop)
    });
    found
}

/// The record with this JSON value as its last member; every other byte is as received. `None` if it is not
/// an object.
pub(super) fn with_messages(record: &[u8], json: &[u8]) -> Option<Bytes> {
    let members = record.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
    let separator: &[u8] = if members.ends_with(b"{") { b"" } else { b"," };
    let name = format!("\"{MESSAGES}\":");
    Some(Bytes::from([members, separator, name.as_bytes(), json, b"}"].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_the_last_member_and_nothing_else_changes() {
        let put = |record: &str| with_messages(record.as_bytes(), b"[1]");
        assert_eq!(put(r#"{"id": "a", "x":{} }"#).unwrap(), r#"{"id": "a", "x":{},"ccfd_messages":[1]}"#);
        assert_eq!(put("{}").unwrap(), r#"{"ccfd_messages":[1]}"#);
        assert_eq!(put("[1]"), None);
    }

    #[test]
    fn only_a_member_of_the_record_itself_counts_as_its_own() {
        assert!(has_own(br#"{"id":"a","ccfd\u005fmessages":null}"#));
        assert!(!has_own(br#"{"id":"ccfd_messages","x":{"ccfd_messages":1},"messages":[]}"#));
        assert!(!has_own(b"[]"));
    }
}
