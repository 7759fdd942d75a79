//! Percentiles by linear interpolation between the two nearest values.

use std::collections::BTreeMap;

use super::tick::Amount;

/// The percentile, 0 ..= 100, of values with their counts; `None` without values.
pub(super) fn percentile(values: &BTreeMap<Amount, u64>, percent: f64) -> Option<f64> {
    let count: u64 = values.values().sum();
    let rank = percent.clamp(0.0, 100.0) / 100.0 * count.checked_sub(1)? as f64;
    let (low, high) = (nth(values, rank.floor() as u64)?, nth(values, rank.ceil() as u64)?);
    Some(low + (high - low) * rank.fract())
}

/// The median of some numbers; `None` without any.
pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let upper = *numbers.get(middle)?;
    if numbers.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *numbers.get(middle - 1)?;
    Some(lower + (upper - lower) / 2.0)
}

/// The value at a place, counted from 0, in order of size.
fn nth(values: &BTreeMap<Amount, u64>, place: u64) -> Option<f64> {
    let mut before = 0;
    for (value, count) in values {
        before += count;
        if place < before {
            return Some(value.number());
        }
    }
    None
}
