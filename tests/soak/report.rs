//! The report of a soak.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{judge::Verdict, life::Lived};
use crate::support::proxy::Fault;

/// A life that is shorter shows its start and nothing else: on a busy machine that takes some seconds.
const LONG: Duration = Duration::from_secs(20);
/// As long as the lives that the report shows one by one.
const SHOWN: Duration = Duration::from_secs(60);
/// What a last quarter may have more than a first one: caches that fill, and the noise of an allocator.
const GROWTH_MIB_MAX: f64 = 8.0;
const GROWTH_DESCRIPTORS_MAX: usize = 8;
/// What a store of six checkpoints may take.
const STATE_MIB_MAX: f64 = 64.0;

pub struct Report {
    pub days: f64,
    pub seed: u64,
    pub wall: Duration,
    pub issued: usize,
    pub deleted: u64,
    pub requests: u64,
    pub stops: u64,
    pub kills: u64,
    pub outages: u64,
    pub throttlings: u64,
    pub spoilt: BTreeMap<Fault, u64>,
    pub lives: Vec<Lived>,
    /// Tables, lines, cluster.
    pub verdicts: [Verdict; 3],
    pub state_mib_most: f64,
    pub state_mib_last: f64,
}

impl Report {
    fn long_lives(&self) -> impl Iterator<Item = &Lived> {
        self.lives.iter().filter(|life| life.time >= LONG)
    }

    /// Fails when anything is lost, doubled, altered or left behind.
    pub fn assert_well(&self) {
        for verdict in &self.verdicts {
            assert_eq!((verdict.missing, verdict.altered), (0, 0), "lost or altered:\n{self}");
        }
        let [tables, lines, cluster] = &self.verdicts;
        assert_eq!((tables.repeated, cluster.repeated), (0, 0), "doubled:\n{self}");
        assert!(self.kills > 0 || lines.repeated == 0, "lines repeated although nothing was killed:\n{self}");
        for Lived { first, last, .. } in self.long_lives() {
            assert!(last.resident_mib < first.resident_mib + GROWTH_MIB_MAX, "memory grows:\n{self}");
            assert!(last.descriptors <= first.descriptors + GROWTH_DESCRIPTORS_MAX, "descriptors:\n{self}");
        }
        assert!(self.state_mib_most < STATE_MIB_MAX, "the state grows:\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [tables, lines, cluster] = &self.verdicts;
        let most = |of: fn(&Lived) -> f64| self.lives.iter().map(of).fold(0.0, f64::max);
        let retries: usize = self.lives.iter().map(|life| life.retries).sum();
        writeln!(
            out,
            "{} days in {:.0} s (seed {}): {} records, {} of them deleted on the way, {} requests",
            self.days,
            self.wall.as_secs_f64(),
            self.seed,
            self.issued as u64 + self.deleted,
            self.deleted,
            self.requests
        )?;
        writeln!(
            out,
            "{} stops, {} kills, {} outages, {} throttlings, {retries} tries again; exchanges spoilt: {:?}",
            self.stops, self.kills, self.outages, self.throttlings, self.spoilt
        )?;
        writeln!(out, "| sink | missing | repeated | altered |\n| --- | ---: | ---: | ---: |")?;
        for (name, verdict) in [("sqlite", tables), ("ndjson", lines), ("elasticsearch", cluster)] {
            writeln!(out, "| {name} | {} | {} | {} |", verdict.missing, verdict.repeated, verdict.altered)?;
        }
        writeln!(
            out,
            "{:.1} % of one core, most memory {:.1} MiB, most descriptors {:.0}, state {:.1} MiB at most and {:.1} MiB at the end",
            self.lives.iter().map(|life| life.cpu_seconds).sum::<f64>() / self.wall.as_secs_f64() * 100.0,
            most(|life| life.first.resident_mib.max(life.last.resident_mib)),
            most(|life| life.first.descriptors.max(life.last.descriptors) as f64),
            self.state_mib_most,
            self.state_mib_last
        )?;
        writeln!(
            out,
            "{} processes lived for {} s or more; those of {} s:",
            self.long_lives().count(),
            LONG.as_secs(),
            SHOWN.as_secs()
        )?;
        writeln!(out, "| process lived | MiB, first quarter | last | descriptors, first quarter | last |")?;
        writeln!(out, "| ---: | ---: | ---: | ---: | ---: |")?;
        for Lived { time, first, last, .. } in self.lives.iter().filter(|life| life.time >= SHOWN) {
            let (first_mib, last_mib) = (first.resident_mib, last.resident_mib);
            let (first, last) = (first.descriptors, last.descriptors);
            writeln!(
                out,
                "| {:.0} s | {first_mib:.1} | {last_mib:.1} | {first} | {last} |",
                time.as_secs_f64()
            )?;
        }
        Ok(())
    }
}
