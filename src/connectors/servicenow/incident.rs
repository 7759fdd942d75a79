//! An incident, as requests send it and as runs return it.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value, json};

use super::{super::response::iso, client::Instance};

/// The table.
pub const TABLE: &str = "incident";

/// The longest number or `sys_id` that is taken: an instance has 40 characters for the one, and 32 for the other.
const NAME_BYTES_MAX: usize = 100;

/// What is wrong with an answer that shows no incident in a form that is known, in Kibana's words.
pub const UNREADABLE: &str = "Unexpected result";

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
        let id = sys_id(&record)?.to_owned();
        let Value::Object(record) = record else { return None };
        Some(Self { id, record })
    }

    /// The text of a field.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.record.get(field).and_then(text)
    }

    /// Whether it has this correlation id. Like the instance, it compares without regard to case and to blanks around it.
    pub fn is_known_by(&self, correlation_id: &str) -> bool {
        let spelled = |id: &str| id.trim().to_lowercase();
        self.text("correlation_id").is_some_and(|own| spelled(own) == spelled(correlation_id))
    }

    /// What a run returns of it. `date` is the column with the time of the change.
    pub fn pushed(&self, client: &Instance<'_>, date: &str) -> Map<String, Value> {
        let number = self.text("number").filter(|number| is_name(number)).unwrap_or(&self.id);
        let date = self.text(date).and_then(time).unwrap_or(client.now);
        let mut url = client.url(&["nav_to.do"], &[]);
        url.set_query(Some(&format!("uri={TABLE}.do?sys_id={}", self.id)));
        let pushed = json!({ "title": number, "id": self.id, "pushedDate": iso(date), "url": url.as_str() });
        pushed.as_object().cloned().unwrap_or_default()
    }
}

/// The `sys_id` of a record.
pub fn sys_id(record: &Value) -> Option<&str> {
    text(record.get("sys_id")?).filter(|id| is_name(id))
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
}

/// The text of a field. An instance may show it with its label or its address, as an object.
fn text(field: &Value) -> Option<&str> {
    field.as_str().or_else(|| field.get("value")?.as_str())
}

/// A time as ServiceNow writes it, in UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|time| time.and_utc())
}
