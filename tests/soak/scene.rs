//! The environment of a soak: a simulator and a cluster, each behind a proxy, two embedded sinks, and
//! traffic.

use std::{fs, path::Path};

use ccfd::simulator::{NewRecord, SimulatedList, SimulatorOptions};
use collectors::Clock;
use rand::{RngExt, rngs::StdRng};

use crate::support::{fake_elastic::Elastic, process_kill::Site, proxy::Proxy};

/// What the lists do all the time. The faults of the API are part of the weather.
pub const HABITS: &str = "ties,shuffle,newest,deleted-404,null-edges";
/// Seconds within which a record shows: half an hour of the week, and a part of a second.
const OVERLAP_SECONDS: i64 = 3;

pub struct Scene {
    pub site: Site,
    pub before: Proxy,
    pub behind: Proxy,
    pub elastic: Elastic,
}

impl Scene {
    pub fn new(seed: u64) -> Self {
        let options = SimulatorOptions {
            audit_logs: 10_000,
            completions: 5_000,
            seed,
            habits: HABITS.parse().unwrap(),
            ..SimulatorOptions::default()
        };
        let elastic = Elastic::plain();
        let behind = Proxy::before(elastic.server.url(), seed + 1);
        let mut before = None;
        let site = Site::configured(options, |url| {
            let before = before.insert(Proxy::before(url, seed + 2));
            configuration(before.url(), behind.url())
        });
        Self { site, before: before.unwrap(), behind, elastic }
    }

    /// A tenth of a second of traffic: some records of both lists, most of which show a moment later.
    pub fn traffic(&self, rng: &mut StdRng) {
        let now = Clock::system().now();
        let record = |list, rng: &mut StdRng| {
            let late = rng.random_range(0..=OVERLAP_SECONDS);
            NewRecord { list, second: now, visible_at: now + late, body: None }
        };
        let mut records = Vec::new();
        for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
            records.extend((0..rng.random_range(0..5)).map(|_| record(list, rng)));
        }
        self.site.simulator.add(records);
    }

    /// Somebody deletes some completions that were stored a while ago.
    pub fn delete(&self, rng: &mut StdRng) -> u64 {
        let old = Clock::system().now() - 20;
        let issued = self.site.simulator.issued(SimulatedList::Completions);
        let old = issued.iter().filter(|(_, second)| *second < old && rng.random_ratio(1, 200));
        old.filter(|(id, _)| self.site.simulator.delete(id)).count() as u64
    }

    /// Bytes of the state directory.
    pub fn state_bytes(&self) -> u64 {
        bytes_below(&self.site.path("state"))
    }
}

fn configuration(base_url: &str, cluster: &str) -> String {
    format!(
        r#"
        [state]
        dir = "state"
        [pipeline]
        batch_wait = "20ms"
        commit_interval = "100ms"
        [log]
        level = "warn"
        format = "json"
        [default.collector]
        base_url = "{base_url}"
        start = "all"
        poll_interval = "83ms"
        sweep_interval = "416ms"
        overlap = "{OVERLAP_SECONDS}s"
        rate_limit_qps = 1000
        timeout = "2s"
        sinks = ["tables", "lines", "cluster"]
        [collector.audit]
        source = "audit_logs"
        api_key = {{ env = "ADMIN_KEY" }}
        [collector.chat]
        source = "chat_completions"
        api_key = {{ env = "PROJECT_KEY" }}
        [sink.tables]
        type = "sqlite"
        path = "tables.db"
        free_min = "0B"
        [sink.lines]
        type = "ndjson"
        dir = "lines"
        free_min = "0B"
        [sink.cluster]
        type = "elasticsearch"
        urls = ["{cluster}"]
        timeout = "2s"
        "#
    )
}

fn bytes_below(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let bytes = entries.flatten().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
        // A file may go while it is looked at.
        Ok(_) | Err(_) => entry.metadata().map_or(0, |found| found.len()),
    });
    bytes.sum()
}
