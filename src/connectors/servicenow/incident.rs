//! An incident, as requests send it and as runs return it.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value, json};

use super::{super::response::iso, client::Instance};

/// The table.
pub const TABLE: &str = "incident";

/// An incident in its instance.
pub struct Incident {
    /// Its `sys_id`.
    pub id: String,
    /// All of it.
    pub record: Map<String, Value>,
}

impl Incident {
    /// From a record of the table; `None` if it has no `sys_id`.
    pub fn from_record(record: Value) -> Option<Self> {
        let Value::Object(record) = record else { return None };
        let id = record.get("sys_id")?.as_str()?.to_owned();
        Some(Self { id, record })
    }

    /// Whether it has this correlation id. Like the instance, it compares without regard to case and to blanks around it.
    pub fn is_known_by(&self, correlation_id: &str) -> bool {
        let spelled = |id: &str| id.trim().to_lowercase();
        let own = self.record.get("correlation_id").and_then(Value::as_str);
        own.is_some_and(|own| spelled(own) == spelled(correlation_id))
    }

    /// What a run returns of it. `date` is the column with the time of the change.
    pub fn pushed(&self, client: &Instance<'_>, date: &str) -> Map<String, Value> {
        let number = self.record.get("number").and_then(Value::as_str).unwrap_or(&self.id);
        let date = self.record.get(date).and_then(Value::as_str).and_then(time).unwrap_or(client.now);
        let mut url = client.url(&["nav_to.do"], &[]);
        url.set_query(Some(&format!("uri={TABLE}.do?sys_id={}", self.id)));
        let pushed = json!({ "title": number, "id": self.id, "pushedDate": iso(date), "url": url.as_str() });
        pushed.as_object().cloned().unwrap_or_default()
    }
}

/// A time as ServiceNow writes it, in UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|time| time.and_utc())
}
