//! The patterns with wildcards of one entry, of which one must match: sorted by what finds them in a bounded time.

use memchr::memmem::Finder;

use super::{
    contained::{ContainedTexts, ascii_folded},
    expressions::{ExaminedPart, ExpressionBudget, ExpressionForm, Expressions, LOOKED_AT_MAX},
    pattern::{Pattern, PatternPart},
};

/// Bytes that a list of patterns with `*` between texts looks at in one value: of a longer value each pattern sees a part.
const PIECES_BYTES_MAX: usize = 64 << 20;

/// Patterns of which one must match.
#[derive(Clone, Debug, Default)]
pub(super) struct WildcardSearch {
    /// Texts of ASCII somewhere.
    contained: Option<ContainedTexts>,
    /// What an expression finds in the whole of a text without trying again at each character.
    whole: Option<Expressions>,
    /// Texts with `*` between them.
    pieces: Vec<PiecePattern>,
    /// What takes longest, and so sees only the beginning of a text.
    beginning: Option<Expressions>,
    /// The same for patterns that are about its end.
    end: Option<Expressions>,
    cased: bool,
}

/// What finds a pattern.
enum PatternFinder {
    Contained(String),
    Whole,
    Pieces(PiecePattern),
    Beginning,
    End,
}

impl WildcardSearch {
    /// A search for these patterns.
    ///
    /// # Errors
    ///
    /// They are too large.
    pub fn compile(patterns: &[Pattern], cased: bool, budget: &mut ExpressionBudget) -> Result<Self, String> {
        let mut search = Self { cased, ..Self::default() };
        let (mut texts, mut contained) = (Vec::new(), Vec::new());
        let (mut whole, mut beginning, mut end) = (Vec::new(), Vec::new(), Vec::new());
        for pattern in patterns {
            match finder(pattern, cased) {
                PatternFinder::Contained(text) => {
                    texts.push(text);
                    contained.push(pattern);
                }
                PatternFinder::Whole => whole.push(pattern),
                PatternFinder::Pieces(pieces) => search.pieces.push(pieces),
                PatternFinder::Beginning => beginning.push(pattern),
                PatternFinder::End => end.push(pattern),
            }
        }
        if !texts.is_empty() {
            search.contained = budget.search(|| ContainedTexts::of(&texts));
        }
        if search.contained.is_none() {
            whole.append(&mut contained);
        }
        let mut compiled = |patterns: &[&Pattern], part| expression(patterns, part, cased, budget);
        search.whole = compiled(&whole, ExaminedPart::Whole)?;
        search.beginning = compiled(&beginning, ExaminedPart::Beginning)?;
        search.end = compiled(&end, ExaminedPart::End)?;
        Ok(search)
    }

    /// Whether one of them matches a text; if none does, how many bytes of it were not looked at.
    pub fn find(&self, text: &str) -> (bool, usize) {
        if self.contained.as_ref().is_some_and(|contained| contained.find(text)) {
            return (true, 0);
        }
        let mut rest = 0;
        let mut looked = |(found, left): (bool, usize)| {
            rest = rest.max(left);
            found
        };
        let mut find = |expressions: &Option<Expressions>| {
            expressions.as_ref().is_some_and(|expressions| looked(expressions.find(text)))
        };
        if find(&self.whole) || find(&self.beginning) || find(&self.end) || looked(self.find_pieces(text)) {
            return (true, 0);
        }
        (false, rest)
    }

    fn find_pieces(&self, text: &str) -> (bool, usize) {
        if self.pieces.is_empty() {
            return (false, 0);
        }
        let folded;
        let bytes = match self.cased {
            true => text.as_bytes(),
            false => {
                folded = ascii_folded(text);
                &folded
            }
        };
        let seen = (PIECES_BYTES_MAX / self.pieces.len()).max(LOOKED_AT_MAX).min(bytes.len());
        (self.pieces.iter().any(|pattern| pattern.is_match(bytes, seen)), bytes.len() - seen)
    }
}

/// What finds this pattern without a search that begins again at each character of a long text.
fn finder(pattern: &Pattern, cased: bool) -> PatternFinder {
    let is_any = |part: Option<&PatternPart>| part == Some(&PatternPart::Any);
    let (is_open, has_more) = (is_any(pattern.parts.first()), is_any(pattern.parts.last()));
    let inner = pattern.inner();
    let has = |wanted: &PatternPart| inner.contains(wanted);
    match inner {
        [PatternPart::Literal(text)] if is_open && has_more && !cased && text.is_ascii() => {
            PatternFinder::Contained(text.clone())
        }
        _ if !(has(&PatternPart::Any) || is_open && has(&PatternPart::One)) => PatternFinder::Whole,
        _ => match PiecePattern::of(inner, is_open, has_more, cased) {
            Some(pieces) => PatternFinder::Pieces(pieces),
            None if is_open && !has_more => PatternFinder::End,
            None => PatternFinder::Beginning,
        },
    }
}

