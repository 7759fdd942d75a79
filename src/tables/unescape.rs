//! The text of a JSON string with escapes, read from one backslash to the next: hostile records have them in most texts.

use super::json_scanner::mark;

/// The text of a JSON string. `None` for other JSON, and for text that Unicode cannot express (half of a surrogate pair).
pub(super) fn unescape(json: &[u8]) -> Option<String> {
    let mut rest = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut text = Vec::with_capacity(rest.len());
    while let Some(at) = mark(rest) {
        let (before, escape) = rest.split_at_checked(at)?;
        text.extend_from_slice(before);
        let (kind, behind) = escape.strip_prefix(b"\\")?.split_first()?;
        rest = behind;
        match kind {
            b'"' | b'\\' | b'/' => text.push(*kind),
            b'b' => text.push(0x08),
            b'f' => text.push(0x0c),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => match character(&mut rest)? {
                ascii @ '\0'..='\x7f' => text.push(ascii as u8),
                other => text.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            },
            _ => return None,
        }
    }
    text.extend_from_slice(rest);
    String::from_utf8(text).ok()
}

/// The character of four hexadecimal digits, or of a pair of them with an escape between.
fn character(rest: &mut &[u8]) -> Option<char> {
    let first = u32::from(unit(rest)?);
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix(b"\\u")?;
    let second = u32::from(unit(rest)?);
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
}

fn unit(rest: &mut &[u8]) -> Option<u16> {
    let (digits, behind) = rest.split_first_chunk()?;
    *rest = behind;
    let digits @ [a, b, c, d] = digits.map(|digit| DIGITS[usize::from(digit)]);
    digits.iter().all(|digit| *digit < NO_DIGIT).then_some(a << 12 | b << 8 | c << 4 | d)
}

/// More than a hexadecimal digit.
const NO_DIGIT: u16 = 16;

/// What each byte is as a hexadecimal digit.
const DIGITS: [u16; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value: u8 = 0;
    while value < 16 {
        let digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
        digits[digit as usize] = value as u16;
        digits[digit.to_ascii_uppercase() as usize] = value as u16;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_serde(json: &[u8]) -> Option<String> {
        serde_json::from_slice(json).ok()
    }

    #[test]
    fn each_escape_is_read_as_serde_reads_it() {
        for json in [
            r#""""#,
            r#""plain""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""a\u00e9\u20AC\ud83d\ude00b""#,
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ud83d\n""#,
            r#""\ud83d\ud83d""#,
            r#""\ude00""#,
            r#""\ud83d\u0041""#,
            r#""\u12""#,
            r#""\u+123""#,
            r#""\u00g0""#,
            r#""\x41""#,
            r#""cut\""#,
            r#""cut\"#,
            r#"""#,
            "1",
            "",
        ] {
            assert_eq!(unescape(json.as_bytes()), of_serde(json.as_bytes()), "{json}");
        }
        assert_eq!(unescape(b"\"\xff\""), None);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(text in any::<String>(), escaped in any::<Vec<u16>>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescape(json.as_bytes()), Some(text));
            let units: String = escaped.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{units}\"");
            prop_assert_eq!(unescape(json.as_bytes()), of_serde(json.as_bytes()));
        }
    }
}
