//! Alerts on their way to other sinks, killed at any moment: each arrives under its id, once where the sink knows rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use ccfd::{
    detect_db::{AlertFilter, DetectDb, FILE_NAME},
    simulator::SimulatorOptions,
};
use serde_json::Value;

use super::{Moments, number};
use crate::support::process_kill::{EMBEDDED, Site, lines_below};

/// Every event raises an alert; those of a type in an hour are one that grows.
const RULES: &str = "
title: An event
name: event
logsource: {product: openai, service: audit}
detection: {selection: {EventType|exists: true}, condition: selection}
level: low
---
title: Many events of a type
name: many_events
correlation: {type: event_count, rules: [event], group-by: [EventType], timespan: 1h, condition: {gte: 3}, generate: true}
level: medium
";

/// What must arrive of an alert: how many records it has, and whether it is part of another one.
type Arrived = (u64, Option<String>);

fn raised(site: &Site) -> BTreeMap<String, Arrived> {
    let db = DetectDb::open_existing(&site.path("state").join(FILE_NAME)).unwrap().unwrap();
    let mut all = BTreeMap::new();
    let filter = AlertFilter { withdrawn: true, ..AlertFilter::default() };
    let listed = db.alerts(&filter, |alert| {
        all.insert(alert.id, (alert.event_count, alert.merged_into));
        Ok::<(), ()>(())
    });
    listed.unwrap().unwrap();
    all
}

fn delivered(site: &Site) -> Vec<(String, Arrived)> {
    let tables = rusqlite::Connection::open(site.path("tables.db")).unwrap();
    let mut query = tables.prepare("SELECT AlertId, EventCount, MergedInto FROM CcfdAlerts_CL").unwrap();
    let rows =
        query.query_map([], |row| Ok((row.get(0)?, (row.get::<_, i64>(1)?.unsigned_abs(), row.get(2)?))));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn each_alert_arrives_under_its_id_however_often_the_process_is_killed() {
    let kills = number("CCFD_KILL_CYCLES", 12);
    let options = SimulatorOptions {
        audit_logs: 1_000,
        completions: 100,
        latency: Duration::from_millis(2),
        ..SimulatorOptions::default()
    };
    let (_, embedded) = EMBEDDED;
    let sinks = format!(
        "{embedded}[sink.rules]\ntype = \"detect\"\nrules = [\"rules\"]\nfree_min = \"0B\"\n\
         [detect]\nalerts = [\"tables\", \"lines\"]\n"
    );
    let site = Site::into(options, &["rules"], &sinks);
    fs::create_dir(site.path("rules")).unwrap();
    site.write("rules/events.yml", RULES);
    let mut moments = Moments::new(1_500);
    for kill in 0..kills {
        if kill % 4 == 3 {
            // As if the kill had fallen between the writes and their commits.
            let database = rusqlite::Connection::open(site.path("state").join(FILE_NAME)).unwrap();
            _ = database.execute_batch("DELETE FROM delivery; DELETE FROM delivered");
        }
        site.grow(3);
        let ended = site.start(&["run"]).kill_after(moments.next());
        ended.assert_nothing_for_a_person();
    }
    site.read_the_rest();
    let (raised, rows) = (raised(&site), delivered(&site));
    assert!(raised.len() > 1_000);
    assert_eq!(rows.len(), raised.len(), "each id has one row");
    assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), raised);
    let lines = lines_below(&site.path("lines"), "CcfdAlerts_CL");
    let ids = lines.iter().map(|line| {
        let line: Value = serde_json::from_str(line).expect("a whole line");
        line["AlertId"].as_str().expect("an id").to_owned()
    });
    let ids: BTreeSet<String> = ids.collect();
    assert_eq!(ids, raised.keys().cloned().collect());
    println!("{kills} kills: {} alerts, each once; {} lines", raised.len(), lines.len());
}
