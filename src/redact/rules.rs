//! A set of compatible rules, checked once against each other and against a preset.

use std::{fmt, sync::Arc};

use super::{
    level::RuleLevel,
    path::{Path, PathName, is_other},
    preset::Preset,
    rule::{RedactionRule, RuleAction},
};
use crate::tables::Table;

/// Two paths of which one covers the other: one of them has no effect, and it is unclear which was meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Covered {
    /// The rule that has no effect.
    pub rule: RedactionRule,
    /// The rule that covers it.
    pub by: RedactionRule,
    /// The preset that the covering rule belongs to; `None` for a configured rule.
    pub preset: Option<Preset>,
}

impl fmt::Display for Covered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, by) = (&self.rule.path, &self.by.path);
        let key = if self.preset.is_some() { "preset" } else { self.by.action.key() };
        if path == by {
            write!(out, "`{path}` is named twice, also in `{key}`")
        } else {
            write!(out, "`{path}` has no effect: it is inside `{by}`, which `{key}` names")
        }
    }
}

/// Compatible rules. Immutable; cheap to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    list: Vec<RedactionRule>,
    pub(super) top: RuleLevel,
    pub(super) table: Arc<Table>,
}

impl Rules {
    /// Combines rules for the records of one list. A rule replaces what the preset says about the same
    /// values, or about values inside them.
    ///
    /// # Errors
    ///
    /// Every pair of which one covers the other, and every rule below a path that the preset drops.
    pub fn new(
        own: Vec<RedactionRule>,
        preset: Option<Preset>,
        table: &Arc<Table>,
    ) -> Result<Self, Vec<Covered>> {
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
            let below = |rule: &&RedactionRule| {
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
        Ok(Self { top: RuleLevel::of(&list, table), list, table: table.clone() })
    }

    /// The paths with this action, as written in the settings.
    pub fn paths(&self, action: RuleAction) -> impl Iterator<Item = &Path> {
        self.list.iter().filter(move |rule| rule.action == action).map(|rule| &rule.path)
    }

    /// A rule by which a value at these names, or a part of it, is redacted. `None` as the first name is the payload of an
    /// audit event, which may be under any name without a column.
    pub fn touching(&self, names: &[Option<&str>]) -> Option<&RedactionRule> {
        let table = &*self.table;
        let meet = |(above, name): (&PathName, &Option<&str>)| match (above, name) {
            (PathName::Other, None) => true,
            (PathName::Other, Some(name)) => is_other(name, table),
            (PathName::Member(above), None) => is_other(above, table),
            (PathName::Member(above), Some(name)) => above == name,
        };
        self.list.iter().find(|rule| rule.path.names.iter().zip(names).all(meet))
    }
}

fn rules_of(preset: Preset) -> Vec<RedactionRule> {
    let rule = |(path, _): &(&str, _)| RedactionRule {
        path: Path::parse(path).expect("a test reads every path of every preset"),
        action: preset.action(),
    };
    preset.paths().iter().map(rule).collect()
}

/// Whether `path` has no effect next to `above`, because everything it names is at `above` or inside it. A
/// named field takes precedence over `@other`, but nothing remains inside a value that is dropped.
fn covers(above: &Path, path: &Path, table: &Table) -> bool {
    let is_deeper = above.names.len() < path.names.len();
    let meet = |(above, name): (&PathName, &PathName)| match (above, name) {
        (PathName::Other, PathName::Other) => true,
        (PathName::Member(above), PathName::Member(name)) => above == name,
        (PathName::Other, PathName::Member(name)) => is_deeper && is_other(name, table),
        (PathName::Member(_), PathName::Other) => false,
    };
    above.names.len() <= path.names.len() && above.names.iter().zip(&path.names).all(meet)
}

#[cfg(test)]
mod tests {
    use super::{super::level::Node, *};
    use crate::tables::{AUDIT_LOGS, CHAT_COMPLETIONS};

