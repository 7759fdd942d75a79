//! In one process: every second seed is killed repeatedly, the others check exactly what may be delivered
//! twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Arc, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use ccfd::{
    pipeline::route::Ended,
    simulator::{SimulatedList, SimulatorOptions},
    sinks::{Batch, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure},
    tables::Table,
};

use super::{
    seeds,
    there::{ALL, There},
};
use crate::support::route::{RouteRig, Running, START, pass, records};

const RECORDS: u64 = 500;
/// So many of them are refused, wherever they go.
const REFUSED: usize = 3;
const ROUNDS: u64 = 5;
/// Everything is delivered within so long, whatever is in the way.
const DEADLINE: Duration = Duration::from_secs(24 * 3_600);
/// Time for two sweeps of what is delivered, which must find nothing to deliver.
const TWO_SWEEPS_SECONDS: u64 = 2_200;

/// A sink that speaks to a server on this machine, in a test whose clock is paused: time is not to jump forward while an
/// answer is on its way.
struct Unhurried(Arc<dyn Sink>);

#[async_trait]
impl Sink for Unhurried {
    fn redelivery(&self) -> Redelivery {
        self.0.redelivery()
    }

    fn batch_bytes(&self) -> usize {
        self.0.batch_bytes()
    }

    fn writes_in_flight(&self) -> usize {
        self.0.writes_in_flight()
    }

    fn identity(&self, table: &Table) -> String {
        self.0.identity(table)
    }

    async fn check(&self, tables: &[Arc<Table>]) -> Result<Looked, SinkError> {
        self.0.check(tables).await
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        // The paused clock does not advance while something blocks.
        let (done, blocking) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || blocking.recv());
        let written = self.0.write(batch).await;
        drop(done);
        written
    }
}

/// What became of the records of a route.
struct Found {
    issued: BTreeSet<String>,
    there: BTreeMap<String, usize>,
    rejected: BTreeSet<String>,
}

impl Found {
    fn of(rig: &RouteRig, there: &There) -> Self {
        let issued = rig.simulator.issued(rig.list).into_iter().filter(|(_, second)| *second >= START);
        Self {
            issued: issued.map(|(id, _)| id).collect(),
            there: there.times(rig.list),
            rejected: rejected(rig),
        }
    }

    fn missing(&self) -> usize {
        let is_missing = |id: &&String| !self.there.contains_key(*id) && !self.rejected.contains(*id);
        self.issued.iter().filter(is_missing).count()
    }
}

fn rejected(rig: &RouteRig) -> BTreeSet<String> {
    let Ok(files) = fs::read_dir(rig.rejects_dir()) else { return BTreeSet::new() };
    let mut ids = BTreeSet::new();
    for file in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        for line in fs::read_to_string(file).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            ids.insert(line["record"]["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

/// Runs until everything is delivered, and longer.
async fn conserves(make: fn() -> There, seed: u64) {
    let there = make();
    let list = if seed.is_multiple_of(3) { SimulatedList::Completions } else { SimulatedList::AuditLogs };
    let options =
        SimulatorOptions { seed, habits: "ties,shuffle,late".parse().unwrap(), ..records(list, RECORDS) };
    let mut rig = RouteRig::new(list, options).for_ever();
    rig.gathering.batch_bytes_max = 16 << 10;
    let refused: BTreeSet<String> = {
        let issued = rig.simulator.issued(list);
        (1..=REFUSED).map(|place| issued[place * issued.len() / (REFUSED + 1)].0.clone()).collect()
    };
    refused.iter().for_each(|id| there.refuse(id));
    there.put_behind_a_gateway(seed);
    let is_killed = !seed.is_multiple_of(2);
    for round in 0..if is_killed { ROUNDS } else { 0 } {
        grow(&rig);
        let running = Running::new(rig.route_to(sink(&there, &rig)));
        tokio::time::sleep(Duration::from_millis(300 + 700 * round * (seed % 7))).await;
        running.kill().await;
        rig.restart().await;
    }
    grow(&rig);
    let running = Running::new(rig.route_to(sink(&there, &rig)));
    let begun = tokio::time::Instant::now();
    while Found::of(&rig, &there).missing() > 0 {
        assert!(begun.elapsed() < DEADLINE, "seed {seed}: it never ends");
        pass(60).await;
    }
    pass(TWO_SWEEPS_SECONDS).await;
    assert!(matches!(running.stop().await, Ended::Stopped));
    let found = Found::of(&rig, &there);
    assert_eq!(found.rejected, refused, "seed {seed}: rejected");
    assert_eq!((found.missing(), found.there.len() + REFUSED), (0, found.issued.len()), "seed {seed}");
    assert_none_doubled(&there, &found, is_killed, seed);
}

fn sink(there: &There, rig: &RouteRig) -> Arc<dyn Sink> {
    Arc::new(Unhurried(there.sink(rig.world.local_clock())))
}

fn grow(rig: &RouteRig) {
    let now = rig.world.now();
    for number in 0..5 {
        match rig.list {
            SimulatedList::AuditLogs => rig.simulator.push_audit(now - number, now + number * 70),
            SimulatedList::Completions => rig.simulator.push_completion(now - number, now + number * 70),
        };
    }
}

/// Where ids are known, none. Elsewhere a record is there once more for each call of which no true answer was heard; a kill
/// hears none.
fn assert_none_doubled(there: &There, found: &Found, is_killed: bool, seed: u64) {
    let knows_ids = matches!(there, There::Elastic(_) | There::Kibana(_));
    let unheard = if knows_ids { BTreeMap::new() } else { there.unheard() };
    for (id, times) in found.there.iter().filter(|_| knows_ids || !is_killed) {
        let unheard = unheard.get(id).copied().unwrap_or_default();
        assert!(*times <= 1 + unheard, "seed {seed}: {id} is there {times} times, {unheard} unheard");
    }
    if let There::Kibana(kibana) = there {
        assert_eq!(kibana.connectors("default").len(), 1, "seed {seed}: connectors");
    }
}

async fn conserves_all(which: usize) {
    for seed in seeds() {
        conserves(ALL[which], seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_is_in_elasticsearch_once_or_rejected_with_reason() {
    conserves_all(0).await;
}

#[tokio::test(start_paused = true)]
async fn every_record_is_in_kibanas_index_once_or_rejected_with_reason() {
    conserves_all(1).await;
}

#[tokio::test(start_paused = true)]
async fn every_record_is_in_azure_and_again_only_where_no_true_answer_was_heard() {
    conserves_all(2).await;
}
