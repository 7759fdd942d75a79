//! Bodies of requests.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    admin::kibana::{KibanaError, fields::RequestFields},
    cases::{
        AlertToAttach, AttachedRule, CaseChange, CaseOwner, ConfigurationChange, NewCase, VersionedChange,
    },
    detect_db::Disposition,
};

/// Characters of what was wrong that are repeated.
const WRONG_CHARS_MAX: usize = 200;

/// A member that may be left out.
pub(super) fn optional<T: DeserializeOwned>(
    fields: &mut RequestFields,
    name: &str,
) -> Result<Option<T>, KibanaError> {
    let Some(value) = fields.any(name) else { return Ok(None) };
    match serde_json::from_value(value) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            let what: String = error.to_string().chars().take(WRONG_CHARS_MAX).collect();
            Err(fields.wrong(name, &what))
        }
    }
}

/// A member that must be there.
pub(super) fn required<T: DeserializeOwned>(
    fields: &mut RequestFields,
    name: &str,
) -> Result<T, KibanaError> {
    optional(fields, name)?.ok_or_else(|| undefined(&[name]))
}

/// Several members are missing: what Kibana says of that is one line.
fn undefined(names: &[&str]) -> KibanaError {
    let each: Vec<String> =
        names.iter().map(|name| format!("Invalid value \"undefined\" supplied to \"{name}\"")).collect();
    KibanaError::bad_request(each.join(","))
}

fn check_present(fields: &RequestFields, names: &[&str]) -> Result<(), KibanaError> {
    let missing: Vec<&str> = names.iter().copied().filter(|name| !fields.has(name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(undefined(&missing)) }
}

/// The body of a case to create.
pub(super) fn new_case(mut fields: RequestFields) -> Result<NewCase, KibanaError> {
    check_present(&fields, &["title", "description", "tags", "owner", "connector", "settings"])?;
    let new = NewCase {
        title: required(&mut fields, "title")?,
        description: required(&mut fields, "description")?,
        tags: required(&mut fields, "tags")?,
        owner: required(&mut fields, "owner")?,
        connector: required(&mut fields, "connector")?,
        settings: required(&mut fields, "settings")?,
        severity: optional(&mut fields, "severity")?.unwrap_or_default(),
        assignees: optional(&mut fields, "assignees")?.unwrap_or_default(),
        category: optional::<Option<String>>(&mut fields, "category")?.flatten(),
        custom_fields: optional(&mut fields, "customFields")?.unwrap_or_default(),
    };
    fields.finish()?;
    Ok(new)
}

/// The body of changes.
pub(super) fn changes(mut fields: RequestFields) -> Result<Vec<VersionedChange>, KibanaError> {
    let cases: Vec<Map<String, Value>> = required(&mut fields, "cases")?;
    fields.finish()?;
    if cases.is_empty() {
        let message = "The length of the field cases is too short. Array must be of length >= 1.";
        return Err(KibanaError::bad_request(message));
    }
    cases.into_iter().map(change).collect()
}

fn change(object: Map<String, Value>) -> Result<VersionedChange, KibanaError> {
    let mut fields = RequestFields::of_body(object);
    check_present(&fields, &["id", "version"])?;
    let (id, version) = (required(&mut fields, "id")?, Some(required(&mut fields, "version")?));
    // Whose case it is does not change.
    optional::<CaseOwner>(&mut fields, "owner")?;
    let category = match fields.any("category") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(category)) => Some(Some(category)),
        Some(other) => return Err(fields.expected("category", "string", Some(&other))),
    };
    let reason: Option<String> = optional(&mut fields, "closeReason")?;
    let disposition = reason.as_deref().and_then(verdict);
    let change = CaseChange {
        title: optional(&mut fields, "title")?,
        description: optional(&mut fields, "description")?,
        tags: optional(&mut fields, "tags")?,
        status: optional(&mut fields, "status")?,
        disposition,
        severity: optional(&mut fields, "severity")?,
        category,
        assignees: optional(&mut fields, "assignees")?,
        custom_fields: optional(&mut fields, "customFields")?,
        connector: optional(&mut fields, "connector")?,
        settings: optional(&mut fields, "settings")?,
        with_alerts: false,
    };
    fields.finish()?;
    Ok(VersionedChange { id, version, change })
}

/// The verdict of a reason to close a case; other reasons are none.
fn verdict(reason: &str) -> Option<Disposition> {
    match reason {
        "true_positive" => Some(Disposition::TruePositive),
        "false_positive" => Some(Disposition::FalsePositive),
        "benign_positive" => Some(Disposition::Benign),
        _ => None,
    }
}

/// What is to be attached.
#[derive(Debug)]
pub(super) enum AttachRequest {
    Comment(String),
    Alerts(Vec<AlertToAttach>, AttachedRule),
}

/// One text, or several.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(serde::Deserialize)]
struct RuleInBody {
    id: Option<String>,
    name: Option<String>,
}

/// The body of an attachment.
pub(super) fn attachment(fields: &mut RequestFields) -> Result<AttachRequest, KibanaError> {
    required::<CaseOwner>(fields, "owner")?;
    let kind: String = required(fields, "type")?;
    match kind.as_str() {
        "user" => Ok(AttachRequest::Comment(required(fields, "comment")?)),
        "alert" => {
            let ids = required::<OneOrMany>(fields, "alertId")?.list();
            let indices = required::<OneOrMany>(fields, "index")?.list();
            let rule: RuleInBody = required(fields, "rule")?;
            if ids.len() != indices.len() || ids.is_empty() {
                let message = "alertId and index must have the same number of values, at least one";
                return Err(KibanaError::bad_request(message));
            }
            let alert = |(id, index)| AlertToAttach { id, index, summary: Value::Null };
            let alerts = ids.into_iter().zip(indices).map(alert).collect();
            Ok(AttachRequest::Alerts(alerts, AttachedRule { id: rule.id, name: rule.name }))
        }
        _ => Err(fields.wrong("type", "expected \"user\" or \"alert\"")),
    }
}

/// The members of a configuration.
pub(super) fn configuration(fields: &mut RequestFields) -> Result<ConfigurationChange, KibanaError> {
    // Types of observables are not kept.
    optional::<Value>(fields, "observableTypes")?;
    Ok(ConfigurationChange {
        closure_type: optional(fields, "closure_type")?,
        connector: optional(fields, "connector")?,
        custom_fields: optional(fields, "customFields")?,
        templates: optional(fields, "templates")?,
    })
}
