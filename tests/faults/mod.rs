//! The real binary with a failing network, disks and clocks: nothing is lost, the fault is reported, and it
//! recovers by itself.

mod certificates;
mod clock;
mod destination;
mod disk;
mod limits;
mod names;
mod not_files;
mod source;
mod state;
mod stuck;

use std::{path::Path, time::Duration};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use serde_json::Value;

use crate::support::{
    fake::Ca,
    process::wait_until,
    process_kill::{LISTS, Process, Site, hurried},
    proxy::{Fault, Proxy},
};

/// Faults of a connection, without those of TLS.
const PLAIN: [Fault; 4] = [Fault::Cut, Fault::Reset, Fault::Slow, Fault::Garbage];

/// One exchange in so many goes wrong.
const ONE_IN: u32 = 3;
/// The same behind TLS, where a connection takes several to begin.
const ONE_IN_OF_TLS: u32 = 6;

/// How patient ccfd is with a slow server: so little that some of the slowest exchanges are given up.
const TIMEOUTS: &str = "connect_timeout = \"1s\"\ntimeout = \"1s\"";

/// Some records of both lists.
fn options() -> SimulatorOptions {
    SimulatorOptions {
        audit_logs: 600,
        completions: 300,
        latency: Duration::from_millis(1),
        ..SimulatorOptions::default()
    }
}

/// Both lists by way of one proxy, into a cluster by way of another, all behind TLS.
fn hurried_to_elastic(before: &Proxy, behind: &Proxy, ca: &Ca) -> String {
    let ca_file = format!("ca_file = {:?}", ca.path());
    let sink = format!(
        "[sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\nbulk_bytes_max = \"64KiB\"\n{TIMEOUTS}\n{ca_file}",
        behind.url()
    );
    impatient(&format!("{}/v1", before.url()), &ca_file, &["es"], &sink)
}

/// In a hurry, with [`TIMEOUTS`] and more keys of the collectors.
fn impatient(base_url: &str, keys: &str, names: &[&str], sinks: &str) -> String {
    let rate = "rate_limit_qps = 25";
    hurried(base_url, names, sinks).replace(rate, &format!("rate_limit_qps = 1000\n{TIMEOUTS}\n{keys}"))
}

/// The routes in `status.json`.
fn routes(site: &Site) -> Vec<Value> {
    routes_at(&site.path("state"))
}

fn routes_at(state_dir: &Path) -> Vec<Value> {
    let text = std::fs::read(state_dir.join("status.json")).unwrap_or_default();
    let status: Value = serde_json::from_slice(&text).unwrap_or_default();
    status["routes"].as_array().cloned().unwrap_or_default()
}

/// Waits until a route is backing off for a reason that holds one of these texts, with advice that holds another. Answers the
/// reason. If all records get through before anybody sees that, there are more.
fn wait_for_trouble(site: &Site, reasons: &[&str], advice: &str) -> String {
    let mut found = None;
    wait_until(&format!("trouble because of one of {reasons:?}"), || {
        let routes = routes(site);
        if all_delivered(site, &routes) {
            site.grow(1);
        }
        found = routes.into_iter().find_map(|route| {
            let text = route["error"]["text"].as_str()?.to_owned();
            let fits = route["state"] == "backing_off" && reasons.iter().any(|reason| text.contains(reason));
            (fits && route["error"]["advice"].as_str()?.contains(advice)).then_some(text)
        });
        found.is_some()
    });
    found.unwrap()
}

/// Waits until every route is live and nothing is wrong any more.
fn wait_until_healed(site: &Site) {
    wait_until("every route to be live", || {
        let routes = routes(site);
        let healed = |route: &Value| route["state"] == "live" && route["error"].is_null();
        !routes.is_empty() && routes.iter().all(healed)
    });
}

/// Waits until every route has delivered what was issued, and each of these faults has been met: until then there are ever more
/// records, now and then.
fn wait_until_read(site: &Site, proxy: &Proxy, faults: &[Fault]) {
    const LOOKS_A_RECORD: u32 = 10;
    let mut looks = 0;
    wait_until(&format!("all records, and all of {faults:?}"), || {
        looks += 1;
        let met = faults.iter().all(|fault| proxy.spoilt().contains_key(fault));
        if !met && looks % LOOKS_A_RECORD == 0 {
            site.grow(1);
        }
        met && all_delivered(site, &routes(site))
    });
}

/// Whether each of these routes has delivered what was issued.
fn all_delivered(site: &Site, routes: &[Value]) -> bool {
    let issued = LISTS.map(|(list, table)| (table, site.simulator.issued(list).len() as u64));
    let has_all = |route: &Value| {
        let (_, count) = issued.iter().find(|(table, _)| route["table"] == *table).unwrap();
        route["delivered"].as_u64() >= Some(*count)
    };
    !routes.is_empty() && routes.iter().all(has_all)
}

/// Gets everything through these faults; then everything is well again.
fn heals(site: &Site, proxy: &Proxy, faults: &[Fault]) {
    wait_until_read(site, proxy, faults);
    proxy.heal();
    wait_until_healed(site);
}

/// Runs once, and again, until the tables hold what was issued: some of it shows a moment later.
fn read_to_the_end(site: &Site, once: impl Fn()) {
    wait_until("runs to have read everything", || {
        once();
        LISTS.iter().all(|(list, _)| site.rows(*list) == site.simulator.issued(*list).len())
    });
}

/// Stops it as a service manager does. Nothing of what has happened is for a person to mend.
fn stop(process: Process) -> String {
    let ended = process.terminate_after(Duration::ZERO);
    ended.assert_nothing_for_a_person();
    assert!(ended.status.success(), "{}", ended.log);
    ended.log
}

/// The ids that were issued.
fn issued(site: &Site, list: SimulatedList) -> Vec<String> {
    let mut ids: Vec<String> = site.simulator.issued(list).into_iter().map(|(id, _)| id).collect();
    ids.sort();
    ids
}
