//! What an alert says, ready for each of its forms.

use std::{collections::BTreeMap, net::IpAddr};

use chrono::DateTime;
use serde_json::{Map, Value};

use crate::{detect::model::FLOODING, detect_db::Alert};

/// The fields by which an alert names whom and what it is about, by the kind of that.
const ENTITIES: [(&str, &[&str]); 7] = [
    ("user", &["ActorSession.user.email", "Actor", "InputUser"]),
    ("user_id", &["ActorSession.user.id"]),
    ("address", &["ActorAddress", "ActorSession.ip_address"]),
    ("api_key", &["ActorApiKey.id"]),
    ("service_account", &["ActorApiKey.service_account.id"]),
    ("project", &["Project.id"]),
    ("end_user", &["InputUser"]),
];

/// How bad an alert is, in the words and numbers of several products.
pub(in crate::daemon) struct AlertSeverity {
    /// Sentinel has no word above this.
    pub(in crate::daemon) sentinel: &'static str,
    /// Elastic's score and severity.
    pub(in crate::daemon) score: i64,
    /// The number and word of OCSF.
    pub(in crate::daemon) ocsf: (i64, &'static str),
}

/// An alert that is delivered.
pub(in crate::daemon) struct AlertFacts<'a> {
    pub(in crate::daemon) alert: &'a Alert,
    /// When it was raised, in Unix seconds.
    pub(in crate::daemon) at: i64,
    pub(in crate::daemon) start: i64,
    pub(in crate::daemon) end: i64,
    pub(in crate::daemon) changed: i64,
    /// When it was first delivered to this sink, if it was.
    pub(in crate::daemon) first_delivered: Option<i64>,
    /// The current time.
    pub(in crate::daemon) now: i64,
    /// What it is about, by kind.
    pub(in crate::daemon) entities: BTreeMap<&'static str, Vec<String>>,
}

impl<'a> AlertFacts<'a> {
    pub(in crate::daemon) fn of(alert: &'a Alert, first_delivered: Option<i64>, now: i64) -> Self {
        let mut entities: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (kind, fields) in ENTITIES {
            let shown = fields.iter().filter_map(|field| alert.shown.get(*field)).flatten().cloned();
            // A group is in lower case: the value as received is better.
            let grouped = fields.iter().filter_map(|field| alert.group.get(*field).cloned().flatten());
            for value in shown.chain(grouped).filter(|value| !value.is_empty()) {
                let held = entities.entry(kind).or_default();
                if !held.iter().any(|known| known.to_lowercase() == value.to_lowercase()) {
                    held.push(value);
                }
            }
        }
        Self {
            alert,
            at: second(&alert.created_at),
            start: second(&alert.first_event_at),
            end: second(&alert.last_event_at),
            changed: second(&alert.changed_at),
            first_delivered,
            now,
            entities,
        }
    }

    pub(in crate::daemon) fn severity(&self) -> AlertSeverity {
        let (sentinel, score, ocsf) = match self.alert.level.as_str() {
            "critical" => ("High", 99, (5, "Critical")),
            "high" => ("High", 73, (4, "High")),
            "medium" => ("Medium", 47, (3, "Medium")),
            "low" => ("Low", 21, (2, "Low")),
            _ => ("Informational", 21, (1, "Informational")),
        };
        AlertSeverity { sentinel, score, ocsf }
    }

    pub(in crate::daemon) fn is_update(&self) -> bool {
        self.first_delivered.is_some()
    }

    /// When it was first delivered, or is now.
    pub(in crate::daemon) fn ingested(&self) -> i64 {
        self.first_delivered.unwrap_or(self.now)
    }

    pub(in crate::daemon) fn entities_of(&self, kind: &str) -> &[String] {
        self.entities.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The first user: an e-mail address, if there is one.
    pub(in crate::daemon) fn user(&self) -> Option<&String> {
        let users = self.entities_of("user");
        users.iter().find(|user| user.contains('@')).or_else(|| users.first())
    }

    /// Addresses that are addresses: a record may have anything there.
    pub(in crate::daemon) fn addresses(&self) -> Vec<&String> {
        self.entities_of("address").iter().filter(|text| text.parse::<IpAddr>().is_ok()).collect()
    }

    /// What was found, in one sentence.
    pub(in crate::daemon) fn reason(&self) -> String {
        let Alert { rule, event_count, first_event_at, last_event_at, group, .. } = self.alert;
        let when = if first_event_at == last_event_at {
            format!("at {first_event_at}")
        } else {
            format!("from {first_event_at} to {last_event_at}")
        };
        let records = match (*event_count, rule == FLOODING) {
            (1, false) => "record",
            (_, false) => "records",
            (1, true) => "alert held back",
            (_, true) => "alerts held back",
        };
        let of: Vec<String> = group
            .iter()
            .map(|(field, value)| format!("{field} {}", value.as_deref().unwrap_or("missing")))
            .collect();
        let of = if of.is_empty() { String::new() } else { format!(", {}", of.join(", ")) };
        format!("{event_count} {records} {when}{of}")
    }
}

/// An object without the members that say nothing.
pub(in crate::daemon) fn object(members: Value) -> Value {
    let Value::Object(members) = members else { return members };
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    };
    Value::Object(members.into_iter().filter(|(_, value)| says(value)).collect::<Map<String, Value>>())
}

/// The second of a time as an alert has it.
pub(in crate::daemon) fn second(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).map_or(0, |time| time.timestamp())
}
