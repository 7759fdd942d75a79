//! Texts of which a value must be one.

use std::collections::HashSet;

use super::fold::folded;

/// Texts that are compared one by one: a hash takes longer than some comparisons.
const FEW: usize = 4;

/// Texts that are looked for as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct ExactTexts {
    /// All of them, as long as these are few.
    few: Vec<String>,
    /// All of them, once there are more.
    many: HashSet<String>,
    /// Bytes of the longest one.
    longest: usize,
}

impl ExactTexts {
    /// Adds a text.
    pub fn add(&mut self, text: String) {
        if self.contains(&text) {
            return;
        }
        self.longest = self.longest.max(text.len());
        self.few.push(text);
        if self.few.len() > FEW || !self.many.is_empty() {
            self.many.extend(self.few.drain(..));
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &String> {
        self.few.iter().chain(&self.many)
    }

    /// Whether this text is one of them.
    pub fn contains(&self, text: &str) -> bool {
        match self.many.is_empty() {
            true => self.few.iter().any(|one| one == text),
            false => text.len() <= self.longest && self.many.contains(text),
        }
    }

    /// Whether this text is one of them once it is folded, as these are.
    pub fn contains_folded(&self, text: &str) -> bool {
        // Folding changes the length of a character, at most from three bytes to one.
        if text.len() > self.longest.saturating_mul(3) {
            return false;
        }
        if self.many.is_empty() && text.is_ascii() {
            return self.few.iter().any(|one| one.eq_ignore_ascii_case(text));
        }
        self.contains(&folded(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_whatever_their_case_be_they_few_or_many() {
        let words = ["straße", "kelvin", "", "ab", "api_key.created", "σασ", "ab", "s"];
        for count in 0..=words.len() {
            let mut texts = ExactTexts::default();
            words[..count].iter().for_each(|word| texts.add(folded(word).into_owned()));
            let all: HashSet<String> = words[..count].iter().map(|word| folded(word).into_owned()).collect();
            assert_eq!(texts.is_empty(), count == 0);
            assert_eq!(texts.iter().cloned().collect::<HashSet<_>>(), all);
            assert_eq!(texts.iter().count(), all.len());
            let others =
                ["Straße", "STRASSE", "\u{212a}ELVIN", "AB", "Api_Key.Created", "ΣΑΣ", "ſ", "a", "abc"];
            for text in words.into_iter().chain(others) {
                assert_eq!(texts.contains_folded(text), all.contains(&*folded(text)), "{text} of {count}");
                assert_eq!(texts.contains(text), all.contains(text), "{text} of {count}");
            }
        }
    }
}
