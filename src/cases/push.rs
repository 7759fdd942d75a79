//! A case as another system gets it by a connector, and what it is called there.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{AttachedContent, Case, CaseError};

/// Comments that are sent with a case.
const COMMENTS_MAX: usize = 1_000;
/// What a case's connector says of an incident.
const INCIDENT_FIELDS: [&str; 5] = ["urgency", "severity", "impact", "category", "subcategory"];

/// The connector that a case is sent with.
#[derive(Clone, Copy, Debug)]
pub struct PushConnector<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub type_id: &'a str,
}

/// What is known of a case at the receiver of a connector, whatever it was sent with since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CasePushed {
    /// What it is called there.
    pub external_id: String,
    /// The ids of the attachments that were sent to what it is called there, with whichever connector.
    pub attachments: BTreeSet<String>,
    /// Whether that is known from where its connector led before, and only may be so at this receiver.
    pub is_earlier: bool,
}

/// What is sent of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CasePush {
    /// The parameters of the run.
    pub params: Map<String, Value>,
    /// The same for each attempt, so that a receiver that knows it does the work once.
    pub key: String,
    /// The ids of the attachments that are sent with it, or are in no need of it.
    pub attachments: Vec<String>,
    /// Whether that is all of them: one run does not take more comments.
    pub is_whole: bool,
}

impl CasePush {
    /// For a connector.
    ///
    /// # Errors
    ///
    /// [`CaseError::Invalid`] if its type knows no cases.
    pub fn of(
        case: &Case,
        connector: PushConnector<'_>,
        before: Option<&CasePushed>,
    ) -> Result<Self, CaseError> {
        let (params, key) = match connector.type_id {
            // The connector looks for an incident with this key before it makes one: an earlier attempt may have made it.
            ".servicenow" => (incident(case, connector, before), Self::incident_key(&case.id)),
            ".webhook" => {
                let body = json!({ "body": json!(case).to_string() });
                (body, format!("{}:{}", case.id, case.version))
            }
            other => {
                let text = format!("Cases cannot be sent with a connector of type {other}.");
                return Err(CaseError::Invalid(text));
            }
        };
        let params = match params {
            Value::Object(params) => params,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Map::new()
            }
        };
        // Comments that one run does not take are sent with the next.
        let unsent: Vec<&String> = match connector.type_id {
            ".servicenow" => new_comments(case, before).skip(COMMENTS_MAX).map(|(id, _)| id).collect(),
            _ => Vec::new(),
        };
        let all = case.comments.iter().flatten().map(|one| &one.id);
        let attachments = all.filter(|id| !unsent.contains(id)).cloned().collect();
        Ok(Self { params, key, attachments, is_whole: unsent.is_empty() })
    }

    /// The key of the runs that make and change the incident of a case.
    pub fn incident_key(case: &str) -> String {
        case.to_owned()
    }

    /// What is kept of a case that was sent. A receiver that names no id of its own knows the case by the case's.
    pub fn external(case: &Case, connector: PushConnector<'_>, answer: &Value) -> Value {
        json!({
            "connector_id": connector.id,
            "connector_name": connector.name,
            "external_id": answer["id"].as_str().unwrap_or(&case.id),
            "external_title": answer["title"].as_str().unwrap_or(&case.title),
            "external_url": answer["url"],
        })
    }
}

/// An incident, with the id that it has there, and its comments.
fn incident(case: &Case, connector: PushConnector<'_>, before: Option<&CasePushed>) -> Value {
    let mut incident = json!({ "short_description": case.title, "description": case.description });
    if case.connector.id == connector.id {
        for name in INCIDENT_FIELDS {
            if let Some(text) = case.connector.fields[name].as_str() {
                incident[name] = json!(text);
            }
        }
    }
    if let Some(id) = before.map(|before| &before.external_id) {
        incident["externalId"] = json!(id);
    }
    let comments: Vec<Value> = new_comments(case, before)
        .take(COMMENTS_MAX)
        .map(|(id, comment)| json!({ "commentId": id, "comment": comment }))
        .collect();
    json!({ "subAction": "pushToService", "subActionParams": { "incident": incident, "comments": comments } })
}

