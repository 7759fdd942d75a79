//! Rules as a tree of names, in the order in which a record is traversed.

use super::{
    path::{Path, PathName, is_other},
    rule::{RedactionRule, RuleAction},
};
use crate::tables::Table;

/// What happens to a value, or to values inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Act(RuleAction),
    Inside(RuleLevel),
}

/// The members of an object that have rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleLevel {
    named: Vec<(String, Node)>,
    /// What happens to all other members; only at the top level.
    other: Option<Box<Node>>,
}

impl RuleLevel {
    /// The tree of these rules, none of which covers another.
    pub(super) fn of(rules: &[RedactionRule], table: &Table) -> Self {
        let mut top = Self::default();
        let begins = |rule: &&RedactionRule| rule.path.names.first() == Some(&PathName::Other);
        for rule in rules.iter().filter(begins) {
            match (&rule.path.names[1..], top.other.as_deref_mut()) {
                ([], _) => top.other = Some(Box::new(Node::Act(rule.action))),
                (names, Some(Node::Inside(level))) => level.insert(names, rule.action),
                (_, Some(Node::Act(_))) => {}
                (names, None) => {
                    let mut level = Self::default();
                    level.insert(names, rule.action);
                    top.other = Some(Box::new(Node::Inside(level)));
                }
            }
        }
        for rule in rules.iter().filter(|rule| !begins(rule)) {
            top.inherit(&rule.path, table);
            top.insert(&rule.path.names, rule.action);
        }
        top
    }

    /// A rule for all unknown fields also applies to those that have rules of their own.
    fn inherit(&mut self, path: &Path, table: &Table) {
        if let (Some(PathName::Member(name)), Some(Node::Inside(level))) =
            (path.names.first(), self.other.as_deref())
            && is_other(name, table)
            && !self.named.iter().any(|(named, _)| named == name)
        {
            let level = level.clone();
            self.named.push((name.clone(), Node::Inside(level)));
        }
    }

    fn insert(&mut self, names: &[PathName], action: RuleAction) {
        let Some((PathName::Member(name), rest)) = names.split_first() else { return };
        let place = self.named.iter().position(|(named, _)| named == name).unwrap_or_else(|| {
            self.named.push((name.clone(), Node::Inside(Self::default())));
            self.named.len() - 1
        });
        match (&mut self.named[place].1, rest) {
            (node, []) => *node = Node::Act(action),
            (Node::Inside(level), rest) => level.insert(rest, action),
            // Covered by the existing rule, which was checked before.
            (Node::Act(_), _) => {}
        }
    }

    /// What happens to the member of this name, or inside it.
    pub(super) fn find(&self, name: &[u8], table: &Table) -> Option<&Node> {
        let named = self.named.iter().find(|(named, _)| named.as_bytes() == name).map(|(_, node)| node);
        named.or_else(|| {
            let other = self.other.as_deref()?;
            std::str::from_utf8(name).map_or(true, |name| is_other(name, table)).then_some(other)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::AUDIT_LOGS;

    #[test]
    fn what_holds_for_all_unknown_fields_holds_for_one_with_rules_of_its_own() {
        let rule = |action, path| RedactionRule { path: Path::parse(path).unwrap(), action };
        let rules = [
            rule(RuleAction::Drop, "\"user.added\".data"),
            rule(RuleAction::Hash, "@other.id"),
            rule(RuleAction::Hash, "@other.data.email"),
        ];
        let table = &**AUDIT_LOGS;
        let top = RuleLevel::of(&rules, table);
        let Some(Node::Inside(added)) = top.find(b"user.added", table) else { panic!("no rules") };
        assert_eq!(added.find(b"data", table), Some(&Node::Act(RuleAction::Drop)));
        let find = |name: &[u8]| match top.find(name, table) {
            Some(Node::Inside(level)) => level.named.iter().map(|(name, _)| name.as_str()).collect(),
            Some(Node::Act(_)) | None => Vec::new(),
        };
        assert_eq!(find(b"user.added"), ["id", "data"]);
        assert_eq!(find(b"user.deleted"), ["id", "data"]);
        for known in [b"actor".as_slice(), b"object", b"id", b"type", b"created", b"effective_at"] {
            assert!(find(known).is_empty());
        }
    }
}
