//! What `ccfd check` looks at: the rules, and whether the database can be written.

use crate::{
    detect::{model::RuleState, rules::RuleSet},
    sinks::{Concern, Looked},
};

/// What the rules and the database are.
pub(super) fn look(path: &str, set: &RuleSet, alerts: u64) -> Looked {
    let count = |state| set.rules.iter().filter(|rule| rule.state == state).count();
    let names: Vec<&str> = set.rules.iter().map(|rule| &*rule.slug).collect();
    let text = format!(
        "{path}: writable, {alerts} alerts; {} rules: {} active, {} in staging, {} off\n{}",
        set.rules.len(),
        count(RuleState::Active),
        count(RuleState::Staging),
        count(RuleState::Off),
        names.join(", ")
    );
    let unusable = set.unusable.iter().map(|rule| Concern {
        text: format!("rule {} ({}) judges nothing: {}", rule.slug, rule.place, rule.reason),
        advice: "give the setting that it needs, or set its state to off",
    });
    let odd = set.warnings.iter().map(|warning| Concern {
        text: warning.to_string(),
        advice: "look at the rule; it is in use as it is",
    });
    Looked { text, concerns: unusable.chain(odd).collect() }
}
