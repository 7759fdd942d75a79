//! What judging records costs, beside writing them to files. All 27 built-in rules are active, also those that are in staging
//! and the one that needs a list.
//!
//! | events | what matches |
//! | --- | --- |
//! | few match | one record in a hundred |
//! | sessions | each record matches a part of one rule, and raises nothing |
//! | hostile, few match | texts that are meant to break what reads them; one in a hundred alerts |
//! | hostile | texts that are meant to break what reads them; two records in ten match a part of a rule, one in a hundred alerts |
//! | flood | each record matches several rules, and raises an alert on average |

use std::{fs, path::Path, process::Command};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    measure::measure,
    runs::{CCFD, NDJSON, ccfd, head, row},
    source::{Shape, Source},
};

const DETECT: &str =
    "type = \"detect\"\nrules = [\"rules\"]\nplaceholders = { OwnDomains = [\"@example.com\"] }";

/// How often each pair of runs is measured: the difference of single runs varies by half of what is to be shown.
const ROUNDS: usize = 3;

/// Each shape of events into files of lines, then through the rules, by turns. The median of the differences counts.
pub fn detect() {
    for shape in Shape::JUDGED {
        head(&format!("{} audit events, {}", shape.records(), shape.name()));
        let mut rounds = [(); ROUNDS].map(|()| {
            let (least, _) = run(shape, "ccfd into ndjson", NDJSON);
            let (cpu, dir) = run(shape, "ccfd into detect", DETECT);
            (cpu - least, least, dir)
        });
        rounds.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
        let (more, least, dir) = &rounds[ROUNDS / 2];
        say(dir.path(), *more, *least);
    }
}

/// The CPU seconds a million events take, and where they went.
fn run(shape: Shape, name: &str, sink: &str) -> (f64, TempDir) {
    let source = Source::start(shape);
    let dir = tempfile::tempdir().unwrap();
    active_rules(dir.path());
    let run = measure(&mut ccfd(dir.path(), &source.url, sink, &["run", "--once"]));
    let cpu = run.cpu * 1e6 / shape.records() as f64;
    row(name, shape.records(), run);
    (cpu, dir)
}

/// The built-in rules as files, each of them active.
fn active_rules(dir: &Path) {
    let rules = dir.join("rules");
    let copied = Command::new(CCFD).args(["rules", "copy"]).arg(&rules).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    for file in fs::read_dir(&rules).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("state: staging", "state: active")).unwrap();
    }
}

/// What a run took more than one into files, also as a part of that: seconds depend on the machine.
fn say(dir: &Path, more: f64, least: f64) {
    let path = dir.join("state/detect.db");
    let bytes = fs::metadata(&path).map_or(0, |file| file.len());
    let db = Connection::open(&path).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let (matches, alerts) =
        (count("SELECT coalesce(sum(n), 0) FROM tally"), count("SELECT count(*) FROM alert"));
    let each = bytes as f64 / matches.max(1) as f64;
    let mib = bytes as f64 / f64::from(1 << 20);
    println!(
        "{:<28} {more:.2} CPU s a million more, {:.1} times ndjson; {matches} matches, {alerts} alerts; detect.db {mib:.1} MiB, {each:.0} bytes a match",
        "",
        more / least
    );
}
