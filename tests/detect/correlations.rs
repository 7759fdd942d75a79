//! pySigma turns correlations into SQL, and SQLite runs it over the rows of the same records: its windows have the records that
//! alerts have. `sequences` has those whose order counts, and `generate`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use bytes::Bytes;
use ccfd::{
    detect::rules::{Placeholders, RuleSet, RuleSource},
    detect_db::{Alert, Trial},
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
pub type Pair = (String, String);

/// A record, and whether it has a number.
pub fn record(number: usize, at: i64, rng: &mut StdRng) -> (Record, bool) {
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
    let raw = json!({ "id": id, "type": "a.created", "effective_at": at, "a.created": payload });
    (Record::new(Bytes::from(raw.to_string()), at, IdHash::of(&id), None), is_number)
}

pub fn fields() -> Value {
    let field = |name: &&str| {
        let sql = format!("EventDetails ->> '$.{name}'");
        (format!("EventDetails.{name}"), json!({ "sql": sql, "numeric": *name == "n" }))
    };
    ["k", "u", "v", "n"].iter().map(field).collect::<serde_json::Map<_, _>>().into()
}

/// Three detections, each of another kind of record.
pub fn detections() -> String {
    [("a", "x"), ("b", "y"), ("c", "z")].map(|(name, kind)| detection(name, kind)).concat()
}

fn detection(name: &str, kind: &str) -> String {
    format!(
        "title: {name}\nname: {name}\nlogsource: {{product: openai, service: audit_logs}}\n\
         detection: {{s: {{EventDetails.k: {kind}}}, condition: s}}\nlevel: low\n---\n"
    )
}

/// A correlation of some of these rules.
fn correlation(
    name: &str,
    rules: &[&str],
    group: &str,
    timespan: Timespan,
    rng: &mut StdRng,
) -> (String, bool) {
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
    let timespan = timespan(rng);
    let text = format!(
        "title: {name}\nname: {name}\ncorrelation:\n  type: {kind}\n  rules: [{rules_named}]\n{group}  timespan: {timespan}\n\
         {condition}level: low\n"
    );
    (text, matches!(kind, "value_sum" | "value_avg" | "value_percentile"))
}

/// What groups are by, for a correlation of some rules.
pub fn group_by(some: &[&str], rng: &mut StdRng) -> String {
    match rng.random_range(0..4) {
        0 => String::new(),
        1 => "  group-by: [EventDetails.u]\n".to_owned(),
        2 => "  group-by: [EventDetails.u, EventDetails.v]\n".to_owned(),
        _ => {
            let sides = ["EventDetails.u", "EventDetails.v", "EventDetails.u"];
            let aliases: Vec<String> =
                some.iter().zip(sides).map(|(rule, field)| format!("{rule}: {field}")).collect();
            format!("  group-by: [who]\n  aliases: {{who: {{{}}}}}\n", aliases.join(", "))
        }
    }
}

/// Makes a span of time.
pub type Timespan = fn(&mut StdRng) -> String;

/// A span that is short among the records.
pub fn of_seconds(rng: &mut StdRng) -> String {
    format!("{}s", rng.random_range(3..60))
}

/// A rule, and whether it is about numbers.
pub fn rule(timespan: Timespan, rng: &mut StdRng) -> (String, bool) {
    let mut text = detections();
    let some = [&["a"][..], &["a", "b"], &["b", "a", "c"]][rng.random_range(0..3)];
    let group = group_by(some, rng);
    if rng.random_ratio(1, 4) {
        let group = "  group-by: [EventDetails.u]\n";
        text += &(correlation("inner", some, group, timespan, rng).0 + "---\n");
        let outer = [&["inner"][..], &["inner", "b"]][rng.random_range(0..2)];
        let (outer, _) = correlation("tried", outer, group, timespan, rng);
        return (text + &outer, false);
    }
    let (tried, about_numbers) = correlation("tried", some, &group, timespan, rng);
    (text + &tried, about_numbers)
}

/// The rules of a file.
pub fn loaded(text: &str) -> Result<RuleSet, String> {
    let source = RuleSource::Text { name: "own.yml".to_owned(), text: text.to_owned() };
    let set = RuleSet::load(&[source], &Tables::built_in(), &Placeholders::new());
    set.map_err(|errors| errors[0].to_string())
}

/// The alerts of the rule `tried`.
pub fn tried_alerts(rule: &str, records: &[Record]) -> Result<Vec<Alert>, String> {
    let set = Arc::new(loaded(rule)?);
    let tried = set.named("tried").unwrap();
    let mut trial = Trial::begin(set, tried).unwrap();
    records.iter().for_each(|record| trial.judge(&AUDIT_LOGS, "acme", record).unwrap());
    trial.store(&AUDIT_LOGS, "acme").unwrap();
    Ok(trial.alerts().unwrap())
}

/// The records of each group in alerts. `None` if an alert names not all of its records.
pub fn pairs_of(alerts: &[Alert]) -> Option<BTreeSet<Pair>> {
    let mut pairs = BTreeSet::new();
    for alert in alerts {
        if alert.event_count > alert.record_ids.len() as u64 {
            return None;
        }
        let group = group_of(alert);
        pairs.extend(alert.record_ids.iter().map(|id| (group.clone(), id.clone())));
    }
    Some(pairs)
}

/// The group of an alert as JSON.
pub fn group_of(alert: &Alert) -> String {
    json!(alert.group).to_string()
}

/// The group as JSON, from what the judge prints.
pub fn group(printed: &Value) -> Option<String> {
    let group: BTreeMap<String, Value> = serde_json::from_str(printed.as_str()?).ok()?;
    Some(json!(group).to_string())
}

/// The pairs that the judge has found; `None` if it refuses the rule.
pub fn theirs(found: &Value) -> Option<BTreeSet<Pair>> {
    let pair = |pair: &Value| Some((group(&pair[0])?, pair[1].as_str()?.to_owned()));
    found["pairs"].as_array()?.iter().map(pair).collect()
}

/// The number by which the records and rules of a run are made.
pub fn seed() -> u64 {
    std::env::var("CCFD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// What the judge says of rules and records.
pub async fn judged(python: &Python, records: &[Record], rules: &[&str]) -> Vec<Value> {
    let dir = TempDir::new().unwrap();
    write(&dir, records).await;
    let asked = dir.path().join("asked.json");
    fs::write(&asked, json!({ "fields": fields(), "rules": rules }).to_string()).unwrap();
    let database = dir.path().join("tables.db");
    let paths = [database.to_str().unwrap(), "OpenAIAuditLogs_CL", asked.to_str().unwrap()];
    let Value::Array(judged) = python.run("sigma.py", &paths) else { panic!("a list is expected") };
    judged
}

#[tokio::test]
async fn pysigma_finds_the_same_windows_for_correlations_by_chance() {
    compare(|rng| SECOND - rng.random_range(0..LONG), of_seconds).await;
}

#[tokio::test]
async fn pysigma_finds_the_same_windows_whatever_the_unit_of_their_length() {
    // The seconds of a month and of a year are means.
    const UNITS: [i64; 6] = [60, 3_600, 86_400, 604_800, 2_629_746, 31_556_952];
    let at = |rng: &mut StdRng| {
        let unit = UNITS[rng.random_range(0..5)];
        SECOND - rng.random_range(0..6) * unit - rng.random_range(-1..2)
    };
    let timespan = |rng: &mut StdRng| {
        one(rng, &["90m", "36h", "3d", "1w", "2w", "3w", "1M", "2M", "1y", "120m", "2h"]).to_owned()
    };
    compare(at, timespan).await;
}

/// Compares rules by chance over records of these seconds.
async fn compare(at: fn(&mut StdRng) -> i64, timespan: Timespan) {
    let Some(python) = Python::shared() else { return };
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut records, numbers): (Vec<Record>, Vec<bool>) = (0..RECORDS)
        .map(|number| {
            let at = at(&mut rng);
            record(number, at, &mut rng)
        })
        .unzip();
    let is_number = |id: &str| numbers[id.trim_start_matches("audit-").parse::<usize>().unwrap()];
    let rules: Vec<(String, bool)> = (0..RULES).map(|_| rule(timespan, &mut rng)).collect();
    let texts: Vec<&str> = rules.iter().map(|(text, _)| &**text).collect();
    let judged = judged(python, &records, &texts).await;
    let (mut wrong, mut nonempty) = (Vec::new(), 0);
    for ((rule, about_numbers), judged) in rules.iter().zip(&judged) {
        records.shuffle(&mut rng);
        let (own, theirs) = (tried_alerts(rule, &records), theirs(judged));
        let own = match own.map(|alerts| pairs_of(&alerts)) {
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
