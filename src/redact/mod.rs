//! Redaction: fields of a record that are dropped, masked or hashed before anything else sees them.
//!
//! Functions from bytes to bytes. Paths and rules are parsed in `config`; pages are redacted in `pipeline`.

mod hash;
mod level;
mod pass;
mod path;
mod preset;
mod rule;
mod rules;

use bytes::Bytes;
use collectors::{Page, Unusable};
pub use hash::{Hasher, WeakKey};
use pass::PriorPass;
pub use path::{KEPT, Path, PathError};
pub use preset::Preset;
pub use rule::{RedactionRule, RuleAction};
pub use rules::{Covered, Rules};

/// The redaction of one collector's records.
#[derive(Clone, Debug)]
pub struct Redaction {
    rules: Rules,
    hasher: Option<Hasher>,
}

impl Redaction {
    /// Without a hasher, values to hash are masked.
    pub fn new(rules: Rules, hasher: Option<Hasher>) -> Self {
        Self { rules, hasher }
    }

    /// Redacts all records of a page. A record that cannot be redacted is withheld: only its size remains.
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
        // A record without redacted fields is unchanged, and keeps the page's body in memory.
        page.bytes = if shared { page.bytes + bytes } else { bytes };
    }

    /// The redacted record: the same bytes if no rule applies. `None` if it is not a JSON object.
    pub fn record(&self, raw: &Bytes) -> Option<Bytes> {
        self.pass(raw, PriorPass::First)
    }

    /// Like [`Redaction::record`], for a reject that may have been redacted before, under other rules: a
    /// value that is already a hash is not hashed again.
    pub fn kept_record(&self, raw: &Bytes) -> Option<Bytes> {
        self.pass(raw, PriorPass::Again)
    }

    fn pass(&self, raw: &Bytes, seen: PriorPass) -> Option<Bytes> {
        let redacted = pass::redacted(raw, &self.rules.top, &self.rules.table, self.hasher.as_ref(), seen)?;
        Some(if redacted.is_empty() { raw.clone() } else { redacted.into() })
    }
}

/// The replacement for a record that cannot be redacted.
fn withheld(raw: &Bytes) -> Bytes {
    Bytes::from(format!(r#"{{"withheld_bytes":{}}}"#, raw.len()))
}

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
