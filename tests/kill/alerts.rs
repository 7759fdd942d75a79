//! A sink that raises alerts, killed at any moment: each alert once, and the same as if nothing had happened.

use std::{
    fs,
    sync::{Arc, LazyLock},
    time::Duration,
};

use ccfd::{
    detect::{
        model::{FLOODING, Matches},
        rules::{Placeholders, RuleSet, RuleSource},
    },
    detect_db::{AlertFilter, DetectDb, FILE_NAME},
    simulator::{SimulatedList, SimulatorOptions},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Table, Tables},
};
use collectors::{IdHash, Record};

use super::{Moments, number};
use crate::{
    detect::{Facts, naive},
    support::process_kill::Site,
};

/// A list whose records raise alerts.
#[derive(Clone, Copy)]
struct Alerting {
    list: SimulatedList,
    collector: &'static str,
    table: &'static LazyLock<Arc<Table>>,
    service: &'static str,
    /// What is the same in records that come together.
    kind: &'static str,
}

static EVENTS: Alerting = Alerting {
    list: SimulatedList::AuditLogs,
    collector: "audit",
    table: &AUDIT_LOGS,
    service: "audit_logs",
    kind: "EventType",
};

static COMPLETIONS: Alerting = Alerting {
    list: SimulatedList::Completions,
    collector: "chat",
    table: &CHAT_COMPLETIONS,
    service: "chat_completions",
    kind: "Model",
};

impl Alerting {
    /// Every record raises an alert; so do three of a kind in an hour.
    fn rules(&self) -> String {
        let Self { service, kind, .. } = self;
        format!(
            "
title: A record
name: single
logsource:
    product: openai
    service: {service}
detection:
    selection:
        {kind}|exists: true
    condition: selection
level: low
---
title: Many records of a kind
name: many_of_a_kind
correlation:
    type: event_count
    rules: [single]
    group-by: [{kind}]
    timespan: 1h
    condition:
        gte: 3
    generate: true
level: medium
"
        )
    }
}

fn facts(db: &DetectDb) -> Vec<Facts> {
    let mut all = Vec::new();
    let listed = db.alerts(&AlertFilter::default(), |alert| {
        // How many notify depends on when they were raised, and so does what says that they are too many.
        if alert.merged_into.is_none() && alert.rule != FLOODING {
            all.push(Facts::of(alert));
        }
        Ok::<(), ()>(())
    });
    listed.unwrap().unwrap();
    all.sort();
    all
}

/// The alerts of everything that was issued, by their definition.
fn expected(site: &Site, of: Alerting) -> Vec<Facts> {
    let sources = [RuleSource::Directory(site.path("rules"))];
    let set = RuleSet::load(&sources, &Tables::built_in(), &Placeholders::new()).unwrap();
    let mut matches = Matches::default();
    for (id, second) in site.simulator.issued(of.list) {
        let body = site.simulator.body_of(&id).unwrap();
        set.judge(of.table, of.collector, &Record::new(body, second, IdHash::of(&id), None), &mut matches);
    }
    naive::alerts(&set.rules, &matches)
}

#[test]
fn each_alert_is_raised_once_however_often_the_process_is_killed() {
    let options = SimulatorOptions { audit_logs: 2_000, completions: 100, ..SimulatorOptions::default() };
    killed_and_compared(EVENTS, options);
}

#[test]
fn each_alert_of_completions_that_come_newest_first_is_raised_once_however_often_the_process_is_killed() {
    let habits = "ties,shuffle,order-ignored".parse().expect("habits");
    let options = SimulatorOptions { completions: 2_000, habits, ..SimulatorOptions::default() };
    killed_and_compared(COMPLETIONS, options);
}

fn killed_and_compared(of: Alerting, options: SimulatorOptions) {
    let kills = number("CCFD_KILL_CYCLES", 12);
    let options = SimulatorOptions { latency: Duration::from_millis(2), ..options };
    let sink = "[sink.alerts]\ntype = \"detect\"\nrules = [\"rules\"]\nfree_min = \"0B\"\n";
    let site = Site::into(options, &["alerts"], sink);
    fs::create_dir(site.path("rules")).unwrap();
    site.write("rules/own.yml", &of.rules());
    let mut moments = Moments::new(900);
    for kill in 0..kills {
        if kill % 5 == 4 {
            // All of it comes again: kills alone seldom fall between a write and its commit.
            let reset = site.command(&["reset-state", of.collector, "--yes"]).output().unwrap();
            assert!(reset.status.success(), "{reset:?}");
        }
        site.grow(3);
        let ended = site.start(&["run"]).kill_after(moments.next());
        ended.assert_nothing_for_a_person();
    }
    site.read_the_rest();
    let db = DetectDb::open_existing(&site.path("state").join(FILE_NAME)).unwrap().unwrap();
    let (found, expected) = (facts(&db), expected(&site, of));
    let issued = site.simulator.issued(of.list).len();
    assert_eq!(found.iter().filter(|one| one.rule == "single").count(), issued);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    let together = found.len() - issued;
    assert!(together > 0);
    println!("{kills} kills: {issued} alerts of single records and {together} of several, each once");
}
