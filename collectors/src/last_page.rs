//! The page that answers another request than the one that was sent.
//!
//! Nothing in a page says what it answers. A page that came for an earlier request and comes again for another one would have
//! a walk believe that it has read what lies in between.

use crate::{
    error::CollectErrorKind,
    page::{ListPage, Malformed},
    record::IdHash,
};

/// How often the same page is asked for again before it is believed: in a stable order two requests may have the same answer.
const STRIKES: u32 = 3;

/// The last page of a walk that said that more follows.
#[derive(Debug, Default)]
pub struct LastPage {
    query: String,
    ids: Vec<IdHash>,
    strikes: u32,
}

impl LastPage {
    /// Refuses a page that has answered another query already, so that it is asked for again.
    pub fn check(&mut self, query: &str, page: &ListPage) -> Result<(), CollectErrorKind> {
        let ids: Vec<IdHash> = page.records.iter().map(|record| record.id).collect();
        if page.has_more != Some(true) || ids.is_empty() {
            return Ok(());
        }
        if ids == self.ids && query != self.query {
            self.strikes += 1;
            if self.strikes < STRIKES {
                let reason = "the same page as for another request";
                return Err(CollectErrorKind::Malformed(Malformed { offset: 0, reason }));
            }
        }
        *self = Self { query: query.to_owned(), ids, strikes: 0 };
        Ok(())
    }
}
