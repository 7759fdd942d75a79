//! What of a record leaves the collector: fields that are dropped, masked or hashed before anything else sees them.
//!
//! Functions from bytes to bytes. Paths and rules are read in `config`; the pages go through here in `pipeline`.

mod hash;
mod level;
mod pass;
mod path;
mod preset;
mod rule;
mod rules;

use bytes::Bytes;
use collectors::{Page, Unusable};
use pass::Seen;

pub use hash::{Hasher, WeakKey};
pub use path::{KEPT, Path, PathError};
pub use preset::Preset;
pub use rule::{Action, Rule};
pub use rules::{Covered, Rules};

/// What is done to every record of one collector.
#[derive(Clone, Debug)]
pub struct Redaction {
    rules: Rules,
    hasher: Option<Hasher>,
}

impl Redaction {
    /// Rules, and what hashes. Without a hasher the values that are to be hashed are masked.
    pub fn new(rules: Rules, hasher: Option<Hasher>) -> Self {
        Self { rules, hasher }
    }

    /// Redacts all that a page brought. What cannot be redacted is withheld: of it only the size stays.
    pub fn page(&self, page: &mut Page) {
        let (mut bytes, mut shared) = (0, false);
        let mut redacted = |raw: &Bytes| {
            let new = self.record(raw);
            shared |= new.as_ref().is_some_and(|new| new.as_ptr() == raw.as_ptr());
            let new = new.ok_or_else(|| withheld(raw));
            bytes += new.as_ref().map_or_else(Bytes::len, Bytes::len);
            new
        };
        for one in &mut page.unusable {
            one.raw = redacted(&one.raw).unwrap_or_else(|withheld| withheld);
        }
        for record in std::mem::take(&mut page.records) {
            match redacted(&record.raw) {
                Ok(raw) => page.records.push(record.with_raw(raw)),
                Err(raw) => {
                    let near = Some(record.second);
                    page.unusable.push(Unusable { raw, reason: "cannot be redacted", near });
                }
            }
        }
        // A record without any of the fields is the one that came, and keeps the page's body alive.
        page.bytes = if shared { page.bytes + bytes } else { bytes };
    }

    /// A record without what is not to be seen: the very same bytes where nothing of it is named. `None` when it is no
    /// JSON object.
    pub fn record(&self, raw: &Bytes) -> Option<Bytes> {
        self.pass(raw, Seen::First)
    }

    /// As [`Redaction::record`] for a record that was kept aside, perhaps under other rules or none: what is a hash
    /// already is not hashed once more.
    pub fn kept_record(&self, raw: &Bytes) -> Option<Bytes> {
        self.pass(raw, Seen::Again)
    }

    fn pass(&self, raw: &Bytes, seen: Seen) -> Option<Bytes> {
        let table = self.rules.source.table();
        let redacted = pass::redacted(raw, &self.rules.top, table, self.hasher.as_ref(), seen)?;
        Some(if redacted.is_empty() { raw.clone() } else { redacted.into() })
    }
}

/// What stands in place of a record that cannot be redacted.
fn withheld(raw: &Bytes) -> Bytes {
    Bytes::from(format!(r#"{{"withheld_bytes":{}}}"#, raw.len()))
}

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
