//! Requests to a running daemon: over HTTP by anyone allowed, and by the commands of its own user.

mod access;
mod backfill;
mod collectors;
mod listening;
mod metrics;
mod reload;
mod state;
mod tail;

use reqwest::Method;
use serde_json::Value;

use crate::support::{
    http::send,
    process::{Place, Running, wait_until},
};

/// A daemon in its place, once its admin interface answers.
pub struct Daemon {
    pub running: Running,
    pub url: String,
    pub token: String,
}

impl Daemon {
    pub fn start(place: &Place) -> Self {
        let running = place.start(&["run"]);
        let mut access = Value::Null;
        wait_until("admin.json", || {
            access = json(place, "state/admin.json");
            access["pid"] == u64::from(running.id())
        });
        let text = |key: &str| access[key].as_str().unwrap_or_default().to_owned();
        Self { running, url: format!("http://{}", text("listen")), token: text("token") }
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        send(Method::GET, &format!("{}{path}", self.url), &[], Vec::new())
    }

    /// What the daemon shows of a route.
    pub fn route(&self, name: &str) -> Value {
        let routes = self.get("/api/v1/status").1["routes"].take();
        let routes = routes.as_array().cloned().unwrap_or_default();
        routes.into_iter().find(|route| route["route"] == name).unwrap_or_default()
    }

    pub fn wait_for_state(&self, route: &str, state: &str) {
        wait_until(&format!("{route} to be {state}"), || self.route(route)["state"] == state);
    }
}

/// A file of a place as JSON; null while it is not there.
pub fn json(place: &Place, name: &str) -> Value {
    let text = std::fs::read(place.path(name)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}
