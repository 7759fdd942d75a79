//! Reads pieces.

use super::piece::{BROUGHT, GroupValues, HIT, MATCH, PieceEntry, PieceTexts, SHOWN, TEXT, TICK};
use crate::detect::episodes::{Amount, TickValue};

/// Reads a piece: hands its changes out, and returns the values of the group and the texts. `None` if it is broken.
pub(super) fn read_piece(
    bytes: &[u8],
    each: &mut dyn FnMut(PieceEntry<'_>),
) -> Option<(GroupValues, PieceTexts)> {
    let mut reader = PieceReader { rest: bytes };
    let (mut values, mut texts) = (GroupValues::new(), PieceTexts::default());
    for _ in 0..reader.number()? {
        values.push(match reader.number()?.checked_sub(1) {
            None => None,
            Some(length) => {
                let text = reader.text(length)?;
                texts.push(text);
                Some(text.to_owned())
            }
        });
    }
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
    Some((values, texts))
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
        let (values, read) = read_piece(&writer.bytes, &mut |entry| {
            assert_eq!(entry, entries(shown)[found]);
            found += 1;
        })
        .unwrap();
        assert_eq!((values, found), (group, entries(shown).len()));
        assert_eq!(read.shown(shown).collect::<Vec<_>>(), pairs);
    }

    #[test]
    fn a_broken_piece_is_an_error_and_no_panic() {
        let mut texts = PieceTexts::default();
        let mut writer = PieceWriter::begin(&mut texts, &vec![Some("ann".to_owned())]);
        for entry in &entries(0) {
            writer.add(&mut texts, entry);
        }
        for length in 1..writer.bytes.len() {
            _ = read_piece(&writer.bytes[..length], &mut |_| {});
            let mut bytes = writer.bytes.clone();
            bytes[length] ^= 0xff;
            _ = read_piece(&bytes, &mut |_| {});
        }
        assert!(read_piece(&[1, 200], &mut |_| {}).is_none());
    }
}
