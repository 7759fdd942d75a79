//! The ids of groups and cases, as Kibana computes them: the same alerts have the same cases there and here.

use serde_json::{Map, Value};

use super::{CaseRule, CasesAction};
use crate::digest::hash_hex;

/// The id of a group's record.
pub(super) fn oracle_id(rule: &CaseRule, action: &CasesAction, grouping: &Map<String, Value>) -> String {
    hashed(&[&rule.id, &action.space, action.owner.word(), &stable(grouping)])
}

/// The id of a group's case.
pub(super) fn case_id(
    rule: &CaseRule,
    action: &CasesAction,
    grouping: &Map<String, Value>,
    counter: i64,
) -> String {
    hashed(&[&rule.id, &action.space, action.owner.word(), &stable(grouping), &counter.to_string()])
}

/// What the cases of a rule have in common.
pub(super) fn made_for(rule: &CaseRule, action: &CasesAction) -> String {
    format!("{}:{}", action.owner.word(), rule.id)
}

/// The SHA-256 of texts that are there.
fn hashed(parts: &[&str]) -> String {
    let there: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    hash_hex(there.join(":").as_bytes())
}

/// JSON with its members in order, so that it is the same text each time: this map is a sorted one.
pub(super) fn stable(grouping: &Map<String, Value>) -> String {
    serde_json::to_string(grouping).unwrap_or_default()
}
