//! What is to happen to which values: checked once, and kept as a tree of names.

use std::fmt;

use super::path::{KEPT, Name, Path};
use super::preset::Preset;
use crate::tables::{Source, Table};

/// What happens to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes, and its name with it.
    Drop,
    /// A fixed text stands in its place.
    Mask,
    /// A keyed hash stands in its place, the same for the same value.
    Hash,
}

impl Action {
    /// The key of the list that names its paths.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Mask => "mask",
            Self::Hash => "hash",
        }
    }
}

/// What happens to the values at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where they stand.
    pub path: Path,
    /// What happens to them.
    pub action: Action,
}

/// Two paths of which one holds what the other names: one of the two has no effect, and nobody can tell which was meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Covered {
    /// The rule that has no effect.
    pub rule: Rule,
    /// The rule that covers it.
    pub by: Rule,
    /// The preset to which that rule belongs, unless it is one's own.
    pub preset: Option<Preset>,
}

impl fmt::Display for Covered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, by) = (&self.rule.path, &self.by.path);
        let key = if self.preset.is_some() { "preset" } else { self.by.action.key() };
        if path == by {
            write!(out, "`{path}` is named twice, in `{key}` as well")
        } else {
            write!(out, "`{path}` has no effect: it lies in `{by}`, which `{key}` names")
        }
    }
}

/// Rules that fit together. Immutable; cheap to look up in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    list: Vec<Rule>,
    pub(super) top: Level,
    pub(super) source: Source,
}

impl Rules {
    /// Puts rules together, for the records of one list. A rule takes the place of what the preset says of the same
    /// values, or of values inside them.
    ///
    /// # Errors
    ///
    /// Every pair of which one covers the other, and every rule below a path that the preset drops.
    pub fn new(own: Vec<Rule>, preset: Option<Preset>, source: Source) -> Result<Self, Vec<Covered>> {
        let table = source.table();
        let mut covered = Vec::new();
        for (place, rule) in own.iter().enumerate() {
            for earlier in &own[..place] {
                if covers(&earlier.path, &rule.path, table) {
                    covered.push(Covered { rule: rule.clone(), by: earlier.clone(), preset: None });
                } else if covers(&rule.path, &earlier.path, table) {
                    covered.push(Covered { rule: earlier.clone(), by: rule.clone(), preset: None });
                }
            }
        }
        let mut list = own.clone();
        for ready in preset.map(rules_of).unwrap_or_default() {
            let below = |rule: &&Rule| {
                rule.path.names.len() > ready.path.names.len() && covers(&ready.path, &rule.path, table)
            };
            covered.extend(own.iter().filter(below).map(|rule| Covered {
                rule: rule.clone(),
                by: ready.clone(),
                preset,
            }));
            if !own.iter().any(|rule| covers(&rule.path, &ready.path, table)) {
                list.push(ready);
            }
        }
        if !covered.is_empty() {
            return Err(covered);
        }
        Ok(Self { top: Level::of(&list, table), list, source })
    }

    /// The paths to which this happens, as they are written in the settings.
    pub fn paths(&self, action: Action) -> impl Iterator<Item = &Path> {
        self.list.iter().filter(move |rule| rule.action == action).map(|rule| &rule.path)
    }
}

fn rules_of(preset: Preset) -> Vec<Rule> {
    let rule = |(path, _): &(&str, _)| Rule {
        path: Path::parse(path).expect("a test reads every path of every preset"),
        action: preset.action(),
    };
    preset.paths().iter().map(rule).collect()
}

/// Whether `path` can have no effect beside `above`, because all that it names is at `above` or lies inside of it. A field
/// that is named goes before `@other`, but what lies inside of a value that is gone for all is gone.
fn covers(above: &Path, path: &Path, table: &Table) -> bool {
    let is_deeper = above.names.len() < path.names.len();
    let meet = |(above, name): (&Name, &Name)| match (above, name) {
        (Name::Other, Name::Other) => true,
        (Name::Member(above), Name::Member(name)) => above == name,
        (Name::Other, Name::Member(name)) => is_deeper && is_other(name, table),
        (Name::Member(_), Name::Other) => false,
    };
    above.names.len() <= path.names.len() && above.names.iter().zip(&path.names).all(meet)
}

/// Whether `@other` means this top-level field.
fn is_other(name: &str, table: &Table) -> bool {
    !KEPT.contains(&name) && !table.holds(name)
}

/// What happens to a value, or to values inside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Act(Action),
    Inside(Level),
}

/// The members of an object to which something happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    named: Vec<(String, Node)>,
    /// What happens to the others; only of the record itself.
    other: Option<Box<Node>>,
}

