//! The query of a list request, validated as the API validates it.

use serde_json::Value;

use super::{
    habits::{Habit, Habits},
    wire::SimulatedRefusal,
    world::{Scope, SimulatedHead, SimulatedList},
};

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;
/// The most records that are found in time, where more are not.
const LIMIT_IN_TIME: usize = 25;

/// What a list request asks for.
pub(super) struct Ask {
    pub scope: Scope,
    /// First and last second of the window, both inclusive.
    pub window: (i64, i64),
    pub limit: usize,
    pub after: Option<String>,
    pub before: Option<String>,
    /// Oldest first.
    pub ascending: bool,
    pub filters: Vec<SimulatedFilter>,
}

/// Selects the records that have one of the wanted values at one of these places.
pub(super) struct SimulatedFilter {
    pointers: &'static [&'static str],
    /// A key below each of the pointers, where the place is named by the request or by the record's `type`.
    below: Below,
    wanted: Vec<String>,
}

#[derive(PartialEq)]
enum Below {
    Nothing,
    Key(String),
    /// The `id` of the value under the key named like the record's `type`.
    PayloadId,
}

/// The filters that take several values, with the places where a record holds them.
const FILTERS: [(&str, SimulatedList, &[&str]); 6] = [
    ("project_ids[]", SimulatedList::AuditLogs, &["/project/id"]),
    ("event_types[]", SimulatedList::AuditLogs, &["/type"]),
    (
        "actor_ids[]",
        SimulatedList::AuditLogs,
        &[
            "/actor/session/user/id",
            "/actor/api_key/id",
            "/actor/api_key/user/id",
            "/actor/api_key/service_account/id",
        ],
    ),
    ("actor_emails[]", SimulatedList::AuditLogs, &["/actor/session/user/email", "/actor/api_key/user/email"]),
    ("resource_ids[]", SimulatedList::AuditLogs, &[]),
    ("model", SimulatedList::Completions, &["/model"]),
];

impl Ask {
    /// Reads the query of a list request; parameters that the list does not know are ignored.
    pub fn read(list: SimulatedList, query: &str, habits: Habits) -> Result<Self, SimulatedRefusal> {
        let mut ask = Self {
            scope: Scope::Completions,
            window: (i64::MIN, i64::MAX),
            limit: LIMIT_DEFAULT,
            after: None,
            before: None,
            ascending: habits.has(Habit::Oldest),
            filters: Vec::new(),
        };
        let mut tenant_only = None;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match (list, &*name) {
                (_, "limit") => ask.limit = limit(&value)?,
                (_, "after") => ask.after = Some(value.into_owned()),
                (SimulatedList::AuditLogs, "before") => ask.before = Some(value.into_owned()),
                (SimulatedList::AuditLogs, "tenant_only") => {
                    tenant_only = Some(boolean("tenant_only", &value)?)
                }
                (SimulatedList::Completions, "order") => {
                    if habits.has(Habit::OrderRefused) || (habits.has(Habit::DescRefused) && value == "desc")
                    {
                        return Err(SimulatedRefusal::parameter("order", "Unknown parameter: 'order'."));
                    }
                    if habits.has(Habit::OrderDisliked) {
                        return Err(SimulatedRefusal::unspecific());
                    }
                    ask.ascending = ascending(&value)?;
                }
                (SimulatedList::AuditLogs, other) if other.starts_with("effective_at") => {
                    ask.narrow(other, &value, habits)?;
                }
                (_, other) => ask.filter(list, other, value.into_owned()),
            }
        }
        if habits.has(Habit::OrderIgnored) && list == SimulatedList::Completions {
            ask.ascending = false;
        }
        refuse_many(ask.limit, habits)?;
        if list == SimulatedList::AuditLogs {
            ask.scope = scope(tenant_only, habits, &ask.filters)?;
        }
        Ok(ask)
    }

    fn narrow(&mut self, name: &str, value: &str, habits: Habits) -> Result<(), SimulatedRefusal> {
        let second: i64 = value.parse().map_err(|_| {
            SimulatedRefusal::parameter(name, format!("Invalid type for '{name}': expected an integer."))
        })?;
        let (first, last) = &mut self.window;
        match name {
            "effective_at[gte]" => *first = second,
            "effective_at[gt]" => *first = second.saturating_add(1),
            "effective_at[lte]" | "effective_at[lt]" if habits.has(Habit::LteIgnored) => {}
            "effective_at[lte]" => *last = second,
            "effective_at[lt]" => *last = second.saturating_sub(1),
            _ => return Err(SimulatedRefusal::parameter(name, format!("Unknown parameter: '{name}'."))),
        }
        Ok(())
    }

    fn filter(&mut self, list: SimulatedList, name: &str, value: String) {
        if let Some(key) = name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')) {
            if list == SimulatedList::Completions {
                let below = Below::Key(key.to_owned());
                self.filters.push(SimulatedFilter { pointers: &["/metadata"], below, wanted: vec![value] });
            }
            return;
        }
        let known = FILTERS.iter().find(|(filter, of, _)| *filter == name && *of == list);
        let Some((_, _, pointers)) = known else { return };
        let below = if pointers.is_empty() { Below::PayloadId } else { Below::Nothing };
        match self.filters.iter_mut().find(|filter| filter.pointers == *pointers && filter.below == below) {
            Some(filter) => filter.wanted.push(value),
            None => self.filters.push(SimulatedFilter { pointers, below, wanted: vec![value] }),
        }
    }

    /// Whether a record passes every filter.
    pub fn admits(&self, body: &[u8]) -> bool {
        if self.filters.is_empty() {
            return true;
        }
        let record: Value = serde_json::from_slice(body).unwrap_or_default();
        self.filters.iter().all(|filter| filter.admits(&record))
    }
}

