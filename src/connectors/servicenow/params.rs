//! Parameters of a run: what to do, and with which incident.

use serde_json::{Map, Value};

use super::super::fields::StrictFields;

const SUB_ACTIONS: [&str; 5] = ["pushToService", "getIncident", "getFields", "getChoices", "closeIncident"];

/// Texts of an incident that Kibana knows; any other is an additional field.
const TEXTS: [&str; 8] = [
    "description",
    "category",
    "subcategory",
    "correlation_id",
    "correlation_display",
    "severity",
    "urgency",
    "impact",
];

/// The most additional fields, as in Kibana.
const ADDITIONAL_FIELDS_MAX: usize = 20;

/// What to do.
#[derive(Debug, PartialEq)]
pub enum IncidentAction {
    /// Makes or changes an incident.
    Push(Push),
    /// Reads one.
    GetIncident {
        /// Its `sys_id`.
        id: String,
    },
    /// Reads which fields incidents have.
    GetFields,
    /// Reads which values some of them may have.
    GetChoices {
        /// The names of the fields.
        fields: Vec<String>,
    },
    /// Closes one.
    Close(Close),
}

/// An incident to make or to change.
#[derive(Debug, PartialEq)]
pub struct Push {
    /// The `sys_id` of the one to change.
    pub external_id: Option<String>,
    /// Its fields.
    pub incident: Map<String, Value>,
    /// StrictFields that only Elastic's application accepts.
    pub additional_fields: Option<Map<String, Value>>,
    /// Comments to add.
    pub comments: Vec<PushComment>,
}

/// A comment to add.
#[derive(Debug, PartialEq)]
pub struct PushComment {
    /// Who sent it knows it by this.
    pub id: String,
    /// The text.
    pub text: String,
}

/// An incident to close.
#[derive(Debug, PartialEq)]
pub struct Close {
    /// Its `sys_id`.
    pub external_id: Option<String>,
    /// Otherwise what it is known by.
    pub correlation_id: Option<String>,
}

impl IncidentAction {
    /// Reads the parameters.
    pub fn read(params: &Map<String, Value>) -> Result<Self, String> {
        let mut fields = StrictFields::new(params);
        let names = || fields_error("subAction", "expected value of type [string] but got [undefined]");
        let sub_action = fields.one_of("subAction", &SUB_ACTIONS)?.ok_or_else(names)?;
        let none = Map::new();
        let mut inner = fields.object("subActionParams")?.unwrap_or_else(|| StrictFields::new(&none));
        fields.finish()?;
        let read = match sub_action {
            "pushToService" => Self::Push(push(&mut inner)?),
            "getIncident" => {
                let id = inner.required_text("externalId")?.to_owned();
                if id.trim().is_empty() {
                    return Err(inner.refused("externalId", "Incident id is empty."));
                }
                Self::GetIncident { id }
            }
            "getChoices" => Self::GetChoices { fields: choices(&mut inner)? },
            "closeIncident" => Self::Close(close(&mut inner)?),
            // Its parameters may be anything.
            _ => return Ok(Self::GetFields),
        };
        inner.finish()?;
        Ok(read)
    }
}

