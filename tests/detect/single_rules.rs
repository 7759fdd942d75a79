//! pySigma turns rules into SQL, and SQLite runs it over the rows of the same records: it finds the same ids.

use std::{collections::BTreeSet, fs, sync::Arc};

use bytes::Bytes;
use ccfd::{
    config::{Config, ConfigFile, Environment, SinkSettings},
    detect::{
        model::Matches,
        rules::{RuleSet, RuleSource},
    },
    sinks::{Batch, Sink, sqlite::SqliteSink},
    tables::{AUDIT_LOGS, Tables},
};
use collectors::{Clock, IdHash, Record};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::generated::{EVERYTHING, fields, payload, placeholders, rule};
use crate::support::python::Python;

pub const SECOND: i64 = 1_770_979_925;
pub const RECORDS: usize = 300;
const RULES: usize = 400;

fn record(number: usize, rng: &mut StdRng) -> Record {
    let kind = ["a.created", "a.updated", "b.created"][rng.random_range(0..3)];
    let id = format!("audit-{number}");
    let raw = json!({ "id": id, "type": kind, "effective_at": SECOND, kind: payload(rng) });
    Record::new(Bytes::from(raw.to_string()), SECOND, IdHash::of(&id), None)
}

pub async fn write(dir: &TempDir, records: &[Record]) {
    let config = dir.path().join("ccfd.toml");
    let database = dir.path().join("tables.db");
    let sink = format!("[sink.own]\ntype = \"sqlite\"\npath = {database:?}\n");
    let collector =
        "[collector.acme]\nsource = \"audit_logs\"\napi_key = { env = \"A\" }\nsinks = [\"own\"]\n";
    fs::write(&config, collector.to_owned() + &sink).unwrap();
    let file = ConfigFile::named(config);
    let config = Config::load_with(Some(&file), &Environment::default(), &[], &Tables::built_in()).unwrap();
    let SinkSettings::Sqlite(settings) = config.sinks["own"].clone() else { panic!("another type") };
    let sink = SqliteSink::new(settings, Clock::from_fn(|| SECOND));
    let records: Arc<[Record]> = records.into();
    let batch = Batch { table: Arc::clone(&AUDIT_LOGS), connector: "acme".into(), records };
    assert_eq!(sink.write(batch).await.unwrap().accepted as usize, RECORDS);
    sink.close().await.unwrap();
}

fn matched(set: &RuleSet, records: &[Record]) -> BTreeSet<String> {
    let mut matches = Matches::default();
    records.iter().for_each(|record| set.judge(&AUDIT_LOGS, "acme", record, &mut matches));
    matches.iter().map(|found| found.record.clone()).collect()
}

#[tokio::test]
async fn pysigma_finds_the_same_records_for_rules_by_chance() {
    let Some(python) = Python::shared() else { return };
    let seed = std::env::var("CCFD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut rng = StdRng::seed_from_u64(seed);
    let records: Vec<Record> = (0..RECORDS).map(|number| record(number, &mut rng)).collect();
    let rules: Vec<String> = (0..RULES).map(|_| rule(&mut rng)).collect();
    let dir = TempDir::new().unwrap();
    write(&dir, &records).await;
    let asked = dir.path().join("asked.json");
    let question = json!({
        "fields": fields(), "rules": rules, "fulltext": EVERYTHING, "placeholders": placeholders(),
    });
    fs::write(&asked, question.to_string()).unwrap();
    let database = dir.path().join("tables.db");
    let paths = [database.to_str().unwrap(), "OpenAIAuditLogs_CL", asked.to_str().unwrap()];
    let found = python.run("sigma.py", &paths);
    let (mut wrong, mut nonempty) = (Vec::new(), 0);
    for (rule, found) in rules.iter().zip(found.as_array().unwrap()) {
        let source = RuleSource::Text { name: "own.yml".to_owned(), text: rule.clone() };
        let own = RuleSet::load(&[source], &Tables::built_in(), &placeholders());
        let own = own.map(|set| matched(&set, &records)).map_err(|errors| errors[0].to_string());
        let ids = found.as_array().map(|ids| ids.iter().filter_map(Value::as_str).map(str::to_owned));
        let theirs: Option<BTreeSet<String>> = ids.map(Iterator::collect);
        let is_same = match (&own, &theirs) {
            // What cannot match is refused, and so is what matches everything.
            (Err(error), Some(ids)) if error.contains("can never") => ids.is_empty(),
            (Err(error), Some(ids)) if error.contains("always true") => ids.len() == RECORDS,
            (own, theirs) => own.as_ref().ok() == theirs.as_ref(),
        };
        if !is_same {
            wrong.push(format!("{rule}\n  own {own:?}\n  pySigma {found}"));
        }
        nonempty += usize::from(theirs.is_some_and(|ids| !ids.is_empty() && ids.len() < RECORDS));
    }
    assert!(
        wrong.is_empty(),
        "seed {seed}, {} of {RULES}:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    assert!(nonempty > RULES / 3, "only {nonempty} rules match some of the records");
}
