//! Text to search by. It is words and never syntax: whatever somebody types, no query fails.

/// Words of a search that count.
const WORDS_MAX: usize = 32;
/// Characters of a search that count.
const CHARS_MAX: usize = 1_000;

/// Where a text is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchField {
    /// In titles.
    Title,
    /// In descriptions.
    Description,
    /// In comments.
    Comment,
    /// It is a number of a case.
    Number,
}

impl SearchField {
    /// Everywhere.
    pub const ALL: [Self; 4] = [Self::Title, Self::Description, Self::Comment, Self::Number];

    /// What Kibana calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Comment => "comments",
            Self::Number => "incremental_id.text",
        }
    }
}

/// A search as the database understands it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SearchTerms {
    /// For titles and descriptions, or one of them.
    pub(super) texts: Option<String>,
    /// For comments.
    pub(super) comments: Option<String>,
    /// The number of a case.
    pub(super) number: Option<i64>,
}

/// Reads a search: any of its words, or all. A word that ends in `*` is the beginning of one. `None` if nothing can be found.
pub(super) fn terms(search: &str, fields: &[SearchField], all: bool) -> Option<SearchTerms> {
    let search: String = search.chars().take(CHARS_MAX).filter(|c| *c != '\0').collect();
    let words: Vec<String> =
        search.split(|c: char| c.is_whitespace() || c == '"').filter_map(word).take(WORDS_MAX).collect();
    let between = if all { " AND " } else { " OR " };
    let words = (!words.is_empty()).then(|| words.join(between));
    let has = |field| fields.contains(&field);
    let columns = match (has(SearchField::Title), has(SearchField::Description)) {
        (true, true) => Some("{title description}"),
        (true, false) => Some("{title}"),
        (false, true) => Some("{description}"),
        (false, false) => None,
    };
    let number = search.trim().trim_start_matches('#').parse().ok().filter(|_| has(SearchField::Number));
    let found = SearchTerms {
        texts: words.as_ref().zip(columns).map(|(words, columns)| format!("{columns} : ({words})")),
        comments: words.filter(|_| has(SearchField::Comment)),
        number,
    };
    (found != SearchTerms::default()).then_some(found)
}

/// A word in quotes, in which nothing is special; none without a letter or a digit.
fn word(word: &str) -> Option<String> {
    let star = if word.ends_with('*') { "*" } else { "" };
    let plain = word.trim_end_matches('*');
    plain.contains(char::is_alphanumeric).then(|| format!("\"{plain}\"{star}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(search: &str, all: bool) -> Option<String> {
        terms(search, &[SearchField::Title], all)?.texts
    }

    #[test]
    fn a_search_is_words_and_never_syntax() {
        assert_eq!(texts("key OR -leak", false).unwrap(), "{title} : (\"key\" OR \"OR\" OR \"-leak\")");
        assert_eq!(texts("a \"b* c", true).unwrap(), "{title} : (\"a\" AND \"b\"* AND \"c\")");
        for search in ["", " ", "\"", "***", "\"\"\"", "( ) ^ : \0", "-"] {
            assert_eq!(terms(search, &SearchField::ALL, false), None, "{search:?}");
        }
        let much = "word ".repeat(10_000);
        assert!(texts(&much, false).unwrap().len() < 1_000);
    }

    #[test]
    fn a_number_is_looked_for_as_one() {
        let number = |search| terms(search, &SearchField::ALL, false).and_then(|terms| terms.number);
        assert_eq!([number("#12"), number("12"), number("12a")], [Some(12), Some(12), None]);
        assert_eq!(terms("12", &[SearchField::Title], false).unwrap().number, None);
    }
}
