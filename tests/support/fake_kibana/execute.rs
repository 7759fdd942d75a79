//! Runs of the index connector.

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{State, body, connectors::Connector};
use crate::support::fake::{Reply, Request};

const HISTORY: &str = "kibana-alert-history-";

#[derive(Default)]
pub struct Index {
    /// Each with its id.
    kept: Vec<(String, Value)>,
    pub id_field: Option<String>,
    pub fault: Option<String>,
    /// What answers call it, if that is another name.
    pub shown: Option<String>,
}

impl Index {
    pub fn documents(&self) -> Vec<Value> {
        self.kept.iter().map(|(_, document)| document.clone()).collect()
    }
}

impl State {
    /// 200 whatever becomes of the run, once there is a connector to run.
    pub fn execute(&mut self, space: &str, id: &str, request: &Request) -> Result<Reply, Reply> {
        let connector = self.found(space, id)?.clone();
        self.enabled(&connector.connector_type)?;
        let params = body(request)?["params"].take();
        let outcome = match connector.connector_type.as_str() {
            ".index" => self.index(id, &connector, &params),
            _ => json!({ "status": "ok", "connector_id": id }),
        };
        Ok(Reply::json(200, &outcome))
    }

    fn index(&mut self, id: &str, connector: &Connector, params: &Value) -> Value {
        let (documents, index) = match target(params, connector) {
            Ok(target) => target,
            Err(reason) => return invalid(id, &reason),
        };
        let field = connector.config["executionTimeField"].as_str().map(str::trim).unwrap_or_default();
        let items: Vec<_> = documents
            .iter()
            .map(|document| {
                let mut document = document.clone();
                if !field.is_empty() {
                    document[field] = json!(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
                }
                self.item(&index, document)
            })
            .collect();
        let errors: Vec<_> = items.iter().filter_map(|item| item["create"].get("error")).collect();
        if errors.is_empty() {
            let data = json!({ "took": 1, "errors": false, "items": items });
            return json!({ "status": "ok", "connector_id": id, "data": data });
        }
        // No word about which document: the sender only learns that some of them stayed out.
        let reasons = |of: fn(&Value) -> &Value| {
            let texts: Vec<_> = errors.iter().filter_map(|error| of(error)["reason"].as_str()).collect();
            texts.join(";")
        };
        let (mut message, causes) = (reasons(|error| error), reasons(|error| &error["caused_by"]));
        if !causes.is_empty() {
            message = format!("{message} ({causes})");
        }
        json!({
            "status": "error", "connector_id": id, "message": "error indexing documents",
            "service_message": message, "errorSource": "user",
        })
    }

    fn item(&mut self, name: &str, document: Value) -> Value {
        let index = self.indices.entry(name.to_owned()).or_default();
        let own_id = index.id_field.as_ref().and_then(|field| document[field].as_str());
        let id = own_id.map_or_else(|| format!("auto-{}", index.kept.len()), str::to_owned);
        let failed = |status: u16, error: Value| json!({ "create": { "_index": name, "_id": id, "status": status, "error": error } });
        if let Some(reason) = &index.fault {
            return failed(400, json!({ "type": "index_fault", "reason": reason }));
        }
        if let Some((reason, cause)) = document["Id"].as_str().and_then(|id| self.refused.get(id)) {
            let mut error = json!({ "type": "document_parsing_exception", "reason": reason });
            if let Some(cause) = cause {
                error["caused_by"] = json!({ "type": "illegal_argument_exception", "reason": cause });
            }
            return failed(400, error);
        }
        if index.kept.iter().any(|(known, _)| *known == id) {
            let reason = format!("[{id}]: version conflict, document already exists (current version [1])");
            return failed(409, json!({ "type": "version_conflict_engine_exception", "reason": reason }));
        }
        let shown = index.shown.as_deref().unwrap_or(name);
        let created = json!({ "create": { "_index": shown, "_id": id, "status": 201, "result": "created" } });
        index.kept.push((id, document));
        created
    }
}

/// What is to be written, and where to.
fn target<'p>(params: &'p Value, connector: &Connector) -> Result<(&'p [Value], String), String> {
    let documents = params["documents"].as_array().filter(|documents| documents.iter().all(Value::is_object));
    let documents = documents.ok_or("[documents]: expected value of type [array]")?;
    let keys = params.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    if let Some(key) = keys.into_iter().find(|key| !["documents", "indexOverride"].contains(key)) {
        return Err(format!("[{key}]: definition for this key is missing"));
    }
    let index = match params["indexOverride"].as_str() {
        None => connector.config["index"].as_str().unwrap_or_default(),
        Some(index) if index.starts_with(HISTORY) => index,
        Some(_) => return Err(format!("[indexOverride]: index must start with \"{HISTORY}\"")),
    };
    Ok((documents, index.to_owned()))
}

fn invalid(id: &str, reason: &str) -> Value {
    json!({
        "status": "error", "connector_id": id, "message": format!("error validating action params: {reason}"),
        "retry": false, "errorSource": "user",
    })
}
