//! Each habit does what it says.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chat;
mod cursors;
mod faults;
mod records;
mod requests;
mod socket;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;
use collectors::Clock;
use serde_json::Value;

use super::*;

const NOW: i64 = 1_770_000_000;
const ADMIN: &str = "sk-admin-test";
const PROJECT: &str = "sk-proj-test";
const AUDIT: &str = "/v1/organization/audit_logs";
const CHAT: &str = "/v1/chat/completions";

/// A clock that a test moves.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW)))
    }

    fn clock(&self) -> Clock {
        let time = self.0.clone();
        Clock::from_fn(move || time.load(Ordering::SeqCst))
    }

    fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

fn options(habits: &str) -> SimulatorOptions {
    SimulatorOptions { habits: habits.parse().unwrap(), ..SimulatorOptions::default() }
}

fn simulator(options: SimulatorOptions) -> Simulator {
    Simulator::new(options, Hand::new().clock()).unwrap()
}

fn get(simulator: &Simulator, target: &str) -> Reply {
    let key = if target.starts_with(AUDIT) { ADMIN } else { PROJECT };
    simulator.answer(&Request::get(target, key))
}

fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn page(simulator: &Simulator, target: &str) -> Value {
    let reply = get(simulator, target);
    assert_eq!(reply.status, 200, "{target}");
    json(&reply)
}

fn ids(page: &Value) -> Vec<String> {
    let records = page["data"].as_array().unwrap();
    records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

fn seconds(page: &Value, field: &str) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|record| record[field].as_i64().unwrap()).collect()
}

fn issued(simulator: &Simulator, list: SimulatedList) -> BTreeSet<String> {
    simulator.issued(list).into_iter().map(|(id, _)| id).collect()
}

/// What a client gets that relies on `last_id`.
fn walk_by_last_id(simulator: &Simulator, target: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = target.to_owned();
    loop {
        let page = page(simulator, &next);
        found.extend(ids(&page));
        if page["has_more"] == false {
            return found;
        }
        next = format!("{target}&after={}", page["last_id"].as_str().unwrap());
    }
}
