//! Random damage.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use rusqlite::{Connection, params};

use super::{Verified, collect, names_of, site, verify};
use crate::support::process_kill::Site;

/// Habits that a window of the past may show in any mixture.
pub const HABITS: [&str; 12] = [
    "ties",
    "shuffle",
    "newest",
    "oldest",
    "late",
    "null-edges",
    "pretty",
    "crowded",
    "errors",
    "tenant-ignore",
    "empty-pages",
    "capped",
];

/// Habits that make the reading slow, because it doubts what it sees: for the long form.
const SLOW_HABITS: [&str; 6] = ["chaos", "throttle", "cut", "same-page", "has-more-forever", "full-ends"];
/// The runs of every test.
const SEEDS: u64 = 20;
/// Seeds of one test that run at the same time.
const SEEDS_TOGETHER: usize = 5;

/// What was done to a sink, by class: the ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Damage {
    pub missing: BTreeSet<String>,
    pub altered: BTreeSet<String>,
    pub only_in_sink: BTreeSet<String>,
    pub doubled: BTreeSet<String>,
}

impl Damage {
    pub fn classes(&self, without_missing: bool) -> BTreeMap<String, BTreeSet<String>> {
        let all = [
            ("missing", &self.missing),
            ("altered", &self.altered),
            ("only_in_sink", &self.only_in_sink),
            ("doubled", &self.doubled),
        ];
        let wanted = all
            .into_iter()
            .filter(|(class, ids)| !(ids.is_empty() || without_missing && *class == "missing"));
        wanted.map(|(class, ids)| (class.to_owned(), ids.clone())).collect()
    }
}

/// The differences, without those of seconds that a gateway shows in part.
pub fn readable(verified: &Verified) -> BTreeMap<String, BTreeSet<String>> {
    let mut classes = verified.classes();
    classes.remove("unreadable");
    classes
}

/// Some ids of the window for each kind of damage; none for two, and none of a crowded second where `plain`.
pub fn draw(rng: &mut StdRng, site: &Site, list: SimulatedList, doubles: bool, plain: bool) -> Damage {
    let issued = site.simulator.issued(list);
    let mut in_second: BTreeMap<i64, usize> = BTreeMap::new();
    issued.iter().for_each(|(_, second)| *in_second.entry(*second).or_default() += 1);
    let end = collectors::Clock::system().now() - 3700;
    let is_meant = |second: &i64| *second < end && !(plain && in_second[second] >= 20);
    let mut ids: Vec<String> =
        issued.iter().filter(|(_, second)| is_meant(second)).map(|(id, _)| id.clone()).collect();
    ids.sort();
    ids.shuffle(rng);
    let mut take = |rng: &mut StdRng| -> BTreeSet<String> {
        let count = if rng.random_ratio(1, 4) { 0 } else { rng.random_range(1..8) };
        ids.drain(..count).collect()
    };
    let (missing, altered) = (take(rng), take(rng));
    let doubled = if doubles { take(rng) } else { BTreeSet::new() };
    let added = rng.random_range(0..4);
    let only_in_sink = (0..added).map(|number| format!("added-{number}")).collect();
    Damage { missing, altered, only_in_sink, doubled }
}

fn damage_tables(rng: &mut StdRng, site: &Site, collector: &str, table: &str, damage: &Damage) {
    let tables = Connection::open(site.path("tables.db")).unwrap();
    for id in &damage.missing {
        tables.execute(&format!("DELETE FROM {table} WHERE Id = ?1"), [id]).unwrap();
    }
    for id in &damage.altered {
        let seconds = match rng.random_range(0..3) {
            0 => 0,
            // Mostly within its hour.
            1 => 1,
            _ => 7200,
        };
        let sql = match seconds {
            0 => format!("UPDATE {table} SET Record = replace(Record, '\"id\"', '\"iD\"') WHERE Id = ?1"),
            _ => format!(
                "UPDATE {table} SET TimeGenerated = strftime('%FT%TZ', unixepoch(TimeGenerated) - {seconds}, 'unixepoch') WHERE Id = ?1"
            ),
        };
        assert_eq!(tables.execute(&sql, [id]).unwrap(), 1);
    }
    for id in &damage.only_in_sink {
        let time: String = tables
            .query_row(&format!("SELECT min(TimeGenerated) FROM {table}"), [], |row| row.get(0))
            .unwrap();
        let sql = format!(
            "INSERT INTO {table} (Id, TimeGenerated, ConnectorName, Record) VALUES (?1, ?2, ?3, '{{}}')"
        );
        tables.execute(&sql, params![id, time, collector]).unwrap();
    }
}

