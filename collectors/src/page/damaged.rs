//! Finds the end of records that are not JSON (`NaN`, a raw control character, a bad escape, an extra comma),
//! so that the other records of the page can be read.
//!
//! The end is where the brackets and strings of the record are balanced, or else the next place at which a
//! record of this list begins or the list ends. It counts only if the body continues from there as a list
//! does, and if no second record can be before it. So a truncated body never passes, nor one that was joined
//! from two.

use std::borrow::Cow;

use memchr::{memchr2, memchr2_iter, memmem};
use serde::de::IgnoredAny;

use crate::page::{ListPage, Malformed, PageReader, head::LAST_SECOND, record::Unusable};

/// The reason for such a record.
pub(crate) const NOT_JSON: &str = "not JSON";
/// How many damaged records in a row are skipped to find a sound one.
const IN_A_ROW_MAX: usize = 16;
/// Keys of the envelope, which no record has at any depth.
const ENVELOPE_KEYS: [&str; 3] = ["has_more", "first_id", "last_id"];

impl PageReader<'_> {
    /// Reads the next element of `data`, sound or not.
    pub(crate) fn element_or_damage(&mut self, page: &mut ListPage) -> Result<(), Malformed> {
        self.skip_space();
        let start = self.at;
        if matches!(self.peek(), Some(b',' | b']')) {
            // An empty element: an extra comma, or a record that was not written.
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

    /// The end of the element that starts here, without trailing white space.
    fn damage_end(&self, start: usize) -> Option<usize> {
        let trimmed = |end: usize| start + self.body[start..end].trim_ascii_end().len();
        let latest = self.latest_end(start);
        let balanced = balanced_end(self.body, start).filter(|end| *end <= latest && *end > start);
        if let Some(end) = balanced
            && self.moved(end).continues()
        {
            return Some(trimmed(end));
        }
        memchr2_iter(b',', b']', &self.body[start..latest])
            .map(|place| start + place)
            .find(|at| self.moved(*at).record_or_list_end_follows())
            .map(trimmed)
    }

    /// The latest possible end of the element, because a second record or another document begins there.
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

    /// After an element: whether the list ends here, or continues up to a sound element.
    fn continues(mut self) -> bool {
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

    /// Like `record_follows`, or the end of the list. Brackets inside a record look like that end; but only
    /// the list has envelope fields after it.
    fn record_or_list_end_follows(mut self) -> bool {
        self.record_follows() || (self.accept(b']') && self.envelope() == Some(true))
    }

    /// After `data`: `has_more` of the rest of the document; `None` if the rest is not that of a list
    /// document.
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

/// The comma or bracket after the element that starts here, found by its brackets and strings only; `None` if
/// these do not match.
fn balanced_end(body: &[u8], start: usize) -> Option<usize> {
    let mut open = Vec::new();
    let mut at = start;
    while let Some(byte) = body.get(at) {
        match (byte, open.last()) {
            (b'"', _) => at = string_end(body, at + 1)?,
            (b'{', _) => open.push(b'}'),
            (b'[', _) => open.push(b']'),
            (b',' | b']', None) => return Some(at),
            // An extra one is part of the damage.
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

/// The closing quote of the string that contains `at`.
fn string_end(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', body.get(at..)?)?;
        if body[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Positions of this key at any depth. In a string value its quotes would be escaped.
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

/// The second in a record that cannot be parsed.
fn second_in(raw: &[u8], name: &str) -> Option<i64> {
    let at = keys(raw, name).next()? + name.len() + 2;
    let value = raw[at..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let second = std::str::from_utf8(&value[..digits]).ok()?.parse().ok()?;
    (0..=LAST_SECOND).contains(&second).then_some(second)
}

#[cfg(test)]
mod tests;
