//! Which tags a case may not get: those by which others are found where they are sent.

use super::{CaseTurn, outbox::SENT_NAME};
use crate::cases::{CaseError, error::CaseFault};

/// A tag as a Kibana keeps it, which trims it as JavaScript does.
pub(super) fn trimmed(tag: &str) -> &str {
    tag.trim_matches(|c: char| c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}'))
}

impl CaseTurn<'_> {
    /// Refuses tags that name a case here, unless they were there before. Where other tools take ccfd for a Kibana, they send those of
    /// other cases.
    pub(super) fn check_names(&self, tags: &[String], before: &[String]) -> Result<(), CaseFault> {
        let mut query = self.begun.prepare_cached("SELECT 1 FROM cases WHERE uid = ?1 AND space = ?2")?;
        for tag in tags.iter().filter(|tag| !before.contains(tag)) {
            let Some(id) = trimmed(tag).strip_prefix(SENT_NAME) else { continue };
            if query.exists([id, self.space])? {
                let text = format!(
                    "The tag \"{tag}\" is the one by which a case of ccfd is found in Kibana: it cannot be given to a case."
                );
                return Err(CaseError::Invalid(text).into());
            }
        }
        Ok(())
    }
}
