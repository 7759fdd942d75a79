//! What a collector's settings say about its list.

use std::{collections::BTreeMap, fmt};

/// The value of one setting of a list.
#[derive(Clone, PartialEq, Eq)]
pub enum Filter {
    /// One of a few words.
    Word(&'static str),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// Texts that name persons.
    PersonalTexts(Vec<String>),
    /// Names with a text each.
    Pairs(BTreeMap<String, String>),
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => word.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Texts(texts) => texts.fmt(f),
            Self::PersonalTexts(texts) => texts.len().fmt(f),
            Self::Pairs(pairs) => pairs.fmt(f),
        }
    }
}

/// The settings of a list by their keys. Only records that match every filter are read; a missing setting
/// filters nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<&'static str, Filter>);

impl Filters {
    /// The value of a key; empty if it is missing.
    pub fn word(&self, key: &str) -> &'static str {
        match self.0.get(key) {
            Some(Filter::Word(word)) => word,
            Some(Filter::Text(_) | Filter::Texts(_) | Filter::PersonalTexts(_) | Filter::Pairs(_)) | None => {
                ""
            }
        }
    }

    /// The text under a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key) {
            Some(Filter::Text(text)) => Some(text),
            Some(Filter::Word(_) | Filter::Texts(_) | Filter::PersonalTexts(_) | Filter::Pairs(_)) | None => {
                None
            }
        }
    }

    /// The texts under a key.
    pub fn texts(&self, key: &str) -> &[String] {
        match self.0.get(key) {
            Some(Filter::Texts(texts) | Filter::PersonalTexts(texts)) => texts,
            Some(Filter::Word(_) | Filter::Text(_) | Filter::Pairs(_)) | None => &[],
        }
    }

    /// The pairs under a key, in order.
    pub fn pairs(&self, key: &str) -> Vec<(String, String)> {
        match self.0.get(key) {
            Some(Filter::Pairs(pairs)) => pairs.clone().into_iter().collect(),
            Some(Filter::Word(_) | Filter::Text(_) | Filter::Texts(_) | Filter::PersonalTexts(_)) | None => {
                Vec::new()
            }
        }
    }
}

impl FromIterator<(&'static str, Filter)> for Filters {
    fn from_iter<I: IntoIterator<Item = (&'static str, Filter)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_persons_are_counted_and_not_shown() {
        let addresses = Filter::PersonalTexts(vec!["user@example.com".to_owned()]);
        let filters: Filters = [("actor_emails", addresses)].into_iter().collect();
        assert_eq!(format!("{filters:?}"), r#"Filters({"actor_emails": 1})"#);
    }
}