fn push(fields: &mut StrictFields<'_>) -> Result<Push, String> {
    let missing = || fields_error("incident", "expected value of type [object] but got [undefined]");
    let mut given = fields.object("incident")?.ok_or_else(missing)?;
    let mut incident = Map::new();
    incident.insert("short_description".to_owned(), given.required_text("short_description")?.into());
    for name in TEXTS {
        if let Some(text) = given.text(name)? {
            incident.insert(name.to_owned(), text.into());
        }
    }
    let external_id = given.text("externalId")?.map(str::to_owned);
    let additional_fields = given.content("additional_fields")?;
    if let Some(additional) = &additional_fields {
        if additional.len() > ADDITIONAL_FIELDS_MAX {
            let most = format!("A maximum of {ADDITIONAL_FIELDS_MAX} fields can be updated at a time.");
            return Err(given.refused("additional_fields", &most));
        }
        let is_own = |key: &&String| TEXTS.contains(&key.as_str()) || *key == "short_description";
        if let Some(key) = additional.keys().find(is_own) {
            let why = format!("the field {key} is one of the incident's own");
            return Err(given.refused("additional_fields", &why));
        }
    }
    given.finish()?;
    let comment = |mut fields: StrictFields<'_>| {
        let id = fields.required_text("commentId")?.to_owned();
        let text = fields.required_text("comment")?.to_owned();
        fields.finish()?;
        Ok(PushComment { id, text })
    };
    let comments = fields.objects("comments")?.into_iter().map(comment).collect::<Result<_, String>>()?;
    Ok(Push { external_id, incident, additional_fields, comments })
}

/// Names of columns, which become part of a query.
fn choices(fields: &mut StrictFields<'_>) -> Result<Vec<String>, String> {
    let names = fields.texts("fields")?;
    let is_name = |name: &&str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
    };
    if names.is_empty() || !names.iter().all(is_name) {
        return Err(fields.refused("fields", "expected names of columns"));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

fn close(fields: &mut StrictFields<'_>) -> Result<Close, String> {
    let missing = || fields_error("incident", "expected value of type [object] but got [undefined]");
    let mut given = fields.object("incident")?.ok_or_else(missing)?;
    let external_id = given.text("externalId")?.map(str::to_owned);
    let correlation_id = given.text("correlation_id")?.map(str::to_owned);
    given.finish()?;
    if external_id.is_none() && correlation_id.is_none() {
        return Err("No correlationId or incidentId found.".to_owned());
    }
    Ok(Close { external_id, correlation_id })
}

fn fields_error(name: &str, why: &str) -> String {
    format!("[{name}]: {why}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(params: Value) -> Result<IncidentAction, String> {
        IncidentAction::read(params.as_object().unwrap())
    }

    #[test]
    fn each_sub_action_is_read() {
        let pushed = read(json!({ "subAction": "pushToService", "subActionParams": {
            "incident": { "short_description": "s", "severity": "1", "externalId": null },
            "comments": [{ "commentId": "c1", "comment": "text" }],
        }}));
        let Ok(IncidentAction::Push(push)) = pushed else { panic!("{pushed:?}") };
        assert_eq!(Value::from(push.incident), json!({ "short_description": "s", "severity": "1" }));
        assert_eq!(push.comments, [PushComment { id: "c1".to_owned(), text: "text".to_owned() }]);
        assert_eq!(
            read(json!({ "subAction": "getFields", "subActionParams": {} })),
            Ok(IncidentAction::GetFields)
        );
        let params = json!({ "subAction": "getChoices", "subActionParams": { "fields": ["urgency"] } });
        assert_eq!(read(params), Ok(IncidentAction::GetChoices { fields: vec!["urgency".to_owned()] }));
    }

    #[test]
    fn what_could_change_a_query_or_is_unknown_is_refused() {
        let push = |incident: Value| json!({ "subAction": "pushToService", "subActionParams": { "incident": incident } });
        for params in [
            json!({}),
            json!({ "subAction": "drop" }),
            json!({ "subAction": "getChoices", "subActionParams": { "fields": ["a^ORb=c"] } }),
            json!({ "subAction": "getChoices", "subActionParams": {} }),
            json!({ "subAction": "getIncident", "subActionParams": { "externalId": " " } }),
            json!({ "subAction": "getIncident", "subActionParams": { "externalId": "1", "more": 1 } }),
            json!({ "subAction": "closeIncident", "subActionParams": { "incident": {} } }),
            push(json!({})),
            push(json!({ "short_description": "s", "caller_id": "me" })),
            push(json!({ "short_description": "s", "additional_fields": { "urgency": "1" } })),
        ] {
            assert!(read(params.clone()).is_err(), "{params}");
        }
    }
}
