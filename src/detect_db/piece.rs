//! Pieces: what happened in one group, one change after the other, in a form that is only appended to. The changes are sums,
//! so a group is known from its pieces in any order. `piece_reader` reads them.

use std::collections::HashMap;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::detect::episodes::TickValue;

/// What begins with these bytes.
pub(super) const MATCH: u8 = 1;
pub(super) const BROUGHT: u8 = 2;
pub(super) const HIT: u8 = 3;
pub(super) const TICK: u8 = 4;
pub(super) const TEXT: u8 = 5;
pub(super) const SHOWN: u8 = 6;

/// The values of a group.
pub(super) type GroupValues = Vec<Option<String>>;

/// One change.
#[derive(Debug, PartialEq)]
pub(super) enum PieceEntry<'p> {
    /// A record matches an input.
    Match { at: i64, record: &'p str, origin: i64, shown: u32, input: u32 },
    /// A hit of an input brings a record, or no longer does.
    Brought { at: i64, record: &'p str, origin: i64, shown: u32, by: i64 },
    /// A second is a hit that counts in a group of a correlation that uses this one, or no longer is.
    Hit { at: i64, parent: i64, input: u32, by: i64 },
    /// A match of an input, as windows see it, or a hit of a group of an input, which came or went.
    Tick { at: i64, input: u32, value: TickValue, by: i64 },
}

impl PieceEntry<'_> {
    /// Its second.
    pub(super) fn at(&self) -> i64 {
        match self {
            Self::Match { at, .. }
            | Self::Brought { at, .. }
            | Self::Hit { at, .. }
            | Self::Tick { at, .. } => *at,
        }
    }
}

/// The texts of a piece, each once, and what its records show, each combination once.
#[derive(Debug, Default)]
pub(super) struct PieceTexts {
    /// All texts, one behind the other.
    texts: String,
    /// Where each ends.
    ends: SmallVec<[u32; 8]>,
    /// The pairs of all combinations: a field, and the place of its value.
    pairs: SmallVec<[(u32, u32); 8]>,
    /// Where each combination ends.
    shown_ends: SmallVec<[u32; 2]>,
}

impl PieceTexts {
    /// The fields of a combination, a pair for each value.
    pub(super) fn shown(&self, place: u32) -> impl Iterator<Item = ShownPair<'_>> {
        let pairs = between(&self.shown_ends, place).and_then(|range| self.pairs.get(range));
        let pairs = pairs.into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((*name, self.text(*value)?)))
    }

    pub(super) fn text(&self, place: u32) -> Option<&str> {
        self.texts.get(between(&self.ends, place)?)
    }

    /// Empties it, and keeps its memory.
    pub(super) fn clear(&mut self) {
        let Self { texts, ends, pairs, shown_ends } = self;
        texts.clear();
        ends.clear();
        pairs.clear();
        shown_ends.clear();
    }

    /// Bytes that it takes outside of itself, about.
    pub(super) fn heap_bytes(&self) -> usize {
        let Self { texts, ends, pairs, shown_ends: _ } = self;
        texts.capacity() + size_of::<u32>() * ends.capacity() + size_of::<(u32, u32)>() * pairs.capacity()
    }

    /// Adds a text, and returns its place.
    pub(super) fn push(&mut self, text: &str) -> u32 {
        self.texts.push_str(text);
        self.ends.push(short(self.texts.len()));
        short(self.ends.len() - 1)
    }

    /// Adds a pair to the combination that is being added.
    pub(super) fn push_pair(&mut self, name: u32, value: u32) {
        self.pairs.push((name, value));
    }

    /// Ends a combination with the pairs that were added since the last one, and returns its place.
    pub(super) fn end_shown(&mut self) -> u32 {
        self.shown_ends.push(short(self.pairs.len()));
        short(self.shown_ends.len() - 1)
    }
}

/// A field that a record shows, by its id, and a value of it.
pub(super) type ShownPair<'s> = (u32, &'s str);

