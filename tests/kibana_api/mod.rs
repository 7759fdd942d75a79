//! Kibana's HTTP API of the connectors: who may do what, what is refused and how, and what a public client makes of it.

mod access;
mod cases;
mod client;
mod keys;
mod limits;
mod moved;
mod push;
mod pushes;
mod refusals;
mod sent;
mod spaces;
mod stopped;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin::Daemon,
    support::{http::send, process::Place},
};

/// An API that does not exist: nothing here needs records.
pub const NOBODY: &str = "http://127.0.0.1:9/v1";

/// A daemon without a sink that judges, and its API.
pub struct Api {
    pub daemon: Daemon,
    pub place: Place,
}

impl Api {
    pub fn start() -> Self {
        Self::at(Place::new(NOBODY))
    }

    pub fn at(place: Place) -> Self {
        Self { daemon: Daemon::start(&place), place }
    }

    /// A key from the command line.
    pub fn key(&self, name: &str, arguments: &[&str]) -> String {
        let arguments = [&["api-keys", "create", name], arguments].concat();
        self.place.run_to(0, &arguments).stdout.trim_end().to_owned()
    }

    /// Sends a request as somebody, with the headers that a client of Kibana sends.
    pub fn send(&self, who: &Who<'_>, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let authorization = match who {
            Who::Operator => format!("Bearer {}", self.daemon.token),
            Who::Key(key) => format!("ApiKey {key}"),
        };
        let mut headers = vec![("authorization", authorization.as_str())];
        if method != Method::GET {
            headers.push(("kbn-xsrf", "true"));
        }
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        send(method, &format!("{}{path}", self.daemon.url), &headers, body.into_bytes())
    }

    /// Sends a request as the operator.
    pub fn operate(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.send(&Who::Operator, method, path, body)
    }

    pub fn create_space(&self, id: &str) {
        let (status, answer) =
            self.operate(Method::POST, "/api/spaces/space", Some(&json!({ "id": id, "name": id })));
        assert_eq!(status, 200, "{answer}");
    }
}

/// Who sends a request.
pub enum Who<'a> {
    /// Somebody with the token of the admin interface.
    Operator,
    /// Somebody with an API key.
    Key(&'a str),
}

/// The envelope of an error.
pub fn envelope(status: u16, error: &str, message: &str) -> (u16, Value) {
    (status, json!({ "statusCode": status, "error": error, "message": message }))
}
