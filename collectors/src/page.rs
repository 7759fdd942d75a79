//! One answer of a list, read in a single pass: where each record begins and ends, its id and its second.
//!
//! Nothing is built that is not needed: a record stays a slice of the body, fields other than `id` and the time are
//! skipped over. The envelope is read by hand because only so the place of each element is known; every JSON value in it
//! is read by `serde_json`.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use serde::de::{Deserialize, IgnoredAny};

use crate::{
    head::{Head, Id, Scalar},
    record::{Record, Unusable},
};

/// What one list document (or several in one body) holds.
#[derive(Debug, Default)]
pub struct ListPage {
    /// Records with id and time, in the order of the answer.
    pub records: Vec<Record>,
    /// The rest of `data`, each with the reason why it is unusable.
    pub unusable: Vec<Unusable>,
    /// Whether the answer says that more follows; `None` when it does not say.
    pub has_more: Option<bool>,
    /// There is no array where the records should be, but `null`.
    pub is_null: bool,
}

/// A body that is not what a list answers: cut short, followed by garbage, or something else altogether.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("body is not a list at byte {offset}: {reason}")]
pub struct Malformed {
    /// Where reading stopped, from the start of the body.
    pub offset: usize,
    /// What was met there, without content.
    pub reason: &'static str,
}

impl ListPage {
    /// Reads a body. Several complete list documents one after another count as one page.
    pub fn parse(body: &Bytes) -> Result<Self, Malformed> {
        let valid = std::str::from_utf8(body).is_ok();
        let mut page = Self::default();
        let mut reader = Reader { body, at: 0, valid };
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
    /// Reads one record that stands alone, as when it was kept aside. The error says why it is unusable.
    pub fn read(raw: &[u8]) -> Result<Self, &'static str> {
        let body = Bytes::from([br#"{"data":["#, raw, b"]}"].concat());
        let page = ListPage::parse(&body).map_err(|malformed| malformed.reason)?;
        match (page.records.into_iter().next(), page.unusable.first()) {
            (Some(record), None) => Ok(record),
            (_, Some(unusable)) => Err(unusable.reason),
            (None, None) => Err("not a record"),
        }
    }
}

struct Reader<'a> {
    body: &'a Bytes,
    at: usize,
    valid: bool,
}

impl<'a> Reader<'a> {
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
            let (head, place) = self.head()?;
            let raw = self.body.slice(place);
            match self.usable(&head, &raw) {
                Ok((id, second, odd)) => {
                    let record = Record::new(raw, second, id.hash, id.text);
                    page.records.push(Record { odd, ..record });
                }
                Err(reason) => {
                    let own = match head {
                        Head::Object { second, .. } => second,
                        Head::Undecodable | Head::Other => None,
                    };
                    let near = own.or(page.records.last().map(|record| record.second));
                    page.unusable.push(Unusable { raw, reason, near });
                }
            }
            if !self.accept(b',') {
                return self.expect(b']', "a comma or the end of `data` was expected");
            }
        }
    }

    /// A record's head, and its place. One that is JSON and cannot be decoded (half of a surrogate pair as its id, a time beyond all
    /// numbers) must not take its page with it.
    fn head(&mut self) -> Result<(Head<'a>, Range<usize>), Malformed> {
        let start = self.at;
        self.value::<Head<'a>>().or_else(|_| {
            self.at = start;
            self.value::<IgnoredAny>().map(|(_, place)| (Head::Undecodable, place))
        })
    }

    fn usable<'h>(&self, head: &'h Head<'a>, raw: &[u8]) -> Result<(&'h Id<'a>, i64, bool), &'static str> {
        let (id, second, odd) = match head {
            Head::Object { id, second, odd } => (id, second, *odd),
            Head::Undecodable => return Err("cannot be decoded"),
            Head::Other => return Err("not an object"),
        };
        if !self.valid && std::str::from_utf8(raw).is_err() {
            return Err("not UTF-8");
        }
        let id = id.as_ref().ok_or("no usable id")?;
        let second = second.ok_or("no usable time")?;
        Ok((id, second, odd))
    }

    fn value<T: Deserialize<'a>>(&mut self) -> Result<(T, Range<usize>), Malformed> {
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

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn accept(&mut self, wanted: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: u8, otherwise: &'static str) -> Result<(), Malformed> {
        if self.accept(wanted) {
            return Ok(());
        }
        let ended = self.at >= self.body.len();
        Err(self.malformed(if ended { "the body ends too early" } else { otherwise }))
    }

    fn malformed(&self, reason: &'static str) -> Malformed {
        Malformed { offset: self.at.min(self.body.len()), reason }
    }
}

