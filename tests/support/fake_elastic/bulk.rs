//! `_bulk`: pairs of lines in, one item each out.

use serde_json::{Map, Value, json};

use super::{Node, elastic_error};
use crate::support::fake::{Reply, Request};

const ID_MAX: usize = 512;

/// An action line and its document.
struct Action {
    /// Whether a document of this id may not be there yet.
    create: bool,
    index: String,
    id: Option<String>,
    document: Result<Value, serde_json::Error>,
}

impl Node {
    pub fn bulk(&mut self, index: Option<&str>, request: &Request) -> Reply {
        let content = match request.content() {
            Ok(content) => content,
            Err(reason) => return elastic_error(400, "illegal_argument_exception", &reason),
        };
        let actions = match read(&content, index) {
            Ok(actions) => actions,
            Err((error_type, reason)) => return elastic_error(400, error_type, &reason),
        };
        let items: Vec<_> = actions.into_iter().map(|action| self.item(action)).collect();
        let errors = items
            .iter()
            .any(|item| item.as_object().unwrap().values().any(|item| item.get("error").is_some()));
        let answer = json!({ "took": 1, "errors": errors, "items": items });
        Reply::json(200, &filtered(answer, request.query_field("filter_path").as_deref()))
    }

    fn item(&mut self, action: Action) -> Value {
        let Action { create, index, id, document } = action;
        let verb = if create { "create" } else { "index" };
        self.auto_ids += 1;
        let id = id.unwrap_or_else(|| format!("auto-{}", self.auto_ids));
        let failed = |status: u16, error_type: &str, reason: &str| {
            let error = json!({ "type": error_type, "reason": reason, "index": index });
            json!({ verb: { "_index": index, "_id": id, "status": status, "error": error } })
        };
        let fault = self.faults.iter_mut().find(|fault| fault.times > 0 && ["*", &id].contains(&&*fault.id));
        if let Some(fault) = fault {
            fault.times -= 1;
            let error = json!({ "type": fault.error_type, "reason": fault.reason, "index": index });
            return json!({ verb: { "_index": index, "_id": id, "status": fault.status, "error": error } });
        }
        let document = match document {
            Ok(document @ Value::Object(_)) => document,
            Ok(_) => return failed(400, "document_parsing_exception", "not an object"),
            Err(error) => return failed(400, "document_parsing_exception", &error.to_string()),
        };
        let documents = self.documents.entry(index.clone()).or_default();
        let known = documents.contains_key(&id);
        if known && create {
            let reason = format!("[{id}]: version conflict, document already exists (current version [1])");
            return failed(409, "version_conflict_engine_exception", &reason);
        }
        documents.insert(id.clone(), document);
        let (status, result) = if known { (200, "updated") } else { (201, "created") };
        json!({ verb: { "_index": index, "_id": id, "status": status, "result": result } })
    }
}

/// The actions, or why the whole request is refused.
fn read(content: &[u8], index: Option<&str>) -> Result<Vec<Action>, (&'static str, String)> {
    let Some(content) = content.strip_suffix(b"\n") else {
        return Err(match content {
            [] => ("parse_exception", "request body is required".to_owned()),
            _ => {
                let reason = "The bulk request must be terminated by a newline [\\n]";
                ("illegal_argument_exception", reason.to_owned())
            }
        });
    };
    let mut lines = content.split(|byte| *byte == b'\n');
    let mut actions = Vec::new();
    while let Some(line) = lines.next() {
        let number = 2 * actions.len() + 1;
        let malformed =
            || ("illegal_argument_exception", format!("Malformed action/metadata line [{number}]"));
        let action: Map<String, Value> = serde_json::from_slice(line).map_err(|_| malformed())?;
        let (create, meta) = match action.iter().next() {
            Some((verb, meta)) if verb == "create" => (true, meta),
            Some((verb, meta)) if verb == "index" => (meta["op_type"] == "create", meta),
            Some(_) | None => return Err(malformed()),
        };
        let text = |name: &str| meta[name].as_str().map(str::to_owned);
        let invalid = |reason: &str| {
            ("action_request_validation_exception", format!("Validation Failed: 1: {reason};"))
        };
        let id = text("_id");
        if id.as_ref().is_some_and(|id| id.len() > ID_MAX) {
            return Err(invalid("id is too long, must be no longer than 512 bytes"));
        }
        let index = text("_index").or_else(|| index.map(str::to_owned));
        let index = index.ok_or_else(|| invalid("index is missing"))?;
        let document = serde_json::from_slice(lines.next().ok_or_else(malformed)?);
        actions.push(Action { create, index, id, document });
    }
    Ok(actions)
}

/// What `filter_path` leaves: a list of dotted paths, in which `*` is any name. Arrays are no level of their own.
fn filtered(answer: Value, filter: Option<&str>) -> Value {
    let Some(filter) = filter else { return answer };
    let paths: Vec<Vec<_>> = filter.split(',').map(|path| path.split('.').collect()).collect();
    let paths: Vec<_> = paths.iter().map(Vec::as_slice).collect();
    keep(&answer, &paths).unwrap_or_else(|| json!({}))
}

fn keep(value: &Value, paths: &[&[&str]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(name, value)| {
                let below: Vec<_> = paths
                    .iter()
                    .filter_map(|path| path.split_first())
                    .filter_map(|(first, rest)| ["*", name.as_str()].contains(first).then_some(rest))
                    .collect();
                Some((name.clone(), keep(value, &below)?))
            });
            let kept: Map<_, _> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(values) => {
            let kept: Vec<_> = values.iter().filter_map(|value| keep(value, paths)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
