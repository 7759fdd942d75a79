//! The window that moves over the ticks of a group, and whether it satisfies the condition.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{
    percentile::{median, percentile},
    tick::{Amount, Tick, TickValue},
};
use crate::detect::model::{Comparison, Correlation, CorrelationKind};

/// Sums are exact, in millionths, so that they do not depend on the order of addition.
const MILLIONTHS: f64 = 1e6;
/// A single value beyond this counts as this.
const VALUE_MAX: f64 = 1e18;

/// How many seconds before its end a window can depend on.
pub fn condition_reach(correlation: &Correlation) -> i64 {
    match correlation.kind {
        CorrelationKind::EventCount
        | CorrelationKind::ValueCount
        | CorrelationKind::Temporal
        | CorrelationKind::TemporalOrdered
        | CorrelationKind::ValueSum
        | CorrelationKind::ValueAvg
        | CorrelationKind::ValuePercentile(_) => correlation.timespan,
        CorrelationKind::FirstSeen { window, .. } => window,
        CorrelationKind::Spike { baseline, .. } => correlation.timespan.saturating_add(baseline),
    }
}

/// The longest satisfied stretch of one window, in seconds.
pub fn interval_reach(correlation: &Correlation) -> i64 {
    match correlation.kind {
        CorrelationKind::FirstSeen { .. } => 0,
        CorrelationKind::EventCount
        | CorrelationKind::ValueCount
        | CorrelationKind::Temporal
        | CorrelationKind::TemporalOrdered
        | CorrelationKind::ValueSum
        | CorrelationKind::ValueAvg
        | CorrelationKind::ValuePercentile(_)
        | CorrelationKind::Spike { .. } => correlation.timespan,
    }
}

/// Whether one more match can never make a satisfied window unsatisfied. Sums are not, because a value may be negative.
pub fn is_monotone(correlation: &Correlation) -> bool {
    let rises = || {
        let upwards = |(comparison, _): &(Comparison, f64)| match comparison {
            Comparison::Greater | Comparison::AtLeast => true,
            Comparison::Less | Comparison::AtMost | Comparison::Equal | Comparison::NotEqual => false,
        };
        correlation.condition.iter().all(upwards)
    };
    match correlation.kind {
        CorrelationKind::EventCount | CorrelationKind::ValueCount => rises(),
        CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => true,
        CorrelationKind::ValueSum
        | CorrelationKind::ValueAvg
        | CorrelationKind::ValuePercentile(_)
        | CorrelationKind::FirstSeen { .. }
        | CorrelationKind::Spike { .. } => false,
    }
}

/// How many matches a window has at least that satisfies a condition that is monotone.
pub(super) fn least_matches(correlation: &Correlation) -> u64 {
    let least = |(comparison, bound): &(Comparison, f64)| match comparison {
        // A negative number becomes zero.
        Comparison::Greater => (bound.floor() as u64).saturating_add(u64::from(*bound >= 0.0)),
        Comparison::AtLeast => bound.ceil() as u64,
        Comparison::Less | Comparison::AtMost | Comparison::Equal | Comparison::NotEqual => 0,
    };
    match correlation.kind {
        // Distinct values are at most as many as matches.
        CorrelationKind::EventCount | CorrelationKind::ValueCount => {
            correlation.condition.iter().map(least).max().unwrap_or(0)
        }
        CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => correlation.inputs.len() as u64,
        CorrelationKind::ValueSum
        | CorrelationKind::ValueAvg
        | CorrelationKind::ValuePercentile(_)
        | CorrelationKind::FirstSeen { .. }
        | CorrelationKind::Spike { .. } => 0,
    }
}

/// The ticks of the last `timespan` seconds, and what the condition asks of them.
pub(super) struct EventWindow<'c> {
    correlation: &'c Correlation,
    /// No value counts as new before this second.
    learned_at: i64,
    held: VecDeque<Tick>,
    counted: WindowState,
}

