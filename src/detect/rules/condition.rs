//! Conditions: `selection and not 1 of filter_*`.

use super::error::{excerpt, unknown};

/// Parentheses and `not` inside each other. This bounds the stack, here and where conditions are evaluated.
const DEPTH_MAX: usize = 32;

/// Words of a condition, after each `of` is resolved.
const TERMS_MAX: usize = 1000;

/// A condition over selections, each by its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Selection(usize),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// Parses a condition over these selections. The error says what is wrong.
pub(super) fn parse(text: &str, selections: &[&str]) -> Result<Condition, String> {
    if text.contains('|') {
        return Err("`|` in a condition is of Sigma 1; use a document with `correlation` instead".to_owned());
    }
    let words = words(text)?;
    let mut parser = Parser { words: &words, at: 0, terms: 0, selections };
    let condition = parser.any(0)?;
    match parser.peek() {
        None => Ok(condition),
        Some(word) => Err(format!("`{}` is not expected here", excerpt(word))),
    }
}

/// The selections that a condition uses.
pub(super) fn used(condition: &Condition, uses: &mut Vec<usize>) {
    match condition {
        Condition::Selection(place) => uses.push(*place),
        Condition::Not(inner) => used(inner, uses),
        Condition::All(inner) | Condition::Any(inner) => inner.iter().for_each(|one| used(one, uses)),
    }
}

fn words(text: &str) -> Result<Vec<&str>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '.');
        let end = match c {
            '(' | ')' => 1,
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => return Err(format!("`{}` is not expected in a condition", c.escape_debug())),
        };
        let (word, behind) = rest.split_at(end);
        words.push(word);
        rest = behind.trim_start();
        if words.len() > TERMS_MAX {
            return Err(format!("more than {TERMS_MAX} words"));
        }
    }
    Ok(words)
}

