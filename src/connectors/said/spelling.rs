//! One character, in the forms in which servers repeat it: as it is, or escaped for JSON, for an address or a form, for HTML, or
//! for a mail (quoted-printable). Each form may have been escaped again.

/// The most backslashes of one escape: four levels of JSON in JSON.
const BACKSLASHES_MAX: usize = 16;
/// How often a form may have been escaped again.
const LEVELS_MAX: usize = 3;
/// The longest name or number of an HTML character, without the zeros that it begins with.
const ENTITY_BYTES_MAX: usize = 10;
/// The most of these zeros.
const ZEROS_MAX: usize = 40;
/// The most bytes of one character in one form: `&amp;amp;#x` with all zeros. Four bytes as `%252541` each are fewer, and so are
/// two halves with all backslashes.
pub(super) const BYTES_MAX: usize = 11 + ZEROS_MAX + ENTITY_BYTES_MAX;

/// Whether a character becomes a space: it would change the line or the direction of the text around it.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a form of a character can begin with this one.
pub(super) fn may_begin(first: char, wanted: char) -> bool {
    first == wanted || matches!(first, '%' | '=' | '&' | '\\')
}

/// Adds the end of each form of a wanted character that begins at a place.
pub(super) fn spelled(text: &str, at: usize, is_wanted: impl Fn(char) -> bool, ends: &mut Vec<usize>) {
    let Some(rest) = text.get(at..) else { return };
    let Some(first) = rest.chars().next() else { return };
    let mut add = |read: Option<(char, usize)>| {
        if let Some((c, length)) = read
            && is_wanted(c)
        {
            ends.push(at + length);
        }
    };
    add(Some((first, first.len_utf8())));
    match first {
        '+' => add(Some((' ', 1))),
        '%' => {
            for level in 0..LEVELS_MAX {
                add(percent(rest, &format!("%{}", "25".repeat(level))));
            }
            add(utf16(rest));
        }
        '=' => {
            for level in 0..LEVELS_MAX {
                add(percent(rest, &format!("={}", "3D".repeat(level))));
            }
        }
        '&' => {
            let mut name = rest.get(1..);
            for _ in 0..LEVELS_MAX {
                let Some(left) = name else { break };
                add(entity(left).map(|(c, length)| (c, rest.len() - left.len() + length)));
                name = left.strip_prefix("amp;");
            }
        }
        '\\' => {
            let count = backslashes(rest);
            for length in 2..=count.min(BACKSLASHES_MAX) {
                add(Some(('\\', length)));
            }
            if count <= BACKSLASHES_MAX {
                add(escaped(rest, count));
            }
        }
        _ => {}
    }
}

/// How many backslashes a text begins with. No more are counted than tell that there are too many: a text may have thousands,
/// and each of them is a place at which a form may begin.
fn backslashes(text: &str) -> usize {
    text.bytes().take(BACKSLASHES_MAX + 1).take_while(|byte| *byte == b'\\').count()
}

/// A character in UTF-8, each byte with these characters before its two digits.
fn percent(text: &str, before: &str) -> Option<(char, usize)> {
    let step = before.len() + 2;
    let byte = |place: usize| number(text.get(place * step..)?.strip_prefix(before)?.get(..2)?);
    let first = u8::try_from(byte(0)?).ok()?;
    let count = match first {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        0x80..=0xc1 | 0xf5..=0xff => return None,
    };
    let bytes = (0..count).map(|place| u8::try_from(byte(place)?).ok()).collect::<Option<Vec<u8>>>()?;
    Some((String::from_utf8(bytes).ok()?.chars().next()?, count * step))
}

/// A character as old JavaScript escapes it: `%u0040`.
fn utf16(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("%u")?.get(..4)?;
    Some((char::from_u32(number(digits)?)?, 2 + digits.len()))
}

/// A character behind so many backslashes.
fn escaped(text: &str, backslashes: usize) -> Option<(char, usize)> {
    let rest = text.get(backslashes..)?;
    let kind = rest.chars().next()?;
    let simple = |c| Some((c, backslashes + 1));
    match kind {
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'x' => Some((char::from_u32(number(rest.get(1..3)?)?)?, backslashes + 3)),
        'u' if rest.get(1..2) == Some("{") => {
            let length = rest.bytes().skip(2).take(ENTITY_BYTES_MAX).position(|byte| byte == b'}')?;
            let digits = rest.get(2..2 + length)?;
            let c = char::from_u32(number(digits)?)?;
            Some((c, backslashes + 3 + digits.len()))
        }
        'u' => {
            let half = |text: &str| number(text.strip_prefix('u')?.get(..4)?);
            let first = half(rest)?;
            if let Some(c) = char::from_u32(first) {
                return Some((c, backslashes + 5));
            }
            let second = half(rest.get(5..)?.strip_prefix(text.get(..backslashes)?)?)?;
            let halves = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
            let c = char::decode_utf16(halves).next()?.ok()?;
            Some((c, 2 * (backslashes + 5)))
        }
        '0'..='3' => {
            let digits =
                rest.get(..3).filter(|digits| digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')))?;
            Some((char::from_u32(u32::from_str_radix(digits, 8).ok()?)?, backslashes + 3))
        }
        other if other.is_ascii_punctuation() => simple(other),
        _ => None,
    }
}

/// A character of HTML, behind its `&`.
fn entity(text: &str) -> Option<(char, usize)> {
    if let Some(number) = text.strip_prefix('#') {
        return numbered(number).map(|(c, length)| (c, length + 1));
    }
    let end = text.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';')?;
    let name = text.get(..end)?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "commat" => '@',
        "period" => '.',
        _ => return None,
    };
    Some((c, end + 1))
}

/// A character of HTML by its number, behind the `#`. Zeros before a number say nothing.
fn numbered(text: &str) -> Option<(char, usize)> {
    let (radix, digits) = text.strip_prefix(['x', 'X']).map_or((10, text), |digits| (16, digits));
    let zeros = digits.bytes().take(ZEROS_MAX).take_while(|byte| *byte == b'0').count();
    let rest = digits.get(zeros..)?;
    // A `;` may be missing: the first that is no digit ends it, too.
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let length = rest.bytes().take(ENTITY_BYTES_MAX).take_while(is_digit).count();
    let c = char::from_u32(match length {
        0 if zeros > 0 => 0,
        _ => u32::from_str_radix(rest.get(..length)?, radix).ok()?,
    })?;
    let end = usize::from(rest.get(length..)?.starts_with(';'));
    Some((c, text.len() - rest.len() + length + end))
}

/// A number of hexadecimal digits.
fn number(digits: &str) -> Option<u32> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_digits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_thousands_of_backslashes_only_a_few_are_looked_at_from_each() {
        for count in [0, 1, BACKSLASHES_MAX, BACKSLASHES_MAX + 1] {
            assert_eq!(backslashes(&"\\".repeat(count)), count);
        }
        assert_eq!(backslashes(&"\\".repeat(8_000)), BACKSLASHES_MAX + 1);
    }
}