/// What is kept up to date for the condition.
enum WindowState {
    Events(u64),
    Values(HashMap<TickValue, u64>),
    /// The newest second of each input; ordered: the latest first second of a sequence that ends with this input.
    Inputs {
        ordered: bool,
        seconds: Vec<Option<i64>>,
    },
    Sum {
        millionths: i128,
        count: u64,
        mean: bool,
    },
    Sizes(BTreeMap<Amount, u64>, f64),
    Known {
        newest: HashMap<TickValue, i64>,
        window: i64,
        any_new: bool,
    },
    Slots {
        sum: i128,
        slots: BTreeMap<i64, i128>,
        factor: f64,
        baseline: i64,
        at_least: f64,
    },
}

impl<'c> EventWindow<'c> {
    /// An empty window. Ticks must come second by second.
    pub(super) fn new(correlation: &'c Correlation, learned_at: i64) -> Self {
        let inputs = |ordered| WindowState::Inputs { ordered, seconds: vec![None; correlation.inputs.len()] };
        let counted = match correlation.kind {
            CorrelationKind::EventCount => WindowState::Events(0),
            CorrelationKind::ValueCount => WindowState::Values(HashMap::new()),
            CorrelationKind::Temporal => inputs(false),
            CorrelationKind::TemporalOrdered => inputs(true),
            CorrelationKind::ValueSum => WindowState::Sum { millionths: 0, count: 0, mean: false },
            CorrelationKind::ValueAvg => WindowState::Sum { millionths: 0, count: 0, mean: true },
            CorrelationKind::ValuePercentile(percent) => WindowState::Sizes(BTreeMap::new(), percent),
            CorrelationKind::FirstSeen { window, .. } => {
                WindowState::Known { newest: HashMap::new(), window, any_new: false }
            }
            CorrelationKind::Spike { factor, baseline, at_least } => {
                WindowState::Slots { sum: 0, slots: BTreeMap::new(), factor, baseline, at_least }
            }
        };
        Self { correlation, learned_at, held: VecDeque::new(), counted }
    }

    /// Moves on to a second and adds its ticks, which are in order of their inputs. If the window that ends there satisfies
    /// the condition: where its satisfied stretch begins.
    pub(super) fn move_to(&mut self, second: i64, ticks: impl IntoIterator<Item = Tick>) -> Option<i64> {
        let first = second.saturating_sub(self.correlation.timespan);
        while self.held.front().is_some_and(|tick| tick.at < first)
            && let Some(gone) = self.held.pop_front()
        {
            self.remove(&gone);
        }
        if let WindowState::Known { any_new, .. } = &mut self.counted {
            *any_new = false;
        }
        for tick in ticks {
            self.add(&tick);
            self.held.push_back(tick);
        }
        if !self.is_satisfied(second, first) {
            return None;
        }
        match self.counted {
            WindowState::Known { .. } => Some(second),
            WindowState::Events(_)
            | WindowState::Values(_)
            | WindowState::Inputs { .. }
            | WindowState::Sum { .. }
            | WindowState::Sizes(..)
            | WindowState::Slots { .. } => self.held.front().map(|tick| tick.at),
        }
    }

    fn add(&mut self, tick: &Tick) {
        let at = tick.at;
        match &mut self.counted {
            WindowState::Events(count) => *count += tick.count,
            WindowState::Values(values) => {
                if tick.value != TickValue::Nothing {
                    *values.entry(tick.value.clone()).or_default() += tick.count;
                }
            }
            WindowState::Inputs { ordered, seconds } => {
                let place = tick.input as usize;
                let begun = match place.checked_sub(1).filter(|_| *ordered) {
                    Some(before) => seconds.get(before).copied().flatten(),
                    None => Some(at),
                };
                if let Some(second) = seconds.get_mut(place) {
                    *second = (*second).max(begun);
                }
            }
            WindowState::Sum { millionths, count, .. } => {
                if let TickValue::Number(number) = &tick.value {
                    *millionths += exact(*number, tick.count);
                    *count += tick.count;
                }
            }
            WindowState::Sizes(sizes, _) => {
                if let TickValue::Number(number) = &tick.value {
                    *sizes.entry(*number).or_default() += tick.count;
                }
            }
            WindowState::Known { newest, window, any_new } => {
                if tick.value != TickValue::Nothing {
                    let before = newest.insert(tick.value.clone(), at);
                    *any_new |= before.is_none_or(|before| before < at.saturating_sub(*window));
                }
            }
            WindowState::Slots { sum, slots, .. } => {
                if let TickValue::Number(number) = &tick.value {
                    let added = exact(*number, tick.count);
                    *sum += added;
                    *slots.entry(at.div_euclid(self.correlation.timespan.max(1))).or_default() += added;
                }
            }
        }
    }

