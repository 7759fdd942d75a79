//! Numbers that JavaScript would change. Kibana parses a request into doubles and writes them out again:
//! 9007199254740993 arrives as 9007199254740992. A text arrives unchanged, and a `long` of the index accepts
//! it.

/// The largest integer up to which a double represents every integer: 2^53 - 1.
const SAFE_MAX: u64 = (1 << 53) - 1;
/// Fewer digits are never too many.
const SAFE_DIGITS: usize = 16;

/// Puts quotes around such numbers in the JSON that begins at `begin` and ends the output, however deep they stand. In
/// place, from the last to the first: a document may be as large as all memory that a copy could take.
pub(super) fn quote_unsafe(out: &mut Vec<u8>, begin: usize) {
    let places = unsafe_numbers(&out[begin..]);
    let mut end = out.len();
    out.resize(end + 2 * places.len(), b'"');
    // What follows the number that is next is in its new place from here on.
    let mut to = out.len();
    for (from, until) in places.into_iter().rev() {
        let (from, until) = (begin + from, begin + until);
        to -= end - until;
        out.copy_within(until..end, to);
        to -= 1;
        out[to] = b'"';
        to -= until - from;
        out.copy_within(from..until, to);
        to -= 1;
        out[to] = b'"';
        end = from;
    }
}

/// Where they begin and end.
fn unsafe_numbers(json: &[u8]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = end_of_text(json, at + 1),
            b'-' | b'0'..=b'9' => {
                let length = json[at..].iter().take_while(|byte| is_of_number(**byte)).count();
                if is_unsafe(&json[at..at + length]) {
                    places.push((at, at + length));
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    places
}

/// Behind the quote that ends a text.
fn end_of_text(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if json[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    json.len()
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

fn is_unsafe(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else { return false };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits.len() >= SAFE_DIGITS && digits.parse().map_or(true, |number: u64| number > SAFE_MAX);
    }
    // A fraction is the same double here, there and in the index; one beyond the range of doubles would
    // become `null`.
    text.parse().is_ok_and(|number: f64| !number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(json: &str) -> String {
        let mut out = format!("9007199254740993 {json}").into_bytes();
        let begin = out.len() - json.len();
        quote_unsafe(&mut out, begin);
        assert!(out.starts_with(b"9007199254740993 "), "what comes before is not looked at");
        String::from_utf8(out.split_off(begin)).unwrap()
    }

    #[test]
    fn whole_numbers_beyond_two_to_the_53_become_text_wherever_they_stand() {
        for (json, wanted) in [
            ("9007199254740991", "9007199254740991"),
            ("9007199254740992", "\"9007199254740992\""),
            (
                r#"{"a":[-9007199254740993,{"b":18446744073709551616}]}"#,
                r#"{"a":["-9007199254740993",{"b":"18446744073709551616"}]}"#,
            ),
            ("[1e400,-1e400]", "[\"1e400\",\"-1e400\"]"),
        ] {
            assert_eq!(quoted(json), wanted);
        }
    }

    #[test]
    fn nothing_else_is_changed() {
        for json in [
            r#"{"a":"9007199254740993","9007199254740993":1,"b":"\\\"9007199254740993","c":0.1234567890123456789}"#,
            "[1.5e300,-0,0,true,null,12345678901234567890.5]",
            "\"9007199254740993",
        ] {
            assert_eq!(quoted(json), json);
        }
    }

    #[test]
    fn depth_does_not_matter() {
        let json = format!("{}9007199254740993{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(quoted(&json).len(), json.len() + 2);
    }
}
