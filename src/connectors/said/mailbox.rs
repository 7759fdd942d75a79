//! E-mail addresses in one line of what another system said. Servers write them in their own way: in lower case, without a tag,
//! escaped, or those to which they forward. So they are known by their form.

use std::ops::Range;

use super::spelling::{may_begin, spelled};

/// The most bytes of the name of a mailbox: 64, each escaped.
const NAME_BYTES_MAX: usize = 64 * 3;
/// The most bytes behind the `@`: 255, each escaped.
const DOMAIN_BYTES_MAX: usize = 255 * 3;
/// The most bytes of an address.
pub(super) const BYTES_MAX: usize = NAME_BYTES_MAX + DOMAIN_BYTES_MAX;

/// Where addresses are, as far as they begin before a place.
pub(super) fn places(line: &str, before: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in line.char_indices().filter(|(_, first)| may_begin(*first, '@')) {
        let mut ends = Vec::new();
        spelled(line, at, |c| c == '@', &mut ends);
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
    let before = line.get(..at)?;
    if let Some(quoted) = before.strip_suffix('"') {
        return quoted.rfind('"').filter(|begin| at - begin <= NAME_BYTES_MAX);
    }
    // The characters of RFC 5322, and letters of any language.
    let is_of_name = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let name = before.char_indices().rev();
    name.take_while(|(place, c)| at - place <= NAME_BYTES_MAX && is_of_name(*c))
        .last()
        .map(|(place, _)| place)
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
        spelled(line, end, |c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'), &mut ends);
        match ends.into_iter().max() {
            Some(next) => end = next,
            None => break,
        }
    }
    // A full stop ends a sentence.
    let domain = line.get(at..end)?.trim_end_matches(['.', '-']);
    (!domain.is_empty()).then_some(at + domain.len())
}
