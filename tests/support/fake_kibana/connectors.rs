//! Connectors: made, shown, changed, deleted.

use serde_json::{Map, Value, json};

use super::{State, body, boom};
use crate::support::fake::{Reply, Request};

const ID_MAX: usize = 36;

/// Type, name, minimum licence, features. One is not for alerting, so that a filter has something to leave out.
const TYPES: [(&str, &str, &str, &[&str]); 3] = [
    (".index", "Index", "basic", &["alerting", "uptime", "siem"]),
    (".server-log", "Server log", "basic", &["alerting", "uptime"]),
    (".gen-ai", "OpenAI", "enterprise", &["generativeAIForSecurity"]),
];

#[derive(Clone)]
pub struct Connector {
    pub name: String,
    pub connector_type: String,
    pub config: Value,
}

impl Connector {
    pub fn json(&self, id: &str) -> Value {
        json!({
            "id": id, "name": self.name, "connector_type_id": self.connector_type, "config": self.config,
            "is_preconfigured": false, "is_deprecated": false, "is_missing_secrets": false,
            "is_system_action": false, "is_connector_type_deprecated": false,
        })
    }
}

impl State {
    pub fn actions(&mut self, space: &str, path: &[&str], request: &Request) -> Reply {
        let done = match (request.method.as_str(), path) {
            ("GET", ["connector_types"]) => Ok(self.types(request.query_field("feature_id").as_deref())),
            ("GET", ["connectors"]) => Ok(self.list(space)),
            ("POST", ["connector"]) => self.create(space, None, request),
            ("POST", ["connector", id]) => self.create(space, Some(id), request),
            ("GET", ["connector", id]) => {
                self.found(space, id).map(|found| Reply::json(200, &found.json(id)))
            }
            ("PUT", ["connector", id]) => self.update(space, id, request),
            ("DELETE", ["connector", id]) => self.found(space, id).cloned().map(|_| {
                self.spaces.entry(space.to_owned()).or_default().remove(*id);
                Reply::status(204)
            }),
            ("POST", ["connector", id, "_execute"]) => self.execute(space, id, request),
            _ => Err(boom(404, "Not Found")),
        };
        done.unwrap_or_else(|refusal| refusal)
    }

    pub fn found(&self, space: &str, id: &str) -> Result<&Connector, Reply> {
        let found = self.spaces.get(space).and_then(|connectors| connectors.get(id));
        found.ok_or_else(|| boom(404, &format!("Saved object [action/{id}] not found")))
    }

    fn types(&self, feature: Option<&str>) -> Reply {
        let types = TYPES
            .iter()
            .filter(|(_, _, _, features)| feature.is_none_or(|feature| features.contains(&feature)));
        let shown = types.map(|(id, name, licence, features)| {
            let enabled = !self.disabled_types.contains(*id);
            json!({
                "id": id, "name": name, "enabled": enabled, "enabled_in_config": enabled,
                "enabled_in_license": true, "minimum_license_required": licence,
                "supported_feature_ids": features, "is_system_action_type": false, "is_deprecated": false,
                "source": "stack",
            })
        });
        Reply::json(200, &Value::from(shown.collect::<Vec<_>>()))
    }

    fn list(&self, space: &str) -> Reply {
        let connectors = self.spaces.get(space).into_iter().flatten().map(|(id, connector)| {
            let mut shown = connector.json(id);
            shown["referenced_by_count"] = json!(0);
            shown
        });
        Reply::json(200, &Value::from(connectors.collect::<Vec<_>>()))
    }

    fn create(&mut self, space: &str, id: Option<&str>, request: &Request) -> Result<Reply, Reply> {
        let body = body(request)?;
        let connector_type = required(&body, "connector_type_id")?;
        let (name, config) = (required(&body, "name")?, config(&body, &connector_type)?);
        self.enabled(&connector_type)?;
        self.connectors_made += 1;
        let id = match id {
            Some(id) if id.len() > ID_MAX => return Err(boom(400, "[request params.id]: too long")),
            Some(id) => id.to_owned(),
            None => format!("00000000-0000-4000-8000-{:012}", self.connectors_made),
        };
        let connectors = self.spaces.entry(space.to_owned()).or_default();
        if connectors.contains_key(&id) {
            return Err(boom(409, &format!("Saved object [action/{id}] conflict")));
        }
        let connector = Connector { name, connector_type, config };
        let reply = Reply::json(200, &connector.json(&id));
        connectors.insert(id, connector);
        Ok(reply)
    }

    /// Replaces it whole, but for the type.
    fn update(&mut self, space: &str, id: &str, request: &Request) -> Result<Reply, Reply> {
        let connector_type = self.found(space, id)?.connector_type.clone();
        let body = body(request)?;
        let (name, config) = (required(&body, "name")?, config(&body, &connector_type)?);
        let connector = Connector { name, connector_type, config };
        let reply = Reply::json(200, &connector.json(id));
        self.spaces.entry(space.to_owned()).or_default().insert(id.to_owned(), connector);
        Ok(reply)
    }

    pub fn enabled(&self, connector_type: &str) -> Result<(), Reply> {
        if !self.disabled_types.contains(connector_type) {
            return Ok(());
        }
        let setting = "xpack.actions.enabledActionTypes";
        Err(boom(
            403,
            &format!("action type \"{connector_type}\" is not enabled in the Kibana config {setting}"),
        ))
    }
}

/// A text of the body that may not be blank.
fn required(body: &Value, name: &str) -> Result<String, Reply> {
    match body[name].as_str() {
        Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
        Some(_) => Err(boom(400, &format!("[request body.{name}]: value '' is not valid"))),
        None => Err(boom(
            400,
            &format!("[request body.{name}]: expected value of type [string] but got [undefined]"),
        )),
    }
}

/// The configuration of a type, checked and with its defaults.
fn config(body: &Value, connector_type: &str) -> Result<Value, Reply> {
    let none = Map::new();
    let given = body["config"].as_object().unwrap_or(&none);
    if !TYPES.iter().any(|(id, ..)| *id == connector_type) {
        return Err(boom(400, &format!("Action type \"{connector_type}\" is not registered.")));
    }
    if connector_type != ".index" {
        return Ok(Value::Object(given.clone()));
    }
    let invalid = |reason: &str| Err(boom(400, &format!("error validating connector type config: {reason}")));
    if !body["secrets"].as_object().unwrap_or(&none).is_empty() {
        return Err(boom(400, "error validating connector type secrets: unexpected keys"));
    }
    if let Some(key) =
        given.keys().find(|key| !["index", "refresh", "executionTimeField"].contains(&key.as_str()))
    {
        return invalid(&format!("[{key}]: definition for this key is missing"));
    }
    let Some(index) = given.get("index").and_then(Value::as_str).filter(|index| !index.trim().is_empty())
    else {
        return invalid("[index]: expected value of type [string] but got [undefined]");
    };
    let refresh = given.get("refresh").cloned().unwrap_or(Value::Bool(false));
    let field = given.get("executionTimeField").cloned().unwrap_or(Value::Null);
    if !refresh.is_boolean() || !(field.is_null() || field.is_string()) {
        return invalid("[refresh] or [executionTimeField]: of another type");
    }
    Ok(json!({ "index": index, "refresh": refresh, "executionTimeField": field }))
}
