//! Kibana's connectors, as far as the index connector and its clients need them, with spaces. What is executed is kept,
//! by rules that stand for Elasticsearch behind it.

mod connectors;
mod execute;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use http::StatusCode;
use serde_json::{Value, json};
use tokio_rustls::rustls::ServerConfig;

use self::{connectors::Connector, execute::Index};
use super::{
    chaos::{Faults, Whim},
    fake::{Fake, Reply, Request},
};

/// `server.maxPayload` of a Kibana that nobody has configured.
const BODY_MAX: usize = 1_048_576;
pub const AUTHORIZATION: &str = "ApiKey verysecretkibanakey";

/// `Kibana::plain()`; it requires [`AUTHORIZATION`] unless changed.
pub struct Kibana {
    pub server: Fake,
    state: Arc<Mutex<State>>,
}

struct State {
    authorization: String,
    /// Space to id to connector.
    spaces: BTreeMap<String, BTreeMap<String, Connector>>,
    disabled_types: BTreeSet<String>,
    indices: BTreeMap<String, Index>,
    /// A document's `Id` and what Elasticsearch says about it: the reason, and the cause of that.
    refused: BTreeMap<String, (String, Option<String>)>,
    connectors_made: usize,
    /// What runs meet.
    faults_of_writes: Faults,
    /// What a firewall in front refuses: requests that hold any of these texts.
    forbidden: Vec<String>,
    /// `server.maxPayload`.
    body_max: usize,
}

impl Kibana {
    pub fn plain() -> Self {
        Self::start(None)
    }

    pub fn start(tls: Option<ServerConfig>) -> Self {
        let state = Arc::new(Mutex::new(State {
            authorization: AUTHORIZATION.to_owned(),
            spaces: BTreeMap::from([("default".to_owned(), BTreeMap::new())]),
            disabled_types: BTreeSet::new(),
            indices: BTreeMap::new(),
            refused: BTreeMap::new(),
            connectors_made: 0,
            faults_of_writes: Faults::default(),
            forbidden: Vec::new(),
            body_max: BODY_MAX,
        }));
        let answering = state.clone();
        let server = Fake::start(tls, move |request| {
            let whim = answering.lock().unwrap().whim(request);
            whim.answer(|| answering.lock().unwrap().answer(request))
        });
        Self { server, state }
    }

    /// Answers 401 to requests without this: `ApiKey …` or `Basic …`.
    pub fn require(&self, authorization: &str) {
        self.state.lock().unwrap().authorization = authorization.to_owned();
    }

    pub fn add_space(&self, space: &str) {
        self.state.lock().unwrap().spaces.insert(space.to_owned(), BTreeMap::new());
    }

    /// Switches a connector type off: `.index`.
    pub fn disable_type(&self, connector_type: &str) {
        self.state.lock().unwrap().disabled_types.insert(connector_type.to_owned());
    }

    /// The connectors of a space, as the list shows them.
    pub fn connectors(&self, space: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        state.spaces.get(space).into_iter().flatten().map(|(id, connector)| connector.json(id)).collect()
    }

    /// Deletes a connector, as somebody in the user interface would.
    pub fn delete_connector(&self, space: &str, id: &str) {
        self.state.lock().unwrap().spaces.get_mut(space).unwrap().remove(id).unwrap();
    }

    /// The documents of an index in the order of their arrival.
    pub fn documents(&self, index: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        state.indices.get(index).map(Index::documents).unwrap_or_default()
    }

    /// Sets `server.maxPayload`.
    pub fn take_bytes(&self, body_max: usize) {
        self.state.lock().unwrap().body_max = body_max;
    }

    /// A firewall in front answers runs that hold this text with a page of its own and 403.
    pub fn forbid(&self, text: &str) {
        self.state.lock().unwrap().forbidden.push(text.to_owned());
    }

    /// From now on runs whose request is larger meet this; `None` lets all through.
    pub fn limit(&self, limit: Option<(usize, Whim)>) {
        self.state.lock().unwrap().faults_of_writes.limit = limit;
    }

    /// From now on runs meet what is drawn from this seed.
    pub fn unleash(&self, seed: u64) {
        self.state.lock().unwrap().faults_of_writes.unleash(seed);
    }

    /// Gives an index a `default_pipeline` that sets `_id` from this field. As with the real one, a document that is
    /// there already fails its run.
    pub fn set_ids_from(&self, index: &str, field: &str) {
        self.state.lock().unwrap().indices.entry(index.to_owned()).or_default().id_field =
            Some(field.to_owned());
    }

    /// Refuses the documents whose `Id` this is: the reason, and the cause of the reason.
    pub fn refuse(&self, id: &str, reason: &str, caused_by: Option<&str>) {
        let said = (reason.to_owned(), caused_by.map(str::to_owned));
        self.state.lock().unwrap().refused.insert(id.to_owned(), said);
    }

