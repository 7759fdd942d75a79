//! Whole routes into services behind a gateway that spoils one answer in eight: what was written, what was not, and whether
//! that is said, is drawn from a seed.
//!
//! `CCFD_CHAOS_SEEDS=200` runs more of them, `CCFD_CHAOS_SEED=17` one alone.

mod conserves;
mod killed;
mod there;

use std::env;

/// The seeds to be run.
fn seeds() -> Vec<u64> {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match number("CCFD_CHAOS_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("CCFD_CHAOS_SEEDS").unwrap_or(10)).collect(),
    }
}
