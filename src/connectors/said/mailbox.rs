//! E-mail addresses in one line of what another system said. Servers write them in their own way: in lower case, without a tag,
//! escaped, or those to which they forward. So they are known by their form.

use std::ops::Range;

use super::spelling::{is_blank, may_begin, spelled};

/// The most bytes of the name of a mailbox: 64, each escaped.
const NAME_BYTES_MAX: usize = 64 * 3;
/// The most bytes behind the `@`: 255, each escaped.
const DOMAIN_BYTES_MAX: usize = 255 * 3;
/// The most bytes of an address.
pub(super) const BYTES_MAX: usize = NAME_BYTES_MAX + DOMAIN_BYTES_MAX;

/// Quotes of HTML.
const ENTITY_QUOTES: [&str; 2] = ["&quot;", "&#34;"];

/// The `@`, as wide and small ones, too.
fn is_at(c: char) -> bool {
    matches!(c, '@' | '\u{ff20}' | '\u{fe6b}')
}

/// A quote or a bracket, also of other languages. The quote of ASCII with one stroke is part of names.
fn is_quote(c: char) -> bool {
    let is_other = matches!(c, '\u{2018}'..='\u{201f}' | '\u{27e6}'..='\u{27ef}' | '\u{3008}'..='\u{3011}');
    is_other || matches!(c, '"' | '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}')
}

/// What a name consists of: all but what separates addresses.
fn is_of_name(c: char) -> bool {
    !is_blank(c) && !is_quote(c) && !is_at(c) && !"<>()[],;:".contains(c)
}

fn is_of_domain(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
        false => is_of_name(c),
    }
}

/// Where addresses are, as far as they begin before a place.
pub(super) fn places(line: &str, before: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in line.char_indices().filter(|(_, first)| is_at(*first) || may_begin(*first, '@')) {
        let mut ends = Vec::new();
        spelled(line, at, is_at, &mut ends);
        let Some(end) = ends.into_iter().max() else { continue };
        if let (Some(begin), Some(end)) = (name(line, at), domain(line, end))
            && begin < before
        {
            found.push(begin..end);
        }
    }
    found
}

/// Where the name before the `@` begins.
fn name(line: &str, at: usize) -> Option<usize> {
    let window = (at.saturating_sub(NAME_BYTES_MAX)..=at).find(|begin| line.is_char_boundary(*begin))?;
    if let Some(quoted) = quoted(line.get(window..at)?) {
        return quoted.map(|begin| window + begin);
    }
    let mut begin = at;
    while let Some(last) = line.get(window..begin)?.chars().next_back() {
        begin = match last {
            ';' => match entity(line, window, begin) {
                Some(before) => before,
                None => break,
            },
            c if is_of_name(c) => begin - c.len_utf8(),
            _ => break,
        };
    }
    (begin < at).then_some(begin)
}

/// Where a name in quotes begins, if a text ends with a quote: with the quote before it that is escaped as often.
fn quoted(text: &str) -> Option<Option<usize>> {
    if let Some(inner) = ENTITY_QUOTES.iter().find_map(|quote| Some((text.strip_suffix(quote)?, quote))) {
        return Some(inner.0.rfind(inner.1));
    }
    let inner = text.strip_suffix('"')?.trim_end_matches('\\');
    let quote = text.get(inner.len()..)?;
    let mut all = inner.rmatch_indices(quote).map(|(begin, _)| begin);
    Some(all.find(|begin| !inner.get(..*begin).is_some_and(|before| before.ends_with('\\'))))
}

/// Where a character of HTML begins that ends there, if it is one of a name.
fn entity(line: &str, window: usize, end: usize) -> Option<usize> {
    let mut rest = line.get(window..end)?.strip_suffix(';')?;
    rest = rest.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '#');
    while let Some(again) = rest.strip_suffix("amp;") {
        rest = again;
    }
    let begin = window + rest.strip_suffix('&')?.len();
    let mut ends = Vec::new();
    spelled(line, begin, |c| !is_of_name(c), &mut ends);
    (!ends.contains(&end)).then_some(begin)
}

/// Where the domain behind the `@` ends; or the address of a host, in brackets.
fn domain(line: &str, at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    if rest.starts_with('[') {
        return rest.find(']').filter(|length| *length <= DOMAIN_BYTES_MAX).map(|length| at + length + 1);
    }
    let mut end = at;
    while end - at < DOMAIN_BYTES_MAX {
        let mut ends = Vec::new();
        spelled(line, end, is_of_domain, &mut ends);
        match ends.into_iter().max() {
            Some(next) => end = next,
            None => break,
        }
    }
    // A full stop ends a sentence.
    let domain = line.get(at..end)?.trim_end_matches(['.', '-']);
    (!domain.is_empty()).then_some(at + domain.len())
}
