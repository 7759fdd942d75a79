//! One answer of a list, parsed in a single pass: the bounds of each record, its id and its second.
//!
//! Only what is needed is built: a record stays a slice of the body, and fields other than `id` and the time
//! are skipped. The envelope is parsed by hand, because only then the position of each element is known;
//! every JSON value in it is parsed by `serde_json`.

pub(crate) mod again;
pub(crate) mod damaged;
pub(crate) mod head;
pub(crate) mod messages;
pub(crate) mod record;

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use serde::de::{Deserialize, IgnoredAny};

use crate::page::{
    damaged::NOT_JSON,
    head::{Id, RecordHead, Scalar, TimeField},
    record::{Beginnings, IdHash, Record, Unusable},
};

/// The longest id of a record. The API's ids have about 40 bytes; one is stored in a checkpoint and sent in a
/// URL.
const ID_BYTES_MAX: usize = 512;

/// Reason for a record that is not text.
const NOT_UTF8: &str = "not UTF-8";

/// The contents of one list document, or of several in one body.
#[derive(Debug, Default)]
pub struct ListPage {
    /// Records with an id and a time, in the order of the answer.
    pub records: Vec<Record>,
    /// The other elements of `data`, each with the reason why it is unusable.
    pub unusable: Vec<Unusable>,
    /// `has_more`; `None` if the answer does not have it.
    pub has_more: Option<bool>,
    /// Whether `data` is `null` instead of an array.
    pub is_null: bool,
}

/// A body that is not a list document: truncated, followed by garbage, or something else entirely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("body is not a list at byte {offset}: {reason}")]
pub struct Malformed {
    /// Byte offset in the body at which parsing stopped.
    pub offset: usize,
    /// What was found there, without content.
    pub reason: &'static str,
}

impl ListPage {
    /// How many records it shows, usable or not.
    pub fn len(&self) -> usize {
        self.records.len() + self.unusable.len()
    }

    /// Whether it shows no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops duplicates; true if there were any.
    pub fn drop_repeats(&mut self) -> bool {
        let mut beginnings = Beginnings::none();
        let differ = self.records.iter().all(|record| beginnings.add(record.id));
        if differ {
            return false;
        }
        let mut ids: Vec<_> = self.records.iter().map(|record| record.id).collect();
        ids.sort_unstable();
        let repeats = ids.windows(2).any(|pair| pair[0] == pair[1]);
        if repeats {
            let mut shown = std::collections::HashSet::with_capacity(ids.len());
            self.records.retain(|record| shown.insert(record.id));
        }
        repeats
    }

    /// Parses a body whose records are dated by `time`. Several complete list documents in a row count as one
    /// page.
    pub fn parse(body: &Bytes, time: TimeField) -> Result<Self, Malformed> {
        Self::read(body, time, false)
    }

    /// Parses a body that [`Self::parse`] refuses because some of its records are not JSON: these become
    /// unusable, the others are good. A truncated body, or one in which the end of such a record cannot be
    /// found, is still refused.
    pub fn parse_damaged(body: &Bytes, time: TimeField) -> Result<Self, Malformed> {
        Self::read(body, time, true)
    }

    /// Hashes of the elements that the API cannot have meant to send: invalid JSON, invalid UTF-8.
    pub(crate) fn damage(&self) -> impl Iterator<Item = IdHash> {
        let damaged = self.unusable.iter().filter(|one| matches!(one.reason, NOT_JSON | NOT_UTF8));
        damaged.map(|one| IdHash::of_bytes(&one.raw))
    }

    /// Whether an element is empty.
    pub(crate) fn has_gap(&self) -> bool {
        self.unusable.iter().any(|one| one.reason == NOT_JSON && one.raw == ",")
    }

    fn read(body: &Bytes, time: TimeField, damaged: bool) -> Result<Self, Malformed> {
        let valid = std::str::from_utf8(body).is_ok();
        let mut page = Self::default();
        let mut reader = PageReader { body, at: 0, valid, time, damaged };
        reader.skip_space();
        loop {
            reader.document(&mut page)?;
            reader.skip_space();
            if reader.at == body.len() {
                return Ok(page);
            }
        }
    }
}

