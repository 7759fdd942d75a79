//! Makes or changes an incident, with comments.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    super::{
        progress::RunProgress,
        run::{Retry, RunFailure},
        stable_id::{stable_id, subject},
    },
    client::{Endpoint, Instance, InstanceFailure},
    incident::{Incident, TABLE, UNREADABLE, sys_id},
    params::Push,
    read,
};
use crate::digest::hash_hex;

/// Where Elastic's application takes rows, and its name in the instance.
const IMPORT_SET: &str = "x_elas2_inc_int_elastic_incident";
const APPLICATION: &str = "x_elas2_inc_int";

/// In front of each field there.
const FIELD_PREFIX: &str = "u_";

/// Incidents of one alert that are looked at: one for each of its actions, and some.
const SAME_ID_MAX: usize = 20;

/// The longest correlation id that an instance keeps whole.
const CORRELATION_ID_CHARS_MAX: usize = 100;

/// The field of comments.
const COMMENT_FIELD: &str = "work_notes";

/// In front of the `sys_id` of an incident that an attempt has made.
const MADE: &str = "incident ";
/// That an attempt has begun to make one under a correlation id of the parameters.
const ASKED: &str = "asked for an incident";

/// Makes or changes an incident, and returns what it is known by. An attempt makes no incident and adds
/// no comment that an earlier one has made or added.
pub async fn push(
    client: &Instance<'_>,
    push: Push,
    run: Option<&str>,
    progress: &RunProgress,
) -> Result<Value, RunFailure> {
    let Push { external_id, mut incident, additional_fields, comments } = push;
    let additional = additional_fields.unwrap_or_default();
    if client.config.uses_table_api && !additional.is_empty() {
        let why = "ServiceNow additional fields are not supported for deprecated connectors.";
        return Err(client.failed("Unable to create incident", why, Retry::No));
    }
    let mut id = external_id;
    let done = progress.done().await?;
    let is_new = id.is_none();
    if is_new {
        // An earlier attempt has made it.
        id = made_incident(&done).map(str::to_owned);
    }
    let given = incident.get("correlation_id").and_then(Value::as_str);
    let own = run.zip(given).filter(|(run, given)| is_of_run(given, run)).map(|(_, given)| given.to_owned());
    // An earlier attempt may have made it without hearing so.
    if id.is_none()
        && done.contains(ASKED)
        && let Some(own) = &own
    {
        id = made_unheard(client, own, progress).await?;
        // From now on it is that of no other run with the same id.
        progress.note(id.iter().map(|id| format!("{MADE}{id}"))).await;
    }
    if let Some(run) = run.filter(|_| is_new && !incident.contains_key("correlation_id")) {
        let correlation_id = stable_id(run);
        if id.is_none() {
            id = read::by_correlation_id(client, &correlation_id).await?.map(|incident| incident.id);
        }
        incident.insert("correlation_id".to_owned(), correlation_id.into());
    }
    let (changed, date) = match &id {
        Some(id) => match update(client, id, &incident, &additional).await {
            Ok(changed) => (changed, "sys_updated_on"),
            Err(failure) => return Err(if_gone(client, id, run, failure).await),
        },
        None => {
            let id = create_noted(client, &incident, &additional, own.is_some(), progress).await?;
            (read::one(client, &id).await?, "sys_created_on")
        }
    };
    let mut pushed = changed.pushed(client, date);
    let (mut added, mut seen) = (Vec::new(), BTreeMap::<String, usize>::new());
    for comment in comments {
        // Two of them may have one id, and even one text.
        let text = hash_hex(comment.text.as_bytes());
        let part = format!("comment {} {text} of {}", comment.id, changed.id);
        let same = seen.entry(part.clone()).and_modify(|same| *same += 1).or_default();
        let part = format!("{part} {same}");
        if !done.contains(&part) {
            let mut with_comment = incident.clone();
            with_comment.insert(COMMENT_FIELD.to_owned(), comment.text.into());
            change(client, &changed.id, &with_comment, &additional).await?;
            progress.note([part]).await;
        }
        added.push(json!({ "commentId": comment.id, "pushedDate": pushed.get("pushedDate") }));
    }
    if !added.is_empty() {
        pushed.insert("comments".to_owned(), added.into());
    }
    Ok(pushed.into())
}

