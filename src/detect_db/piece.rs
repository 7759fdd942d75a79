//! Pieces: what happened in one group, one change after the other, in a form that is only appended to. The changes are sums,
//! so a group is known from its pieces in any order. `piece_reader` reads them.

use std::{collections::HashMap, sync::Arc};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

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
    pub(super) texts: Vec<Arc<str>>,
    pub(super) shown: Vec<Box<[(u32, u32)]>>,
}

impl PieceTexts {
    /// The fields of a combination, a pair for each value.
    pub(super) fn shown(&self, place: u32) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        let pairs = self.shown.get(place as usize).map_or(&[][..], |pairs| pairs);
        pairs.iter().filter_map(|(name, value)| {
            Some((self.texts.get(*name as usize)?, self.texts.get(*value as usize)?))
        })
    }

    pub(super) fn text(&self, place: u64) -> Option<&Arc<str>> {
        self.texts.get(usize::try_from(place).ok()?)
    }
}

/// Writes a piece.
#[derive(Debug, Default)]
pub(super) struct PieceWriter {
    pub(super) bytes: Vec<u8>,
    /// Texts and combinations by their hashes.
    known: HashMap<u64, u32>,
    at: i64,
    record: Vec<u8>,
}

impl PieceWriter {
    /// A piece of the group with these values.
    pub(super) fn begin(values: &GroupValues) -> Self {
        let mut writer = Self::default();
        let bytes = &mut writer.bytes;
        put(bytes, values.len() as u64);
        for value in values {
            match value {
                None => put(bytes, 0),
                Some(text) => {
                    put(bytes, text.len() as u64 + 1);
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        writer
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
        pairs: impl Iterator<Item = (&'s str, &'s str)> + Clone,
    ) -> u32 {
        let mut hasher = Xxh3::new();
        for text in pairs.clone().flat_map(|(name, value)| [name, value]) {
            hasher.update(text.as_bytes());
            hasher.update(&[0xff]);
        }
        let hash = hasher.digest().rotate_left(1) ^ 1;
        let is_same = |place: &u32| {
            let mut known = texts.shown(*place);
            let mut is_next = |(name, value): (&str, &str)| {
                known.next().is_some_and(|(known, of)| **known == *name && **of == *value)
            };
            pairs.clone().all(&mut is_next) && known.next().is_none()
        };
        let found = self.known.get(&hash).copied().filter(is_same);
        if let Some(place) = found {
            return place;
        }
        let pairs: Box<[(u32, u32)]> =
            pairs.map(|(name, value)| (self.text(texts, name), self.text(texts, value))).collect();
        self.bytes.push(SHOWN);
        put(&mut self.bytes, pairs.len() as u64);
        for (name, value) in &pairs {
            put(&mut self.bytes, u64::from(*name));
            put(&mut self.bytes, u64::from(*value));
        }
        let place = short(texts.shown.len());
        texts.shown.push(pairs);
        self.known.insert(hash, place);
        place
    }

    fn text(&mut self, texts: &mut PieceTexts, text: &str) -> u32 {
        let hash = xxh3_64(text.as_bytes());
        let is_same = |place: &u32| texts.texts.get(*place as usize).is_some_and(|known| **known == *text);
        if let Some(place) = self.known.get(&hash).copied().filter(is_same) {
            return place;
        }
        self.bytes.push(TEXT);
        put(&mut self.bytes, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
        let place = short(texts.texts.len());
        texts.texts.push(text.into());
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
