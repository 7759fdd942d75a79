//! Encrypts a secret, bound to its name and version: AES-256-GCM with a random nonce.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use secrecy::{ExposeSecret, SecretString};

use crate::detect_db::{Seal, SealedSecret};

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
/// The form of what is stored: this byte, the nonce, the ciphertext with its tag.
const FORM: u8 = 1;
/// Sealed with each key, so that another key is noticed.
const PROBE: &str = "ccfd";
/// No secret has this name.
const PROBE_NAME: &str = "";

/// Has the key.
pub struct Sealer(RandomizedNonceKey);

impl Sealer {
    /// With this key of 32 bytes.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, key).ok().map(Self)
    }

    fn seal(&self, text: &str, name: &str, version: i64) -> Option<Vec<u8>> {
        let mut sealed = text.as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(context(name, version), &mut sealed).ok()?;
        Some([&[FORM], nonce.as_ref().as_slice(), &sealed].concat())
    }

    fn open(&self, sealed: &[u8], name: &str, version: i64) -> Option<SecretString> {
        let (nonce, sealed) = sealed.strip_prefix(&[FORM])?.split_first_chunk::<NONCE_LEN>()?;
        let mut opened = sealed.to_vec();
        let text = self.0.open_in_place(Nonce::from(nonce), context(name, version), &mut opened).ok()?;
        std::str::from_utf8(text).ok().map(SecretString::from)
    }

    /// The text of a stored secret; `None` if it was sealed with another key, under another name, or was damaged.
    pub fn opened(&self, secret: &SealedSecret) -> Option<SecretString> {
        self.open(&secret.sealed, &secret.name, secret.version)
    }

    /// Whether the secrets of a database were sealed with this key.
    pub fn is_key_of(&self, probe: &[u8]) -> bool {
        self.open(probe, PROBE_NAME, 0).is_some_and(|text| text.expose_secret() == PROBE)
    }

    /// A text to store.
    pub fn text<'s>(&'s self, text: &'s SecretString) -> SealedText<'s> {
        SealedText { sealer: self, text }
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// A text that is sealed when the database knows its version.
pub struct SealedText<'s> {
    sealer: &'s Sealer,
    text: &'s SecretString,
}

impl Seal for SealedText<'_> {
    fn seal(&self, name: &str, version: i64) -> Option<Vec<u8>> {
        self.sealer.seal(self.text.expose_secret(), name, version)
    }

    fn probe(&self) -> Option<Vec<u8>> {
        self.sealer.seal(PROBE, PROBE_NAME, 0)
    }
}

/// What a ciphertext belongs to: under another name, or in place of a later version, it cannot be opened.
fn context(name: &str, version: i64) -> Aad<Vec<u8>> {
    Aad::from([&version.to_be_bytes()[..], name.as_bytes()].concat())
}
