//! What `ccfd check` looks at: the rules, and whether the database can be written.

use crate::{
    detect::{model::RuleState, rules::RuleSet},
    sinks::{Concern, Looked},
    units::counted,
};

/// What the rules and the database are.
pub(super) fn look(path: &str, set: &RuleSet, alerts: u64) -> Looked {
    let raising = || set.rules.iter().filter(|rule| rule.alerts);
    let count = |state| raising().filter(|rule| rule.state == state).count();
    let text = format!(
        "{path}: writable, {}; {}: {} active, {} in staging, {} off; see `ccfd rules list`",
        counted(alerts, "alert"),
        counted(raising().count() as u64, "rule"),
        count(RuleState::Active),
        count(RuleState::Staging),
        count(RuleState::Off),
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
