//! Alerts by their fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CaseAlert, CasesAction, ids::stable};

/// The value of every field of alerts that lack one.
const UNKNOWN: &str = "unknown";

/// Alerts with the same values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AlertGroup<'a> {
    /// Fields with their values.
    pub(super) grouping: Map<String, Value>,
    pub(super) alerts: Vec<&'a CaseAlert>,
}

/// The groups of alerts, in the order in which they come first.
pub(super) fn groups<'a>(action: &CasesAction, alerts: &[&'a CaseAlert]) -> Vec<AlertGroup<'a>> {
    let mut groups: Vec<AlertGroup<'a>> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for alert in alerts {
        let grouping = grouping(action, alert);
        let place = *places.entry(stable(&grouping)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.alerts.push(alert),
            None => groups.push(AlertGroup { grouping, alerts: vec![alert] }),
        }
    }
    groups
}

/// The values of an alert; if it lacks one, all are unknown. A field that is named twice is one.
fn grouping(action: &CasesAction, alert: &CaseAlert) -> Map<String, Value> {
    let values = action.group_by.iter().map(|name| {
        let value = alert.field(name).filter(|value| is_there(value))?;
        Some((name.clone(), value.clone()))
    });
    let all: Option<Map<String, Value>> = values.collect();
    all.unwrap_or_else(|| action.group_by.iter().map(|name| (name.clone(), UNKNOWN.into())).collect())
}

/// Whether JavaScript takes a value for one.
fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// If there are more groups than may have cases, those that have one keep it, and the others become one group without fields.
/// Returns how many became one.
pub(super) fn overflow<'a>(
    groups: &mut Vec<AlertGroup<'a>>,
    cases_max: u8,
    mut is_known: impl FnMut(&AlertGroup<'a>) -> bool,
) -> u64 {
    if groups.len() <= usize::from(cases_max) {
        return 0;
    }
    let (mut known, new): (Vec<_>, Vec<_>) =
        std::mem::take(groups).into_iter().partition(|group| is_known(group));
    let count = new.len() as u64;
    if count > 0 {
        let alerts = new.into_iter().flat_map(|group| group.alerts).collect();
        known.push(AlertGroup { grouping: Map::new(), alerts });
    }
    *groups = known;
    count
}
