//! Format version 1: the wrapping of stored values, which makes damage detectable.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3;

use crate::StateError;

/// The format version that is written, and the newest that can be read.
pub(crate) const VERSION: u64 = 1;

/// Length of the checksum at the start of a stored part.
pub(crate) const PART_CHECKSUM_BYTES: usize = 8;

/// A stored head: the caller's cursor with format version, sequence number and checksum.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredHead {
    version: u64,
    /// Number of the commit, which tells an older head from a newer one.
    pub(crate) sequence: u64,
    checksum: String,
    pub(crate) cursor: Box<RawValue>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl StoredHead {
    /// Wraps the cursor of commit `sequence` of checkpoint `name`.
    pub(crate) fn seal(name: &str, sequence: u64, cursor: Box<RawValue>) -> Self {
        let checksum = checksum(name, sequence, &cursor);
        Self { version: VERSION, sequence, checksum, cursor }
    }

    /// Parses and verifies a stored head of checkpoint `name`.
    pub(crate) fn open(name: &str, stored: &[u8]) -> Result<Self, StateError> {
        let damaged = || StateError::Damaged(format!("the head of checkpoint {name} fails its checksum"));
        known_version(stored, || format!("checkpoint {name}"))?;
        let head: Self = serde_json::from_slice(stored).map_err(|_| damaged())?;
        if head.checksum == checksum(name, head.sequence, &head.cursor) { Ok(head) } else { Err(damaged()) }
    }

    /// The bytes to store.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// Refuses a JSON document of a later format version; `what` names it.
pub(crate) fn known_version(document: &[u8], what: impl Fn() -> String) -> Result<(), StateError> {
    let Versioned { version } = serde_json::from_slice(document)
        .map_err(|_| StateError::Damaged(format!("{} is not a versioned JSON document", what())))?;
    if version > VERSION {
        return Err(StateError::Newer { what: what(), found: version, known: VERSION });
    }
    Ok(())
}

/// A stored part: a checksum over key and value, then the value.
pub(crate) fn seal_part(stored_key: &[u8], value: &[u8]) -> Vec<u8> {
    [&part_checksum(stored_key, value), value].concat()
}

/// The value of a stored part; `None` if it is damaged.
pub(crate) fn open_part<'a>(stored_key: &[u8], stored: &'a [u8]) -> Option<&'a [u8]> {
    let (found, value) = stored.split_first_chunk::<PART_CHECKSUM_BYTES>()?;
    (*found == part_checksum(stored_key, value)).then_some(value)
}

fn part_checksum(stored_key: &[u8], value: &[u8]) -> [u8; PART_CHECKSUM_BYTES] {
    // The length separates key from value: without it, bytes could move between the two undetected.
    let mut hash = Xxh3::new();
    hash.update(&(stored_key.len() as u64).to_be_bytes());
    hash.update(stored_key);
    hash.update(value);
    hash.digest().to_be_bytes()
}

fn checksum(name: &str, sequence: u64, cursor: &RawValue) -> String {
    let mut hash = Xxh3::new();
    hash.update(name.as_bytes());
    hash.update(&sequence.to_be_bytes());
    hash.update(cursor.get().as_bytes());
    format!("{:016x}", hash.digest())
}
