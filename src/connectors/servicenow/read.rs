//! Reads incidents, and what may be written into them. Closes one, which reads it first.

use http::Method;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    super::run::{Retry, RunFailure},
    client::{Endpoint, Instance},
    incident::{Incident, TABLE, UNREADABLE},
    params::Close,
    push,
};

/// The state of an incident that is closed.
const CLOSED: &str = "7";

/// One incident, all of it.
pub async fn incident(client: &Instance<'_>, id: &str) -> Result<Value, RunFailure> {
    Ok(one(client, id).await?.record.into())
}

/// One incident.
pub async fn one(client: &Instance<'_>, id: &str) -> Result<Incident, RunFailure> {
    let attempt = format!("Unable to get incident with id {}", client.said(id));
    let url = record_url(client, id);
    let record = client.ask(&attempt, Endpoint::Table, Method::GET, url, None).await?;
    let unreadable = || client.failed(&attempt, UNREADABLE, Retry::No);
    let incident = Incident::from_record(record).ok_or_else(unreadable)?;
    check_id(client, &attempt, &incident.id, id)?;
    Ok(incident)
}

/// Refuses an answer about another incident than the one with this id.
pub fn check_id(client: &Instance<'_>, attempt: &str, said: &str, id: &str) -> Result<(), RunFailure> {
    if said.eq_ignore_ascii_case(id) {
        return Ok(());
    }
    Err(client.failed(attempt, "The instance has answered with another incident", Retry::No))
}

/// The address of one incident.
pub fn record_url(client: &Instance<'_>, id: &str) -> Url {
    client.url(&["api", "now", "v2", "table", TABLE, id], &[])
}

/// The incident with this `sys_id`, if there is one.
async fn by_id(client: &Instance<'_>, attempt: &str, id: &str) -> Result<Option<Incident>, RunFailure> {
    let Some(record) = client.find(attempt, record_url(client, id)).await? else { return Ok(None) };
    let unreadable = || client.failed(attempt, UNREADABLE, Retry::Yes);
    let incident = Incident::from_record(record).ok_or_else(unreadable)?;
    check_id(client, attempt, &incident.id, id)?;
    Ok(Some(incident))
}

/// The newest incident with this correlation id.
pub async fn by_correlation_id(client: &Instance<'_>, id: &str) -> Result<Option<Incident>, RunFailure> {
    Ok(all_by_correlation_id(client, id, 1).await?.into_iter().next())
}

/// Incidents with this correlation id, the newest first, at most so many.
pub async fn all_by_correlation_id(
    client: &Instance<'_>,
    id: &str,
    most: usize,
) -> Result<Vec<Incident>, RunFailure> {
    let attempt = format!("Unable to get incident by correlation ID {}", client.said(id));
    if id.trim().is_empty() || id.contains('^') {
        return Err(client.failed(&attempt, "Correlation ID is empty or contains ^.", Retry::No));
    }
    let query = format!("ORDERBYDESCsys_created_on^correlation_id={id}");
    let most = most.to_string();
    let query = [("sysparm_query", query.as_str()), ("sysparm_limit", most.as_str())];
    let url = client.url(&["api", "now", "v2", "table", TABLE], &query);
    let found = client.ask(&attempt, Endpoint::Table, Method::GET, url, None).await?;
    // Anything but a list of incidents does not say that there is none.
    let found = all_of(found).ok_or_else(|| client.failed(&attempt, UNREADABLE, Retry::Yes))?;
    // An instance leaves out a condition that it finds invalid, and then answers with any incidents.
    if found.iter().all(|incident| incident.is_known_by(id)) {
        return Ok(found);
    }
    let why = "The instance has answered with other incidents, so nothing was changed. Check that the user of the connector may \
               read the field correlation_id of incidents, and set glide.invalid_query.returns_no_rows to true.";
    Err(client.failed(&attempt, why, Retry::No))
}

/// The incidents of a list; `None` if it is no list, or one of them cannot be read.
fn all_of(found: Value) -> Option<Vec<Incident>> {
    let Value::Array(records) = found else { return None };
    records.into_iter().map(Incident::from_record).collect()
}

/// Which fields incidents have.
pub async fn fields(client: &Instance<'_>) -> Result<Value, RunFailure> {
    let query = format!("name=task^ORname={TABLE}^internal_type=string");
    let query = [
        ("sysparm_query", query.as_str()),
        ("active", "true"),
        ("array", "false"),
        ("read_only", "false"),
        ("sysparm_fields", "max_length,element,column_label,mandatory"),
    ];
    let url = client.url(&["api", "now", "table", "sys_dictionary"], &query);
    client.ask("Unable to get fields", Endpoint::Table, Method::GET, url, None).await
}

/// Which values these fields may have.
pub async fn choices(client: &Instance<'_>, fields: &[String]) -> Result<Value, RunFailure> {
    let elements = fields.iter().map(|field| format!("element={field}")).collect::<Vec<_>>().join("^OR");
    let query = format!("name=task^ORname={TABLE}^{elements}^language=en");
    let query =
        [("sysparm_query", query.as_str()), ("sysparm_fields", "label,value,dependent_value,element")];
    let url = client.url(&["api", "now", "table", "sys_choice"], &query);
    client.ask("Unable to get choices", Endpoint::Table, Method::GET, url, None).await
}

/// Closes an incident. One that is not there, or closed already, is no failure.
pub async fn close(client: &Instance<'_>, close: Close) -> Result<Value, RunFailure> {
    let found = match (close.external_id, close.correlation_id) {
        (Some(id), _) => by_id(client, "Unable to close incident", &id).await?,
        (None, Some(id)) => by_correlation_id(client, &id).await?,
        (None, None) => None,
    };
    let Some(incident) = found else { return Ok(json!({})) };
    if incident.text("state") == Some(CLOSED) {
        return Ok(incident.pushed(client, "sys_updated_on").into());
    }
    let changes = json!({
        "state": CLOSED, "close_code": "Closed/Resolved by Caller", "close_notes": "Closed by Caller",
    });
    let changes = changes.as_object().cloned().unwrap_or_default();
    let closed = push::update(client, &incident.id, &changes, &Map::new()).await?;
    Ok(closed.pushed(client, "sys_updated_on").into())
}
