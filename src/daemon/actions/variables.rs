//! What a template may show of an alert.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    daemon::alerts::facts::AlertFacts,
    detect_db::{ActionEvent, Alert},
};

/// The variables that `actions::VARIABLES` names.
pub(super) fn variables(alert: &Alert, event: ActionEvent, now: i64) -> Map<String, Value> {
    let facts = AlertFacts::of(alert, None, now);
    let severity = facts.severity();
    let first = |kind: &str| facts.entities_of(kind).first().cloned().unwrap_or_default();
    let list = |texts: &[String]| texts.join(", ");
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let group = |(field, value): (&String, &Option<String>)| {
        format!("{field} {}", value.as_deref().unwrap_or("missing"))
    };
    let values = json!({
        "id": alert.id, "event": event.word(), "rule": alert.rule, "rule_id": alert.rule_id, "title": alert.title,
        "description": alert.description, "reason": facts.reason(), "level": alert.level, "severity": severity.sentinel,
        "risk_score": severity.score, "status": alert.status.word(), "disposition": text(&alert.disposition),
        "judged_by": text(&alert.judged_by), "note": text(&alert.note), "created_at": alert.created_at,
        "first_event_at": alert.first_event_at, "last_event_at": alert.last_event_at,
        "event_count": alert.event_count, "group": alert.group.iter().map(group).collect::<Vec<_>>().join(", "),
        "tags": list(&alert.tags), "references": list(&alert.references), "record_ids": list(&alert.record_ids),
        "connectors": list(&alert.connectors), "user": facts.user().cloned().unwrap_or_default(),
        "user_id": first("user_id"), "address": facts.addresses().first().map(|address| (*address).clone()).unwrap_or_default(),
        "api_key": first("api_key"), "project": first("project"),
    });
    match values {
        Value::Object(values) => values,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// The fields that it shows, each as one text.
pub(super) fn fields(alert: &Alert) -> BTreeMap<String, String> {
    let grouped = alert.group.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let mut fields: BTreeMap<String, String> = grouped.collect();
    // A group is in lower case: the values as received are better.
    fields.extend(alert.shown.iter().map(|(name, values)| (name.clone(), values.join(", "))));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{actions::VARIABLES, daemon::actions::tests::alert};

    #[test]
    fn each_variable_that_settings_may_name_has_a_value() {
        let values = variables(&alert("a-1"), ActionEvent::Open, 0);
        let mut names: Vec<&str> = values.keys().map(String::as_str).collect();
        let mut known = VARIABLES.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
        assert!(values.values().all(|value| value.is_string() || value.is_number()));
    }
}
