//! The keys of the store's sorted map, and the verification of all its content.
//!
//! `format` -> the format version, as text; `h/<name>` -> a head; `p/<name>\0<key>` -> a part.

use crate::{
    StateError,
    engine::{Engine, EngineFault},
    envelope::{self, StoredHead},
    sidecar::StoredHeads,
};

/// Key of the format version: a store without it was never finished, or is not ours.
pub(crate) const FORMAT: &[u8] = b"format";
const HEADS: &[u8] = b"h/";
const PARTS: &[u8] = b"p/";

/// The longest name of a checkpoint and the longest key of a part, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = 512;
/// The largest head, in bytes of JSON.
pub(crate) const HEAD_BYTES_MAX: usize = 1 << 20;
/// The largest value of a part, in bytes.
pub(crate) const PART_BYTES_MAX: usize = 64 << 10;

/// Key of the head of `name`.
pub(crate) fn head_key(name: &str) -> Vec<u8> {
    [HEADS, name.as_bytes()].concat()
}

/// Prefix of the keys of all parts of `name`. Names contain no zero byte, so parts of different checkpoints
/// never mix.
pub(crate) fn parts_prefix(name: &str) -> Vec<u8> {
    [PARTS, name.as_bytes(), b"\0"].concat()
}

/// How many parts are removed in one step: sled keeps all pages that a step replaces.
const REMOVED_AT_ONCE: usize = 64;

/// The content of a sound store.
pub(crate) struct VerifiedLayout {
    pub(crate) heads: StoredHeads,
    /// Keys of parts without a head, left by an interrupted removal.
    pub(crate) leftovers: Vec<Vec<u8>>,
}

/// Reads and verifies everything. Returns the content, or the first defect.
pub(crate) fn verify(engine: &Engine) -> Result<VerifiedLayout, StoreTrouble> {
    verify_format(engine)?;
    let mut heads = StoredHeads::new();
    for entry in engine.scan(HEADS) {
        let (key, head) = entry?;
        let name = std::str::from_utf8(&key[HEADS.len()..])
            .map_err(|_| StateError::Damaged("the name of a checkpoint is not text".to_owned()))?;
        StoredHead::open(name, &head)?;
        heads.insert(name.to_owned(), head);
    }
    let mut leftovers = Vec::new();
    for entry in engine.scan(PARTS) {
        let (key, part) = entry?;
        if envelope::open_part(&key, &part).is_none() {
            return Err(StateError::Damaged("a part fails its checksum".to_owned()).into());
        }
        let name = key[PARTS.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
        if !std::str::from_utf8(name).is_ok_and(|name| heads.contains_key(name)) {
            leftovers.push(key);
        }
    }
    Ok(VerifiedLayout { heads, leftovers })
}

/// Removes the head of `name`, which removes the checkpoint, and then its parts, a few at a time. A kill in
/// between leaves parts without a head, which the next open removes.
pub(crate) fn remove(engine: &mut Engine, name: &str) -> Result<(), EngineFault> {
    engine.write([&[(head_key(name), None)][..]])?;
    let parts: Vec<_> =
        engine.scan(&parts_prefix(name)).map(|part| Ok(part?.0)).collect::<Result<_, EngineFault>>()?;
    remove_parts(engine, &parts)
}

/// Removes parts by their stored keys.
pub(crate) fn remove_parts(engine: &mut Engine, keys: &[Vec<u8>]) -> Result<(), EngineFault> {
    for some in keys.chunks(REMOVED_AT_ONCE) {
        let removals: Vec<_> = some.iter().map(|key| (key.clone(), None)).collect();
        engine.write([&removals[..]])?;
    }
    Ok(())
}

fn verify_format(engine: &Engine) -> Result<(), StoreTrouble> {
    let format = engine.get(FORMAT)?.and_then(|text| String::from_utf8(text).ok());
    match format.and_then(|text| text.parse::<u64>().ok()) {
        None => Err(StateError::Damaged("the store has no format version".to_owned()).into()),
        Some(found) if found > envelope::VERSION => Err(StateError::Newer {
            what: "the checkpoint store".to_owned(),
            found,
            known: envelope::VERSION,
        }
        .into()),
        Some(_) => Ok(()),
    }
}

/// Why a store is not sound.
#[derive(Debug)]
pub(crate) enum StoreTrouble {
    /// sled reports an error.
    Engine(EngineFault),
    /// The content is wrong.
    Content(StateError),
}

impl From<EngineFault> for StoreTrouble {
    fn from(fault: EngineFault) -> Self {
        Self::Engine(fault)
    }
}

impl From<StateError> for StoreTrouble {
    fn from(error: StateError) -> Self {
        Self::Content(error)
    }
}