/// The incident that an earlier attempt has made.
fn made_incident(done: &BTreeSet<String>) -> Option<&str> {
    done.iter().find_map(|part| part.strip_prefix(MADE))
}

/// Of what a run has done, what concerns an incident that is there no more: the one that is known by this id, or else the one
/// that the run has made.
pub fn parts_of_gone_incident(done: &BTreeSet<String>, known: Option<&str>) -> Vec<String> {
    let Some(id) = known.or_else(|| made_incident(done)) else { return Vec::new() };
    let end = format!(" of {id}");
    let is_of_it = |part: &&String| {
        let is_comment = part.rsplit_once(' ').is_some_and(|(front, _)| front.ends_with(&end));
        is_comment || part.strip_prefix(MADE) == Some(id)
    };
    done.iter().filter(is_of_it).cloned().collect()
}

/// Why an incident was not changed: it may not be there any more.
async fn if_gone(client: &Instance<'_>, id: &str, run: Option<&str>, failure: RunFailure) -> RunFailure {
    match failure.retry {
        Retry::No => {
            let is_gone = client.is_missing(read::record_url(client, id)).await
                && !is_maybe_found(client, id, run).await;
            RunFailure { is_gone, ..failure }
        }
        Retry::Yes | Retry::Rest | Retry::After(_) => failure,
    }
}

/// Whether a search shows an incident that seems to be missing, or fails.
async fn is_maybe_found(client: &Instance<'_>, id: &str, run: Option<&str>) -> bool {
    let Some(run) = run else { return false };
    let found = read::all_by_correlation_id(client, &stable_id(run), SAME_ID_MAX).await;
    found.map_or(true, |found| found.iter().any(|incident| incident.id == id))
}

/// Whether a correlation id of the parameters can only be that of this alert. Any other may be that of several, whose incidents
/// it does not tell apart. One that a query would read as more than a text, or an instance would cut, is not looked for.
fn is_of_run(correlation_id: &str, run: &str) -> bool {
    let is_script = correlation_id.to_lowercase().contains("javascript:");
    let is_whole = correlation_id.chars().count() <= CORRELATION_ID_CHARS_MAX;
    correlation_id.contains(subject(run)) && !correlation_id.contains('^') && !is_script && is_whole
}

/// The incident with this id that an earlier attempt has made without hearing so: no other run has made it.
async fn made_unheard(
    client: &Instance<'_>,
    correlation_id: &str,
    progress: &RunProgress,
) -> Result<Option<String>, RunFailure> {
    let found = read::all_by_correlation_id(client, correlation_id, SAME_ID_MAX).await?;
    let part = |incident: &Incident| format!("{MADE}{}", incident.id);
    let of_others = progress.done_by_others(found.iter().map(part).collect()).await?;
    Ok(found.into_iter().find(|incident| !of_others.contains(&part(incident))).map(|incident| incident.id))
}

/// Makes an incident, and notes what is known of that. One that is looked for only after a lost answer needs a note before.
async fn create_noted(
    client: &Instance<'_>,
    incident: &Map<String, Value>,
    additional: &Map<String, Value>,
    needs_note: bool,
    progress: &RunProgress,
) -> Result<String, RunFailure> {
    let mut made = incident.clone();
    for name in ["caller_id", "opened_by"] {
        made.insert(name.to_owned(), client.user.into());
    }
    if needs_note {
        progress.note_begun(ASKED).await?;
    }
    progress.creation().asked();
    let created = create(client, &made, additional).await;
    match &created {
        Ok(id) => {
            progress.note([format!("{MADE}{id}")]).await;
            progress.creation().answered();
        }
        Err(failed) if failed.may_be_done => {}
        Err(_) => {
            progress.creation().answered();
            if needs_note {
                progress.note_refused(ASKED).await;
            }
        }
    }
    Ok(created?)
}

/// Makes an incident, and returns its `sys_id`.
async fn create(
    client: &Instance<'_>,
    incident: &Map<String, Value>,
    additional: &Map<String, Value>,
) -> Result<String, InstanceFailure> {
    let attempt = "Unable to create incident";
    if client.config.uses_table_api {
        let url = client.url(&["api", "now", "v2", "table", TABLE], &[]);
        let result = client.request(attempt, Endpoint::Table, Method::POST, url, Some(incident)).await?;
        said_id(client, attempt, &result).map_err(InstanceFailure::unclear)
    } else {
        import(client, attempt, prefixed(incident, additional)).await
    }
}