    fn remove(&mut self, tick: &Tick) {
        match &mut self.counted {
            WindowState::Events(count) => *count -= tick.count.min(*count),
            WindowState::Values(values) => {
                if let Some(count) = values.get_mut(&tick.value) {
                    *count -= tick.count.min(*count);
                    if *count == 0 {
                        values.remove(&tick.value);
                    }
                }
            }
            WindowState::Sum { millionths, count, .. } => {
                if let TickValue::Number(number) = &tick.value {
                    *millionths -= exact(*number, tick.count);
                    *count -= tick.count.min(*count);
                }
            }
            WindowState::Sizes(sizes, _) => {
                if let TickValue::Number(number) = &tick.value
                    && let Some(count) = sizes.get_mut(number)
                {
                    *count -= tick.count.min(*count);
                    if *count == 0 {
                        sizes.remove(number);
                    }
                }
            }
            WindowState::Slots { sum, .. } => {
                if let TickValue::Number(number) = &tick.value {
                    *sum -= exact(*number, tick.count);
                }
            }
            // These compare seconds themselves.
            WindowState::Inputs { .. } | WindowState::Known { .. } => {}
        }
    }

    fn is_satisfied(&mut self, second: i64, first: i64) -> bool {
        let timespan = self.correlation.timespan.max(1);
        match &mut self.counted {
            WindowState::Events(count) => meets(&self.correlation.condition, *count as f64),
            WindowState::Values(values) => meets(&self.correlation.condition, values.len() as f64),
            WindowState::Inputs { ordered: true, seconds } => {
                seconds.last().copied().flatten().is_some_and(|begun| begun >= first)
            }
            WindowState::Inputs { ordered: false, seconds } => {
                seconds.iter().all(|newest| newest.is_some_and(|newest| newest >= first))
            }
            WindowState::Sum { count: 0, .. } => false,
            WindowState::Sum { millionths, count, mean } => {
                let divisor = if *mean { *count as f64 } else { 1.0 };
                meets(&self.correlation.condition, *millionths as f64 / MILLIONTHS / divisor)
            }
            WindowState::Sizes(sizes, percent) => percentile(sizes, *percent)
                .is_some_and(|percentile| meets(&self.correlation.condition, percentile)),
            WindowState::Known { any_new, .. } => *any_new && second >= self.learned_at,
            WindowState::Slots { sum, slots, factor, baseline, at_least } => {
                // Slots that lie in the baseline as a whole; a slot without matches says nothing about what is usual.
                let oldest = first.saturating_sub(*baseline);
                let from = oldest.div_euclid(timespan) + i64::from(oldest.rem_euclid(timespan) > 0);
                *slots = slots.split_off(&from);
                let usual = slots.range(..first.div_euclid(timespan));
                let usual = median(usual.map(|(_, sum)| *sum as f64 / MILLIONTHS).collect());
                let sum = *sum as f64 / MILLIONTHS;
                sum >= *at_least && usual.is_some_and(|usual| sum > *factor * usual)
            }
        }
    }
}

/// So many times a number, in millionths.
fn exact(number: Amount, count: u64) -> i128 {
    let number = number.number().clamp(-VALUE_MAX, VALUE_MAX);
    ((number * MILLIONTHS).round() as i128).saturating_mul(count.into())
}

/// Whether a number satisfies every comparison.
fn meets(condition: &[(Comparison, f64)], number: f64) -> bool {
    condition.iter().all(|(comparison, bound)| match comparison {
        Comparison::Less => number < *bound,
        Comparison::AtMost => number <= *bound,
        Comparison::Greater => number > *bound,
        Comparison::AtLeast => number >= *bound,
        Comparison::Equal => number == *bound,
        Comparison::NotEqual => number != *bound,
    })
}