/// What belongs to a place, where each ends where the next one begins.
fn between(ends: &[u32], place: u32) -> Option<std::ops::Range<usize>> {
    let place = place as usize;
    let begin = match place.checked_sub(1) {
        Some(before) => *ends.get(before)?,
        None => 0,
    };
    Some(begin as usize..*ends.get(place)? as usize)
}

/// Places by hashes. A piece of a small group has few.
#[derive(Debug, Default)]
struct KnownPlaces {
    few: SmallVec<[(u64, u32); 8]>,
    many: HashMap<u64, u32>,
}

/// Places that are looked at one by one.
const FEW_PLACES_MAX: usize = 64;

impl KnownPlaces {
    fn get(&self, hash: u64) -> Option<u32> {
        match self.many.is_empty() {
            true => self.few.iter().rev().find(|(known, _)| *known == hash).map(|(_, place)| *place),
            false => self.many.get(&hash).copied(),
        }
    }

    fn insert(&mut self, hash: u64, place: u32) {
        if self.many.is_empty() && self.few.len() < FEW_PLACES_MAX {
            self.few.push((hash, place));
        } else {
            self.many.extend(self.few.drain(..));
            self.many.insert(hash, place);
        }
    }
}

/// Writes a piece.
#[derive(Debug, Default)]
pub(super) struct PieceWriter {
    pub(super) bytes: Vec<u8>,
    /// Texts and combinations by their hashes.
    known: KnownPlaces,
    at: i64,
    record: SmallVec<[u8; 40]>,
}

impl PieceWriter {
    /// A piece of the group with these values, which are its first texts.
    pub(super) fn begin(texts: &mut PieceTexts, values: &GroupValues) -> Self {
        let mut writer = Self::default();
        // Room for what most pieces get.
        writer.bytes.reserve(256);
        texts.texts.reserve(128);
        put(&mut writer.bytes, values.len() as u64);
        for value in values {
            match value {
                None => put(&mut writer.bytes, 0),
                Some(text) => {
                    put(&mut writer.bytes, text.len() as u64 + 1);
                    writer.bytes.extend_from_slice(text.as_bytes());
                    let place = texts.push(text);
                    writer.known.insert(xxh3_64(text.as_bytes()), place);
                }
            }
        }
        writer
    }

    /// Continues a piece with these texts, whose last change was at this second, and the last record this one.
    pub(super) fn resume(bytes: Vec<u8>, texts: &PieceTexts, at: i64, record: &[u8]) -> Self {
        let mut known = KnownPlaces::default();
        for place in 0..short(texts.ends.len()) {
            known.insert(xxh3_64(texts.text(place).unwrap_or_default().as_bytes()), place);
        }
        for place in 0..short(texts.shown_ends.len()) {
            known.insert(hash_of(texts.shown(place)), place);
        }
        Self { bytes, known, at, record: SmallVec::from_slice(record) }
    }

