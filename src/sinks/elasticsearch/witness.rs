//! Distinguishes a faulty row from a faulty index where no neighbour does: a row that was accepted before is
//! sent once more in the same request as a witness, and repeated failures are counted.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use collectors::IdHash;
use tokio::time::Instant;

use crate::sinks::Batch;

/// The longest record that is kept as a witness, because it is copied for every request. Long prompts should
/// have one, too.
const BYTES_MAX: usize = 256 << 10;
/// A failure that may pass counts as the row's own after this many, over this long, each while another row
/// was accepted. A shard that moves is back by then.
const STRIKES: u32 = 8;
const STRIKES_OVER: Duration = Duration::from_secs(60);
/// The most rows counted, and how long a row is remembered that did not fail again.
const COUNTED_MAX: usize = 10_000;
const COUNTED_FOR: Duration = Duration::from_secs(3600);

/// By index, a row that passed last.
#[derive(Default)]
pub(super) struct Witnesses(Mutex<HashMap<String, Batch>>);

impl Witnesses {
    /// The witness for an index: a batch of one.
    pub(super) fn of(&self, index: &str) -> Option<Batch> {
        self.held().get(index).cloned()
    }

    /// Keeps the shortest of these rows, which were just accepted. A recent row is best: a data stream knows
    /// an id only while its backing index is written to.
    pub(super) fn keep(&self, index: &str, batch: &Batch, places: impl Iterator<Item = usize>) {
        let shortest =
            places.filter_map(|place| batch.records.get(place)).min_by_key(|record| record.raw.len());
        let Some(record) = shortest.filter(|record| record.raw.len() <= BYTES_MAX) else {
            return;
        };
        // A copy, so that the page, of which the record is a slice, can be freed.
        let copy = record.clone().with_raw(Bytes::copy_from_slice(&record.raw));
        let witness = Batch { records: [copy].into(), ..batch.clone() };
        self.held().insert(index.to_owned(), witness);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Batch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often rows failed in a way that may pass, while others were accepted.
#[derive(Default)]
pub(super) struct Strikes(Mutex<HashMap<IdHash, Struck>>);

struct Struck {
    times: u32,
    first: Instant,
    last: Instant,
}

impl Strikes {
    /// Counts one more failure; true if the row is at fault by now.
    pub(super) fn add(&self, id: IdHash) -> bool {
        let now = Instant::now();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, struck| now - struck.last < COUNTED_FOR);
        if held.len() >= COUNTED_MAX && !held.contains_key(&id) {
            return false;
        }
        let struck = held.entry(id).or_insert(Struck { times: 0, first: now, last: now });
        struck.times += 1;
        struck.last = now;
        let is_own = struck.times >= STRIKES && now - struck.first >= STRIKES_OVER;
        if is_own {
            held.remove(&id);
        }
        is_own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_the_rows_own_after_many_over_a_while() {
        let strikes = Strikes::default();
        let (often, slowly) = (IdHash::of("often"), IdHash::of("slowly"));
        assert!((0..100).all(|_| !strikes.add(often)), "all of them at once");
        for _ in 1..STRIKES {
            assert!(!strikes.add(slowly));
            tokio::time::advance(STRIKES_OVER).await;
        }
        assert!(strikes.add(slowly) && strikes.add(often));
        assert!(!strikes.add(often), "counted again once it was refused");
    }
}