/// The comments that are not there: their ids, and what they say.
fn new_comments<'a>(
    case: &'a Case,
    before: Option<&'a CasePushed>,
) -> impl Iterator<Item = (&'a String, &'a String)> {
    let is_new = move |id: &String| before.is_none_or(|before| !before.attachments.contains(id));
    case.comments.iter().flatten().filter_map(move |one| match &one.content {
        AttachedContent::Comment { comment } if is_new(&one.id) => Some((&one.id, comment)),
        AttachedContent::Comment { .. } | AttachedContent::Alerts { .. } | AttachedContent::File { .. } => {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cases::{CaseChange, CaseConnector, CasePerson, CaseStamp, DEFAULT_SPACE, NewCase},
        detect_db::DetectDb,
    };

    fn connector<'a>(id: &'a str, type_id: &'a str) -> PushConnector<'a> {
        PushConnector { id, name: "A connector", type_id }
    }

    #[test]
    fn a_case_is_sent_as_an_incident_and_again_under_the_id_that_it_has_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        let (person, sn) = (CasePerson::named("ann"), connector("sn", ".servicenow"));
        let stamp = CaseStamp { by: &person, now: 1_790_000_000 };
        let mut cases = db.cases(DEFAULT_SPACE);
        let new = NewCase { title: "t".into(), description: "d".into(), ..NewCase::default() };
        let id = cases.create(&new, stamp).unwrap().id;
        let case = cases.comment(&id, "first", stamp).unwrap();
        let comment = case.comments.as_ref().unwrap()[0].id.clone();
        let expected = json!({ "subAction": "pushToService", "subActionParams": {
            "incident": { "short_description": "t", "description": "d" },
            "comments": [{ "commentId": comment, "comment": "first" }],
        } });
        let push = CasePush::of(&case, sn, None).unwrap();
        assert_eq!((Value::Object(push.params), &push.key), (expected, &id));
        assert_eq!(push.attachments, [comment]);
        let external =
            CasePush::external(&case, sn, &json!({ "id": "abc", "title": "INC1", "url": "https://u" }));
        // Somebody writes while it is sent.
        cases.comment(&id, "meanwhile", stamp).unwrap();
        cases.pushed(&id, ".servicenow 1", &external, &push.attachments, stamp).unwrap();
        let fields = json!({ "urgency": "1", "unheard_of": "x", "impact": 2 });
        let own = CaseConnector { id: "sn".into(), name: "n".into(), kind: ".servicenow".into(), fields };
        let change = CaseChange { connector: Some(own), ..CaseChange::default() };
        cases.change(&id, &change, stamp).unwrap();
        // It was sent elsewhere meanwhile, with a comment of its own.
        let hook = connector("w", ".webhook");
        let case = cases.comment(&id, "last", stamp).unwrap();
        let push = CasePush::of(&case, hook, None).unwrap();
        let external = CasePush::external(&case, hook, &Value::Null);
        cases.pushed(&id, ".webhook 1", &external, &push.attachments, stamp).unwrap();
        let before = cases.pushed_with(&id, "sn", ".servicenow 1").unwrap();
        let again = CasePush::of(&cases.get(&id).unwrap(), sn, before.as_ref()).unwrap().params;
        let sent = &again["subActionParams"]["incident"];
        assert_eq!((&sent["externalId"], &sent["urgency"]), (&json!("abc"), &json!("1")));
        assert!(sent.get("unheard_of").is_none() && sent.get("impact").is_none());
        let comments = &again["subActionParams"]["comments"];
        let texts: Vec<&Value> = comments.as_array().unwrap().iter().map(|one| &one["comment"]).collect();
        assert_eq!(texts, ["meanwhile", "last"], "a comment is sent once to each");
        let elsewhere = connector("sn2", ".servicenow");
        assert_eq!(cases.pushed_with(&id, "sn2", ".servicenow 2").unwrap(), None);
        let elsewhere = CasePush::of(&cases.get(&id).unwrap(), elsewhere, None).unwrap().params;
        let sent = &elsewhere["subActionParams"];
        assert!(sent["incident"].get("externalId").is_none());
        assert_eq!(sent["comments"].as_array().map(Vec::len), Some(3), "another system has no comments yet");
    }

    #[test]
    fn a_connector_that_knows_no_cases_gets_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        let person = CasePerson::named("ann");
        let new = NewCase { title: "t".into(), description: "d".into(), ..NewCase::default() };
        let stamp = CaseStamp { by: &person, now: 1_790_000_000 };
        let case = db.cases(DEFAULT_SPACE).create(&new, stamp).unwrap();
        assert!(CasePush::of(&case, connector("i", ".index"), None).is_err());
        let hook = connector("w", ".webhook");
        let push = CasePush::of(&case, hook, None).unwrap();
        let body: Value = serde_json::from_str(push.params["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["id"], json!(case.id));
        assert_eq!(CasePush::external(&case, hook, &json!("its body"))["external_id"], json!(case.id));
    }
}