fn expression(
    patterns: &[&Pattern],
    part: ExaminedPart,
    cased: bool,
    budget: &mut ExpressionBudget,
) -> Result<Option<Expressions>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let all: Vec<String> = patterns.iter().map(|pattern| pattern.expression()).collect();
    let form = ExpressionForm {
        ignore_case: !cased,
        multi_line: false,
        single_line: true,
        part,
        is_of_patterns: true,
    };
    Expressions::compile(&[format!("(?:{})", all.join("|"))], form, budget)
}

/// Texts that follow each other in another one, with anything between them: each is looked for behind the one before, and
/// no place is looked at twice.
#[derive(Clone, Debug)]
struct PiecePattern {
    /// The text begins so.
    begin: Vec<u8>,
    between: Vec<Finder<'static>>,
    /// The text ends so.
    end: Vec<u8>,
}

impl PiecePattern {
    /// The pattern of these parts, if they are texts with anything between them, and of ASCII unless case counts.
    fn of(inner: &[PatternPart], is_open: bool, has_more: bool, cased: bool) -> Option<Self> {
        let mut pieces = Vec::new();
        for part in inner {
            match part {
                PatternPart::Literal(text) if cased => pieces.push(text.as_bytes().to_vec()),
                PatternPart::Literal(text) if text.is_ascii() => {
                    pieces.push(text.to_ascii_lowercase().into_bytes());
                }
                PatternPart::Any => {}
                PatternPart::Literal(_) | PatternPart::One => return None,
            }
        }
        let end = if has_more { None } else { pieces.pop() }.unwrap_or_default();
        let begin = if is_open || pieces.is_empty() { Vec::new() } else { pieces.remove(0) };
        let between = pieces.iter().map(|piece| Finder::new(piece).into_owned()).collect();
        Some(Self { begin, between, end })
    }

    /// Whether it matches a text, of which only so many bytes are searched for what is between.
    fn is_match(&self, text: &[u8], seen: usize) -> bool {
        let between = text.strip_prefix(&self.begin[..]).and_then(|text| text.strip_suffix(&self.end[..]));
        let Some(mut left) = between else { return false };
        left = &left[..left.len().min(seen)];
        self.between.iter().all(|piece| {
            let found = piece.find(left);
            left = found.map_or(&[], |at| &left[at + piece.needle().len()..]);
            found.is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compiled(patterns: &[String], cased: bool) -> WildcardSearch {
        let patterns: Vec<Pattern> = patterns.iter().map(|pattern| Pattern::parse(pattern)).collect();
        WildcardSearch::compile(&patterns, cased, &mut ExpressionBudget::default()).unwrap()
    }

    proptest! {
        #[test]
        fn it_finds_what_one_expression_of_all_patterns_finds(
            patterns in prop::collection::vec(r"[abAsK\u{e4}*?]{1,7}", 1..4),
            text in "[abAsſK\u{212a}äÄ]{0,9}",
            cased in any::<bool>(),
        ) {
            let all: Vec<String> = patterns.iter().map(|one| Pattern::parse(one).expression()).collect();
            let flags = if cased { "s" } else { "is" };
            let expression = regex::Regex::new(&format!("(?{flags}:{})", all.join("|"))).unwrap();
            prop_assert_eq!(compiled(&patterns, cased).find(&text), (expression.is_match(&text), 0));
        }
    }

    #[test]
    fn texts_with_anything_between_them_are_found_in_the_whole_of_a_long_text() {
        let text = format!("Begin {} Needle {} end", "x".repeat(1 << 20), "ü".repeat(1 << 20));
        for (pattern, found) in [
            ("*gin*needle*", true),
            ("begin*needle*END", true),
            ("*needle*end", true),
            ("*needle*gin*", false),
            ("needle*end", false),
            ("*needle*needle*", false),
        ] {
            assert_eq!(compiled(&[pattern.to_owned()], false).find(&text), (found, 0), "{pattern}");
        }
    }

    #[test]
    fn many_patterns_cost_no_more_than_a_fixed_number_of_bytes_and_say_what_they_did_not_see() {
        let patterns: Vec<String> = (0..1_000).map(|number| format!("*word*word*word{number}zq*")).collect();
        let search = compiled(&patterns, false);
        let text = "word ".repeat(200_000);
        let seen = PIECES_BYTES_MAX / patterns.len();
        assert_eq!(search.find(&text), (false, text.len() - seen));
        assert_eq!(search.find(&(text[..seen - 20].to_owned() + "word7zq" + &text)), (true, 0));
    }

    #[test]
    fn a_pattern_that_stays_an_expression_sees_the_first_or_last_64_kib() {
        let long = "x".repeat(LOOKED_AT_MAX);
        for (pattern, text, found) in [
            ("*a?b*", format!("a-b{long}"), (true, 0)),
            ("*a?b*", format!("{long}a-b"), (false, 3)),
            ("*é*b*", format!("{long}éb"), (false, 3)),
            ("*a?b", format!("{long}a-b"), (true, 0)),
            ("*a?b", format!("a-b{long}"), (false, 3)),
            ("a?b*", format!("a-b{long}"), (true, 0)),
            ("*é*", format!("{long}é"), (true, 0)),
        ] {
            assert_eq!(compiled(&[pattern.to_owned()], false).find(&text), found, "{pattern}");
        }
    }
}
