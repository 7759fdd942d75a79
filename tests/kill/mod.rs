//! The real binary, killed and stopped at any moment.
//!
//! `CCFD_KILL_CYCLES` and `CCFD_KILL_SEED` ask for more, and for others, than the few hundred of every run.

mod alerts;
mod alerts_delivered;
mod backfill;
mod cases;
mod chaos;
mod sigkill;
mod sigterm;

use std::{env, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The moments at which processes die: many while they start.
pub struct Moments {
    rng: StdRng,
    later_ms: u64,
}

impl Moments {
    /// Later moments lie up to `later_ms` milliseconds after the start.
    pub fn new(later_ms: u64) -> Self {
        let seed = number("CCFD_KILL_SEED", 1);
        Self { rng: StdRng::seed_from_u64(seed), later_ms }
    }

    pub fn next(&mut self) -> Duration {
        let (from, to) =
            if self.rng.random_ratio(3, 5) { (500, 30_000) } else { (30_000, self.later_ms * 1000) };
        Duration::from_micros(self.rng.random_range(from..to))
    }
}
