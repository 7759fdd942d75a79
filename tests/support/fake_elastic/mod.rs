//! An Elasticsearch that does what a healthy node will not: items and requests that fail on demand, answers that are
//! lost. What a healthy one does is judged by a real node.

mod bulk;
mod search;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

pub use search::Searching;
use serde_json::{Value, json};
use tokio_rustls::rustls::ServerConfig;

use super::{
    chaos::{Faults, Whim},
    fake::{Fake, Fate, Reply, Request},
};

/// Levels of JSON at which the stack of a node overflows. It never answers then.
const STACK_LEVELS: usize = 1_000;
/// `http.max_content_length` of a node that nobody has configured.
const BODY_MAX: usize = 100 << 20;

/// `Elastic::plain()`
pub struct Elastic {
    pub server: Fake,
    node: Arc<Mutex<Node>>,
}

#[derive(Default)]
struct Node {
    authorization: Option<String>,
    /// Index to id to document.
    documents: BTreeMap<String, BTreeMap<String, Value>>,
    faults: Vec<Fault>,
    /// What `_bulk` requests meet.
    faults_of_writes: Faults,
    /// What a firewall in front refuses: requests that hold any of these texts.
    forbidden: Vec<String>,
    /// Path to body: index and component templates.
    templates: BTreeMap<String, Value>,
    auto_ids: usize,
    /// Field to type, where it is not that of the template.
    types: BTreeMap<String, String>,
    searching: Searching,
}

/// An answer for a document instead of its being kept.
struct Fault {
    id: String,
    times: usize,
    status: u16,
    error_type: String,
    /// `null` for none.
    reason: Value,
}

impl Elastic {
    pub fn plain() -> Self {
        Self::start(None)
    }

    pub fn start(tls: Option<ServerConfig>) -> Self {
        let node = Arc::new(Mutex::new(Node::default()));
        let state = node.clone();
        let server = Fake::start(tls, move |request| {
            let whim = state.lock().unwrap().whim(request);
            let reply = whim.answer(|| state.lock().unwrap().answer(request));
            // Clients of Elastic refuse a server that does not say this.
            reply.with_header("x-elastic-product", "Elasticsearch")
        });
        Self { server, node }
    }

    /// Answers 401 to requests without this: `ApiKey …` or `Basic …`.
    pub fn require(&self, authorization: &str) {
        self.node.lock().unwrap().authorization = Some(authorization.to_owned());
    }

    /// Answers so for the next documents with this id (`*`: any), as many times; `usize::MAX` is for ever.
    /// `fail("audit_log-1", 1, 429, "es_rejected_execution_exception")`
    pub fn fail(&self, id: &str, times: usize, status: u16, error_type: &str) {
        self.fail_saying(
            id,
            times,
            status,
            error_type,
            "fails on demand; a preview: 'somebody@example.com'".into(),
        );
    }

    /// The same, for this reason.
    pub fn fail_saying(&self, id: &str, times: usize, status: u16, error_type: &str, reason: Value) {
        let (id, error_type) = (id.to_owned(), error_type.to_owned());
        self.node.lock().unwrap().faults.push(Fault { id, times, status, error_type, reason });
    }

    /// A firewall in front answers `_bulk` requests that hold this text with a page of its own and 403.
    pub fn forbid(&self, text: &str) {
        self.node.lock().unwrap().forbidden.push(text.to_owned());
    }

    /// From now on `_bulk` requests that are larger, as sent, meet this; `None` lets all through.
    pub fn limit(&self, limit: Option<(usize, Whim)>) {
        self.node.lock().unwrap().faults_of_writes.limit = limit;
    }

    /// From now on writes meet what is drawn from this seed.
    pub fn unleash(&self, seed: u64) {
        self.node.lock().unwrap().faults_of_writes.unleash(seed);
    }

    /// Takes back every [`Elastic::fail`].
    pub fn heal(&self) {
        self.node.lock().unwrap().faults.clear();
    }

    /// The documents of an index by their ids.
    pub fn documents(&self, index: &str) -> BTreeMap<String, Value> {
        self.node.lock().unwrap().documents.get(index).cloned().unwrap_or_default()
    }

    /// Puts a document there, past `_bulk`.
    pub fn put(&self, index: &str, id: &str, document: Value) {
        let mut node = self.node.lock().unwrap();
        node.documents.entry(index.to_owned()).or_default().insert(id.to_owned(), document);
    }

    /// Removes a document.
    pub fn remove(&self, index: &str, id: &str) {
        self.node.lock().unwrap().documents.get_mut(index).unwrap().remove(id).unwrap();
    }

