//! Random damage of remote sinks: rows removed, doubled, moved to another hour, added.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    Verified, azure, collect,
    damage::{Damage, HABITS, draw, readable},
    elastic, names_of, verify,
};
use crate::support::{fake_elastic::Elastic, process_kill::Site};

const INDEX: &str = "audit";
/// The runs of every test, for each sink; `CCFD_VERIFY_SEEDS` gives a tenth of its number.
const SEEDS: u64 = 3;

fn seeds() -> impl Iterator<Item = u64> {
    let wanted = env::var("CCFD_VERIFY_SEEDS").ok().and_then(|text| text.parse::<u64>().ok());
    0..wanted.map_or(SEEDS, |wanted| (wanted / 10).max(SEEDS))
}

fn options(rng: &mut StdRng, seed: u64) -> SimulatorOptions {
    let habits: Vec<&str> = HABITS.into_iter().filter(|_| rng.random_ratio(1, 3)).collect();
    let count = rng.random_range(60..500);
    println!("seed {seed}: {count} records, {}", habits.join(","));
    SimulatorOptions {
        audit_logs: count,
        completions: count,
        seed,
        habits: habits.join(",").parse().unwrap(),
        ..SimulatorOptions::default()
    }
}

fn clean(site: &Site, list: SimulatedList, sink: &str) {
    let clean = verify(site, names_of(list).0, sink, &[]);
    assert_eq!(clean.code, Some(0), "{:#}\n{}", clean.report, clean.log);
    assert_eq!(readable(&clean), BTreeMap::new(), "{:#}\n{}", clean.report, clean.log);
}

fn is_found(verified: &Verified, damage: &Damage, without_missing: bool) {
    let report = &verified.report;
    assert_eq!(readable(verified), damage.classes(without_missing), "{report:#}\n{}", verified.log);
}

/// Two hours earlier.
fn earlier(text: &str) -> String {
    let time = chrono::DateTime::parse_from_rfc3339(text).unwrap() - chrono::TimeDelta::hours(2);
    time.format("%FT%TZ").to_string()
}

fn damage_documents(elastic: &Elastic, index: &str, damage: &Damage) {
    let documents = elastic.documents(index);
    let changed = |id: &str, change: &dyn Fn(&mut Value)| {
        let mut document = documents[id].clone();
        change(&mut document);
        document
    };
    damage.missing.iter().for_each(|id| elastic.remove(index, id));
    for id in &damage.doubled {
        elastic.put(index, &format!("copy-of-{id}"), documents[id].clone());
    }
    for id in &damage.altered {
        let moved = changed(id, &|document| {
            document["TimeGenerated"] = json!(earlier(document["TimeGenerated"].as_str().unwrap()));
        });
        elastic.put(index, id, moved);
    }
    let oldest = documents.values().min_by_key(|one| one["TimeGenerated"].as_str().unwrap().to_owned());
    for id in &damage.only_in_sink {
        let mut added = oldest.unwrap().clone();
        added["Id"] = json!(id);
        elastic.put(index, id, added);
    }
}

#[test]
fn damaged_documents_are_found_out_and_repaired() {
    for seed in seeds() {
        let mut rng = StdRng::seed_from_u64(seed);
        let cluster = Elastic::plain();
        let site = elastic::site_of(options(&mut rng, seed), cluster.server.url(), INDEX);
        collect(&site);
        let (list, index) = match seed % 2 {
            0 => (SimulatedList::AuditLogs, INDEX.to_owned()),
            _ => (SimulatedList::Completions, format!("{INDEX}-chat")),
        };
        clean(&site, list, "search");
        let damage = draw(&mut rng, &site, list, true, false);
        damage_documents(&cluster, &index, &damage);
        is_found(&verify(&site, names_of(list).0, "search", &[]), &damage, false);
        is_found(&verify(&site, names_of(list).0, "search", &["--repair"]), &damage, true);
        is_found(&verify(&site, names_of(list).0, "search", &[]), &damage, true);
    }
}

fn damage_rows(rows: &mut Vec<Value>, time: &str, damage: &Damage) {
    let is_in = |ids: &BTreeSet<String>, row: &Value| ids.contains(row["id"].as_str().unwrap());
    rows.retain(|row| !is_in(&damage.missing, row));
    let doubled: Vec<Value> = rows.iter().filter(|row| is_in(&damage.doubled, row)).cloned().collect();
    let oldest = rows.iter().min_by_key(|row| row[time].as_i64().unwrap()).unwrap().clone();
    for row in rows.iter_mut().filter(|row| is_in(&damage.altered, row)) {
        row[time] = json!(row[time].as_i64().unwrap() - 7200);
    }
    rows.extend(doubled);
    rows.extend(damage.only_in_sink.iter().map(|id| {
        let mut added = oldest.clone();
        added["id"] = json!(id);
        added
    }));
}

#[test]
fn damaged_rows_of_a_workspace_are_found_out_and_repaired() {
    for seed in seeds() {
        let mut rng = StdRng::seed_from_u64(1000 + seed);
        let azure = azure::azure_with(options(&mut rng, seed), &azure::asked());
        let (list, stream, time) = match seed % 2 {
            0 => (SimulatedList::AuditLogs, "Custom-OpenAIAuditLogs_CL", "effective_at"),
            _ => (SimulatedList::Completions, "Custom-OpenAIChatCompletions_CL", "created"),
        };
        clean(&azure.site, list, "sentinel");
        let damage = draw(&mut rng, &azure.site, list, true, false);
        azure.ingestion.change(stream, |rows| damage_rows(rows, time, &damage));
        is_found(&azure.verified(list, &[]), &damage, false);
        let count = |azure: &azure::Azure| azure.ingestion.rows(stream).len();
        let before = count(&azure);
        let repaired = azure.verified(list, &["--repair"]);
        let wanted = if damage.missing.is_empty() { "" } else { "not_provable" };
        assert!(wanted.is_empty() || repaired.verdict() == wanted, "{:#}", repaired.report);
        assert_eq!(count(&azure), before + damage.missing.len());
        is_found(&azure.verified(list, &["--repair"]), &damage, true);
        assert_eq!(count(&azure), before + damage.missing.len(), "nothing is doubled");
    }
}
