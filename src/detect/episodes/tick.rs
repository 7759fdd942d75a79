//! What a correlation sees of the matches of one group.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    ops::ControlFlow,
};

/// Equal matches of one second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Their second.
    pub at: i64,
    /// The place of their rule among the inputs.
    pub input: u32,
    /// The value of the correlation's field.
    pub value: TickValue,
    /// How many there are.
    pub count: u64,
}

/// What a tick is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TickValue {
    /// Matches without a value.
    Nothing,
    /// A text, folded to lower case.
    Text(String),
    /// A number.
    Number(Amount),
    /// A hit of a correlation, in this group of it.
    Hit(i64),
}

/// A finite number that can be ordered.
#[derive(Clone, Copy, Debug)]
pub struct Amount(f64);

impl Amount {
    /// The number; zero has no sign, and what is not finite is zero.
    pub fn new(number: f64) -> Self {
        if number.is_finite() { Self(number + 0.0) } else { Self(0.0) }
    }

    /// The number.
    pub fn number(self) -> f64 {
        self.0
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Amount {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// The ticks of one group of one correlation.
pub trait TickSource {
    /// Why they cannot be read.
    type Error;

    /// Hands out the ticks of these seconds, both included, in order of time and input, until `each` breaks off.
    fn between(
        &self,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(Tick) -> ControlFlow<()>,
    ) -> Result<(), Self::Error>;

    /// How many matches there are in these seconds, both included; if more than `most`, not all are counted.
    fn matches_between(&self, from: i64, to: i64, most: u64) -> Result<u64, Self::Error> {
        let mut count = 0_u64;
        self.between(from, to, &mut |tick| {
            count = count.saturating_add(tick.count);
            if count >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(count)
    }

    /// The newest ticks before a second, at most this many, in order of time and input.
    fn newest_before(&self, before: i64, count: usize) -> Result<Vec<Tick>, Self::Error>;

    /// The first second with a tick from this one on.
    fn first_from(&self, from: i64) -> Result<Option<i64>, Self::Error>;
}
