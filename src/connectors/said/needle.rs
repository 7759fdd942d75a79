//! One text that must not be shown, in one line of what another system said.

use std::ops::Range;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::{
    SECRET_CHARS_MIN,
    spelling::{BYTES_MAX, is_blank, may_begin, spelled},
};

/// Bits of a character of Base64.
const BITS: usize = 6;
/// Bytes that become whole characters of Base64 together.
const GROUP: usize = 3;

/// What is looked for.
pub(super) struct Needle {
    parts: Vec<NeedlePart>,
    is_base64: bool,
    is_short: bool,
}

enum NeedlePart {
    /// A character.
    Char(char),
    /// At most so many characters that become a space together.
    Blank(usize),
}

impl Needle {
    /// A secret as it is, and where it is part of something that is in Base64: what is before it moves its bits by none, one
    /// or two bytes.
    pub(super) fn all_of(secret: &str) -> Vec<Self> {
        let plain = parts(secret);
        if plain.is_empty() {
            return Vec::new();
        }
        let is_short = plain.len() < SECRET_CHARS_MIN;
        let mut all = vec![Self { parts: plain, is_base64: false, is_short }];
        for before in 0..GROUP {
            let base64 = inside_base64(secret, before);
            let for_addresses = base64.replace('+', "-").replace('/', "_");
            let is_other = for_addresses != base64;
            all.push(Self { parts: parts(&base64), is_base64: true, is_short });
            if is_other {
                all.push(Self { parts: parts(&for_addresses), is_base64: true, is_short });
            }
        }
        all
    }

    /// Whether it is found in ordinary words.
    pub(super) fn is_short(&self) -> bool {
        self.is_short
    }

    /// The most bytes that it takes in any form.
    pub(super) fn reach(&self) -> usize {
        let chars = |part: &NeedlePart| match part {
            NeedlePart::Char(_) => 1,
            NeedlePart::Blank(most) => *most,
        };
        self.parts.iter().map(chars).sum::<usize>().saturating_mul(BYTES_MAX)
    }

    /// Where it is in a line, as far as it begins before a place.
    pub(super) fn places(&self, line: &str, before: usize) -> Vec<Range<usize>> {
        let begins = line.char_indices().take_while(|(at, _)| *at < before);
        let found = begins.filter_map(|(at, first)| Some(at..self.end(line, at, first)?));
        found.map(|place| if self.is_base64 { widened(line, place) } else { place }).collect()
    }

    /// The furthest end of it, if it begins at a place.
    fn end(&self, line: &str, at: usize, first: char) -> Option<usize> {
        match self.parts.first() {
            // One byte may be spread over two characters of Base64: then every text may have it.
            None => return Some(at),
            Some(NeedlePart::Char(wanted)) if !may_begin(first, *wanted) => return None,
            Some(NeedlePart::Char(_) | NeedlePart::Blank(_)) => {}
        }
        let mut places = vec![at];
        for part in &self.parts {
            let mut next = Vec::new();
            match part {
                NeedlePart::Char(wanted) => step(line, &places, |c| c == *wanted, &mut next),
                NeedlePart::Blank(most) => {
                    for _ in 0..*most {
                        let mut further = Vec::new();
                        step(line, &places, is_blank, &mut further);
                        if further.is_empty() {
                            break;
                        }
                        next.extend_from_slice(&further);
                        places = further;
                    }
                }
            }
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                return None;
            }
            places = next;
        }
        places.last().copied()
    }
}

fn step(line: &str, from: &[usize], is_wanted: impl Fn(char) -> bool, ends: &mut Vec<usize>) {
    for at in from {
        spelled(line, *at, &is_wanted, ends);
    }
}

/// The characters of a text as they are in a line: white space at its ends is not shown anyway.
fn parts(text: &str) -> Vec<NeedlePart> {
    let mut parts = Vec::new();
    for c in text.trim_matches(is_blank).chars() {
        match parts.last_mut() {
            Some(NeedlePart::Blank(count)) if is_blank(c) => *count += 1,
            Some(_) | None if is_blank(c) => parts.push(NeedlePart::Blank(1)),
            Some(_) | None => parts.push(NeedlePart::Char(c)),
        }
    }
    parts
}

/// The characters of Base64 that have only bits of the secret, where so many bytes are before it in their group.
fn inside_base64(secret: &str, before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret.as_bytes());
    let (begin, end) = ((before * 8).div_ceil(BITS), bytes.len() * 8 / BITS);
    STANDARD_NO_PAD.encode(bytes).get(begin..end).unwrap_or_default().to_owned()
}

/// All of the Base64 around a place: the characters beside it have bits of the secret, too.
fn widened(line: &str, place: Range<usize>) -> Range<usize> {
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_%\\".contains(byte);
    let (before, behind) = line.as_bytes().split_at(place.start.min(line.len()));
    let before = before.iter().rev().take_while(|byte| is_inside(byte)).count();
    let length = place.end - place.start;
    let behind = behind.iter().skip(length).take_while(|byte| is_inside(byte) || **byte == b'=').count();
    place.start - before..place.end + behind
}
