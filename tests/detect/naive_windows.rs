//! The windows of one group by their definition: each is looked at by itself.

use std::collections::{BTreeMap, BTreeSet};

use ccfd::detect::model::{Comparison, Correlation, CorrelationKind, MatchValue};

use super::naive::Record;

#[derive(Clone, Debug)]
pub struct Tick {
    pub at: i64,
    pub input: u32,
    pub value: Option<TickValue>,
}

/// A value of a match.
#[derive(Clone, Debug, PartialEq)]
pub enum TickValue {
    Text(String),
    Number(f64),
}

impl From<MatchValue<'_>> for TickValue {
    fn from(value: MatchValue<'_>) -> Self {
        match value {
            MatchValue::Text(text) => Self::Text(text.to_owned()),
            MatchValue::Number(number) => Self::Number(number),
        }
    }
}

/// What one correlation sees in one of its groups.
#[derive(Debug, Default)]
pub struct Seen {
    pub ticks: Vec<Tick>,
    pub direct: BTreeSet<Record>,
    pub brought: BTreeSet<Record>,
}

/// The satisfied stretches of a group.
pub fn hits(correlation: &Correlation, seen: &Seen, first: i64) -> Vec<(i64, i64)> {
    let seconds: BTreeSet<i64> = seen.ticks.iter().map(|tick| tick.at).collect();
    let span = correlation.timespan;
    let begin = |at: i64| match correlation.kind {
        CorrelationKind::FirstSeen { .. } => at,
        _ => *seconds.range(at - span..=at).next().unwrap(),
    };
    let is_hit = |at: &i64| is_satisfied(correlation, &seen.ticks, first, *at);
    seconds.iter().copied().filter(is_hit).map(|at| (begin(at), at)).collect()
}

fn is_satisfied(correlation: &Correlation, ticks: &[Tick], first: i64, at: i64) -> bool {
    let inside: Vec<&Tick> =
        ticks.iter().filter(|tick| (at - correlation.timespan..=at).contains(&tick.at)).collect();
    let number = |tick: &Tick| match &tick.value {
        Some(TickValue::Number(number)) => Some(*number),
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
            let is_known = |value: &TickValue| {
                ticks
                    .iter()
                    .any(|tick| (at - window..at).contains(&tick.at) && tick.value.as_ref() == Some(value))
            };
            let here = ticks.iter().filter(|tick| tick.at == at).filter_map(|tick| tick.value.as_ref());
            at >= first.saturating_add(learn) && here.into_iter().any(|value| !is_known(value))
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
