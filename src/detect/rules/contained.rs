//! Texts of which one must be somewhere in another one, whatever its case. They are looked for all at once, in a part of the
//! time that an expression takes.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memchr2_iter;
use smallvec::SmallVec;

/// Bytes of all texts together. More stay an expression, whose memory is bounded.
const BYTES_MAX: usize = 64 << 10;

/// Up to so many bytes a search may take the memory that makes it fastest.
const FEW_BYTES: usize = 2 << 10;

/// The characters beyond ASCII that only differ in case from one of it: the long s, and the sign of kelvins.
const LIKE_ASCII: [&str; 2] = ["\u{17f}", "\u{212a}"];

/// Bytes of a text that are folded without a piece of memory of their own.
const SHORT: usize = 256;

/// Texts of ASCII, in lower case: only without regard to case are several looked for at once in the registers of the processor.
#[derive(Clone, Debug)]
pub(super) struct ContainedTexts(AhoCorasick);

impl ContainedTexts {
    /// A search for one of these texts, and the bytes of memory that it takes. `None` if they are not of ASCII or too long.
    pub fn of(texts: &[String]) -> Option<(Self, usize)> {
        let bytes: usize = texts.iter().map(String::len).sum();
        if bytes > BYTES_MAX || !texts.iter().all(|text| text.is_ascii()) {
            return None;
        }
        let texts = texts.iter().map(|text| text.to_ascii_lowercase());
        let kind = (bytes > FEW_BYTES).then_some(AhoCorasickKind::ContiguousNFA);
        let searcher =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).kind(kind).build(texts).ok()?;
        let bytes = searcher.memory_usage();
        Some((Self(searcher), bytes))
    }

    /// Whether one of them is in a text.
    pub fn find(&self, text: &str) -> bool {
        self.0.is_match(&ascii_folded(text))
    }
}

/// A text in which each character of ASCII, and what only differs in case from one, is in lower case.
pub(super) fn ascii_folded(text: &str) -> SmallVec<[u8; SHORT]> {
    let [long_s, kelvin] = LIKE_ASCII.map(str::as_bytes);
    let is_like =
        |at: usize| text.as_bytes()[at..].starts_with(long_s) || text.as_bytes()[at..].starts_with(kelvin);
    let has_like = memchr2_iter(long_s[0], kelvin[0], text.as_bytes()).any(is_like);
    let mut lower = match has_like {
        true => SmallVec::from_vec(text.replace(LIKE_ASCII[0], "s").replace(LIKE_ASCII[1], "k").into_bytes()),
        false => SmallVec::from_slice(text.as_bytes()),
    };
    lower.make_ascii_lowercase();
    lower
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::expressions::ExpressionBudget, *};

    fn expression(texts: &[String]) -> regex::Regex {
        let escaped: Vec<String> = texts.iter().map(|text| regex::escape(text)).collect();
        regex::Regex::new(&format!("(?is)(?:{})", escaped.join("|"))).unwrap()
    }

    #[test]
    fn no_other_character_differs_only_in_case_from_one_of_ascii() {
        let ascii = regex::Regex::new("(?i)[a-z]").unwrap();
        let beyond = ('\u{80}'..=char::MAX).map(String::from);
        let like: Vec<String> = beyond.filter(|c| ascii.is_match(c)).collect();
        assert_eq!(like, LIKE_ASCII);
    }

    proptest! {
        #[test]
        fn it_finds_what_an_expression_finds(
            texts in prop::collection::vec("[ -~]{1,4}", 1..5),
            text in "[ -~a-fA-Fſ\u{212a}é\u{202e}]{0,12}",
        ) {
            let found = ContainedTexts::of(&texts).unwrap().0.find(&text);
            prop_assert_eq!(found, expression(&texts).is_match(&text));
        }
    }

    #[test]
    fn searches_are_built_as_long_as_there_is_room_for_them() {
        let mut budget = ExpressionBudget::default();
        let texts: Vec<String> = (0..50).map(|number| format!("{number} is the number of a text")).collect();
        let built = (0..1_000).take_while(|_| budget.search(|| ContainedTexts::of(&texts)).is_some()).count();
        assert!((5..500).contains(&built), "{built}");
        assert!(budget.search(|| -> Option<((), usize)> { unreachable!("there is no room") }).is_none());
    }

    #[test]
    fn a_long_list_is_looked_for_in_little_memory() {
        let texts: Vec<String> = (0..1_000).map(|number| format!("word{number:04}zq")).collect();
        let (search, bytes) = ContainedTexts::of(&texts).unwrap();
        assert!(bytes < 1 << 20, "{bytes}");
        assert!(search.find("x WORD0999ZQ y") && !search.find("word0999z word1000zq"));
    }

    #[test]
    fn texts_beyond_ascii_and_many_texts_are_left_to_an_expression() {
        assert!(ContainedTexts::of(&["é".to_owned()]).is_none());
        assert!(ContainedTexts::of(&["a".repeat(BYTES_MAX), "b".to_owned()]).is_none());
    }
}
