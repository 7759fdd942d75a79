//! E-mail addresses in one line of what another system said. Servers write them in their own way: in lower case, without a tag,
//! escaped, or those to which they forward. So they are known by their form.

use std::ops::Range;

use super::spelling::{self, is_blank, may_begin, spelled};

/// The most bytes of the name of a mailbox: 64, each escaped, as `&#0097;`.
const NAME_BYTES_MAX: usize = 64 * 7;
/// The most bytes behind the `@`: 255, each escaped, as `%2541` or `&#97;`.
const DOMAIN_BYTES_MAX: usize = 255 * 5;
/// The most bytes of a comment.
const COMMENT_BYTES_MAX: usize = 256;
/// The most blanks and comments on one side of the `@`.
const SKIPPED_MAX: usize = 4;
/// The most bytes of an address.
pub(super) const BYTES_MAX: usize =
    NAME_BYTES_MAX + 2 * SKIPPED_MAX * (COMMENT_BYTES_MAX + spelling::BYTES_MAX) + DOMAIN_BYTES_MAX;

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
    let ats = line.char_indices().filter(|(_, first)| is_at(*first) || may_begin(*first, '@'));
    let all = ats.filter_map(|(at, _)| address(line, at..next(line, at, is_at)?));
    all.filter(|place| place.start < before).collect()
}

/// The address around an `@`. Blanks and comments may be beside it. What also is something else must show that it is an
/// address: `timeout=40ms`, `at the end @home`.
fn address(line: &str, at: Range<usize>) -> Option<Range<usize>> {
    let is_of_mail = line.get(at.clone()).is_some_and(|form| form.starts_with('='));
    let (end, is_apart) = skipped_back(line, at.start);
    let begin = name(line, end)?;
    let (host, is_host_apart) = skipped(line, at.end);
    let end = domain(line, host)?;
    let is_known = match (is_apart, is_host_apart) {
        _ if is_dotted(line, host..end) => true,
        (false, false) => !is_of_mail,
        (true, true) => next(line, host, char::is_alphabetic).is_some(),
        (true, false) | (false, true) => false,
    };
    is_known.then_some(begin..end)
}

/// Where the longest form of a wanted character ends that begins at a place.
fn next(line: &str, at: usize, is_wanted: impl Fn(char) -> bool) -> Option<usize> {
    let mut ends = Vec::new();
    spelled(line, at, is_wanted, &mut ends);
    ends.into_iter().max()
}

/// Where the character begins that ends at a place, as it is or as one of HTML, if it is wanted.
fn last(line: &str, window: usize, end: usize, is_wanted: impl Fn(char) -> bool) -> Option<usize> {
    let c = line.get(window..end)?.chars().next_back()?;
    match entity(line, window, end).filter(|_| c == ';') {
        Some(begin) => is_spelled(line, begin..end, is_wanted).then_some(begin),
        None => is_wanted(c).then(|| end - c.len_utf8()),
    }
}

fn is_spelled(line: &str, place: Range<usize>, is_wanted: impl Fn(char) -> bool) -> bool {
    let mut ends = Vec::new();
    spelled(line, place.start, is_wanted, &mut ends);
    ends.contains(&place.end)
}

/// The first boundary of a character in so many bytes before a place.
fn window(line: &str, end: usize, bytes: usize) -> Option<usize> {
    (end.saturating_sub(bytes)..=end).find(|begin| line.is_char_boundary(*begin))
}

/// Where blanks and comments behind a place end, and whether there are blanks.
fn skipped(line: &str, at: usize) -> (usize, bool) {
    let (mut end, mut is_apart) = (at, false);
    for _ in 0..SKIPPED_MAX {
        if let Some(behind) = next(line, end, is_blank) {
            (end, is_apart) = (behind, true);
        } else if let Some(behind) = comment(line, end) {
            end = behind;
        } else {
            break;
        }
    }
    (end, is_apart)
}

