//! `ccfd verify`: damage of a sink is found and classed, nothing else is reported, and what is missing comes back.
//!
//! `CCFD_VERIFY_SEEDS=200` asks for more than the 20 runs of every test; `CCFD_SEED=17` runs only one.

mod azure;
mod daemon;
mod damage;
mod doubts;
mod elastic;
mod kibana;
mod reasons;
mod remote_damage;
mod repair;
mod reports;
mod runs;

use std::collections::{BTreeMap, BTreeSet};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use serde_json::Value;

use crate::support::process_kill::{EMBEDDED, LISTS, Site, hurried};

/// What `verify` said: its exit code and its report.
pub struct Verified {
    pub code: Option<i32>,
    pub report: Value,
    pub log: String,
}

impl Verified {
    pub fn verdict(&self) -> &str {
        self.report["verdict"].as_str().unwrap_or_default()
    }

    /// The ids of each class.
    pub fn classes(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut classes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in self.report["differences"].as_array().unwrap() {
            let text = |field: &str| one[field].as_str().unwrap().to_owned();
            assert!(classes.entry(text("class")).or_default().insert(text("id")), "twice: {one}");
        }
        classes
    }
}

/// Both lists into both embedded sinks, without waiting for the key's rate.
pub fn site(options: SimulatorOptions) -> Site {
    let (names, sinks) = EMBEDDED;
    Site::configured(options, |url| {
        hurried(url, names, sinks).replace("rate_limit_qps = 25", "rate_limit_qps = 100000")
    })
}

/// Everything up to an hour ago.
pub const WINDOW: [&str; 4] = ["--from", "beginning", "--to", "1h"];

pub fn verify(site: &Site, collector: &str, sink: &str, more: &[&str]) -> Verified {
    let words = ["verify", collector, "--sink", sink, "--json"];
    let ended = site.command(&[&words[..], &WINDOW, more].concat()).output().unwrap();
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    let report = serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("no report: {log}"));
    Verified { code: ended.status.code(), report, log }
}

pub fn collect(site: &Site) {
    let ended = site.start(&["run", "--once"]).wait();
    assert!(ended.status.success(), "{}", ended.log);
}

/// The collector of a list, and its table.
pub fn names_of(list: SimulatedList) -> (&'static str, &'static str) {
    let collector = match list {
        SimulatedList::AuditLogs => "audit",
        SimulatedList::Completions => "chat",
    };
    (collector, LISTS.iter().find(|(one, _)| *one == list).unwrap().1)
}