    /// Lets an index go by another name in answers, as the one behind a data stream does once it has rolled over.
    pub fn roll_over(&self, index: &str, shown: &str) {
        self.state.lock().unwrap().indices.entry(index.to_owned()).or_default().shown =
            Some(shown.to_owned());
    }

    /// Refuses every document of an index for this reason (`closed`), or none any more.
    pub fn set_index_fault(&self, index: &str, reason: Option<&str>) {
        self.state.lock().unwrap().indices.entry(index.to_owned()).or_default().fault =
            reason.map(str::to_owned);
    }
}

impl State {
    /// What becomes of a request, whatever it asks for.
    fn whim(&mut self, request: &Request) -> Whim {
        if !request.path.ends_with("_execute") {
            return Whim::Well;
        }
        let content = request.content().unwrap_or_default();
        if self.forbidden.iter().any(|text| memchr::memmem::find(&content, text.as_bytes()).is_some()) {
            return Whim::Page(403);
        }
        self.faults_of_writes.draw(request.body.len())
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if request.header("authorization") != Some(&*self.authorization) {
            return boom(401, "[security_exception]: unable to authenticate user for REST request");
        }
        let reads = matches!(request.method.as_str(), "GET" | "HEAD");
        if !reads && request.header("kbn-xsrf").is_none() {
            return boom(400, "Request must contain a kbn-xsrf header.");
        }
        if request.body.len() > self.body_max {
            let message = format!("Payload content length greater than maximum allowed: {}", self.body_max);
            return boom(413, &message);
        }
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        let (space, path) = match &path[..] {
            ["s", space, path @ ..] => (*space, path),
            path => ("default", path),
        };
        // What a real one says to a space that is not there is not known.
        if !self.spaces.contains_key(space) {
            return boom(404, &format!("Saved object [space/{space}] not found"));
        }
        match path {
            ["api", "spaces", "space", rest @ ..] => self.space(rest, request),
            ["api", "actions", rest @ ..] => self.actions(space, rest, request),
            _ => boom(404, "Not Found"),
        }
    }

    fn space(&mut self, path: &[&str], request: &Request) -> Reply {
        let shown = |space: &str| json!({ "id": space, "name": space, "disabledFeatures": [] });
        match (request.method.as_str(), path) {
            ("GET", []) => {
                let spaces: Vec<_> = self.spaces.keys().map(|space| shown(space)).collect();
                Reply::json(200, &Value::from(spaces))
            }
            ("POST", []) => {
                match body(request).ok().and_then(|body| body["id"].as_str().map(str::to_owned)) {
                    Some(space) if self.spaces.contains_key(&space) => {
                        boom(409, "A space with that id already exists.")
                    }
                    Some(space) => {
                        let reply = Reply::json(200, &shown(&space));
                        self.spaces.insert(space, BTreeMap::new());
                        reply
                    }
                    None => {
                        boom(400, "[request body.id]: expected value of type [string] but got [undefined]")
                    }
                }
            }
            ("GET", [space]) if self.spaces.contains_key(*space) => Reply::json(200, &shown(space)),
            ("DELETE", [space]) if self.spaces.remove(*space).is_some() => Reply::status(204),
            _ => boom(404, "Not Found"),
        }
    }
}

/// An answer in Kibana's error envelope, for scripts: `boom(403, "Unauthorized to execute actions")`.
pub fn boom(status: u16, message: &str) -> Reply {
    let reason = match status {
        413 => "Request Entity Too Large",
        _ => StatusCode::from_u16(status).unwrap().canonical_reason().unwrap_or_default(),
    };
    Reply::json(status, &json!({ "statusCode": status, "error": reason, "message": message }))
}

/// A run whose executor threw, for scripts: 200 all the same.
pub fn thrown(connector: &str, service_message: &str) -> Reply {
    Reply::json(
        200,
        &json!({
            "status": "error", "connector_id": connector, "message": "an error occurred while running the action",
            "service_message": service_message, "retry": true, "errorSource": "framework",
        }),
    )
}

/// The body of a request, which must be a JSON object.
fn body(request: &Request) -> Result<Value, Reply> {
    let refused = || boom(400, "Invalid request payload JSON format");
    let content = request.content().map_err(|_| refused())?;
    match serde_json::from_slice(&content).map(as_javascript).map_err(|_| refused())? {
        body @ Value::Object(_) => Ok(body),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(refused())
        }
    }
}

/// Kibana's numbers are JavaScript's, doubles one and all: a whole number beyond 2^53 becomes one of its neighbours.
fn as_javascript(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let double = number.as_f64().unwrap_or_default();
            // JavaScript writes these without a fraction.
            if double.fract() == 0.0 && double.abs() < 9e18 { json!(double as i64) } else { json!(double) }
        }
        Value::Array(values) => values.into_iter().map(as_javascript).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, as_javascript(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}
