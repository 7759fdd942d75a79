//! One pass over the bytes of a record: what stays is copied as it was received, and only from the first change on.

use std::mem;

use super::hash::{Hasher, is_hash};
use super::level::{Level, Node};
use super::rule::Action;
use crate::tables::{JsonScanner, Table};

/// What stands in place of a masked value.
const MASK: &[u8] = br#""[masked]""#;

/// Whether a record may have been redacted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It comes from the source.
    First,
    /// It was kept aside.
    Again,
}

/// The record redacted; empty when nothing of it is named, `None` when it is no object or cannot be stepped over.
pub(super) fn redacted(
    record: &[u8],
    level: &Level,
    table: &Table,
    hasher: Option<&Hasher>,
    seen: Seen,
) -> Option<Vec<u8>> {
    let mut steps = JsonScanner::of(record);
    steps.comes(b'{').then_some(())?;
    let mut pass = Pass { record, table, hasher, seen, copied: 0, out: Vec::new() };
    pass.members(&mut steps, level)?;
    let rest = record.get(steps.at()..)?;
    rest.trim_ascii().is_empty().then_some(())?;
    if pass.copied > 0 {
        pass.out.extend_from_slice(record.get(pass.copied..)?);
    }
    Some(pass.out)
}

struct Pass<'a> {
    record: &'a [u8],
    table: &'a Table,
    hasher: Option<&'a Hasher>,
    seen: Seen,
    /// Up to here the record is copied or left out.
    copied: usize,
    out: Vec<u8>,
}

impl<'a> Pass<'a> {
    /// Steps over an object. As deep as the longest path calls it again: what is nested further is stepped over whole.
    fn members(&mut self, steps: &mut JsonScanner<'a>, level: &Level) -> Option<()> {
        steps.comes(b'{').then_some(())?;
        // Behind the member before, or behind the brace: a comma goes with the member that follows it.
        let mut end = steps.at() + 1;
        let mut kept = false;
        steps.members(|steps, name| {
            let found = level.find(&name, self.table);
            if found == Some(&Node::Act(Action::Drop)) {
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

    /// Steps over the objects that a value is or that stand in it as an array. Anything else has no members.
    fn inside(&mut self, steps: &mut JsonScanner<'a>, level: &Level) -> Option<()> {
        steps.elements(
            |steps| {
                if steps.comes(b'{') { self.members(steps, level) } else { steps.value().map(drop) }
            },
        )
    }

    fn act(&mut self, steps: &mut JsonScanner<'a>, action: Action) -> Option<()> {
        match action {
            // A member that is dropped goes with its name, before this is asked.
            Action::Drop | Action::Mask => {
                let value = steps.value()?;
                self.replace(steps.at() - value.len(), steps.at(), MASK)
            }
            Action::Hash => steps.elements(|steps| {
                let value = steps.value()?;
                let hash = match self.hasher {
                    _ if value == b"null" || (self.seen == Seen::Again && is_hash(value)) => return Some(()),
                    Some(hasher) => hasher.quoted(value),
                    None => MASK.to_vec(),
                };
                self.replace(steps.at() - value.len(), steps.at(), &hash)
            }),
        }
    }

    /// The first member that is kept loses the comma before it when members before it are gone.
    fn skip_comma(&mut self, end: usize) -> Option<()> {
        if self.copied == end {
            self.copied += memchr::memchr(b',', self.record.get(end..)?)? + 1;
        }
        Some(())
    }

    /// Copies what stands before, and puts other text in the place of `from .. to`.
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
