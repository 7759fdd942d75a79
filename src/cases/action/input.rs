//! Alerts and their rule, as an action gets them.

use serde_json::{Map, Value};

use crate::{cases::AlertToAttach, detect_db::Alert, tables::ALERTS};

/// The rule that raised alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseRule {
    /// Its id. Empty for alerts of any rule, which then share cases.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it is described.
    pub url: Option<String>,
}

impl CaseRule {
    /// The rule of an alert.
    pub fn of(alert: &Alert) -> Self {
        let name = if alert.title.is_empty() { &alert.rule } else { &alert.title };
        Self {
            id: if alert.rule_id.is_empty() { &alert.rule } else { &alert.rule_id }.clone(),
            name: name.clone(),
            tags: alert.tags.clone(),
            url: None,
        }
    }
}

/// An alert of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseAlert {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub index: String,
    /// What it can be grouped by. A field is found by its whole name, or by its path.
    pub fields: Map<String, Value>,
    /// What is kept of it with the case; null for what the database knows of it.
    pub summary: Value,
}

impl CaseAlert {
    /// An alert of ours: it can be grouped by the fields of its group, by those that it shows, and by `rule` and `level`.
    pub fn of(alert: &Alert) -> Self {
        let mut fields = Map::new();
        for (name, values) in &alert.shown {
            let value = match &values[..] {
                [one] => Value::from(one.clone()),
                many => Value::from(many.to_vec()),
            };
            fields.insert(name.clone(), value);
        }
        for (name, value) in &alert.group {
            fields.insert(name.clone(), value.clone().map_or(Value::Null, Value::from));
        }
        for (name, value) in [("rule", &alert.rule), ("level", &alert.level)] {
            fields.entry(name).or_insert_with(|| Value::from(value.clone()));
        }
        Self {
            id: alert.id.clone(),
            index: ALERTS.name.to_string(),
            fields,
            summary: AlertToAttach::summary_of(alert),
        }
    }

    /// The value of a field: of that name, else at that path.
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        if let Some(value) = self.fields.get(name) {
            return Some(value);
        }
        let name = name.replace('[', ".").replace(']', "");
        let mut steps = name.split('.').filter(|step| !step.is_empty());
        let first = self.fields.get(steps.next()?)?;
        steps.try_fold(first, |value, step| match value {
            Value::Object(members) => members.get(step),
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }

    /// The same, as a case takes it.
    pub fn to_attach(&self) -> AlertToAttach {
        AlertToAttach { id: self.id.clone(), index: self.index.clone(), summary: self.summary.clone() }
    }
}