impl Level {
    fn of(rules: &[Rule], table: &Table) -> Self {
        let mut top = Self::default();
        let begins = |rule: &&Rule| rule.path.names.first() == Some(&Name::Other);
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

    /// What holds for all unknown fields holds for one that has rules of its own as well.
    fn inherit(&mut self, path: &Path, table: &Table) {
        if let (Some(Name::Member(name)), Some(Node::Inside(level))) =
            (path.names.first(), self.other.as_deref())
            && is_other(name, table)
            && !self.named.iter().any(|(named, _)| named == name)
        {
            let level = level.clone();
            self.named.push((name.clone(), Node::Inside(level)));
        }
    }

    fn insert(&mut self, names: &[Name], action: Action) {
        let Some((Name::Member(name), rest)) = names.split_first() else { return };
        let place = self.named.iter().position(|(named, _)| named == name).unwrap_or_else(|| {
            self.named.push((name.clone(), Node::Inside(Self::default())));
            self.named.len() - 1
        });
        match (&mut self.named[place].1, rest) {
            (node, []) => *node = Node::Act(action),
            (Node::Inside(level), rest) => level.insert(rest, action),
            // Covered by what stands there, which was found out before.
            (Node::Act(_), _) => {}
        }
    }

    /// What happens to the member of this name, or inside of it.
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

    fn rules(lists: &[(Action, &[&str])]) -> Vec<Rule> {
        let rule = |action, path: &&str| Rule { path: Path::parse(path).unwrap(), action };
        lists.iter().flat_map(|(action, paths)| paths.iter().map(|path| rule(*action, path))).collect()
    }

    fn covered(lists: &[(Action, &[&str])], preset: Option<Preset>, source: Source) -> Vec<String> {
        let rules = Rules::new(rules(lists), preset, source);
        rules.map_or_else(|covered| covered.iter().map(ToString::to_string).collect(), |_| Vec::new())
    }

    #[test]
    fn a_path_that_another_one_covers_is_refused_with_both_names() {
        let audit = |lists| covered(lists, None, Source::AuditLogs);
        assert_eq!(
            audit(&[(Action::Drop, &["actor"]), (Action::Mask, &["actor.session.ip_address"])]),
            ["`actor.session.ip_address` has no effect: it lies in `actor`, which `drop` names"]
        );
        assert_eq!(
            audit(&[(Action::Mask, &["actor.session"]), (Action::Hash, &["actor"])]),
            ["`actor.session` has no effect: it lies in `actor`, which `hash` names"]
        );
        assert_eq!(
            audit(&[(Action::Drop, &["project"]), (Action::Mask, &["\"project\""])]),
            ["`project` is named twice, in `drop` as well"]
        );
        assert_eq!(
            audit(&[(Action::Drop, &["@other"]), (Action::Mask, &["\"user.added\".data"])]),
            ["`\"user.added\".data` has no effect: it lies in `@other`, which `drop` names"]
        );
        assert!(
            audit(&[(Action::Drop, &["@other", "project", "actor.api_key", "actor.session"])]).is_empty()
        );
    }

    #[test]
    fn a_rule_of_ones_own_widens_or_replaces_what_the_preset_says_and_cannot_hide_below_it() {
        let own: &[(Action, &[&str])] = &[(Action::Hash, &["moderation"]), (Action::Mask, &["choices"])];
        let made = Rules::new(rules(own), Some(Preset::NoContent), Source::ChatCompletions).unwrap();
        let of = |action| made.paths(action).map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of(Action::Mask), ["choices"]);
        assert_eq!(of(Action::Drop), ["messages", "tools", "tool_choice", "response_format", "@other"]);
        let table = Source::ChatCompletions.table();
        assert_eq!(made.top.find(b"moderation", table), Some(&Node::Act(Action::Hash)));
        assert_eq!(made.top.find(b"news", table), Some(&Node::Act(Action::Drop)));
        assert_eq!(
            covered(
                &[(Action::Mask, &["choices.message"])],
                Some(Preset::NoContent),
                Source::ChatCompletions
            ),
            ["`choices.message` has no effect: it lies in `choices`, which `preset` names"]
        );
    }

    #[test]
    fn what_holds_for_all_unknown_fields_holds_for_one_with_rules_of_its_own() {
        let own: &[(Action, &[&str])] =
            &[(Action::Drop, &["\"user.added\".data"]), (Action::Hash, &["@other.id", "@other.data.email"])];
        let made = Rules::new(rules(own), None, Source::AuditLogs).unwrap();
        let table = Source::AuditLogs.table();
        let Some(Node::Inside(added)) = made.top.find(b"user.added", table) else { panic!("no rules") };
        assert_eq!(added.find(b"data", table), Some(&Node::Act(Action::Drop)));
        let find = |name: &[u8]| match made.top.find(name, table) {
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
