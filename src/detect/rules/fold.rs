//! Texts without their case, by Unicode's simple folding: one character for one.

use std::borrow::Cow;

/// A text in which characters that differ only in case are the same.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Owned(text.chars().map(fold).collect())
}

/// The form that all cases of a character share.
pub(super) fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    match c {
        // Its capital is that of `i`, but it is a letter of its own.
        '\u{131}' => c,
        // Written in two ways; neither has a capital of one character.
        '\u{1fd3}' => '\u{390}',
        '\u{1fe3}' => '\u{3b0}',
        '\u{fb05}' => '\u{fb06}',
        c => only(only(c, c.to_uppercase()), only(c, c.to_uppercase()).to_lowercase()),
    }
}

/// The only character of a sequence, or the other one.
fn only(otherwise: char, mut sequence: impl Iterator<Item = char>) -> char {
    match (sequence.next(), sequence.next()) {
        (Some(c), None) => c,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_the_same_exactly_where_expressions_without_case_say_so() {
        // The compiler may know characters of a newer Unicode.
        let known = regex::Regex::new(r"\A\P{Cn}\z").unwrap();
        let cased: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| c.is_ascii_alphabetic() || fold(*c) != *c || c.to_uppercase().next() != Some(*c))
            .filter(|c| known.is_match(c.encode_utf8(&mut [0; 4])))
            .collect();
        let all: String = cased.iter().collect();
        assert!(cased.len() > 2000);
        for c in &cased {
            let expression = regex::Regex::new(&format!("(?i){}", regex::escape(&c.to_string()))).unwrap();
            let alike: String = expression.find_iter(&all).map(|found| found.as_str()).collect();
            let folded: String = cased.iter().filter(|other| fold(**other) == fold(*c)).collect();
            assert_eq!(alike, folded, "{c:?}");
        }
    }

    #[test]
    fn a_text_in_lower_case_is_borrowed() {
        assert!(matches!(folded("api_key.created"), Cow::Borrowed(_)));
        assert_eq!(folded("Straße ΣΑΣ ſ K"), "straße σασ s k");
    }
}