impl Record {
    /// Parses a single record, such as one from the rejects. The error says why it is unusable.
    pub fn read(raw: &[u8], time: TimeField) -> Result<Self, &'static str> {
        let body = Bytes::from([br#"{"data":["#, raw, b"]}"].concat());
        let page = ListPage::parse(&body, time).map_err(|malformed| malformed.reason)?;
        match (page.records.into_iter().next(), page.unusable.first()) {
            (Some(record), None) => Ok(record),
            (_, Some(unusable)) => Err(unusable.reason),
            (None, None) => Err("not a record"),
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct PageReader<'a> {
    pub body: &'a Bytes,
    pub at: usize,
    /// Whether the whole body is UTF-8.
    pub valid: bool,
    pub time: TimeField,
    /// Whether to continue after a record that is not JSON.
    pub damaged: bool,
}

impl<'a> PageReader<'a> {
    fn document(&mut self, page: &mut ListPage) -> Result<(), Malformed> {
        self.expect(b'{', "a list document was expected")?;
        let mut has_data = false;
        if !self.accept(b'}') {
            loop {
                let (key, _) = self.value::<Cow<'a, str>>()?;
                self.expect(b':', "a colon was expected")?;
                match key.as_ref() {
                    "data" => {
                        has_data = true;
                        self.data(page)?;
                    }
                    "has_more" => {
                        if let (Scalar::Bool(more), _) = self.value()? {
                            page.has_more = Some(more || page.has_more.unwrap_or(false));
                        }
                    }
                    _ => {
                        self.value::<IgnoredAny>()?;
                    }
                }
                if !self.accept(b',') {
                    self.expect(b'}', "a comma or the end of the document was expected")?;
                    break;
                }
            }
        }
        if has_data { Ok(()) } else { Err(self.malformed("the document has no `data`")) }
    }

    fn data(&mut self, page: &mut ListPage) -> Result<(), Malformed> {
        self.skip_space();
        if self.peek() == Some(b'n') {
            page.is_null = true;
            return self.value::<()>().map(drop);
        }
        self.expect(b'[', "`data` is not an array")?;
        if self.accept(b']') {
            return Ok(());
        }
        loop {
            if self.damaged {
                self.element_or_damage(page)?;
            } else {
                let (head, place) = self.head()?;
                self.keep(page, &head, place);
            }
            if !self.accept(b',') {
                return self.expect(b']', "a comma or the end of `data` was expected");
            }
        }
    }

    /// Adds an element to the records or to the unusable ones.
    pub(crate) fn keep(&self, page: &mut ListPage, head: &RecordHead<'a>, place: Range<usize>) {
        let raw = self.body.slice(place);
        match self.usable(head, &raw) {
            Ok((id, second, odd)) => {
                let record = Record::new(raw, second, id.hash, id.text);
                page.records.push(Record { odd, ..record });
            }
            Err(reason) => {
                let own = match head {
                    RecordHead::Object { times, .. } => times.of(self.time).0,
                    RecordHead::Undecodable | RecordHead::Other => None,
                };
                let near = own.or(page.records.last().map(|record| record.second));
                page.unusable.push(Unusable { raw, reason, near });
            }
        }
    }

    /// The fields of the next record, and its bounds. A record that is JSON but cannot be decoded (half a
    /// surrogate pair in its id, a number out of range) must not make its page fail.
    pub(crate) fn head(&mut self) -> Result<(RecordHead<'a>, Range<usize>), Malformed> {
        let start = self.at;
        self.value::<RecordHead<'a>>().or_else(|_| {
            self.at = start;
            self.value::<IgnoredAny>().map(|(_, place)| (RecordHead::Undecodable, place))
        })
    }

    pub(crate) fn usable<'h>(
        &self,
        head: &'h RecordHead<'a>,
        raw: &[u8],
    ) -> Result<(&'h Id<'a>, i64, bool), &'static str> {
        let (id, (second, other), odd) = match head {
            RecordHead::Object { id, times, odd } => (id, times.of(self.time), *odd),
            RecordHead::Undecodable => return Err("cannot be decoded"),
            RecordHead::Other => return Err("not an object"),
        };
        if !self.valid && std::str::from_utf8(raw).is_err() {
            return Err(NOT_UTF8);
        }
        let id = id.as_ref().ok_or("no usable id")?;
        if id.bytes > ID_BYTES_MAX {
            return Err("an id of more than 512 bytes");
        }
        let second = second.ok_or("no usable time")?;
        Ok((id, second, odd || other))
    }

    pub(crate) fn value<T: Deserialize<'a>>(&mut self) -> Result<(T, Range<usize>), Malformed> {
        self.skip_space();
        let rest = &self.body[self.at..];
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
        match stream.next() {
            Some(Ok(value)) => {
                let start = self.at;
                self.at += stream.byte_offset();
                Ok((value, start..self.at))
            }
            Some(Err(error)) => {
                self.at += offset_of(rest, &error);
                Err(self.malformed(if error.is_eof() { "the body ends too early" } else { "not JSON" }))
            }
            None => Err(self.malformed("the body ends too early")),
        }
    }

    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    pub(crate) fn accept(&mut self, wanted: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn expect(&mut self, wanted: u8, otherwise: &'static str) -> Result<(), Malformed> {
        if self.accept(wanted) {
            return Ok(());
        }
        let ended = self.at >= self.body.len();
        Err(self.malformed(if ended { "the body ends too early" } else { otherwise }))
    }

    pub(crate) fn malformed(&self, reason: &'static str) -> Malformed {
        Malformed { offset: self.at.min(self.body.len()), reason }
    }
}

/// The byte offset in `text` of an error, which serde_json gives as line and column.
pub(crate) fn offset_of(text: &[u8], error: &serde_json::Error) -> usize {
    let line_start = match error.line() {
        0 | 1 => 0,
        line => memchr::memchr_iter(b'\n', text).nth(line - 2).map_or(0, |at| at + 1),
    };
    (line_start + error.column()).min(text.len())
}

#[cfg(test)]
mod tests;