fn damage_lines(site: &Site, list: SimulatedList, table: &str, damage: &Damage) {
    for entry in fs::read_dir(site.path("lines")).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with(table) {
            continue;
        }
        let time = match list {
            SimulatedList::AuditLogs => "effective_at",
            SimulatedList::Completions => "created",
        };
        let (mut text, mut oldest) = (String::new(), None::<serde_json::Value>);
        for line in fs::read_to_string(&path).unwrap().lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = record["id"].as_str().unwrap();
            // Not the first: it may be newer than the window.
            if oldest.as_ref().is_none_or(|oldest| record[time].as_i64() < oldest[time].as_i64()) {
                oldest = Some(record.clone());
            }
            if damage.missing.contains(id) {
                continue;
            }
            let line = match damage.altered.contains(id) {
                true => line.replacen('{', "{\"x\":1,", 1),
                false => line.to_owned(),
            };
            text += &format!("{line}\n");
            if damage.doubled.contains(id) {
                text += &format!("{line}\n");
            }
        }
        if let Some(mut record) = oldest.filter(|_| path.to_str().unwrap().contains(table)) {
            record[time] = (record[time].as_i64().unwrap() - 1).into();
            for id in &damage.only_in_sink {
                record["id"] = id.as_str().into();
                text += &format!("{record}\n");
            }
        }
        fs::write(&path, text).unwrap();
    }
}

fn damaged_at_random(seed: u64, list: SimulatedList, sink: &str) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut habits: Vec<&str> = HABITS.into_iter().filter(|_| rng.random_ratio(1, 3)).collect();
    if seed >= SEEDS {
        habits.extend(SLOW_HABITS.into_iter().filter(|_| rng.random_ratio(1, 6)));
    }
    let count = rng.random_range(60..700);
    let (audit_logs, completions) = match list {
        SimulatedList::AuditLogs => (count, 0),
        SimulatedList::Completions => (0, count),
    };
    let habits = habits.join(",");
    println!("seed {seed}: {count} records into {sink}, {habits}");
    let options = SimulatorOptions {
        audit_logs,
        completions,
        seed,
        habits: habits.parse().unwrap(),
        ..SimulatorOptions::default()
    };
    let site = site(options);
    collect(&site);
    let (collector, table) = names_of(list);
    let clean = verify(&site, collector, sink, &[]);
    if seed >= SEEDS && clean.report["why"].to_string().contains("reads them again") {
        println!("seed {seed}: open");
        return;
    }
    assert_eq!(clean.code, Some(0), "{:#}\n{}", clean.report, clean.log);
    assert_eq!(readable(&clean), BTreeMap::new(), "{:#}\n{}", clean.report, clean.log);

    let damage = draw(&mut rng, &site, list, sink == "lines", seed >= SEEDS);
    match sink {
        "tables" => damage_tables(&mut rng, &site, collector, table, &damage),
        _ => damage_lines(&site, list, table, &damage),
    }
    let found = verify(&site, collector, sink, &[]);
    assert_eq!(readable(&found), damage.classes(false), "{:#}", found.report);
    let expires = list == SimulatedList::Completions;
    let differs = |missing: bool| {
        missing && !damage.missing.is_empty()
            || !damage.altered.is_empty()
            || !damage.only_in_sink.is_empty() && !expires
    };
    assert_eq!(found.code, Some(if differs(true) { 3 } else { 0 }), "{:#}", found.report);

    let repaired = verify(&site, collector, sink, &["--repair"]);
    assert_eq!(readable(&repaired), damage.classes(true), "{:#}\n{}", repaired.report, repaired.log);
    assert_eq!(repaired.code, Some(if differs(false) { 3 } else { 0 }), "{:#}", repaired.report);
    let again = verify(&site, collector, sink, &[]);
    assert_eq!(readable(&again), damage.classes(true), "{:#}", again.report);
}

/// A quarter of the runs.
fn runs(of: u64, list: SimulatedList, sink: &str) {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = number("CCFD_VERIFY_SEEDS").unwrap_or(SEEDS);
    let only = number("CCFD_SEED");
    let chosen: Vec<u64> =
        (0..seeds).filter(|seed| seed % 4 == of && only.is_none_or(|only| only == *seed)).collect();
    // A run mostly waits, for the rate of requests and for answers that are late; a slow one delays no other.
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..SEEDS_TOGETHER.min(chosen.len()) {
            scope.spawn(|| {
                while let Some(seed) = chosen.get(next.fetch_add(1, Relaxed)) {
                    damaged_at_random(*seed, list, sink);
                    println!("seed {seed}: done");
                }
            });
        }
    });
}

#[test]
fn damaged_tables_of_audit_logs_are_found_out_and_repaired() {
    runs(0, SimulatedList::AuditLogs, "tables");
}

#[test]
fn damaged_tables_of_completions_are_found_out_and_repaired() {
    runs(1, SimulatedList::Completions, "tables");
}

#[test]
fn damaged_lines_of_audit_logs_are_found_out_and_repaired() {
    runs(2, SimulatedList::AuditLogs, "lines");
}

#[test]
fn damaged_lines_of_completions_are_found_out_and_repaired() {
    runs(3, SimulatedList::Completions, "lines");
}
