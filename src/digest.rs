//! SHA-256, and bytes in hexadecimal digits.
//!
//! Those who write records can choose texts that share a fast hash, so that many count as one; for a digest nobody can.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256, digest};

/// Bytes of a digest that are shown in the place of a text: enough that no two texts share them, also if somebody looks for some
/// that do.
const SHOWN_BYTES: usize = 16;

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text cannot fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of some bytes, in lower-case hexadecimal digits.
pub fn hash_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// A number for a text. To find a text for a given number takes as many tries as there are numbers.
pub fn digest_number(text: &[u8]) -> i64 {
    digest(&SHA256, text).as_ref().first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// What replaces a text that is too long or must not be shown: 32 hexadecimal digits.
pub fn digest_text(text: &[u8]) -> String {
    shown(digest(&SHA256, text).as_ref())
}

/// The same for several texts, one after the other.
pub struct TextsDigest(Context);

impl Default for TextsDigest {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl TextsDigest {
    /// Adds a text.
    pub fn add(&mut self, text: &str) {
        self.0.update(text.as_bytes());
        // No byte of a text.
        self.0.update(&[0xff]);
    }

    /// The digits for all of them.
    pub fn text(self) -> String {
        shown(self.0.finish().as_ref())
    }
}

fn shown(digest: &[u8]) -> String {
    hex(digest.get(..SHOWN_BYTES).unwrap_or(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_the_sha_256_of_the_text() {
        assert!(hash_hex(b"abc").starts_with(&digest_text(b"abc")));
        assert_eq!(digest_text(b"abc"), "ba7816bf8f01cfea414140de5dae2223");
        assert_eq!(digest_number(b"abc").to_le_bytes(), [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea]);
    }

    #[test]
    fn several_texts_are_not_one_that_is_cut_elsewhere() {
        let of = |texts: &[&str]| {
            let mut digest = TextsDigest::default();
            texts.iter().for_each(|text| digest.add(text));
            digest.text()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab", "c"]), of(&["abc"]));
        assert_eq!(of(&["a"]), of(&["a"]));
    }
}