impl SimulatedFilter {
    fn admits(&self, record: &Value) -> bool {
        let wanted = |value: Option<&Value>| {
            value.and_then(Value::as_str).is_some_and(|value| self.wanted.iter().any(|one| one == value))
        };
        match &self.below {
            Below::Nothing => self.pointers.iter().any(|pointer| wanted(record.pointer(pointer))),
            Below::Key(key) => self
                .pointers
                .iter()
                .any(|pointer| wanted(record.pointer(pointer).and_then(|object| object.get(key)))),
            Below::PayloadId => {
                let payload = record.get("type").and_then(Value::as_str).and_then(|kind| record.get(kind));
                wanted(payload.and_then(|payload| payload.get("id")))
            }
        }
    }
}

/// Refuses a request for too many records, where that is a habit.
pub(super) fn refuse_many(limit: usize, habits: Habits) -> Result<(), SimulatedRefusal> {
    if limit <= LIMIT_IN_TIME {
        return Ok(());
    }
    if habits.has(Habit::LargeTimeouts) {
        return Err(SimulatedRefusal::new(504, None, "upstream request timeout"));
    }
    if habits.has(Habit::LargeThrottled) {
        let message = "Rate limit reached. Please try again later.";
        let refusal = SimulatedRefusal::new(429, Some("rate_limit_exceeded"), message);
        return Err(SimulatedRefusal { kind: "requests", ..refusal });
    }
    if habits.has(Habit::LargeRefused) {
        return Err(SimulatedRefusal::unspecific());
    }
    Ok(())
}

fn scope(
    tenant_only: Option<bool>,
    habits: Habits,
    filters: &[SimulatedFilter],
) -> Result<Scope, SimulatedRefusal> {
    if habits.has(Habit::TenantRefuse) && tenant_only.is_some() {
        return Err(SimulatedRefusal::parameter("tenant_only", "Unknown parameter: 'tenant_only'."));
    }
    if habits.has(Habit::TenantRefuse) || habits.has(Habit::TenantIgnore) {
        return Ok(Scope::AnyEvent);
    }
    if tenant_only != Some(true) {
        return Ok(Scope::PlainEvents);
    }
    let mut kinds =
        filters.iter().filter(|filter| filter.pointers == ["/type"]).flat_map(|types| &types.wanted);
    if kinds.any(|kind| !SimulatedHead::tenant_scoped(kind)) {
        let message = "All event types must be tenant-scoped when 'tenant_only' is true.";
        return Err(SimulatedRefusal::parameter("event_types", message));
    }
    Ok(Scope::TenantEvents)
}

/// Reads `limit` of any list.
pub(super) fn limit(value: &str) -> Result<usize, SimulatedRefusal> {
    let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    let message = || format!("Invalid 'limit': expected an integer from 1 to {LIMIT_MAX}.");
    limit.ok_or_else(|| SimulatedRefusal::parameter("limit", message()))
}

/// Reads `order` of any list: true for oldest first.
pub(super) fn ascending(value: &str) -> Result<bool, SimulatedRefusal> {
    match value {
        "asc" => Ok(true),
        "desc" => Ok(false),
        _ => {
            Err(SimulatedRefusal::parameter("order", "Invalid value for 'order': expected 'asc' or 'desc'."))
        }
    }
}

fn boolean(name: &str, value: &str) -> Result<bool, SimulatedRefusal> {
    let message = || format!("Invalid type for '{name}': expected a boolean.");
    value.parse().map_err(|_| SimulatedRefusal::parameter(name, message()))
}
