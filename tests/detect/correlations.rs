//! pySigma turns correlations into SQL, and SQLite runs it over the rows of the same records: its windows have the records that
//! alerts have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use bytes::Bytes;
use ccfd::{
    detect::rules::{Placeholders, RuleSet, RuleSource},
    detect_db::Trial,
    tables::{AUDIT_LOGS, Tables},
};
use collectors::{IdHash, Record};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    generated::one,
    single_rules::{RECORDS, SECOND, write},
};
use crate::support::python::Python;

const RULES: usize = 60;
/// The seconds in which the records lie.
const LONG: i64 = 1_500;

/// A group, as JSON, and a record in it.
type Pair = (String, String);

fn record(number: usize, rng: &mut StdRng) -> (Record, bool) {
    let id = format!("audit-{number}");
    let mut payload = json!({ "k": one(rng, &["x", "y", "z"]) });
    for field in ["u", "v"] {
        match one(rng, &["ann", "Ann", "bob", "c\"d", "", "-"]) {
            "-" => {}
            "" => payload[field] = Value::Null,
            name => payload[field] = json!(name),
        }
    }
    let is_number = match rng.random_range(0..8) {
        0 => false,
        1 => {
            payload["n"] = [Value::Null, json!("many"), json!("")][rng.random_range(0..3)].clone();
            false
        }
        2 => {
            payload["n"] = json!(rng.random_range(-3..9).to_string());
            true
        }
        _ => {
            payload["n"] = json!(rng.random_range(-3..9));
            true
        }
    };
    let at = SECOND - rng.random_range(0..LONG);
    let raw = json!({ "id": id, "type": "a.created", "effective_at": at, "a.created": payload });
    (Record::new(Bytes::from(raw.to_string()), at, IdHash::of(&id), None), is_number)
}

fn fields() -> Value {
    let field = |name: &&str| {
        let sql = format!("EventDetails ->> '$.{name}'");
        (format!("EventDetails.{name}"), json!({ "sql": sql, "numeric": *name == "n" }))
    };
    ["k", "u", "v", "n"].iter().map(field).collect::<serde_json::Map<_, _>>().into()
}

fn detection(name: &str, kind: &str) -> String {
    format!(
        "title: {name}\nname: {name}\nlogsource: {{product: openai, service: audit_logs}}\n\
         detection: {{s: {{EventDetails.k: {kind}}}, condition: s}}\nlevel: low\n---\n"
    )
}

/// A correlation of some of these rules.
fn correlation(name: &str, rules: &[&str], group: &str, rng: &mut StdRng) -> (String, bool) {
    let kinds = ["event_count", "value_count", "temporal", "value_sum", "value_avg", "value_percentile"];
    // What windows say of numbers leaves out the records without any, and a chain mixes both.
    let kinds = if name == "inner" { &kinds[..3] } else { &kinds[..] };
    let kind = match rules.contains(&"inner") {
        true => one(rng, &["event_count", "temporal"]),
        false => one(rng, kinds),
    };
    let kind = if kind == "temporal" && rules.len() == 1 { "event_count" } else { kind };
    let whole = rng.random_range(0..6);
    let bound = |whole: i64| match kind {
        "value_avg" | "value_percentile" => format!("{whole}.125"),
        _ => whole.to_string(),
    };
    let condition = match rng.random_range(0..8) {
        0 => format!("lte: {}", bound(whole)),
        1 => format!("lt: {}", bound(whole + 1)),
        2 => format!("eq: {}", bound(whole)),
        3 => format!("neq: {}", bound(whole)),
        4 => format!("gt: {}", bound(whole)),
        _ => format!("gte: {}", bound(whole + 1)),
    };
    let condition = match kind {
        "temporal" => String::new(),
        "event_count" => format!("  condition: {{{condition}}}\n"),
        "value_percentile" => {
            let percentile = one(rng, &["0", "25", "50", "90", "100"]);
            format!("  condition: {{{condition}, field: EventDetails.n, percentile: {percentile}}}\n")
        }
        _ => format!("  condition: {{{condition}, field: EventDetails.n}}\n"),
    };
    let rules_named = rules.join(", ");
    let timespan = rng.random_range(3..60);
    let text = format!(
        "title: {name}\nname: {name}\ncorrelation:\n  type: {kind}\n  rules: [{rules_named}]\n{group}  timespan: {timespan}s\n\
         {condition}level: low\n"
    );
    (text, matches!(kind, "value_sum" | "value_avg" | "value_percentile"))
}

/// A rule, and whether it is about numbers.
fn rule(rng: &mut StdRng) -> (String, bool) {
    let mut text = [("a", "x"), ("b", "y"), ("c", "z")].map(|(name, kind)| detection(name, kind)).concat();
    let some = [&["a"][..], &["a", "b"], &["b", "a", "c"]][rng.random_range(0..3)];
    let group = match rng.random_range(0..4) {
        0 => String::new(),
        1 => "  group-by: [EventDetails.u]\n".to_owned(),
        2 => "  group-by: [EventDetails.u, EventDetails.v]\n".to_owned(),
        _ => {
            let sides = ["EventDetails.u", "EventDetails.v", "EventDetails.u"];
            let aliases: Vec<String> =
                some.iter().zip(sides).map(|(rule, field)| format!("{rule}: {field}")).collect();
            format!("  group-by: [who]\n  aliases: {{who: {{{}}}}}\n", aliases.join(", "))
        }
    };
    if rng.random_ratio(1, 4) {
        let group = "  group-by: [EventDetails.u]\n";
        text += &(correlation("inner", some, group, rng).0 + "---\n");
        let outer = [&["inner"][..], &["inner", "b"]][rng.random_range(0..2)];
        let (outer, _) = correlation("tried", outer, group, rng);
        return (text + &outer, false);
    }
    let (tried, about_numbers) = correlation("tried", some, &group, rng);
    (text + &tried, about_numbers)
}

