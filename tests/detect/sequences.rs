//! pySigma judges correlations whose order counts, and which rules raise alerts of their own.

use std::collections::{BTreeMap, BTreeSet};

use ccfd::{
    detect::model::Matches,
    detect_db::Alert,
    tables::{AUDIT_LOGS, format_utc},
};
use collectors::Record;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::Value;

use super::{
    Alerts,
    correlations::{
        Pair, detections, group, group_by, group_of, judged, loaded, of_seconds, pairs_of, record, rule,
        seed, theirs, tried_alerts,
    },
    single_rules::{RECORDS, SECOND},
};
use crate::support::python::Python;

const RULES: usize = 30;

/// A group, and the first and the last second of a window of it.
type Window = (String, i64, i64);

/// Records of which no two have the same second. Records of one second are in order, as their times say no more; the backend
/// wants a later second for each. The naive reference judges those.
fn records(rng: &mut StdRng) -> Vec<Record> {
    let mut seconds: Vec<i64> = (0..5 * RECORDS as i64).collect();
    seconds.shuffle(rng);
    (0..RECORDS).zip(seconds).map(|(number, at)| record(number, SECOND - at, rng).0).collect()
}

/// A rule whose inputs have an order, and the same without the order. The backend names the records of one sequence in a
/// window, and an alert all that its windows have: these are the records of the other rule.
fn ordered(rng: &mut StdRng) -> (String, String) {
    let orders =
        [&["a", "b"][..], &["b", "a"], &["b", "a", "c"], &["c", "b"], &["inner", "b"], &["b", "inner"]];
    let some = orders[rng.random_range(0..orders.len())];
    let has_inner = some.contains(&"inner");
    let mut text = detections();
    if has_inner {
        let (rules, count, span) =
            (["[a]", "[a, c]"][rng.random_range(0..2)], rng.random_range(1..4), rng.random_range(60..200));
        text += &format!(
            "title: inner\nname: inner\ncorrelation:\n  type: event_count\n  rules: {rules}\n  group-by: [EventDetails.u]\n  \
             timespan: {span}s\n  condition: {{gte: {count}}}\nlevel: low\n---\n"
        );
    }
    let group = if has_inner { "  group-by: [EventDetails.u]\n".to_owned() } else { group_by(some, rng) };
    let (rules, span) = (some.join(", "), rng.random_range(20..300));
    let tried = |kind: &str| {
        format!(
            "{text}title: tried\nname: tried\ncorrelation:\n  {kind}\n  rules: [{rules}]\n{group}  timespan: {span}s\nlevel: low\n"
        )
    };
    (tried("type: temporal_ordered"), tried("type: event_count\n  condition: {gte: 1}"))
}

fn windows(found: &Value) -> Option<Vec<Window>> {
    let window = |one: &Value| Some((group(&one[0])?, one[1].as_i64()?, one[2].as_i64()?));
    found["windows"].as_array()?.iter().map(window).collect()
}

/// What is wrong with the alerts of a rule, by the windows of the judge.
fn wrong(alerts: &[Alert], windows: &[Window]) -> Option<String> {
    let ends: BTreeSet<Pair> =
        windows.iter().map(|(group, _, to)| (group.clone(), format_utc(*to))).collect();
    let alert = alerts.iter().find(|alert| !ends.contains(&(group_of(alert), alert.last_event_at.clone())));
    let is_in = |(group, at): &&Pair, alert: &Alert| {
        *group == group_of(alert) && (&alert.first_event_at..=&alert.last_event_at).contains(&at)
    };
    let end = ends.iter().find(|end| !alerts.iter().any(|alert| is_in(end, alert)));
    match (alert, end) {
        (None, None) => None,
        (alert, end) => Some(format!("no window ends as {alert:?}, no alert has {end:?}")),
    }
}

