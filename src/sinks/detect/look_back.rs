//! Rules that look back further than matches are kept.

use std::time::Duration;

use crate::{
    detect::{
        model::{RuleIndex, RuleState},
        rules::{RuleError, RuleSet},
    },
    units::span,
};

/// Seconds by which records may be late and still be judged by every rule.
const LATE: i64 = 60 * 60;

/// Of each rule that asks for more than what is kept: what it asks for, and what follows from that.
pub fn looks_too_far(set: &RuleSet, retention: Duration) -> Vec<RuleError> {
    let kept = seconds(retention);
    let mut found = Vec::new();
    for (index, rule) in (0..).map(RuleIndex).zip(&set.rules) {
        if rule.state == RuleState::Off || !rule.alerts {
            continue;
        }
        let about = |construct: &str, problem: String| RuleError {
            file: rule.place.clone(),
            line: 0,
            construct: format!("{}: {construct}", rule.slug),
            problem,
        };
        let (back, kept_for) = (set.look_back(index), span(kept));
        if back.saturating_add(LATE) > kept {
            let wanted = span(back.saturating_add(LATE + 24 * 3600 - 1) / (24 * 3600) * (24 * 3600));
            found.push(about(
                "look-back",
                format!(
                    "it looks back {}, and `retention` keeps matches for {kept_for}: it finds less or nothing; keep them \
                     for {wanted} or longer",
                    span(back)
                ),
            ));
        }
        let suppress = rule.suppress.map(seconds).filter(|suppress| *suppress > kept);
        if let Some(suppress) = suppress {
            found.push(about(
                "suppress",
                format!(
                    "{} is longer than the `retention` of {kept_for}: an alert that was removed suppresses no other",
                    span(suppress)
                ),
            ));
        }
    }
    found
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