    fn rules(lists: &[(RuleAction, &[&str])]) -> Vec<RedactionRule> {
        let rule = |action, path: &&str| RedactionRule { path: Path::parse(path).unwrap(), action };
        lists.iter().flat_map(|(action, paths)| paths.iter().map(|path| rule(*action, path))).collect()
    }

    fn covered(lists: &[(RuleAction, &[&str])], preset: Option<Preset>, table: &Arc<Table>) -> Vec<String> {
        let rules = Rules::new(rules(lists), preset, table);
        rules.map_or_else(|covered| covered.iter().map(ToString::to_string).collect(), |_| Vec::new())
    }

    #[test]
    fn a_path_that_another_one_covers_is_refused_with_both_names() {
        let audit = |lists| covered(lists, None, &AUDIT_LOGS);
        assert_eq!(
            audit(&[(RuleAction::Drop, &["actor"]), (RuleAction::Mask, &["actor.session.ip_address"])]),
            ["`actor.session.ip_address` has no effect: it is inside `actor`, which `drop` names"]
        );
        assert_eq!(
            audit(&[(RuleAction::Mask, &["actor.session"]), (RuleAction::Hash, &["actor"])]),
            ["`actor.session` has no effect: it is inside `actor`, which `hash` names"]
        );
        assert_eq!(
            audit(&[(RuleAction::Drop, &["project"]), (RuleAction::Mask, &["\"project\""])]),
            ["`project` is named twice, also in `drop`"]
        );
        assert_eq!(
            audit(&[(RuleAction::Drop, &["@other"]), (RuleAction::Mask, &["\"user.added\".data"])]),
            ["`\"user.added\".data` has no effect: it is inside `@other`, which `drop` names"]
        );
        assert!(
            audit(&[(RuleAction::Drop, &["@other", "project", "actor.api_key", "actor.session"])]).is_empty()
        );
    }

    #[test]
    fn a_value_is_touched_by_a_rule_above_it_or_below_it() {
        let own: &[(RuleAction, &[&str])] =
            &[(RuleAction::Drop, &["actor.session.ip_address", "\"api_key.created\".data"])];
        let made = Rules::new(rules(own), None, &AUDIT_LOGS).unwrap();
        let touching = |names: &[Option<&str>]| made.touching(names).map(|rule| rule.path.to_string());
        let (actor, session) = (Some("actor"), Some("session"));
        assert_eq!(touching(&[actor]).as_deref(), Some("actor.session.ip_address"));
        assert_eq!(touching(&[actor, session, Some("user")]), None);
        assert_eq!(
            touching(&[None, Some("data"), Some("scopes")]).as_deref(),
            Some("\"api_key.created\".data")
        );
        assert_eq!(touching(&[None, Some("id")]), None);
        assert_eq!(touching(&[Some("project")]), None);
    }

    #[test]
    fn a_rule_of_ones_own_widens_or_replaces_what_the_preset_says_and_cannot_hide_below_it() {
        let own: &[(RuleAction, &[&str])] =
            &[(RuleAction::Hash, &["moderation"]), (RuleAction::Mask, &["choices"])];
        let made = Rules::new(rules(own), Some(Preset::NoContent), &CHAT_COMPLETIONS).unwrap();
        let of = |action| made.paths(action).map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of(RuleAction::Mask), ["choices"]);
        assert_eq!(
            of(RuleAction::Drop),
            ["ccfd_messages", "messages", "tools", "tool_choice", "response_format", "@other"]
        );
        let table = &**CHAT_COMPLETIONS;
        assert_eq!(made.top.find(b"moderation", table), Some(&Node::Act(RuleAction::Hash)));
        assert_eq!(made.top.find(b"news", table), Some(&Node::Act(RuleAction::Drop)));
        assert_eq!(
            covered(&[(RuleAction::Mask, &["choices.message"])], Some(Preset::NoContent), &CHAT_COMPLETIONS),
            ["`choices.message` has no effect: it is inside `choices`, which `preset` names"]
        );
    }
}
