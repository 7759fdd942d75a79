//! Expressions, compiled: bounded in size, one by one and all of a set together, and in how much of a text they look at.

use regex_automata::{
    Input,
    meta::{BuildError, Regex},
    nfa::thompson::WhichCaptures,
    util::syntax,
};

use super::error::excerpt;

/// Bytes of a text that the expressions of rules look at.
pub(super) const LOOKED_AT_MAX: usize = 64 << 10;

/// Bytes of one compiled expression.
const ONE_BYTES_MAX: usize = 2 << 20;

/// Bytes of those of one entry.
const ENTRY_BYTES_MAX: usize = 16 << 20;

/// Bytes of all expressions of a set. Compiling so many takes about a second; the built-in rules need one hundredth.
const SET_BYTES_MAX: usize = 64 << 20;

/// Bytes of all searches of a set that only save the time of an expression. Those of the built-in rules take a part of one MiB.
const SEARCHES_BYTES_MAX: usize = 8 << 20;

/// Bytes that expressions may cache while they search.
const CACHE_BYTES_MAX: usize = 2 << 20;

/// Groups inside of groups of an expression. This bounds the stack of its parser.
const GROUPS_MAX: u32 = 50;

/// What expressions may still cost until the set is loaded.
#[derive(Debug)]
pub(super) struct ExpressionBudget {
    left: usize,
    /// Compiled at a time when too little was left. The set is refused, so nothing more is compiled.
    is_exceeded: bool,
    /// Bytes that searches beside them may still take.
    searches_left: usize,
}

impl Default for ExpressionBudget {
    fn default() -> Self {
        Self { left: SET_BYTES_MAX, is_exceeded: false, searches_left: SEARCHES_BYTES_MAX }
    }
}

impl ExpressionBudget {
    /// A search that only saves time, as far as there is room for it: `build` makes it and says how many bytes it takes.
    pub fn search<T>(&mut self, build: impl FnOnce() -> Option<(T, usize)>) -> Option<T> {
        if self.searches_left == 0 {
            return None;
        }
        let (search, bytes) = build()?;
        let left = self.searches_left.checked_sub(bytes);
        self.searches_left = left.unwrap_or_default();
        left.map(|_| search)
    }
}

/// Which part of a text expressions look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExaminedPart {
    /// All of it: for expressions that take no longer for each byte of a long text.
    Whole,
    /// At most its first 64 KiB.
    Beginning,
    /// At most its last 64 KiB.
    End,
}

/// How expressions are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpressionForm {
    pub ignore_case: bool,
    pub multi_line: bool,
    pub single_line: bool,
    pub part: ExaminedPart,
    /// Whether they are made of patterns with wildcards, and not written in a rule.
    pub is_of_patterns: bool,
}

/// Expressions of which one must be found.
#[derive(Clone, Debug)]
pub(super) struct Expressions {
    regex: Regex,
    part: ExaminedPart,
}

impl Expressions {
    /// Compiles the expressions of one entry. `None` if the set is refused anyway.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn compile(
        expressions: &[String],
        form: ExpressionForm,
        budget: &mut ExpressionBudget,
    ) -> Result<Option<Self>, String> {
        if budget.is_exceeded {
            return Ok(None);
        }
        let own_max = match (form.is_of_patterns, expressions.len()) {
            // A long list of words may be large.
            (true, _) => 2 * ENTRY_BYTES_MAX,
            (false, 0..=1) => ONE_BYTES_MAX,
            (false, _) => ENTRY_BYTES_MAX,
        };
        let bytes_max = own_max.min(budget.left);
        match build(expressions, form, bytes_max) {
            Ok(regex) => {
                budget.left = budget.left.saturating_sub(regex.memory_usage());
                Ok(Some(Self { regex, part: form.part }))
            }
            Err(error) if error.size_limit().is_some() => {
                // What was compiled until then has taken its time.
                budget.left = budget.left.saturating_sub(bytes_max);
                budget.is_exceeded = bytes_max < own_max || budget.left == 0;
                Err(too_large(expressions, form.is_of_patterns, bytes_max < own_max))
            }
            Err(error) => Err(problem(expressions, &error)),
        }
    }

    /// Whether one of them is found in a text, and how many bytes of it were not looked at. What is outside of the part
    /// that they look at is known to be there: no `$` matches at a cut, and no `^`.
    pub fn find(&self, text: &str) -> (bool, usize) {
        let from = match self.part {
            ExaminedPart::Whole | ExaminedPart::Beginning => 0,
            ExaminedPart::End => ceiling(text, text.len().saturating_sub(LOOKED_AT_MAX)),
        };
        let to = match self.part {
            ExaminedPart::Whole | ExaminedPart::End => text.len(),
            ExaminedPart::Beginning => floor(text, LOOKED_AT_MAX),
        };
        (self.regex.is_match(Input::new(text).range(from..to)), text.len() - (to - from))
    }
}

