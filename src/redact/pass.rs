//! Redacts a record in one pass over its bytes: unchanged parts are copied as received, and only from the
//! first change on.

use std::mem;

use super::{
    hash::{Hasher, is_hash},
    level::{Node, RuleLevel},
    rule::RuleAction,
};
use crate::tables::{JsonScanner, Table};

/// The replacement for a masked value.
const MASK: &[u8] = br#""[masked]""#;

/// Whether a record may have been redacted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PriorPass {
    /// No: it comes from the source.
    First,
    /// Yes: it was a reject.
    Again,
}

/// The redacted record; empty if no rule applies, `None` if it is not an object or cannot be parsed.
pub(super) fn redacted(
    record: &[u8],
    level: &RuleLevel,
    table: &Table,
    hasher: Option<&Hasher>,
    seen: PriorPass,
) -> Option<Vec<u8>> {
    let mut steps = JsonScanner::of(record);
    steps.comes(b'{').then_some(())?;
    let mut pass = RedactionPass { record, table, hasher, seen, copied: 0, out: Vec::new() };
    pass.members(&mut steps, level)?;
    let rest = record.get(steps.at()..)?;
    rest.trim_ascii().is_empty().then_some(())?;
    if pass.copied > 0 {
        pass.out.extend_from_slice(record.get(pass.copied..)?);
    }
    Some(pass.out)
}

struct RedactionPass<'a> {
    record: &'a [u8],
    table: &'a Table,
    hasher: Option<&'a Hasher>,
    seen: PriorPass,
    /// Offset up to which the record is copied or left out.
    copied: usize,
    out: Vec<u8>,
}

impl<'a> RedactionPass<'a> {
    /// Traverses an object. Recursion is limited by the longest path: deeper values are skipped whole.
    fn members(&mut self, steps: &mut JsonScanner<'a>, level: &RuleLevel) -> Option<()> {
        steps.comes(b'{').then_some(())?;
        // After the previous member or the brace: a comma belongs to the member that follows it.
        let mut end = steps.at() + 1;
        let mut kept = false;
        steps.members(|steps, name| {
            let found = level.find(&name, self.table);
            if found == Some(&Node::Act(RuleAction::Drop)) {
                steps.value()?;
                self.replace(end, steps.at(), b"")?;
            } else {
                if !mem::replace(&mut kept, true) {
                    self.skip_comma(end)?;
                }
                match found {
                    None => drop(steps.value()?),
                    Some(Node::Act(action)) => self.act(steps, *action)?,
                    Some(Node::Inside(level)) => self.inside(steps, level)?,
                }
            }
            end = steps.at();
            Some(())
        })
    }

    /// Traverses a value that is an object, or an array of objects. Any other value has no members.
    fn inside(&mut self, steps: &mut JsonScanner<'a>, level: &RuleLevel) -> Option<()> {
        steps.elements(
            |steps| {
                if steps.comes(b'{') { self.members(steps, level) } else { steps.value().map(drop) }
            },
        )
    }

    fn act(&mut self, steps: &mut JsonScanner<'a>, action: RuleAction) -> Option<()> {
        match action {
            // A dropped member is removed with its name, before this point.
            RuleAction::Drop | RuleAction::Mask => {
                let value = steps.value()?;
                self.replace(steps.at() - value.len(), steps.at(), MASK)
            }
            RuleAction::Hash => steps.elements(|steps| {
                let value = steps.value()?;
                let hash = match self.hasher {
                    _ if value == b"null" || (self.seen == PriorPass::Again && is_hash(value)) => {
                        return Some(());
                    }
                    Some(hasher) => hasher.quoted(value),
                    None => MASK.to_vec(),
                };
                self.replace(steps.at() - value.len(), steps.at(), &hash)
            }),
        }
    }

    /// Removes the comma before the first kept member if all members before it were dropped.
    fn skip_comma(&mut self, end: usize) -> Option<()> {
        if self.copied == end {
            self.copied += memchr::memchr(b',', self.record.get(end..)?)? + 1;
        }
        Some(())
    }

    /// Copies what comes before, and replaces `from .. to` with other text.
    fn replace(&mut self, from: usize, to: usize, text: &[u8]) -> Option<()> {
        let before = self.record.get(self.copied..from)?;
        if self.copied == 0 {
            self.out.reserve(self.record.len());
        }
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(text);
        self.copied = to;
        Some(())
    }
}