/// The records of each group in alerts. `None` if an alert names not all of its records.
fn found(rule: &str, records: &[Record]) -> Result<Option<BTreeSet<Pair>>, String> {
    let source = RuleSource::Text { name: "own.yml".to_owned(), text: rule.to_owned() };
    let set = RuleSet::load(&[source], &Tables::built_in(), &Placeholders::new());
    let set = Arc::new(set.map_err(|errors| errors[0].to_string())?);
    let tried = set.named("tried").unwrap();
    let mut trial = Trial::begin(set, tried).unwrap();
    records.iter().for_each(|record| trial.judge(&AUDIT_LOGS, "acme", record).unwrap());
    trial.store(&AUDIT_LOGS, "acme").unwrap();
    let mut pairs = BTreeSet::new();
    for alert in trial.alerts().unwrap() {
        if alert.event_count > alert.record_ids.len() as u64 {
            return Ok(None);
        }
        let group = json!(alert.group.into_iter().collect::<BTreeMap<_, _>>()).to_string();
        pairs.extend(alert.record_ids.into_iter().map(|id| (group.clone(), id)));
    }
    Ok(Some(pairs))
}

fn theirs(found: &Value) -> Option<BTreeSet<Pair>> {
    let pair = |pair: &Value| {
        let group: BTreeMap<String, Value> = serde_json::from_str(pair[0].as_str()?).ok()?;
        Some((json!(group).to_string(), pair[1].as_str()?.to_owned()))
    };
    found.as_array()?.iter().map(pair).collect()
}

#[tokio::test]
async fn pysigma_finds_the_same_windows_for_correlations_by_chance() {
    let Some(python) = Python::shared() else { return };
    let seed = std::env::var("CCFD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut records, numbers): (Vec<Record>, Vec<bool>) =
        (0..RECORDS).map(|number| record(number, &mut rng)).unzip();
    let is_number = |id: &str| numbers[id.trim_start_matches("audit-").parse::<usize>().unwrap()];
    let rules: Vec<(String, bool)> = (0..RULES).map(|_| rule(&mut rng)).collect();
    let dir = TempDir::new().unwrap();
    write(&dir, &records).await;
    let asked = dir.path().join("asked.json");
    let texts: Vec<&str> = rules.iter().map(|(text, _)| &**text).collect();
    fs::write(&asked, json!({ "fields": fields(), "rules": texts }).to_string()).unwrap();
    let database = dir.path().join("tables.db");
    let paths = [database.to_str().unwrap(), "OpenAIAuditLogs_CL", asked.to_str().unwrap()];
    let judged = python.run("sigma.py", &paths);
    let (mut wrong, mut nonempty) = (Vec::new(), 0);
    for ((rule, about_numbers), judged) in rules.iter().zip(judged.as_array().unwrap()) {
        records.shuffle(&mut rng);
        let (own, theirs) = (found(rule, &records), theirs(judged));
        let own = match own {
            Ok(None) => continue,
            Ok(Some(pairs)) => Ok(pairs),
            Err(error) => Err(error),
        };
        // Its windows leave out the records without a number.
        let own = own.map(|mut pairs| {
            pairs.retain(|(_, id)| !about_numbers || is_number(id));
            pairs
        });
        let is_same = match (&own, &theirs) {
            (Err(error), Some(pairs)) if error.contains("can never") => pairs.is_empty(),
            // An alert has all records of its time that hits bring, also those of a hit after it.
            (Ok(pairs), Some(theirs)) if rule.contains("rules: [inner, b]") => pairs.is_superset(theirs),
            (own, theirs) => own.as_ref().ok() == theirs.as_ref(),
        };
        if !is_same {
            let of = |pairs: Option<&BTreeSet<Pair>>| pairs.cloned().unwrap_or_default();
            let (one, other) = (of(own.as_ref().ok()), of(theirs.as_ref()));
            let error = own.err().unwrap_or_default();
            let only: Vec<_> = [
                one.difference(&other).take(3).collect::<Vec<_>>(),
                other.difference(&one).take(3).collect(),
            ]
            .concat();
            wrong.push(format!(
                "{rule}\n  {error} {} and {}: {only:?} {}",
                one.len(),
                other.len(),
                &judged.to_string()[..200.min(judged.to_string().len())]
            ));
        }
        nonempty += usize::from(theirs.is_some_and(|pairs| !pairs.is_empty()));
    }
    assert!(
        wrong.is_empty(),
        "seed {seed}, {} of {RULES}:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    assert!(nonempty > RULES / 3, "only {nonempty} correlations have windows");
}
