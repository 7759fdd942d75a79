//! One record of a list, as it was received.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A 128-bit hash (XXH3) of a record's `id`: the form in which delivered ids are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct IdHash(pub [u8; 16]);

impl IdHash {
    /// Hashes the text of an id.
    pub fn of(id: &str) -> Self {
        Self::of_bytes(id.as_bytes())
    }

    /// Hashes bytes in place of an id: the whole of a record that has none.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes).to_be_bytes())
    }
}

/// A set of the first two bytes of ids, which differ for nearly all of a hundred ids, because an id is a hash.
pub(crate) struct Beginnings([u64; 1 << 10]);

impl Beginnings {
    /// The empty set.
    pub fn none() -> Self {
        Self([0; 1 << 10])
    }

    /// Adds an id. True if no earlier one begins with the same bytes.
    pub fn add(&mut self, id: IdHash) -> bool {
        let (word, bit) = Self::place(id);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// Whether an id with the same first bytes was added.
    pub fn has(&self, id: IdHash) -> bool {
        let (word, bit) = Self::place(id);
        self.0[word] & bit != 0
    }

    fn place(id: IdHash) -> (usize, u64) {
        (usize::from(u16::from_le_bytes([id.0[0], id.0[1]]) >> 6), 1 << (id.0[0] & 63))
    }
}

/// A record with a usable id and time.
#[derive(Clone)]
pub struct Record {
    /// The JSON object as received: a slice of the page's body, not a copy. May contain line breaks (a
    /// pretty-printed body).
    pub raw: Bytes,
    /// `effective_at` or `created`: whole Unix seconds, 0 ..= 253402300799.
    pub second: i64,
    /// Hash of `id`.
    pub id: IdHash,
    /// Whether there may be top-level fields other than [`KNOWN_FIELDS`](crate::KNOWN_FIELDS), the id, the
    /// time and the payload that `type` names.
    pub odd: bool,
    /// Start and length of the text of `id` in `raw`, if it has no escapes.
    pub(crate) id_place: Option<(u32, u32)>,
}

impl Record {
    /// A record whose id was parsed. `id_text` is the id as a slice of `raw`, if it has no escapes.
    pub fn new(raw: Bytes, second: i64, id: IdHash, id_text: Option<&str>) -> Self {
        let place = |text: &str| {
            let start = (text.as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?;
            let inside = start + text.len() <= raw.len();
            inside.then_some((u32::try_from(start).ok()?, u32::try_from(text.len()).ok()?))
        };
        let id_place = id_text.and_then(place);
        Self { raw, second, id, odd: false, id_place }
    }

    /// The same record with part of its text changed. Its id and time must be unchanged in `raw`.
    pub fn with_raw(self, raw: Bytes) -> Self {
        let text = self.id_place.and_then(|(start, length)| {
            let text = self.raw.get(start as usize..(start + length) as usize)?;
            (!text.is_empty()).then_some(text)
        });
        // Any position with the same text will do.
        let id_place = text.and_then(|text| {
            let start = raw.windows(text.len()).position(|here| here == text)?;
            Some((u32::try_from(start).ok()?, u32::try_from(text.len()).ok()?))
        });
        Self { raw, id_place, ..self }
    }

    /// Length of the text of `id` in bytes.
    pub fn id_len(&self) -> Option<usize> {
        match self.id_place {
            Some((_, length)) => Some(length as usize),
            None => self.id_text().map(|id| id.len()),
        }
    }

    /// The text of `id`: borrowed from `raw` if it has no escapes, otherwise parsed again.
    pub fn id_text(&self) -> Option<Cow<'_, str>> {
        if let Some((start, length)) = self.id_place {
            let text = self.raw.get(start as usize..(start + length) as usize)?;
            return std::str::from_utf8(text).ok().map(Cow::Borrowed);
        }
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            id: Cow<'a, str>,
        }
        serde_json::from_slice::<Named<'_>>(&self.raw).ok().map(|named| named.id)
    }
}

/// Shows the size only: a record's content never reaches a log.
impl fmt::Debug for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Record({} bytes at {})", self.raw.len(), self.second)
    }
}

/// A record without a usable id or time. It is written to the route's rejects, and the rest of its page is
/// used.
#[derive(Clone)]
pub struct Unusable {
    /// The JSON value as received.
    pub raw: Bytes,
    /// What is wrong with it, without its content.
    pub reason: &'static str,
    /// Its own second, or that of the record before it on its page: the best guess at its place in time.
    pub near: Option<i64>,
}

/// Shows the reason only.
impl fmt::Debug for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Unusable({}, {} bytes)", self.reason, self.raw.len())
    }
}
