//! Records that are not JSON (`NaN`, a raw control character, a bad escape, a comma too many): where such a record ends, so that
//! its neighbours can be read.
//!
//! The end is where brackets and strings of the record are balanced, or else the next place at which a record of this list
//! begins or the list ends. It counts only if the body goes on from there as a list does, and if no second record can lie
//! before it. So a body that is cut never passes, nor one that was joined from two.

use std::borrow::Cow;

use memchr::{memchr2, memchr2_iter, memmem};
use serde::de::IgnoredAny;

use crate::{
    page::head::LAST_SECOND,
    page::record::Unusable,
    page::{ListPage, Malformed, Reader},
};

/// Why such a record is unusable.
pub(crate) const NOT_JSON: &str = "not JSON";
/// So many damaged records in a row are passed to find one that is sound.
const IN_A_ROW_MAX: usize = 16;
/// Keys of the envelope: no record has them at any depth.
const ENVELOPE_KEYS: [&str; 3] = ["has_more", "first_id", "last_id"];

impl Reader<'_> {
    /// Takes the next element of `data`, sound or not.
    pub(crate) fn element_or_damage(&mut self, page: &mut ListPage) -> Result<(), Malformed> {
        self.skip_space();
        let start = self.at;
        if matches!(self.peek(), Some(b',' | b']')) {
            // Nothing stands here: a comma too many, or a record that was not written.
            let comma = if self.peek() == Some(b',') { start } else { self.comma_before(start) };
            self.spoiled(page, comma, comma + 1);
            return Ok(());
        }
        match self.head() {
            Ok((head, place)) if self.at_separator() => {
                self.keep(page, &head, place);
                Ok(())
            }
            read => {
                let refused =
                    read.err().unwrap_or_else(|| self.malformed("a comma or the end of `data` was expected"));
                self.at = start;
                let end = self.damage_end(start).ok_or(refused)?;
                self.spoiled(page, start, end);
                self.at = end;
                Ok(())
            }
        }
    }

    fn spoiled(&self, page: &mut ListPage, start: usize, end: usize) {
        let raw = self.body.slice(start..end);
        let near = second_in(&raw, self.time.name()).or(page.records.last().map(|record| record.second));
        page.unusable.push(Unusable { raw, reason: NOT_JSON, near });
    }

    fn comma_before(&self, at: usize) -> usize {
        self.body[..at].iter().rposition(|byte| *byte == b',').unwrap_or(at)
    }

    fn at_separator(&mut self) -> bool {
        self.skip_space();
        matches!(self.peek(), Some(b',' | b']'))
    }

    /// Where the element that starts here ends, without the white space behind it.
    fn damage_end(&self, start: usize) -> Option<usize> {
        let trimmed = |end: usize| start + self.body[start..end].trim_ascii_end().len();
        let latest = self.latest_end(start);
        let balanced = balanced_end(self.body, start).filter(|end| *end <= latest && *end > start);
        if let Some(end) = balanced
            && self.moved(end).goes_on()
        {
            return Some(trimmed(end));
        }
        memchr2_iter(b',', b']', &self.body[start..latest])
            .map(|place| start + place)
            .find(|at| self.moved(*at).record_or_list_end_follows())
            .map(trimmed)
    }

    /// The element ends here at the latest, because a second record, or another document, must have begun.
    fn latest_end(&self, start: usize) -> usize {
        let rest = &self.body[start..];
        let second_time = keys(rest, self.time.name()).nth(1);
        let envelope = ENVELOPE_KEYS.iter().filter_map(|key| keys(rest, key).next());
        let list = keys(rest, "data").find(|at| {
            let value = rest[at + "\"data\"".len()..].trim_ascii_start();
            value.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"["))
        });
        let latest = second_time.into_iter().chain(envelope).chain(list).min();
        start + latest.unwrap_or(rest.len())
    }

    fn moved(&self, at: usize) -> Self {
        Self { at, ..*self }
    }

    /// Behind an element: whether what follows is the end of the list, or elements up to a sound one.
    fn goes_on(mut self) -> bool {
        for _ in 0..IN_A_ROW_MAX {
            if self.moved(self.at).record_follows() {
                return true;
            }
            if self.accept(b']') {
                return self.envelope().is_some();
            }
            if !self.accept(b',') {
                return false;
            }
            self.skip_space();
            let start = self.at;
            match balanced_end(self.body, start) {
                Some(end) if end <= self.latest_end(start) => self.at = end,
                Some(_) | None => return false,
            }
        }
        false
    }

    /// Whether a sound record comes next.
    fn record_follows(mut self) -> bool {
        if !self.accept(b',') {
            return false;
        }
        self.skip_space();
        if self.peek() != Some(b'{') {
            return false;
        }
        let Ok((head, place)) = self.head() else { return false };
        self.usable(&head, &self.body[place]).is_ok() && self.at_separator()
    }

    /// The same, or the end of the list. Brackets that a record has of its own look like that end; what tells them apart is
    /// what a list says behind it, and no record.
    fn record_or_list_end_follows(mut self) -> bool {
        self.record_follows() || (self.accept(b']') && self.envelope() == Some(true))
    }

    /// Behind `data`: whether the rest of the document says `has_more`; `None` when it does not go on and end as a document
    /// does.
    fn envelope(&mut self) -> Option<bool> {
        let mut says_more = false;
        while self.accept(b',') {
            let (key, _) = self.value::<Cow<'_, str>>().ok()?;
            self.expect(b':', "a colon was expected").ok()?;
            self.value::<IgnoredAny>().ok()?;
            says_more |= key == "has_more";
        }
        let ended = self.accept(b'}');
        self.skip_space();
        (ended && matches!(self.peek(), None | Some(b'{'))).then_some(says_more)
    }
}

/// The comma or bracket behind the element that starts here, by its brackets and strings alone; `None` where these do not
/// match.
fn balanced_end(body: &[u8], start: usize) -> Option<usize> {
    let mut open = Vec::new();
    let mut at = start;
    while let Some(byte) = body.get(at) {
        match (byte, open.last()) {
            (b'"', _) => at = string_end(body, at + 1)?,
            (b'{', _) => open.push(b'}'),
            (b'[', _) => open.push(b']'),
            (b',' | b']', None) => return Some(at),
            // One too many is part of the damage.
            (b'}', None) => {}
            (b'}' | b']', Some(wanted)) => {
                if wanted != byte {
                    return None;
                }
                open.pop();
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The quote that ends the string in which `at` lies.
fn string_end(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', body.get(at..)?)?;
        if body[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Where this key stands, at any depth. In the text of a string its quotes are escaped.
fn keys<'a>(text: &'a [u8], name: &str) -> impl Iterator<Item = usize> + 'a {
    let quoted = format!("\"{name}\"").into_bytes();
    let length = quoted.len();
    let finder = memmem::Finder::new(&quoted).into_owned();
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + finder.find(&text[from..])?;
        from = at + length;
        Some(at)
    })
    .filter(move |at| text[at + length..].trim_ascii_start().starts_with(b":"))
}

/// The second that stands in a record that cannot be read.
fn second_in(raw: &[u8], name: &str) -> Option<i64> {
    let at = keys(raw, name).next()? + name.len() + 2;
    let value = raw[at..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let second = std::str::from_utf8(&value[..digits]).ok()?.parse().ok()?;
    (0..=LAST_SECOND).contains(&second).then_some(second)
}

#[cfg(test)]
mod tests;
