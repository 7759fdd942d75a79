//! Reads pieces.

use super::piece::{BROUGHT, GroupValues, HIT, MATCH, PieceEntry, PieceTexts, SHOWN, TEXT, TICK};
use crate::detect::episodes::{Amount, TickValue};

/// What is known of a piece that was read, beside its changes.
pub(super) struct ReadPiece {
    pub(super) texts: PieceTexts,
    /// The second of the last change, and the last record: what is written next differs from them.
    pub(super) at: i64,
    pub(super) record: Vec<u8>,
}

/// The values of the group that a piece is of. `None` if it is broken.
pub(super) fn piece_values(bytes: &[u8]) -> Option<GroupValues> {
    let mut values = GroupValues::new();
    PieceReader { rest: bytes }.values(|value| values.push(value.map(str::to_owned)))?;
    Some(values)
}

/// Reads a piece, and hands its changes out. Its texts find room in `texts`, which has none yet. `None` if it is broken.
pub(super) fn read_piece(
    bytes: &[u8],
    mut texts: PieceTexts,
    each: &mut dyn FnMut(PieceEntry<'_>),
) -> Option<ReadPiece> {
    let mut reader = PieceReader { rest: bytes };
    reader.values(|value| {
        value.map(|text| texts.push(text));
    })?;
    let (mut last, mut record) = (0_i64, Vec::new());
    while let Some(kind) = reader.byte() {
        match kind {
            TEXT => {
                let length = reader.number()?;
                texts.push(reader.text(length)?);
                continue;
            }
            SHOWN => {
                let count = reader.number()?;
                for _ in 0..count {
                    texts.push_pair(reader.small()?, reader.small()?);
                }
                texts.end_shown();
                continue;
            }
            _ => {}
        }
        let at = last.wrapping_add(reader.signed()?);
        last = at;
        match kind {
            MATCH => {
                let (origin, shown) = reader.record(&mut record)?;
                let input = reader.small()?;
                let record = std::str::from_utf8(&record).ok()?;
                each(PieceEntry::Match { at, record, origin, shown, input });
            }
            BROUGHT => {
                let (origin, shown) = reader.record(&mut record)?;
                let by = reader.signed()?;
                let record = std::str::from_utf8(&record).ok()?;
                each(PieceEntry::Brought { at, record, origin, shown, by });
            }
            HIT => {
                let parent = i64::from_le_bytes(reader.fixed()?);
                let (input, by) = (reader.small()?, reader.signed()?);
                each(PieceEntry::Hit { at, parent, input, by });
            }
            TICK => {
                let (input, by) = (reader.small()?, reader.signed()?);
                let value = match reader.number()? {
                    0 => TickValue::Nothing,
                    1 => TickValue::Number(Amount::new(f64::from_le_bytes(reader.fixed()?))),
                    2 => TickValue::Hit(i64::from_le_bytes(reader.fixed()?)),
                    place => TickValue::Text(texts.text(u32::try_from(place - 3).ok()?)?.to_owned()),
                };
                each(PieceEntry::Tick { at, input, value, by });
            }
            _ => return None,
        }
    }
    Some(ReadPiece { texts, at: last, record })
}

/// Takes one part after the other from bytes.
pub(super) struct PieceReader<'p> {
    pub(super) rest: &'p [u8],
}