fn build(expressions: &[String], form: ExpressionForm, bytes_max: usize) -> Result<Regex, Box<BuildError>> {
    let limits = Regex::config()
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(bytes_max))
        .hybrid_cache_capacity(CACHE_BYTES_MAX);
    let syntax = syntax::Config::new()
        .case_insensitive(form.ignore_case)
        .multi_line(form.multi_line)
        .dot_matches_new_line(form.single_line)
        .nest_limit(GROUPS_MAX);
    Regex::builder().configure(limits).syntax(syntax).build_many(expressions).map_err(Box::new)
}

fn too_large(expressions: &[String], is_of_patterns: bool, of_set: bool) -> String {
    let mebibytes = SET_BYTES_MAX >> 20;
    let longest = expressions.iter().max_by_key(|one| one.len()).map(|one| excerpt(one)).unwrap_or_default();
    match (is_of_patterns, expressions) {
        _ if of_set => format!(
            "all expressions up to this one are larger than {mebibytes} MiB when they are compiled: use shorter ones, or fewer"
        ),
        (true, _) => "too many or too long values".to_owned(),
        (false, [_]) => format!("the expression `{longest}` is too large"),
        (false, _) => "the expressions together are too large".to_owned(),
    }
}

fn problem(expressions: &[String], error: &BuildError) -> String {
    let wrong = error.pattern().and_then(|place| expressions.get(place.as_usize()));
    let shown = excerpt(wrong.or(expressions.first()).map_or("", String::as_str));
    let text = error.syntax_error().map(ToString::to_string).unwrap_or_else(|| error.to_string());
    let reason = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
    format!("`{shown}` is not an expression: {reason}")
}

/// The last boundary of characters up to this byte.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|byte| text.is_char_boundary(*byte)).unwrap_or(0)
}

/// The first one from this byte on.
fn ceiling(text: &str, byte: usize) -> usize {
    (byte..text.len()).find(|byte| text.is_char_boundary(*byte)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(expression: &str, multi_line: bool, part: ExaminedPart) -> Expressions {
        let form = ExpressionForm {
            ignore_case: false,
            multi_line,
            single_line: false,
            part,
            is_of_patterns: false,
        };
        let compiled = Expressions::compile(&[expression.to_owned()], form, &mut ExpressionBudget::default());
        compiled.unwrap().unwrap()
    }

    #[test]
    fn an_anchor_matches_at_the_ends_of_a_text_and_never_at_a_cut() {
        let cut = "a".repeat(LOOKED_AT_MAX) + "b";
        let tail = "b".to_owned() + &"a".repeat(LOOKED_AT_MAX);
        let whole = "a".repeat(LOOKED_AT_MAX);
        for end in ["a$", r"a\z", "a+$", r"aa\z|x", r"a\b", "^a+$", "(?m:a$)"] {
            let begin = compiled(end, false, ExaminedPart::Beginning);
            assert_eq!((begin.find(&cut), begin.find(&whole)), ((false, 1), (true, 0)), "{end}");
        }
        for begin in ["^a", r"\Aa", r"\ba", "(?m:^a)"] {
            let end = compiled(begin, false, ExaminedPart::End);
            assert_eq!((end.find(&tail), end.find(&whole)), ((false, 1), (true, 0)), "{begin}");
        }
        let lines = compiled("a$", true, ExaminedPart::Beginning);
        assert_eq!(lines.find(&("a\n".to_owned() + &cut)), (true, 3));
        assert_eq!(compiled("b$", false, ExaminedPart::Whole).find(&cut), (true, 0));
        assert_eq!(compiled("ab$", false, ExaminedPart::End).find(&cut), (true, 1));
        assert_eq!(compiled("b", false, ExaminedPart::Beginning).find(&cut), (false, 1));
    }

    #[test]
    fn a_cut_is_between_two_characters() {
        let text = "x".to_owned() + &"é".repeat(LOOKED_AT_MAX);
        let left = text.len() - LOOKED_AT_MAX;
        assert_eq!(compiled("é$", false, ExaminedPart::Beginning).find(&text), (false, left + 1));
        assert_eq!(compiled("^é", false, ExaminedPart::End).find(&text), (false, left));
    }

    #[test]
    fn what_all_expressions_cost_is_bounded_and_so_is_what_those_cost_that_are_too_large() {
        let form = ExpressionForm {
            ignore_case: true,
            multi_line: false,
            single_line: false,
            part: ExaminedPart::Beginning,
            is_of_patterns: false,
        };
        for huge in ["(a{100}){100}(b{100}){3}", "((a{100}){100}){100}"] {
            let mut budget = ExpressionBudget { left: 8 << 20, ..ExpressionBudget::default() };
            let mut said = Vec::new();
            for _ in 0..1_000 {
                match Expressions::compile(&[huge.to_owned()], form, &mut budget) {
                    Ok(Some(_)) => assert!(!budget.is_exceeded),
                    Ok(None) => assert!(budget.is_exceeded),
                    Err(problem) => said.push(problem),
                }
            }
            assert!(budget.is_exceeded && (1..=5).contains(&said.len()), "{huge}: {said:?}");
        }
    }
}
