//! Names of runs that are the same at each attempt, for receivers that know what they did already.

use crate::digest::hash_hex;

/// The length of a SHA-256 in hexadecimal digits: every name fits where this many characters fit.
const CHARS_MAX: usize = 64;

/// The key of a run, if it is short and plain; otherwise its hash. So it fits into headers, queries and addresses.
pub fn stable_id(key: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if (1..=CHARS_MAX).contains(&key.len()) && key.bytes().all(is_plain) {
        return key.to_owned();
    }
    hash_hex(key.as_bytes())
}

/// What a run is about: the id of its alert or case, with which its key begins.
pub fn subject(key: &str) -> &str {
    key.split_once(':').map_or(key, |(subject, _)| subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_or_replaced_by_its_hash() {
        assert_eq!(stable_id("a1:b-2_c.d"), "a1:b-2_c.d");
        for key in ["", "a^ORb=c", "a\r\nB: c", "é", &"x".repeat(65)] {
            let id = stable_id(key);
            assert_eq!(id.len(), CHARS_MAX, "{key}");
            assert_eq!(id, stable_id(key));
            assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
}
