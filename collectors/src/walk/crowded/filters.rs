//! Asking for the second kind by kind: each of them may fit on a page. Nothing proves that all kinds are known.

/// The kind that is asked for at the moment.
#[derive(Debug)]
pub(super) struct Filters {
    pub kind: String,
}
