//! Detects a page that answers another request than the one that was sent.
//!
//! A page does not say which request it answers. If the page of a narrow request comes back for a wider one,
//! the walk would take the rest of the wider range as empty. A page of a request at least as wide proves as
//! much as a new one.

use std::collections::VecDeque;

use crate::page::ListPage;

/// How many pages are remembered: more than there are concurrent requests.
const PAGES_MAX: usize = 64;

/// What a request covers: a list with its filters, and a range of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSpan {
    /// Hash of the list and its filters.
    pub list: u64,
    /// First second.
    pub from: i64,
    /// Last second; `i64::MAX` where there is none.
    pub to: i64,
}

impl PageSpan {
    /// `list` names the list and its filters; `from` and `to` are inclusive seconds.
    pub fn new(list: &str, from: i64, to: i64) -> Self {
        Self { list: xxhash_rust::xxh3::xxh3_64(list.as_bytes()), from, to }
    }

    fn covers(&self, other: &Self) -> bool {
        self.list == other.list && self.from <= other.from && self.to >= other.to
    }
}

/// The last pages that were accepted, over all walks of a key.
#[derive(Debug, Default)]
pub struct RecentPages(VecDeque<(u128, PageSpan)>);

impl RecentPages {
    /// Whether this page is known only as the answer to requests that did not cover all of `span`.
    pub fn answers_another(&self, page: &ListPage, span: &PageSpan) -> bool {
        let Some(fingerprint) = fingerprint(page) else { return false };
        let mut known = self.0.iter().filter(|(known, _)| *known == fingerprint).peekable();
        known.peek().is_some() && !known.any(|(_, seen)| seen.covers(span))
    }

    /// Remembers a page as the answer to a request.
    pub fn accept(&mut self, page: &ListPage, span: PageSpan) {
        let Some(fingerprint) = fingerprint(page) else { return };
        // A narrower span would add nothing, and would push another page out.
        if self.0.iter().any(|(known, seen)| *known == fingerprint && seen.covers(&span)) {
            return;
        }
        if self.0.len() == PAGES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((fingerprint, span));
    }
}

/// `None` for a page without records, which answers many requests correctly.
fn fingerprint(page: &ListPage) -> Option<u128> {
    if page.records.is_empty() {
        return None;
    }
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for record in &page.records {
        hasher.update(&record.id.0);
    }
    hasher.update(&[u8::from(page.has_more == Some(true))]);
    Some(hasher.digest128())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::page::record::{IdHash, Record};

    fn page(ids: &[&str]) -> ListPage {
        let record = |id: &&str| Record::new(Bytes::new(), 5, IdHash::of(id), None);
        ListPage { records: ids.iter().map(record).collect(), ..ListPage::default() }
    }

    fn span(list: u64, from: i64, to: i64) -> PageSpan {
        PageSpan { list, from, to }
    }

    #[test]
    fn a_page_that_came_for_a_narrower_request_is_doubted() {
        let mut pages = RecentPages::default();
        pages.accept(&page(&["a", "b"]), span(1, 100, i64::MAX));
        assert!(pages.answers_another(&page(&["a", "b"]), &span(1, 50, i64::MAX)));
        assert!(pages.answers_another(&page(&["a", "b"]), &span(2, 100, i64::MAX)), "another list");
        assert!(!pages.answers_another(&page(&["a", "b"]), &span(1, 100, i64::MAX)));
        assert!(!pages.answers_another(&page(&["a", "b"]), &span(1, 120, 200)));
        assert!(!pages.answers_another(&page(&["b", "a"]), &span(2, 0, 9)), "another page");
        assert!(!pages.answers_another(&page(&[]), &span(2, 0, 9)));
    }

    #[test]
    fn a_page_that_was_taken_for_a_wider_request_is_not_doubted_again() {
        let mut pages = RecentPages::default();
        pages.accept(&page(&["a"]), span(1, 100, i64::MAX));
        pages.accept(&page(&["a"]), span(1, 50, i64::MAX));
        assert!(!pages.answers_another(&page(&["a"]), &span(1, 60, i64::MAX)));
    }

    #[test]
    fn only_so_many_pages_are_remembered() {
        let mut pages = RecentPages::default();
        for n in 0..1000 {
            pages.accept(&page(&[&n.to_string()]), span(1, n, n));
        }
        assert_eq!(pages.0.len(), PAGES_MAX);
    }
}
