//! Skips over JSON values without building a tree.
//!
//! A record was checked to be valid JSON when its page was parsed. Skipping costs a fraction of parsing it
//! again; text that is not valid JSON ends the scan early, without harm.

use std::borrow::Cow;

use wide::u8x16;

use super::json::text;

/// Steps over JSON text, value by value.
pub struct JsonScanner<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> JsonScanner<'a> {
    /// A scanner before the first value of `json`.
    pub fn of(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }

    /// Skips an object; `each` gets every name, and must skip its value. `None` if it is not an object, or as
    /// soon as `each` returns `None`. A name that cannot be decoded is passed as written, with its quotes.
    #[inline]
    pub fn members(&mut self, mut each: impl FnMut(&mut Self, Cow<'a, [u8]>) -> Option<()>) -> Option<()> {
        self.named_members(|steps, name| each(steps, decoded(name)))
    }

    /// The same with each name as written, without its quotes; one with escapes with them: see [`decoded`].
    #[inline]
    pub fn named_members(&mut self, mut each: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.next_is(b'{').then_some(())?;
        if self.next_is(b'}') {
            return Some(());
        }
        loop {
            let name = self.name()?;
            self.next_is(b':').then_some(())?;
            each(self, name)?;
            if !self.next_is(b',') {
                return self.next_is(b'}').then_some(());
            }
        }
    }

    /// Skips a value; `each` must skip what is not an array: the value itself, or the elements of the array
    /// and of arrays in it. The stack does not grow with the depth.
    pub fn elements(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            if self.next_is(b'[') {
                depth += 1;
                if !self.next_is(b']') {
                    continue;
                }
                depth -= 1;
            } else {
                each(self)?;
            }
            while depth > 0 && !self.next_is(b',') {
                self.next_is(b']').then_some(())?;
                depth -= 1;
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Its position in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a position before it.
    pub(super) fn back_to(&mut self, at: usize) {
        self.at = self.at.min(at);
    }

    /// What was skipped since this position.
    pub(super) fn since(&self, start: usize) -> Option<&'a [u8]> {
        self.json.get(start..self.at)
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// Whether this mark comes next.
    #[inline]
    pub fn comes(&mut self, mark: u8) -> bool {
        if self.peek() == Some(mark) {
            return true;
        }
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.peek() == Some(mark)
    }

    /// Skips this byte, if it comes next.
    #[inline]
    fn next_is(&mut self, mark: u8) -> bool {
        let found = self.comes(mark);
        self.at += usize::from(found);
        found
    }

    /// Steps over a whole value.
    #[inline]
    pub fn value(&mut self) -> Option<&'a [u8]> {
        let is_text = self.comes(b'"');
        let start = self.at;
        match self.peek()? {
            _ if is_text => self.string()?,
            b'{' | b'[' => self.nested()?,
            _ => {
                while !matches!(self.peek(), None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')) {
                    self.at += 1;
                }
            }
        }
        self.since(start).filter(|value| !value.is_empty())
    }

    /// Steps over a key: what is between its quotes, or if that has escapes the key itself.
    #[inline]
    fn name(&mut self) -> Option<&'a [u8]> {
        self.comes(b'"').then_some(())?;
        let start = self.at;
        let inner = self.json.get(start + 1..)?;
        let end = mark(inner)?;
        if inner.get(end) == Some(&b'"') {
            self.at = start + end + 2;
            return inner.get(..end);
        }
        self.string()?;
        self.since(start)
    }

    /// Skips a string.
    #[inline]
    fn string(&mut self) -> Option<()> {
        self.at = string_end(self.json, self.at)?;
        Some(())
    }

    /// Steps over white space, and then to the white space that follows, outside of strings: a part of compact JSON.
    pub(super) fn part(&mut self) -> Option<&'a [u8]> {
        self.comes(b'"');
        let start = self.at;
        loop {
            match self.peek() {
                None | Some(b' ' | b'\n' | b'\r' | b'\t') => break,
                Some(b'"') if self.string().is_none() => self.at = self.json.len(),
                Some(b'"') => {}
                Some(_) => self.at += 1,
            }
        }
        self.since(start).filter(|part| !part.is_empty())
    }

    /// Steps over an object or an array: to behind the bracket that closes it.
    fn nested(&mut self) -> Option<()> {
        let (mut at, mut depth) = (self.at, 0_usize);
        loop {
            match self.json.get(at)? {
                b'"' => {
                    at = string_end(self.json, at)?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth <= 1 => break,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            at += 1;
        }
        self.at = at + 1;
        Some(())
    }
}

/// The place behind the string that begins at this quote: behind the next quote without a backslash before it.
#[inline]
fn string_end(json: &[u8], quote: usize) -> Option<usize> {
    let mut at = quote + 1;
    loop {
        let rest = json.get(at..)?;
        let found = mark(rest)?;
        at += found + 1;
        if rest.get(found) == Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

/// Whether a key as the scanner passes it on has this name.
#[inline]
pub(super) fn is_named(key: &[u8], name: &[u8]) -> bool {
    if key.first() == Some(&b'"') { is_written_as(key, name) } else { key == name }
}

#[cold]
fn is_written_as(key: &[u8], name: &[u8]) -> bool {
    // An escape has at most six bytes for one: most long keys need not be decoded.
    let written = key.len().saturating_sub(2);
    (name.len()..=name.len().saturating_mul(6)).contains(&written) && decoded(key).as_ref() == name
}

/// The name that a key means which the scanner passes on; of one that cannot be decoded the key itself.
#[inline]
pub fn decoded(key: &[u8]) -> Cow<'_, [u8]> {
    match key.first() {
        Some(b'"') => text(key).map_or(Cow::Borrowed(key), |text| Cow::Owned(text.into_owned().into_bytes())),
        Some(_) | None => Cow::Borrowed(key),
    }
}

/// Bytes that are looked at in blocks before the rest is searched by `memchr`: most strings are shorter than what its beginning
/// costs.
const SHORT: usize = 48;

/// The place of the first quote or backslash.
#[inline]
pub(super) fn mark(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < SHORT {
        let rest = &text[at..];
        let Some(block) = rest.first_chunk::<16>() else {
            let mut block = [0; 16];
            block[..rest.len()].copy_from_slice(rest);
            return mark_in(block).map(|found| at + found);
        };
        if let Some(found) = mark_in(*block) {
            return Some(at + found);
        }
        at += 16;
    }
    memchr::memchr2(b'"', b'\\', &text[at..]).map(|found| at + found)
}

#[inline]
fn mark_in(block: [u8; 16]) -> Option<usize> {
    let block = u8x16::new(block);
    let found = (block.simd_eq(QUOTES) | block.simd_eq(BACKSLASHES)).to_bitmask();
    (found != 0).then(|| found.trailing_zeros() as usize)
}

const QUOTES: u8x16 = u8x16::new([b'"'; 16]);
const BACKSLASHES: u8x16 = u8x16::new([b'\\'; 16]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mark_is_found_wherever_it_is_and_whatever_is_around_it() {
        for length in 0..60 {
            for filler in [b'a', b'!', b'#', b'[', b']', 0, 0x80, 0xff, b'"' | 0x80, b'\\' | 0x80] {
                let mut text = vec![filler; length];
                assert_eq!(mark(&text), None);
                for place in (0..length).rev() {
                    text[place] = if place % 3 == 0 { b'"' } else { b'\\' };
                    assert_eq!(mark(&text), Some(place), "{length} {filler}");
                }
            }
        }
    }

    #[test]
    fn elements_are_those_of_arrays_of_any_depth_and_any_other_value_is_its_own_element() {
        let elements = |json: &str| {
            let mut found = Vec::new();
            let mut steps = JsonScanner::of(json.as_bytes());
            steps.elements(|steps| {
                found.push(String::from_utf8_lossy(steps.value()?).into_owned());
                Some(())
            })?;
            Some((found, steps.at()))
        };
        let of = |found: &[&str], at| Some((found.iter().map(ToString::to_string).collect::<Vec<_>>(), at));
        assert_eq!(
            elements("[1, [[], \"a,]\"],[ ] ,{\"b\":[2]}] ,3"),
            of(&["1", "\"a,]\"", "{\"b\":[2]}"], 31)
        );
        assert_eq!(elements(" 5,6"), of(&["5"], 2));
        assert_eq!(elements("[1"), None);
        assert_eq!(elements("[1}"), None);
        assert!(elements(&("[".repeat(200_000) + &"]".repeat(200_000))).is_some());
    }
}