/// Where blanks and comments before a place begin, and whether there are blanks.
fn skipped_back(line: &str, at: usize) -> (usize, bool) {
    let (mut begin, mut is_apart) = (at, false);
    for _ in 0..SKIPPED_MAX {
        let Some(window) = window(line, begin, COMMENT_BYTES_MAX) else { break };
        if let Some(before) = last(line, window, begin, is_blank) {
            (begin, is_apart) = (before, true);
        } else if let Some(before) = comment_back(line, window, begin) {
            begin = before;
        } else {
            break;
        }
    }
    (begin, is_apart)
}

/// Where a comment in brackets ends that begins at a place. It may have others in it.
fn comment(line: &str, at: usize) -> Option<usize> {
    let mut end = next(line, at, |c| c == '(')?;
    let mut depth = 1;
    while depth > 0 {
        if end - at > COMMENT_BYTES_MAX {
            return None;
        }
        if let Some(behind) = next(line, end, |c| c == ')') {
            (end, depth) = (behind, depth - 1);
        } else if let Some(behind) = next(line, end, |c| c == '(') {
            (end, depth) = (behind, depth + 1);
        } else {
            end = next(line, end, |_| true)?;
        }
    }
    Some(end)
}

/// Where a comment in brackets begins that ends at a place.
fn comment_back(line: &str, window: usize, at: usize) -> Option<usize> {
    let mut begin = last(line, window, at, |c| c == ')')?;
    let mut depth = 1;
    while depth > 0 {
        if let Some(before) = last(line, window, begin, |c| c == '(') {
            (begin, depth) = (before, depth - 1);
        } else if let Some(before) = last(line, window, begin, |c| c == ')') {
            (begin, depth) = (before, depth + 1);
        } else {
            begin -= line.get(window..begin)?.chars().next_back()?.len_utf8();
        }
    }
    Some(begin)
}

/// Where the name before the `@` begins.
fn name(line: &str, at: usize) -> Option<usize> {
    let window = window(line, at, NAME_BYTES_MAX)?;
    if let Some(quoted) = quoted(line.get(window..at)?) {
        return quoted.map(|begin| window + begin);
    }
    let mut begin = at;
    while let Some(last) = line.get(window..begin)?.chars().next_back() {
        begin = match last {
            ';' => match entity(line, window, begin) {
                // An unknown one is a letter.
                Some(before) if !is_spelled(line, before..begin, |c| !is_of_name(c)) => before,
                Some(_) | None => break,
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

/// Where a character of HTML begins that ends there.
fn entity(line: &str, window: usize, end: usize) -> Option<usize> {
    let mut rest = line.get(window..end)?.strip_suffix(';')?;
    rest = rest.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '#');
    while let Some(again) = rest.strip_suffix("amp;") {
        rest = again;
    }
    Some(window + rest.strip_suffix('&')?.len())
}

/// Where the domain behind the `@` ends; or the address of a host, in brackets.
fn domain(line: &str, at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    if rest.starts_with('[') {
        let length = rest.bytes().take(DOMAIN_BYTES_MAX).position(|byte| byte == b']')?;
        return Some(at + length + 1);
    }
    let mut end = at;
    while end - at < DOMAIN_BYTES_MAX
        && let Some(behind) = next(line, end, is_of_domain)
    {
        end = behind;
    }
    // A full stop ends a sentence.
    let domain = line.get(at..end)?.trim_end_matches(['.', '-']);
    (!domain.is_empty()).then_some(at + domain.len())
}

/// Whether a domain has several names and the last is none of digits, or is the address of a host.
fn is_dotted(line: &str, place: Range<usize>) -> bool {
    let domain = line.get(place.clone()).unwrap_or_default();
    if domain.starts_with('[') {
        return domain.contains(['.', ':']);
    }
    let (mut at, mut last) = (place.start, None);
    while at < place.end
        && let Some(end) = next(line, at, is_of_domain)
    {
        if is_spelled(line, at..end, |c| c == '.') && at > place.start {
            last = Some(end);
        }
        at = end;
    }
    last.is_some_and(|name| next(line, name, char::is_alphabetic).is_some())
}