impl<'p> PieceReader<'p> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(super) fn fixed(&mut self) -> Option<[u8; 8]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn slice(&mut self, length: u64) -> Option<&'p [u8]> {
        let (first, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(first)
    }

    /// The values of a group, at the beginning of a piece.
    fn values(&mut self, mut each: impl FnMut(Option<&'p str>)) -> Option<()> {
        for _ in 0..self.number()? {
            match self.number()?.checked_sub(1) {
                None => each(None),
                Some(length) => each(Some(self.text(length)?)),
            }
        }
        Some(())
    }

    fn text(&mut self, length: u64) -> Option<&'p str> {
        std::str::from_utf8(self.slice(length)?).ok()
    }

    fn record(&mut self, record: &mut Vec<u8>) -> Option<(i64, u32)> {
        let same = usize::try_from(self.number()?).ok()?;
        let length = self.number()?;
        record.truncate(same);
        record.extend_from_slice(self.slice(length)?);
        Some((self.number()?.cast_signed(), self.small()?))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::piece::PieceWriter, *};

    fn entries<'e>(shown: u32) -> Vec<PieceEntry<'e>> {
        let tick = |at, value| PieceEntry::Tick { at, input: 3, value, by: -1 };
        vec![
            PieceEntry::Match { at: 1_770_000_000, record: "log-é1", origin: 3, shown, input: 0 },
            PieceEntry::Match { at: -5, record: "log-è", origin: 1, shown, input: 99 },
            PieceEntry::Match { at: i64::MAX, record: "", origin: 1, shown, input: 1 },
            PieceEntry::Brought { at: i64::MIN, record: "log-2", origin: 1, shown, by: -1 },
            PieceEntry::Hit { at: 7, parent: i64::MIN, input: 2, by: 1 },
            tick(7, TickValue::Nothing),
            tick(7, TickValue::Hit(-1)),
            tick(8, TickValue::Text("DE".to_owned())),
            tick(9, TickValue::Text("DE".to_owned())),
            tick(9, TickValue::Number(Amount::new(-0.5))),
        ]
    }

    #[test]
    fn a_piece_is_read_as_it_was_written() {
        let group = vec![Some("ann".to_owned()), None, Some(String::new())];
        let mut texts = PieceTexts::default();
        let mut writer = PieceWriter::begin(&mut texts, &group);
        let pairs = [(1, "ann"), (300, "DE"), (300, "US")];
        let shown = writer.shown(&mut texts, pairs.into_iter());
        assert_eq!(writer.shown(&mut texts, pairs.into_iter()), shown);
        assert_ne!(writer.shown(&mut texts, pairs[..2].iter().copied()), shown);
        for entry in &entries(shown) {
            writer.add(&mut texts, entry);
        }
        let mut found = 0;
        let read = read_piece(&writer.bytes, PieceTexts::default(), &mut |entry| {
            assert_eq!(entry, entries(shown)[found]);
            found += 1;
        })
        .unwrap();
        assert_eq!((piece_values(&writer.bytes), found), (Some(group), entries(shown).len()));
        assert_eq!(read.texts.shown(shown).collect::<Vec<_>>(), pairs);
    }

    #[test]
    fn a_piece_that_is_continued_is_the_one_that_was_never_closed() {
        let group = vec![Some("ann".to_owned()), None];
        let pairs = |number: usize| [(1, ["ann", "bob"][number % 2]), (300, ["DE", "US", "FR"][number % 3])];
        // Of 100 texts and more than 64 combinations; every place is one to go on from.
        for (count, closed) in [(12, 1), (12, 5), (12, 12), (100, 90)] {
            let mut texts = PieceTexts::default();
            let mut whole = PieceWriter::begin(&mut texts, &group);
            let mut parts = None;
            for number in 0..count {
                let own = format!("text {number}");
                let entry = |shown| {
                    let record = ["log-1", "log-22", "other"][number % 3];
                    PieceEntry::Match {
                        at: 1_770_000_000 + number as i64 % 5,
                        record,
                        origin: 3,
                        shown,
                        input: 0,
                    }
                };
                let add = |writer: &mut PieceWriter, texts: &mut PieceTexts| {
                    let pairs = pairs(number).into_iter().chain((number >= 20).then_some((7, &*own)));
                    let shown = writer.shown(texts, pairs);
                    writer.add(texts, &entry(shown));
                };
                add(&mut whole, &mut texts);
                if number + 1 == closed {
                    let read = read_piece(&whole.bytes, PieceTexts::default(), &mut |_| {});
                    let ReadPiece { texts, at, record } = read.unwrap();
                    parts = Some((PieceWriter::resume(whole.bytes.clone(), &texts, at, &record), texts));
                } else if let Some((writer, texts)) = &mut parts {
                    add(writer, texts);
                }
            }
            assert_eq!(parts.unwrap().0.bytes, whole.bytes, "{count} {closed}");
        }
    }

    #[test]
    fn a_broken_piece_is_an_error_and_no_panic() {
        let mut texts = PieceTexts::default();
        let mut writer = PieceWriter::begin(&mut texts, &vec![Some("ann".to_owned())]);
        for entry in &entries(0) {
            writer.add(&mut texts, entry);
        }
        let read = |bytes: &[u8]| read_piece(bytes, PieceTexts::default(), &mut |_| {});
        for length in 1..writer.bytes.len() {
            _ = read(&writer.bytes[..length]);
            let mut bytes = writer.bytes.clone();
            bytes[length] ^= 0xff;
            _ = read(&bytes);
            _ = piece_values(&bytes);
        }
        assert!(read(&[1, 200]).is_none() && piece_values(&[1, 200]).is_none());
    }
}
