//! Alerts from the whole set of matches, by their definition: every window is looked at by itself.

use std::collections::{BTreeMap, BTreeSet};

use ccfd::{
    detect::model::{Comparison, Correlation, CorrelationKind, Match, MatchValue, Rule},
    tables::format_utc,
};

use super::Facts;

type Group = Vec<Option<String>>;
type Record = (i64, String);

#[derive(Clone, Debug)]
struct Tick {
    at: i64,
    input: u32,
    value: Option<MatchValue>,
}

/// What one correlation sees in one of its groups.
#[derive(Debug, Default)]
struct Seen {
    ticks: Vec<Tick>,
    direct: BTreeSet<Record>,
    brought: BTreeSet<Record>,
}

/// Every alert that the matches of these rules raise.
pub fn alerts(rules: &[Rule], matches: &[Match]) -> Vec<Facts> {
    let mut unique: BTreeMap<(u32, &str), &Match> = BTreeMap::new();
    for one in matches {
        unique.entry((one.rule.0, &one.record)).or_insert(one);
    }
    let unique: Vec<&Match> = unique.into_values().collect();
    let mut facts = Vec::new();
    for (place, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.alerts) {
        match rule.correlation() {
            None => {
                let own = unique.iter().filter(|one| one.rule.0 as usize == place);
                facts.extend(own.map(|one| fact(rule, &Vec::new(), &[(one.at, one.record.clone())], one.at)));
            }
            Some(correlation) => {
                let first = first_at(place, &unique);
                for (group, seen) in seen_by(rules, place, &unique) {
                    for (from, to) in episodes(correlation, &seen, first) {
                        let back = |tick: &Tick| {
                            back(rules, correlation.inputs[tick.input as usize].rule.0 as usize)
                        };
                        let inside = seen.ticks.iter().filter(|tick| (from..=to).contains(&tick.at));
                        let since = inside.map(|tick| tick.at - back(tick)).min().unwrap();
                        let records: BTreeSet<Record> = seen
                            .direct
                            .iter()
                            .chain(&seen.brought)
                            .filter(|(at, _)| (from..=to).contains(at))
                            .chain(seen.brought.iter().filter(|(at, _)| (since..from).contains(at)))
                            .cloned()
                            .collect();
                        let records: Vec<Record> = records.into_iter().collect();
                        facts.push(fact(rule, &group, &records, to));
                    }
                }
            }
        }
    }
    facts.sort();
    facts
}

fn fact(rule: &Rule, group: &Group, records: &[Record], last: i64) -> Facts {
    let names = rule.correlation().map(|correlation| correlation.group_by.clone()).unwrap_or_default();
    let group: BTreeMap<String, Option<String>> =
        names.iter().map(|name| name.to_string()).zip(group.iter().cloned()).collect();
    Facts {
        rule: rule.slug.to_string(),
        group: serde_json::to_string(&group).unwrap(),
        first: format_utc(records[0].0),
        last: format_utc(last),
        count: records.len() as u64,
        records: records.iter().take(100).map(|(_, record)| record.clone()).collect(),
    }
}

/// How many seconds before a hit of a rule its records lie.
fn back(rules: &[Rule], place: usize) -> i64 {
    rules[place].correlation().map_or(0, |correlation| {
        let inputs = correlation.inputs.iter().map(|input| back(rules, input.rule.0 as usize));
        correlation.timespan + inputs.max().unwrap()
    })
}

fn first_at(place: usize, matches: &[&Match]) -> i64 {
    let seen = matches.iter().filter(|one| one.seen_by.iter().any(|seen| seen.by.0 as usize == place));
    seen.map(|one| one.at).min().unwrap_or(0)
}

fn seen_by(rules: &[Rule], place: usize, matches: &[&Match]) -> BTreeMap<Group, Seen> {
    let mut groups: BTreeMap<Group, Seen> = BTreeMap::new();
    for one in matches {
        for seen in one.seen_by.iter().filter(|seen| seen.by.0 as usize == place) {
            let group = groups.entry(seen.group.0.clone()).or_default();
            group.ticks.push(Tick { at: one.at, input: seen.input, value: seen.value.clone() });
            group.direct.insert((one.at, one.record.clone()));
        }
    }
    for (input, of) in (0..).zip(&rules[place].correlation().unwrap().inputs) {
        let child = of.rule.0 as usize;
        let Some(correlation) = rules[child].correlation() else { continue };
        let first = first_at(child, matches);
        for (values, seen) in seen_by(rules, child, matches) {
            let values: Group = of.group_from.iter().map(|place| values[*place].clone()).collect();
            for (_, hit) in hits(correlation, &seen, first) {
                let group = groups.entry(values.clone()).or_default();
                group.ticks.push(Tick { at: hit, input, value: None });
                let window = hit - back(rules, child)..=hit;
                let records = seen.direct.iter().chain(&seen.brought);
                group.brought.extend(records.filter(|(at, _)| window.contains(at)).cloned());
            }
        }
    }
    groups
}

