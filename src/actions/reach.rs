//! Actions against the rules that raise the alerts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{ActionDoes, ActionSettings, proposal},
    detect::{
        model::{FLOODING, RuleIndex},
        rules::{ENTITIES, RuleSet},
    },
};

/// What is wrong with actions, a sentence each: a rule that there is not, a field that no rule shows, two Cases actions that
/// reach one rule.
pub fn problems(actions: &[ActionSettings], set: &RuleSet) -> Vec<String> {
    let mut problems = Vec::new();
    let mut makes_cases: BTreeMap<&str, &str> = BTreeMap::new();
    let shown = shown_fields(set);
    for action in actions {
        let name = &action.outbox.name;
        for slug in action.outbox.rules.iter().flatten() {
            let is_unusable = set.unusable.iter().any(|rule| *rule.slug == **slug);
            if set.named(slug).is_none() && !is_unusable && slug != FLOODING {
                let known = set.rules.iter().map(|rule| &*rule.slug).chain([FLOODING]);
                let meant = proposal(slug, known);
                problems.push(format!(
                    "[[detect.action]] `{name}`: there is no rule `{slug}`{meant}; see `ccfd rules list`"
                ));
            }
        }
        let fields = match &action.does {
            ActionDoes::Run { params, fields, .. } => {
                params.fields().into_iter().chain(fields.iter().flatten().cloned()).collect()
            }
            ActionDoes::Cases(_) => BTreeSet::new(),
        };
        for field in fields.iter().filter(|field| !shown.contains(field.as_str())) {
            let meant = proposal(field, shown.iter().map(String::as_str));
            problems.push(format!(
                "[[detect.action]] `{name}`: no rule reads a field `{field}`, so no alert shows it{meant}"
            ));
        }
        let ActionDoes::Cases(_) = &action.does else { continue };
        let reached = set.rules.iter().filter(|rule| rule.alerts);
        for rule in reached.filter(|rule| action.outbox.reaches(&rule.slug, rule.level)) {
            if let Some(other) = makes_cases.insert(&rule.slug, name) {
                problems.push(format!(
                    "[[detect.action]] `{name}` and `{other}` both make cases for the rule `{}`: let only one of them have it",
                    rule.slug
                ));
                break;
            }
        }
    }
    problems
}

/// The fields that an alert of any rule may show.
fn shown_fields(set: &RuleSet) -> BTreeSet<String> {
    let rules = (0..).zip(&set.rules).map(|(place, _)| RuleIndex(place));
    let read = rules.flat_map(|rule| set.reads(rule).map(|read| read.field.clone()).collect::<Vec<_>>());
    let grouped = set.rules.iter().flat_map(|rule| {
        let of_correlation = rule.correlation().map(|correlation| &correlation.group_by[..]);
        rule.group_by.iter().chain(of_correlation.unwrap_or_default()).map(|name| name.to_string())
    });
    read.chain(grouped).chain(ENTITIES.iter().map(|name| (*name).to_owned())).collect()
}