/// Where in `text` an error was met; serde_json counts lines and columns.
pub(crate) fn offset_of(text: &[u8], error: &serde_json::Error) -> usize {
    let line_start = match error.line() {
        0 | 1 => 0,
        line => memchr::memchr_iter(b'\n', text).nth(line - 2).map_or(0, |at| at + 1),
    };
    (line_start + error.column()).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::IdHash;

    fn parse(body: &str) -> Result<ListPage, Malformed> {
        ListPage::parse(&Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn a_record_is_the_very_bytes_that_were_received() {
        let page = parse(
            r#"{"data":[ {"id" : "a", "created": 5,"x":[1, 2]} ,{"created":6,"id":"b"}],"has_more":true}"#,
        )
        .expect("a list");
        assert_eq!(page.records[0].raw, r#"{"id" : "a", "created": 5,"x":[1, 2]}"#);
        assert_eq!(page.records[0].second, 5);
        assert_eq!(page.records[1].id, IdHash::of("b"));
        assert_eq!(page.has_more, Some(true));
    }

    #[test]
    fn the_text_of_an_id_is_told_with_and_without_escapes() {
        let page =
            parse(r#"{"data":[{"x":"id","id":"chatcmpl-1","created":5},{"id":"a\u0062","created":6}]}"#)
                .expect("a list");
        assert_eq!(page.records[0].id_text().as_deref(), Some("chatcmpl-1"));
        assert_eq!(page.records[1].id_text().as_deref(), Some("ab"));
        assert_eq!(page.records[1].id, IdHash::of("ab"));
    }

    #[test]
    fn keys_of_the_envelope_may_come_in_any_order_and_be_null() {
        let page = parse(r#"{"has_more":false,"first_id":null,"data":null,"last_id":null,"new":{"a":[]}}"#)
            .expect("a list");
        assert!(page.records.is_empty());
        assert_eq!(page.has_more, Some(false));
    }

    #[test]
    fn records_without_usable_id_or_time_leave_their_neighbours_alone() {
        let body = r#"{"data":[{"id":"a","effective_at":1},{"id":7,"effective_at":1},{"id":"c"},{"id":"d","created":"9"},
            {"id":"","created":1},{"id":"e","created":-1},5,null,[],"x",{"id":"z","effective_at":2.0}]}"#;
        let page = parse(body).expect("a list");
        assert_eq!(page.records.len(), 2);
        assert_eq!(page.unusable.len(), 9);
        assert_eq!(page.unusable[0].reason, "no usable id");
        assert_eq!(page.unusable[5].reason, "not an object");
    }

    #[test]
    fn text_that_is_not_utf8_spoils_only_its_own_record() {
        let mut body = br#"{"data":[{"id":"a","created":1,"x":""#.to_vec();
        body.push(0xff);
        body.extend_from_slice(br#""},{"id":"b","created":1}],"has_more":false}"#);
        let page = ListPage::parse(&Bytes::from(body)).expect("a list");
        assert_eq!(page.unusable[0].reason, "not UTF-8");
        assert_eq!(page.records[0].id, IdHash::of("b"));
    }

    #[test]
    fn a_record_that_cannot_be_decoded_spoils_only_itself() {
        let odd = [
            r#"{"id":"\ud800","created":1}"#,
            r#"{"id":"a","created":1e999}"#,
            r#"{"\ud800":0,"id":"a","created":1}"#,
        ];
        for odd in odd {
            let page = parse(&format!(r#"{{"data":[{odd},{{"id":"b","created":2}}]}}"#)).expect("a list");
            assert_eq!(page.unusable.len(), 1, "{odd}");
            assert_eq!(page.unusable[0].raw, odd);
            assert_eq!(page.records[0].id, IdHash::of("b"));
        }
    }

    #[test]
    fn a_record_with_a_field_that_nobody_knows_is_told_from_others() {
        let odd = |record: &str| {
            let page = parse(&format!(r#"{{"data":[{record}]}}"#)).expect("a list");
            page.records[0].odd
        };
        assert!(!odd(r#"{"id":"a","type":"user.added","user.added":{},"created":1,"actor":null}"#));
        assert!(!odd(r#"{"id":"a","user.added":{},"type":"user.added","created":1,"top_p":1}"#));
        assert!(odd(r#"{"id":"a","type":"user.added","user.deleted":{},"created":1}"#));
        assert!(odd(r#"{"id":"a","type":"user.added","user.added":{},"created":1,"news":1}"#));
        assert!(odd(r#"{"id":"a","created":1,"news":1}"#));
    }

    #[test]
    fn a_record_is_read_alone_as_it_is_in_a_page() {
        let record = Record::read(br#"{"id":"a","created":5,"x":1}"#).expect("a record");
        assert_eq!((record.raw.as_ref(), record.second), (br#"{"id":"a","created":5,"x":1}"#.as_slice(), 5));
        assert_eq!(Record::read(br#"{"id":"a"}"#).err(), Some("no usable time"));
        assert!(Record::read(br#""text""#).is_err());
        assert!(Record::read(b"{").is_err());
    }

    #[test]
    fn several_documents_in_one_body_are_one_page() {
        let page = parse("{\"data\":[{\"id\":\"a\",\"created\":1}],\"has_more\":true}\n{\"data\":[{\"id\":\"b\",\"created\":2}],\"has_more\":false}\n")
            .expect("two lists");
        assert_eq!(page.records.len(), 2);
        assert_eq!(page.has_more, Some(true));
    }

    #[test]
    fn every_cut_of_a_body_is_an_error_that_names_a_place_in_it() {
        let body = r#"{"object":"list","data":[{"id":"a","created":1,"n":[1,{"b":"c"}]}],"first_id":null,"has_more":false}"#;
        for cut in 0..body.len() {
            let error = parse(&body[..cut]).expect_err("a cut body");
            assert!(error.offset <= cut, "{error} in {cut} bytes");
        }
    }

    #[test]
    fn garbage_behind_the_document_is_told_by_its_offset() {
        let body = "{\"data\":[]}<html>";
        assert_eq!(parse(body).expect_err("garbage").offset, 11);
    }

    #[test]
    fn a_document_without_data_is_not_a_list() {
        assert_eq!(parse(r#"{"error":{}}"#).expect_err("no list").reason, "the document has no `data`");
    }
}