struct Parser<'t> {
    words: &'t [&'t str],
    at: usize,
    terms: usize,
    selections: &'t [&'t str],
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t str> {
        self.words.get(self.at).copied()
    }

    /// Steps over a word, in any case.
    fn skip(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Condition, String> {
        let mut all = vec![self.all(depth)?];
        while self.skip("or") {
            all.push(self.all(depth)?);
        }
        Ok(joined(all, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, String> {
        let mut all = vec![self.one(depth)?];
        while self.skip("and") {
            all.push(self.one(depth)?);
        }
        Ok(joined(all, Condition::All))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nested more than {DEPTH_MAX} deep"));
        }
        let Some(word) = self.peek() else { return Err("ends too early".to_owned()) };
        if self.skip("not") {
            return self.one(depth + 1).map(|inner| Condition::Not(Box::new(inner)));
        }
        if self.skip("(") {
            let inner = self.any(depth + 1)?;
            return if self.skip(")") { Ok(inner) } else { Err("a `)` is missing".to_owned()) };
        }
        let is_quantity = word.bytes().all(|byte| byte.is_ascii_digit())
            || ["all", "any"].iter().any(|quantity| word.eq_ignore_ascii_case(quantity));
        let is_of = self.words.get(self.at + 1).is_some_and(|next| next.eq_ignore_ascii_case("of"));
        self.at += 1;
        if is_quantity && is_of {
            self.at += 1;
            return self.several(word);
        }
        if ["and", "or", "of", ")"].iter().any(|other| word.eq_ignore_ascii_case(other)) {
            return Err(format!("`{word}` is not expected here"));
        }
        if word.contains('*') {
            return Err(format!("`{}` needs `1 of` or `all of` before it", excerpt(word)));
        }
        self.count(1)?;
        let place = self.selections.iter().position(|name| *name == word);
        place.map(Condition::Selection).ok_or_else(|| unknown("selection", word, self.selections))
    }

    /// What follows `1 of`.
    fn several(&mut self, quantity: &str) -> Result<Condition, String> {
        let Some(pattern) = self.peek() else { return Err(format!("`{quantity} of` ends too early")) };
        self.at += 1;
        let wanted = if pattern.eq_ignore_ascii_case("them") { "*" } else { pattern };
        let matching = |name: &&str| !name.starts_with('_') && name_matches(wanted, name);
        let places = self.selections.iter().enumerate().filter(|(_, name)| matching(name));
        let found: Vec<_> = places.map(|(place, _)| Condition::Selection(place)).collect();
        if found.is_empty() {
            return Err(format!("`{quantity} of {}` means no selection", excerpt(pattern)));
        }
        self.count(found.len())?;
        if quantity.eq_ignore_ascii_case("all") {
            return Ok(joined(found, Condition::All));
        }
        if quantity == "1" || quantity.eq_ignore_ascii_case("any") {
            return Ok(joined(found, Condition::Any));
        }
        Err(format!("`{} of` is not supported; there are `1 of` and `all of`", excerpt(quantity)))
    }

    fn count(&mut self, terms: usize) -> Result<(), String> {
        self.terms += terms;
        if self.terms > TERMS_MAX { Err(format!("more than {TERMS_MAX} selections")) } else { Ok(()) }
    }
}

fn joined(mut conditions: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        Some(last) => {
            conditions.push(last);
            join(conditions)
        }
        None => join(conditions),
    }
}

/// Whether a name is as this pattern, in which `*` is any characters.
fn name_matches(pattern: &str, name: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(begin) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return name.ends_with(piece);
        }
        match name.find(piece) {
            Some(at) => name = &name[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["sel_a", "sel_b", "filter", "_hidden", "not_x"];

    fn shown(condition: &Condition) -> String {
        let each = |all: &[Condition], by: &str| all.iter().map(shown).collect::<Vec<_>>().join(by);
        match condition {
            Condition::Selection(place) => NAMES[*place].to_owned(),
            Condition::Not(inner) => format!("!{}", shown(inner)),
            Condition::All(inner) => format!("({})", each(inner, "&")),
            Condition::Any(inner) => format!("({})", each(inner, "|")),
        }
    }

    #[test]
    fn not_binds_before_and_and_that_before_or() {
        for (text, meaning) in [
            ("sel_a", "sel_a"),
            ("sel_a or sel_b and not filter", "(sel_a|(sel_b&!filter))"),
            ("(sel_a or sel_b) and filter", "((sel_a|sel_b)&filter)"),
            ("not not sel_a", "!!sel_a"),
            ("1 of sel*", "(sel_a|sel_b)"),
            ("all of sel_* AND NOT 1 of filt*r", "((sel_a&sel_b)&!filter)"),
            ("any of them", "(sel_a|sel_b|filter|not_x)"),
            ("not_x and _hidden", "(not_x&_hidden)"),
            ("1 of *_a", "sel_a"),
        ] {
            assert_eq!(parse(text, &NAMES).as_ref().map(shown).as_deref(), Ok(meaning), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_says_why() {
        let deep = "not ".repeat(100_000) + "sel_a";
        let open = "(".repeat(100_000);
        let errors: Vec<_> = [
            "",
            "and",
            "sel_a and",
            "sel_a sel_b",
            "(sel_a",
            "sel_a)",
            "sel_c",
            "sel*",
            "2 of sel*",
            "1 of none*",
            "1 of",
            "sel_a | count() > 5",
            "sel_a && sel_b",
            &deep[..900],
            &deep,
            &open,
        ]
        .iter()
        .map(|text| parse(text, &NAMES).unwrap_err())
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        ends too early
        `and` is not expected here
        ends too early
        `sel_b` is not expected here
        a `)` is missing
        `)` is not expected here
        `sel_c` is not a selection; did you mean `sel_b`?
        `sel*` needs `1 of` or `all of` before it
        `2 of` is not supported; there are `1 of` and `all of`
        `1 of none*` means no selection
        `1 of` ends too early
        `|` in a condition is of Sigma 1; use a document with `correlation` instead
        `&` is not expected in a condition
        nested more than 32 deep
        more than 1000 words
        more than 1000 words
        "#);
    }
}