    /// Bytes that it takes outside of itself, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + size_of::<(u64, u64)>() * self.known.many.capacity()
    }

    /// Adds a change whose texts are in `texts`.
    pub(super) fn add(&mut self, texts: &mut PieceTexts, entry: &PieceEntry<'_>) {
        match entry {
            PieceEntry::Match { at, record, origin, shown, input } => {
                self.begin_entry(MATCH, *at);
                self.put_record(record, *origin, *shown);
                put(&mut self.bytes, u64::from(*input));
            }
            PieceEntry::Brought { at, record, origin, shown, by } => {
                self.begin_entry(BROUGHT, *at);
                self.put_record(record, *origin, *shown);
                put_signed(&mut self.bytes, *by);
            }
            PieceEntry::Hit { at, parent, input, by } => {
                self.begin_entry(HIT, *at);
                self.bytes.extend_from_slice(&parent.to_le_bytes());
                put(&mut self.bytes, u64::from(*input));
                put_signed(&mut self.bytes, *by);
            }
            PieceEntry::Tick { at, input, value, by } => {
                let text = match value {
                    TickValue::Text(text) => Some(self.text(texts, text)),
                    TickValue::Nothing | TickValue::Number(_) | TickValue::Hit(_) => None,
                };
                self.begin_entry(TICK, *at);
                put(&mut self.bytes, u64::from(*input));
                put_signed(&mut self.bytes, *by);
                match value {
                    TickValue::Nothing => put(&mut self.bytes, 0),
                    TickValue::Number(number) => {
                        put(&mut self.bytes, 1);
                        self.bytes.extend_from_slice(&number.number().to_le_bytes());
                    }
                    TickValue::Hit(group) => {
                        put(&mut self.bytes, 2);
                        self.bytes.extend_from_slice(&group.to_le_bytes());
                    }
                    TickValue::Text(_) => put(&mut self.bytes, text.map_or(0, |place| u64::from(place) + 3)),
                }
            }
        }
    }

    /// The place of a combination of shown fields, which is added if it is new.
    pub(super) fn shown<'s>(
        &mut self,
        texts: &mut PieceTexts,
        pairs: impl Iterator<Item = ShownPair<'s>> + Clone,
    ) -> u32 {
        let hash = hash_of(pairs.clone());
        let is_same = |place: &u32| {
            let mut known = texts.shown(*place);
            pairs.clone().all(|pair| known.next() == Some(pair)) && known.next().is_none()
        };
        let found = self.known.get(hash).filter(is_same);
        if let Some(place) = found {
            return place;
        }
        let first = texts.pairs.len();
        for (name, value) in pairs {
            let value = self.text(texts, value);
            texts.push_pair(name, value);
        }
        let pairs = &texts.pairs[first..];
        self.bytes.push(SHOWN);
        put(&mut self.bytes, pairs.len() as u64);
        for (name, value) in pairs {
            put(&mut self.bytes, u64::from(*name));
            put(&mut self.bytes, u64::from(*value));
        }
        let place = texts.end_shown();
        self.known.insert(hash, place);
        place
    }

    fn text(&mut self, texts: &mut PieceTexts, text: &str) -> u32 {
        let hash = xxh3_64(text.as_bytes());
        let is_same = |place: &u32| texts.text(*place) == Some(text);
        if let Some(place) = self.known.get(hash).filter(is_same) {
            return place;
        }
        self.bytes.push(TEXT);
        put(&mut self.bytes, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
        let place = texts.push(text);
        self.known.insert(hash, place);
        place
    }

    fn begin_entry(&mut self, kind: u8, at: i64) {
        self.bytes.push(kind);
        put_signed(&mut self.bytes, at.wrapping_sub(self.at));
        self.at = at;
    }

    /// Ids begin alike: of each only what differs from the one before is written.
    fn put_record(&mut self, record: &str, origin: i64, shown: u32) {
        let same = self.record.iter().zip(record.as_bytes()).take_while(|(one, other)| one == other).count();
        let rest = &record.as_bytes()[same..];
        put(&mut self.bytes, same as u64);
        put(&mut self.bytes, rest.len() as u64);
        self.bytes.extend_from_slice(rest);
        self.record.truncate(same);
        self.record.extend_from_slice(rest);
        put(&mut self.bytes, origin.unsigned_abs());
        put(&mut self.bytes, u64::from(shown));
    }
}

/// A hash of a combination. It is only a guess: what has the same one is compared.
fn hash_of<'s>(pairs: impl Iterator<Item = ShownPair<'s>>) -> u64 {
    let mixed = |hash: u64, (name, value): ShownPair<'_>| {
        (hash ^ u64::from(name)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
            ^ xxh3_64(value.as_bytes())
    };
    pairs.fold(1, mixed).rotate_left(1) ^ 1
}

/// Writes a number, a small one in few bytes.
pub(super) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The same with a sign.
pub(super) fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
