//! Reads the second kind by kind: each kind may fit on a page. Nothing proves that all kinds are known.

/// The kind that is requested now.
#[derive(Debug)]
pub(super) struct KindFilters {
    pub kind: String,
}
