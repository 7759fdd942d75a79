//! All that is attached to a case there, of which Kibana shows a page at a time. While somebody removes something of an earlier
//! page, what comes after it moves forward, and something is on no page. So what takes several pages is read until two readings
//! show the same, and each as much as Kibana counts: what its order leaves open may be on two pages, and something else on none.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    kibana::CasesApiError,
    remote::{AttachmentsPage, RemoteAttachments},
};

/// Attachments of one page.
const PAGE: usize = 100;
/// Pages of one order at most: Kibana refuses to show what is behind the 10,000th of a list.
const PAGES_MAX: usize = 100;
/// Readings of a case that is changed during each of them, or of which something is not shown. It is tried again later.
const READINGS_MAX: usize = 4;

/// Shows what is attached to a case.
#[async_trait]
pub(super) trait ShowsAttachments: Send + Sync {
    /// A page of so many, the oldest first (`asc`) or the newest (`desc`).
    async fn page(&self, order: &str, page: usize, count: usize) -> Result<AttachmentsPage, CasesApiError>;
}

/// What was seen once.
#[derive(Default)]
struct AttachmentReading {
    all: RemoteAttachments,
    /// Also of what is no comment and no alert.
    ids: BTreeSet<String>,
    pages: usize,
    /// How much there is, as each page has said.
    totals: BTreeSet<u64>,
}

impl AttachmentReading {
    fn take(&mut self, page: AttachmentsPage) {
        self.pages += 1;
        self.totals.insert(page.total);
        for attachment in page.comments {
            if self.ids.insert(attachment.id.clone()) {
                self.all.take(attachment);
            }
        }
    }

    /// Whether there is as much as each page has said. Copies of an index may differ for a while.
    fn is_whole(&self) -> bool {
        self.totals.iter().all(|total| *total == self.ids.len() as u64) && self.totals.len() == 1
    }
}

/// All that is attached.
pub(super) async fn read(shown: &dyn ShowsAttachments) -> Result<RemoteAttachments, CasesApiError> {
    let mut before: Option<BTreeSet<String>> = None;
    for _ in 0..READINGS_MAX {
        let reading = read_once(shown).await?;
        if !reading.is_whole() {
            before = None;
            continue;
        }
        // One page is the answer to one search.
        if reading.pages == 1 || before.as_ref() == Some(&reading.ids) {
            return Ok(reading.all);
        }
        before = Some(reading.ids);
    }
    Err(CasesApiError::Conflict)
}

async fn read_once(shown: &dyn ShowsAttachments) -> Result<AttachmentReading, CasesApiError> {
    let mut reading = AttachmentReading::default();
    let (mut seen, mut total) = (0, 0);
    // The oldest first; what is behind the last page of these is among the newest.
    for order in ["asc", "desc"] {
        for page in 1..=PAGES_MAX {
            let found = shown.page(order, page, PAGE).await?;
            total = found.total;
            let count = found.comments.len();
            seen += count as u64;
            reading.take(found);
            if count < PAGE || (order == "desc" && seen >= total) {
                return Ok(reading);
            }
        }
        if seen >= total {
            return Ok(reading);
        }
    }
    Err(CasesApiError::TooMuch(total))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;

    /// A case with numbered comments, of which the oldest are removed before pages after the first are shown: once for each
    /// of these counts.
    struct Removing {
        comments: Mutex<Vec<u64>>,
        removals: Mutex<Vec<usize>>,
        asked: Mutex<usize>,
    }

    impl Removing {
        fn new(count: u64, removals: &[usize]) -> Self {
            let (comments, removals) = (Mutex::new((0..count).collect()), Mutex::new(removals.to_vec()));
            Self { comments, removals, asked: Mutex::new(0) }
        }
    }

    #[async_trait]
    impl ShowsAttachments for Removing {
        async fn page(
            &self,
            order: &str,
            page: usize,
            count: usize,
        ) -> Result<AttachmentsPage, CasesApiError> {
            *self.asked.lock().unwrap() += 1;
            let mut comments = self.comments.lock().unwrap();
            if page > 1
                && let Some(removed) = self.removals.lock().unwrap().pop()
            {
                comments.drain(..removed);
            }
            let mut all = comments.clone();
            if order == "desc" {
                all.reverse();
            }
            let shown = all.iter().skip((page - 1) * count).take(count).map(|number| {
                json!({ "id": number.to_string(), "version": "1", "comment": format!("text `ccfd:{number}`") })
            });
            let page = json!({ "total": all.len(), "comments": shown.collect::<Vec<_>>() });
            Ok(serde_json::from_value(page).unwrap())
        }
    }

    #[tokio::test]
    async fn a_comment_that_moves_to_an_earlier_page_while_they_are_read_is_found() {
        for (count, removals) in [(101, vec![1]), (250, vec![3, 1]), (10_001, vec![2])] {
            let shown = Removing::new(count, &removals);
            let found = read(&shown).await.unwrap();
            let there: BTreeSet<String> = shown.comments.lock().unwrap().iter().map(u64::to_string).collect();
            assert_eq!(found.comments.into_keys().collect::<BTreeSet<_>>(), there, "{count}");
        }
    }

    #[tokio::test]
    async fn a_case_from_which_something_is_removed_each_time_is_not_taken_as_read() {
        let shown = Removing::new(300, &[1; 50]);
        assert_eq!(read(&shown).await, Err(CasesApiError::Conflict));
    }

    /// Answers that are wrong in the same way each time: these ids, of so many, page by page.
    struct Wrong(Vec<(Vec<u64>, u64)>);

    #[async_trait]
    impl ShowsAttachments for Wrong {
        async fn page(&self, _: &str, page: usize, _: usize) -> Result<AttachmentsPage, CasesApiError> {
            let (ids, total) = &self.0[page - 1];
            let shown = ids.iter().map(|id| json!({ "id": id.to_string(), "version": "1", "comment": "c" }));
            let page = json!({ "total": total, "comments": shown.collect::<Vec<_>>() });
            Ok(serde_json::from_value(page).unwrap())
        }
    }

    #[tokio::test]
    async fn a_case_of_which_not_all_is_shown_is_not_taken_as_read_however_often_the_same_is_shown() {
        let first: Vec<u64> = (0..100).collect();
        for (wrong, pages) in [
            ("one on both pages, another on none", vec![(first.clone(), 101), (vec![50], 101)]),
            ("pages of two copies, one of them older", vec![(first, 101), (vec![], 100)]),
            ("a page with less than there is", vec![((0..10).collect(), 21)]),
        ] {
            assert_eq!(read(&Wrong(pages)).await, Err(CasesApiError::Conflict), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_case_of_one_page_is_read_once() {
        let shown = Removing::new(99, &[]);
        assert_eq!(read(&shown).await.unwrap().comments.len(), 99);
        assert_eq!(*shown.asked.lock().unwrap(), 1);
    }
}
