//! Texts with wildcards: `*` for any characters, `?` for one, and a backslash before what is meant as written.

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PatternPart {
    /// As written.
    Literal(String),
    /// Any characters, or none.
    Any,
    /// One character.
    One,
}

/// A text with wildcards. No two literals follow each other, and none is empty.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Pattern {
    pub parts: Vec<PatternPart>,
}

impl Pattern {
    /// Reads a pattern. A backslash that is not before `*`, `?` or a backslash is itself.
    pub fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                    Some(escaped) => pattern.push(escaped),
                    None => pattern.push('\\'),
                },
                '*' => pattern.parts.push(PatternPart::Any),
                '?' => pattern.parts.push(PatternPart::One),
                c => pattern.push(c),
            }
        }
        pattern
    }

    /// A text without wildcards.
    pub fn literal(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { parts: if text.is_empty() { Vec::new() } else { vec![PatternPart::Literal(text)] } }
    }

    fn push(&mut self, c: char) {
        match self.parts.last_mut() {
            Some(PatternPart::Literal(text)) => text.push(c),
            Some(PatternPart::Any | PatternPart::One) | None => {
                self.parts.push(PatternPart::Literal(c.to_string()));
            }
        }
    }

    /// Adds a part, joining literals.
    pub fn add(&mut self, part: PatternPart) {
        match part {
            PatternPart::Literal(text) => text.chars().for_each(|c| self.push(c)),
            PatternPart::Any | PatternPart::One => self.parts.push(part),
        }
    }

    /// The text, if there are no wildcards.
    pub fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [PatternPart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The same with anything before it.
    pub fn ends(mut self) -> Self {
        if self.parts.first() != Some(&PatternPart::Any) {
            self.parts.insert(0, PatternPart::Any);
        }
        self
    }

    /// The same with anything after it.
    pub fn starts(mut self) -> Self {
        if self.parts.last() != Some(&PatternPart::Any) {
            self.parts.push(PatternPart::Any);
        }
        self
    }

    /// An expression that finds exactly what the pattern matches, for which `.` must match every character.
    pub fn expression(&self) -> String {
        let is_any = |part: Option<&PatternPart>| part == Some(&PatternPart::Any);
        let open = if is_any(self.parts.first()) { "" } else { "\\A" };
        let close = if is_any(self.parts.last()) { "" } else { "\\z" };
        [open, &written(self.inner()), close].concat()
    }

    /// The parts between the first and the last that are not anything.
    pub fn inner(&self) -> &[PatternPart] {
        let mut parts = self.parts.as_slice();
        while let Some((PatternPart::Any, rest)) = parts.split_first() {
            parts = rest;
        }
        while let Some((PatternPart::Any, rest)) = parts.split_last() {
            parts = rest;
        }
        parts
    }

    /// The same for the middle of an expression.
    pub fn inner_expression(&self) -> String {
        written(&self.parts)
    }
}

fn written(parts: &[PatternPart]) -> String {
    let mut expression = String::new();
    for part in parts {
        match part {
            PatternPart::Literal(text) => expression.push_str(&regex::escape(text)),
            PatternPart::Any => expression.push_str(".*"),
            PatternPart::One => expression.push('.'),
        }
    }
    expression
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::fold::fold, *};

    fn literal(text: &str) -> PatternPart {
        PatternPart::Literal(text.to_owned())
    }

    #[test]
    fn a_backslash_is_itself_unless_it_is_before_a_wildcard_or_a_backslash() {
        for (text, parts) in [
            (r"a\b", vec![literal(r"a\b")]),
            (r"a\\b", vec![literal(r"a\b")]),
            (r"\*\?", vec![literal("*?")]),
            (r"\\*", vec![literal(r"\"), PatternPart::Any]),
            (r"\\\*", vec![literal(r"\*")]),
            (r"\\\\", vec![literal(r"\\")]),
            (r"a\", vec![literal(r"a\")]),
            ("a?*", vec![literal("a"), PatternPart::One, PatternPart::Any]),
            ("", vec![]),
        ] {
            assert_eq!(Pattern::parse(text).parts, parts, "{text}");
        }
    }

    /// The definition, without any cleverness.
    fn naive(parts: &[PatternPart], text: &[char]) -> bool {
        match parts.split_first() {
            None => text.is_empty(),
            Some((PatternPart::Any, rest)) => (0..=text.len()).any(|cut| naive(rest, &text[cut..])),
            Some((PatternPart::One, rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((PatternPart::Literal(literal), rest)) => {
                let literal: Vec<char> = literal.chars().map(fold).collect();
                text.len() >= literal.len()
                    && text.iter().zip(&literal).all(|(one, other)| fold(*one) == *other)
                    && naive(rest, &text[literal.len()..])
            }
        }
    }

    proptest! {
        #[test]
        fn an_expression_matches_what_its_pattern_means(
            pattern in r"[abAÄäſsK.\\*?\n\[(]{0,7}",
            text in r"[abAÄäſsKk.\\*?\n\[(]{0,9}",
        ) {
            let pattern = Pattern::parse(&pattern);
            let expression = format!("(?is:{})", pattern.expression());
            let found = regex::Regex::new(&expression).unwrap().is_match(&text);
            let chars: Vec<char> = text.chars().collect();
            prop_assert_eq!(found, naive(&pattern.parts, &chars), "{}", expression);
        }
    }
}