/// The satisfied stretches of a group.
fn hits(correlation: &Correlation, seen: &Seen, first: i64) -> Vec<(i64, i64)> {
    let seconds: BTreeSet<i64> = seen.ticks.iter().map(|tick| tick.at).collect();
    let span = correlation.timespan;
    let begin = |at: i64| match correlation.kind {
        CorrelationKind::FirstSeen { .. } => at,
        _ => *seconds.range(at - span..=at).next().unwrap(),
    };
    let is_hit = |at: &i64| is_satisfied(correlation, &seen.ticks, first, *at);
    seconds.iter().copied().filter(is_hit).map(|at| (begin(at), at)).collect()
}

fn episodes(correlation: &Correlation, seen: &Seen, first: i64) -> Vec<(i64, i64)> {
    let mut all: Vec<(i64, i64)> = Vec::new();
    let mut found = hits(correlation, seen, first);
    found.sort();
    for (from, to) in found {
        match all.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => all.push((from, to)),
        }
    }
    all
}

fn is_satisfied(correlation: &Correlation, ticks: &[Tick], first: i64, at: i64) -> bool {
    let inside: Vec<&Tick> =
        ticks.iter().filter(|tick| (at - correlation.timespan..=at).contains(&tick.at)).collect();
    let number = |tick: &Tick| match &tick.value {
        Some(MatchValue::Number(number)) => Some(*number),
        _ => None,
    };
    let numbers: Vec<f64> = inside.iter().filter_map(|tick| number(tick)).collect();
    let sum: f64 = numbers.iter().sum();
    let meets = |number: f64| {
        correlation.condition.iter().all(|(comparison, bound)| match comparison {
            Comparison::Less => number < *bound,
            Comparison::AtMost => number <= *bound,
            Comparison::Greater => number > *bound,
            Comparison::AtLeast => number >= *bound,
            Comparison::Equal => number == *bound,
            Comparison::NotEqual => number != *bound,
        })
    };
    let has = |input: usize, from: i64, to: i64| {
        inside.iter().any(|tick| tick.input as usize == input && (from..=to).contains(&tick.at))
    };
    let count = correlation.inputs.len();
    match correlation.kind {
        CorrelationKind::EventCount => meets(inside.len() as f64),
        CorrelationKind::ValueCount => {
            let distinct: BTreeSet<String> =
                inside.iter().filter_map(|tick| Some(format!("{:?}", tick.value.as_ref()?))).collect();
            meets(distinct.len() as f64)
        }
        CorrelationKind::Temporal => (0..count).all(|input| has(input, i64::MIN, i64::MAX)),
        CorrelationKind::TemporalOrdered => in_order(&inside, count, 0, i64::MIN),
        CorrelationKind::ValueSum => !numbers.is_empty() && meets(sum),
        CorrelationKind::ValueAvg => !numbers.is_empty() && meets(sum / numbers.len() as f64),
        CorrelationKind::ValuePercentile(percent) => percentile(numbers, percent).is_some_and(meets),
        CorrelationKind::FirstSeen { window, learn } => {
            let is_known = |value: &MatchValue| {
                ticks
                    .iter()
                    .any(|tick| (at - window..at).contains(&tick.at) && tick.value.as_ref() == Some(value))
            };
            let here = ticks.iter().filter(|tick| tick.at == at).filter_map(|tick| tick.value.as_ref());
            at >= first + learn && here.into_iter().any(|value| !is_known(value))
        }
        CorrelationKind::Spike { factor, baseline, at_least } => {
            let (span, begin) = (correlation.timespan, at - correlation.timespan);
            let mut slots: BTreeMap<i64, f64> = BTreeMap::new();
            for tick in ticks {
                let slot = tick.at.div_euclid(span);
                if slot * span >= begin - baseline && (slot + 1) * span <= begin {
                    *slots.entry(slot).or_default() += number(tick).unwrap();
                }
            }
            let usual = percentile(slots.into_values().collect(), 50.0);
            sum >= at_least && usual.is_some_and(|usual| sum > factor * usual)
        }
    }
}

/// Whether there is a sequence of the inputs from this one on, that begins at a second or later.
fn in_order(ticks: &[&Tick], count: usize, input: usize, from: i64) -> bool {
    input == count
        || ticks
            .iter()
            .filter(|tick| tick.input as usize == input && tick.at >= from)
            .any(|tick| in_order(ticks, count, input + 1, tick.at))
}

fn percentile(mut numbers: Vec<f64>, percent: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let rank = percent / 100.0 * (numbers.len().checked_sub(1)? as f64);
    let (low, high) = (numbers[rank.floor() as usize], numbers[rank.ceil() as usize]);
    Some(low + (high - low) * rank.fract())
}
