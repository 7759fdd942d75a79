//! A sink that raises alerts, killed at any moment: each alert once, and the same as if nothing had happened.

use std::{fs, sync::Arc, time::Duration};

use ccfd::{
    detect::{
        model::{FLOODING, Match},
        rules::{Placeholders, RuleSet, RuleSource},
    },
    detect_db::{AlertFilter, DetectDb, FILE_NAME},
    simulator::{SimulatedList, SimulatorOptions},
    tables::{AUDIT_LOGS, Tables},
};
use collectors::{IdHash, Record};

use super::{Moments, number};
use crate::support::process_kill::Site;

/// Every event raises an alert; so do three of a type in an hour.
const RULES: &str = "
title: An event
name: event
logsource:
    product: openai
    service: audit
detection:
    selection:
        EventType|exists: true
    condition: selection
level: low
---
title: Many events of a type
name: many_events
correlation:
    type: event_count
    rules: [event]
    group-by: [EventType]
    timespan: 1h
    condition:
        gte: 3
    generate: true
level: medium
";

/// What an alert says of its events.
type AlertFacts = (String, String, String, String, u64, Vec<String>);

fn facts(db: &DetectDb) -> Vec<AlertFacts> {
    let mut all = Vec::new();
    let listed = db.alerts(&AlertFilter::default(), |alert| {
        // How many notify depends on when they were raised, and so does what says that they are too many.
        if alert.merged_into.is_none() && alert.rule != FLOODING {
            let group = serde_json::to_string(&alert.group).unwrap();
            let span = (alert.first_event_at, alert.last_event_at);
            all.push((alert.rule, group, span.0, span.1, alert.event_count, alert.record_ids));
        }
        Ok::<(), ()>(())
    });
    listed.unwrap().unwrap();
    all.sort();
    all
}

/// The alerts of everything that was issued, delivered once and in order.
fn expected(site: &Site) -> Vec<AlertFacts> {
    let sources = [RuleSource::Directory(site.path("rules"))];
    let set = RuleSet::load(&sources, &Tables::built_in(), &Placeholders::new()).unwrap();
    let mut issued = site.simulator.issued(SimulatedList::AuditLogs);
    issued.sort_by_key(|(_, second)| *second);
    let mut matches: Vec<Match> = Vec::new();
    for (id, second) in issued {
        let body = site.simulator.body_of(&id).unwrap();
        set.judge(&AUDIT_LOGS, "audit", &Record::new(body, second, IdHash::of(&id), None), &mut matches);
    }
    let mut db = DetectDb::open(&site.path("expected.db"), 0).unwrap();
    db.adopt(Arc::from(set.rules.clone()), 0).unwrap();
    db.store("OpenAIAuditLogs_CL", "audit", &matches, 100, 0).unwrap();
    facts(&db)
}

#[test]
fn each_alert_is_raised_once_however_often_the_process_is_killed() {
    let kills = number("CCFD_KILL_CYCLES", 12);
    let options = SimulatorOptions {
        audit_logs: 2_000,
        completions: 100,
        latency: Duration::from_millis(2),
        ..SimulatorOptions::default()
    };
    let sink = "[sink.alerts]\ntype = \"detect\"\nrules = [\"rules\"]\nfree_min = \"0B\"\n";
    let site = Site::into(options, &["alerts"], sink);
    fs::create_dir(site.path("rules")).unwrap();
    site.write("rules/events.yml", RULES);
    let mut moments = Moments::new(900);
    for kill in 0..kills {
        if kill % 5 == 4 {
            // All of it comes again: kills alone seldom fall between a write and its commit.
            let reset = site.command(&["reset-state", "audit", "--yes"]).output().unwrap();
            assert!(reset.status.success(), "{reset:?}");
        }
        site.grow(3);
        let ended = site.start(&["run"]).kill_after(moments.next());
        ended.assert_nothing_for_a_person();
    }
    site.read_the_rest();
    let db = DetectDb::open_existing(&site.path("state").join(FILE_NAME)).unwrap().unwrap();
    let (found, expected) = (facts(&db), expected(&site));
    let issued = site.simulator.issued(SimulatedList::AuditLogs).len();
    assert_eq!(found.iter().filter(|(rule, ..)| rule == "event").count(), issued);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    let together = found.len() - issued;
    assert!(together > 0);
    println!("{kills} kills: {issued} alerts of single events and {together} of several, each once");
}