    /// Maps a field to another type than the template does: `text`, `unmapped`.
    pub fn map(&self, field: &str, kind: &str) {
        self.node.lock().unwrap().types.insert(field.to_owned(), kind.to_owned());
    }

    /// How searches go from now on.
    pub fn set_searching(&self, searching: Searching) {
        self.node.lock().unwrap().searching = searching;
    }

    /// A template by its path: `_index_template/openai`.
    pub fn template(&self, path: &str) -> Option<Value> {
        self.node.lock().unwrap().templates.get(path).cloned()
    }
}

impl Node {
    /// What becomes of a request, whatever it asks for.
    fn whim(&mut self, request: &Request) -> Whim {
        if !request.path.ends_with("_bulk") {
            return Whim::Well;
        }
        let content = request.content().unwrap_or_default();
        if self.forbidden.iter().any(|text| memchr::memmem::find(&content, text.as_bytes()).is_some()) {
            return Whim::Page(403);
        }
        self.faults_of_writes.draw(request.body.len())
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if self.authorization.is_some() && self.authorization.as_deref() != request.header("authorization") {
            return elastic_error(401, "security_exception", "unable to authenticate user");
        }
        if request.body.len() > BODY_MAX {
            return Reply::status(413);
        }
        if request.content().is_ok_and(|content| levels(&content) > STACK_LEVELS) {
            return Reply::status(200).with_fate(Fate::Lost);
        }
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        let kind = |kind: &str| matches!(kind, "_index_template" | "_component_template");
        match (request.method.as_str(), &path[..]) {
            ("GET" | "HEAD", []) => Reply::json(200, &greeting()),
            ("POST" | "PUT", ["_bulk"]) => self.bulk(None, request),
            ("POST" | "PUT", [index, "_bulk"]) => self.bulk(Some(index), request),
            ("POST", [index, "_refresh"]) => self.refresh(index),
            ("GET", [index, "_field_caps"]) => self.field_caps(index, request),
            ("POST", [index, "_search"]) => self.search(index, request),
            ("PUT" | "POST", [of, _]) if kind(of) => self.put_template(&segments.join("/"), request),
            ("GET" | "HEAD", [of, name]) if kind(of) => self.get_template(of, name),
            ("POST", ["_security", "user", "_has_privileges"]) => {
                let held =
                    json!({ "username": "ccfd", "has_all_requested": true, "cluster": {}, "index": {} });
                Reply::json(200, &held)
            }
            (method, _) => {
                let reason = format!("no handler found for uri [{}] and method [{method}]", request.path);
                Reply::json(400, &json!({ "error": reason }))
            }
        }
    }

    fn put_template(&mut self, path: &str, request: &Request) -> Reply {
        let content = request.content().ok();
        match content.and_then(|content| serde_json::from_slice(&content).ok()) {
            Some(template @ Value::Object(_)) => {
                self.templates.insert(path.to_owned(), template);
                Reply::json(200, &json!({ "acknowledged": true }))
            }
            Some(_) | None => elastic_error(400, "parse_exception", "request body is required"),
        }
    }

    fn get_template(&self, kind: &str, name: &str) -> Reply {
        let key = kind.trim_start_matches('_');
        match self.templates.get(&format!("{kind}/{name}")) {
            Some(template) => {
                let found = json!({ "name": name, key: template });
                Reply::json(200, &json!({ format!("{key}s"): [found] }))
            }
            None => elastic_error(404, "resource_not_found_exception", "template not found"),
        }
    }
}

/// A refusal of a whole request, for scripts: `elastic_error(403, "security_exception", "…")`.
pub fn elastic_error(status: u16, error_type: &str, reason: &str) -> Reply {
    let error = json!({ "type": error_type, "reason": reason });
    let root = json!({ "root_cause": [error.clone()], "type": error_type, "reason": reason });
    Reply::json(status, &json!({ "error": root, "status": status }))
}

/// How deep brackets stand within each other anywhere in it, outside of texts.
fn levels(json: &[u8]) -> usize {
    let (mut level, mut deepest, mut inside, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            b'"' if !escaped => inside = !inside,
            b'{' | b'[' if !inside => level += 1,
            b'}' | b']' if !inside => level = level.saturating_sub(1),
            _ => {}
        }
        escaped = inside && *byte == b'\\' && !escaped;
        deepest = deepest.max(level);
    }
    deepest
}

fn greeting() -> Value {
    json!({
        "name": "fake", "cluster_name": "fake", "cluster_uuid": "AAAAAAAAAAAAAAAAAAAAAA",
        "version": { "number": "9.1.0", "build_flavor": "default", "lucene_version": "10.2.2" },
        "tagline": "You Know, for Search",
    })
}