/// Changes these fields of an incident, and reads it.
pub async fn update(
    client: &Instance<'_>,
    id: &str,
    incident: &Map<String, Value>,
    additional: &Map<String, Value>,
) -> Result<Incident, RunFailure> {
    change(client, id, incident, additional).await?;
    read::one(client, id).await
}

/// Changes these fields of an incident.
async fn change(
    client: &Instance<'_>,
    id: &str,
    incident: &Map<String, Value>,
    additional: &Map<String, Value>,
) -> Result<(), RunFailure> {
    let attempt = format!("Unable to update incident with id {}", client.said(id));
    let said = if client.config.uses_table_api {
        let url = read::record_url(client, id);
        let result = client.ask(&attempt, Endpoint::Table, Method::PATCH, url, Some(incident)).await?;
        said_id(client, &attempt, &result)?
    } else {
        let mut row = prefixed(incident, additional);
        row.insert("elastic_incident_id".to_owned(), id.into());
        import(client, &attempt, row).await?
    };
    read::check_id(client, &attempt, &said, id)
}

/// Hands a row to Elastic's application, which must be there.
async fn import(
    client: &Instance<'_>,
    attempt: &str,
    row: Map<String, Value>,
) -> Result<String, InstanceFailure> {
    let health = client.url(&["api", APPLICATION, "elastic_api", "health"], &[]);
    let version = "Unable to get application version";
    client.ask(version, Endpoint::Health, Method::GET, health, None).await?;
    let url = client.url(&["api", "now", "import", IMPORT_SET], &[]);
    let result = client.request(attempt, Endpoint::ImportSet, Method::POST, url, Some(&row)).await?;
    let first = &result[0];
    if first["status"] == "error" {
        let why = client.said_of(Some(&row), first["error_message"].as_str().unwrap_or("Unexpected result"));
        return Err(client.failed(attempt, &why, Retry::No).into());
    }
    said_id(client, attempt, first).map_err(InstanceFailure::unclear)
}

fn prefixed(incident: &Map<String, Value>, additional: &Map<String, Value>) -> Map<String, Value> {
    let mut row = additional.clone();
    row.extend(incident.iter().map(|(name, value)| (format!("{FIELD_PREFIX}{name}"), value.clone())));
    row
}

/// The `sys_id` in an answer.
fn said_id(client: &Instance<'_>, attempt: &str, result: &Value) -> Result<String, RunFailure> {
    sys_id(result).map(str::to_owned).ok_or_else(|| client.failed(attempt, UNREADABLE, Retry::No))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_to_an_incident_that_is_alive_is_not_forgotten_with_one_that_is_gone() {
        let parts = |ids: &[&str]| -> BTreeSet<String> {
            let of_one = |id: &&str| [format!("incident {id}"), format!("comment c h of {id} 0")];
            ids.iter().flat_map(of_one).collect()
        };
        let gone = |done: &BTreeSet<String>, known: Option<&str>| -> BTreeSet<String> {
            parts_of_gone_incident(done, known).into_iter().collect()
        };
        let done = parts(&["a1", "b2"]);
        assert_eq!(gone(&done, Some("b2")), parts(&["b2"]));
        assert_eq!(gone(&done, None), parts(&["a1"]), "the one that the next attempt would continue");
        for (done, known) in [(&done, Some("2")), (&done, Some("c3")), (&parts(&[]), None)] {
            assert_eq!(gone(done, known), parts(&[]), "{known:?}");
        }
    }

    #[test]
    fn a_correlation_id_is_looked_for_if_it_names_the_alert_and_a_query_reads_it_as_it_is() {
        let is_looked_for = |id: &str| is_of_run(id, "alert-1:call");
        let long = |length: usize| format!("alert-1{}", "x".repeat(length - "alert-1".len()));
        assert!(is_looked_for("ccfd-alert-1") && is_looked_for(&long(CORRELATION_ID_CHARS_MAX)));
        for id in ["soc", "alert-1^active=true", "JavaScript:alert-1", "x javascript:f('alert-1')"] {
            assert!(!is_looked_for(id), "{id}");
        }
        assert!(!is_looked_for(&long(CORRELATION_ID_CHARS_MAX + 1)));
    }
}