#[tokio::test]
async fn pysigma_finds_the_same_sequences_by_chance() {
    let Some(python) = Python::shared() else { return };
    let mut rng = StdRng::seed_from_u64(seed());
    let mut records = records(&mut rng);
    let seconds: BTreeMap<String, i64> = (0..)
        .map(|number| format!("audit-{number}"))
        .zip(records.iter().map(|record| record.second))
        .collect();
    let rules: Vec<(String, String)> = (0..RULES).map(|_| ordered(&mut rng)).collect();
    let texts: Vec<&str> = rules.iter().flat_map(|(rule, other)| [&**rule, other]).collect();
    let judged = judged(python, &records, &texts).await;
    let mut found = 0;
    for ((rule, _), judged) in rules.iter().zip(judged.chunks(2)) {
        records.shuffle(&mut rng);
        let alerts = tried_alerts(rule, &records).unwrap();
        let windows = windows(&judged[0]).unwrap_or_else(|| panic!("{}", judged[0]));
        assert_eq!(wrong(&alerts, &windows), None, "{rule}");
        let Some(own) = pairs_of(&alerts) else { continue };
        assert!(own.is_superset(&theirs(&judged[0]).unwrap()), "{rule}");
        if !rule.contains("inner") {
            let is_inside = |(group, id): &Pair| {
                windows.iter().any(|(of, from, to)| of == group && (from..=to).contains(&&seconds[id]))
            };
            let expected: BTreeSet<Pair> =
                theirs(&judged[1]).unwrap().into_iter().filter(is_inside).collect();
            assert_eq!(own, expected, "{rule}");
        }
        found += usize::from(!windows.is_empty());
    }
    assert!(found > RULES / 2, "only {found} rules have windows");
}

/// A file in which correlations let others alert, too. Where two correlations of one rule disagree, the specification does not
/// say which of them counts: the backend follows the one that says no, and ccfd the other one.
fn generating(rng: &mut StdRng) -> (String, bool) {
    let (text, about_numbers) = rule(of_seconds, rng);
    let let_others = |text: &str| text.replacen("  timespan:", "  generate: true\n  timespan:", 1);
    let (before, tried) = text.split_once("title: tried").unwrap();
    let which = if text.contains("rules: [inner, b]") { 0 } else { rng.random_range(0..3) };
    let before = if which == 1 { before.to_owned() } else { let_others(before) };
    let tried = if which == 2 { tried.to_owned() } else { let_others(tried) };
    (format!("{before}title: tried{tried}"), about_numbers)
}

/// The alerts of all rules of a file: records of detections, for each detection, and pairs of correlations.
fn all_alerts(text: &str, records: &[Record]) -> (Vec<Vec<String>>, Option<BTreeSet<Pair>>) {
    let set = loaded(text).unwrap();
    let mut matches = Matches::default();
    records.iter().for_each(|record| set.judge(&AUDIT_LOGS, "acme", record, &mut matches));
    let mut alerts = Alerts::new(set.rules.clone());
    alerts.deliver(&matches);
    let is_correlation = |alert: &Alert| {
        set.rules.iter().any(|rule| *rule.slug == *alert.rule && rule.correlation().is_some())
    };
    let standing = alerts.all().into_iter().filter(|alert| alert.merged_into.is_none() && !alert.withdrawn);
    let (correlations, detections): (Vec<Alert>, Vec<Alert>) = standing.partition(is_correlation);
    let mut singles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for alert in detections {
        singles.entry(alert.rule).or_default().extend(alert.record_ids);
    }
    (singles.into_values().collect(), pairs_of(&correlations))
}

#[tokio::test]
async fn pysigma_lets_the_same_rules_alert_beside_a_correlation_of_them() {
    let Some(python) = Python::shared() else { return };
    let mut rng = StdRng::seed_from_u64(seed());
    let records = records(&mut rng);
    let files: Vec<(String, bool)> = (0..RULES).map(|_| generating(&mut rng)).collect();
    let files: Vec<String> =
        files.into_iter().filter(|(_, numbers)| !numbers).map(|(text, _)| text).collect();
    let texts: Vec<&str> = files.iter().map(String::as_str).collect();
    let judged = judged(python, &records, &texts).await;
    let sorted = |mut lists: Vec<Vec<String>>| {
        lists.iter_mut().for_each(|list| list.sort());
        lists.sort();
        lists
    };
    let mut compared = 0;
    for (text, judged) in files.iter().zip(&judged) {
        if loaded(text).is_err() {
            continue;
        }
        let (singles, pairs) = all_alerts(text, &records);
        let expected: Vec<Vec<String>> = serde_json::from_value(judged["singles"].clone()).unwrap();
        assert_eq!(sorted(singles), sorted(expected), "{text}");
        let Some(pairs) = pairs else { continue };
        let theirs = theirs(judged).unwrap();
        // An alert has all records of its time that hits bring.
        let is_same =
            if text.contains("rules: [inner, b]") { pairs.is_superset(&theirs) } else { pairs == theirs };
        assert!(is_same, "{text}");
        compared += 1;
    }
    assert!(compared > RULES / 3, "only {compared} were compared");
}
