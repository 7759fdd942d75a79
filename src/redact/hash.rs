//! The keyed hash that replaces a value: HMAC-SHA-256 (RFC 2104), in lower-case hexadecimal digits.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::tables::{compact, text};

/// Half of the hash's length: 128 bits as hexadecimal digits. Values such as addresses are few, so anyone who
/// can guess the key can find them by trial.
const KEY_CHARS_MIN: usize = 32;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The key is too short to hide what is hashed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hash key has fewer than {KEY_CHARS_MIN} characters")]
pub struct WeakKey;

/// Hashes values with one key. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct Hasher(hmac::Key);

impl Hasher {
    /// Creates a hasher.
    ///
    /// # Errors
    ///
    /// If the key is too short.
    pub fn new(key: &SecretString) -> Result<Self, WeakKey> {
        let key = key.expose_secret().as_bytes();
        if key.len() < KEY_CHARS_MIN {
            return Err(WeakKey);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// The hash of a JSON value, in quotes. A string is hashed by its text, however it was escaped; any other
    /// value by its JSON without white space, members and digits as received.
    pub(super) fn quoted(&self, json: &[u8]) -> Vec<u8> {
        let string = json.starts_with(b"\"").then(|| text(json)).flatten();
        let tag = match string {
            Some(text) => hmac::sign(&self.0, text.as_bytes()),
            None => hmac::sign(&self.0, compact(json).as_bytes()),
        };
        let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.map(|half| DIGITS[usize::from(half)]);
        std::iter::once(b'"').chain(digits).chain([b'"']).collect()
    }
}

/// Whether a JSON value looks like the output of [`Hasher`].
pub(super) fn is_hash(json: &[u8]) -> bool {
    let digits = json.strip_prefix(b"\"").and_then(|json| json.strip_suffix(b"\""));
    digits.is_some_and(|digits| digits.len() == 64 && digits.iter().all(|digit| DIGITS.contains(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(key: &str, json: &str) -> String {
        String::from_utf8(Hasher::new(&key.into()).unwrap().quoted(json.as_bytes())).unwrap()
    }

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn hashes_are_those_that_others_compute() {
        // printf '%s' ada@example.com | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let address = "\"e3e30b4d50224a4ba14084607085d072402144212a122eb4501daddd6bbe0ee3\"";
        assert_eq!(hashed(KEY, "\"ada@example.com\""), address);
        // printf '%s' '{"a":[1.50,"x y"]}' | openssl dgst …
        let object = "\"c495ae0fb2228096820622970272d0e7ee9f7788e1075440d20145da113982e1\"";
        assert_eq!(hashed(KEY, "{ \"a\" : [1.50, \"x y\"] }"), object);
    }

    #[test]
    fn a_text_has_one_hash_however_it_is_written() {
        assert_eq!(hashed(KEY, r#""\u0061da@example.com""#), hashed(KEY, "\"ada@example.com\""));
        assert_ne!(hashed(KEY, "1.0"), hashed(KEY, "1"));
        assert_ne!(hashed(KEY, r#""\ud800""#), hashed(KEY, r#""\ud801""#));
    }

    #[test]
    fn another_key_gives_other_hashes() {
        assert_ne!(hashed(KEY, "1"), hashed(&KEY.replace('0', "1"), "1"));
    }

    #[test]
    fn a_key_that_can_be_guessed_is_refused_and_none_is_shown() {
        assert_eq!(Hasher::new(&KEY[1..].into()).err(), Some(WeakKey));
        let shown = format!("{:?}", Hasher::new(&KEY.into()));
        assert!(!shown.contains("0123") && !shown.contains("30, 31"), "{shown}");
    }
}
