//! Records as the API would have made them. The same seed gives the same records.

mod audit_logs;
mod completions;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    habits::{Habit, Habits},
    world::{SimulatedHead, SimulatedList},
};

/// The longest time for which a late record stays invisible, in seconds.
const LATE_MAX: i64 = 20 * 60;

/// Makes one record after the other. Each is drawn from its own number, so that what was made before,
/// and when, does not change it.
pub(super) struct Generator {
    seed: u64,
    audit_logs: u64,
    completions: u64,
}

/// A generated record.
pub(super) struct Made {
    pub head: SimulatedHead,
    pub visible_at: i64,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { seed, audit_logs: 0, completions: 0 }
    }

    /// Writes the next record of a list into `body`, which is cleared before.
    pub fn next(&mut self, list: SimulatedList, second: i64, habits: Habits, body: &mut Vec<u8>) -> Made {
        let made = match list {
            SimulatedList::AuditLogs => &mut self.audit_logs,
            SimulatedList::Completions => &mut self.completions,
        };
        let mut rng = numbered(self.seed, list, *made);
        *made += 1;
        body.clear();
        let head = match list {
            SimulatedList::AuditLogs => audit_logs::write(&mut rng, second, body),
            SimulatedList::Completions => completions::write(&mut rng, second, body),
        };
        let delay = if habits.has(Habit::Late) { delay(&mut rng) } else { 0 };
        Made { head, visible_at: second.saturating_add(delay) }
    }
}

fn numbered(seed: u64, list: SimulatedList, number: u64) -> StdRng {
    let mut whole = [0; 32];
    whole[..8].copy_from_slice(&seed.to_le_bytes());
    whole[8..16].copy_from_slice(&number.to_le_bytes());
    whole[16] = list as u8;
    StdRng::from_seed(whole)
}

/// Mostly the few seconds that were recorded; one in twenty stays away for minutes.
fn delay(rng: &mut StdRng) -> i64 {
    if rng.random_ratio(1, 20) { rng.random_range(30..=LATE_MAX) } else { rng.random_range(1..=6) }
}

/// The seconds of `count` records over `from ..= to`, in order. A third of the seconds that hold a record hold
/// two to eight, as was recorded; with `crowded`, about one record in four lies in a second of 180 to 1,200.
pub(super) fn seconds(rng: &mut StdRng, count: u64, from: i64, to: i64, crowded: bool) -> Vec<i64> {
    let mut groups = Vec::new();
    let mut placed = 0;
    let mut next_crowd = if crowded { count / 3 } else { u64::MAX };
    while placed < count {
        let wanted = if placed >= next_crowd {
            next_crowd = placed + rng.random_range(1_500..=4_000);
            rng.random_range(180..=1_200)
        } else if rng.random_ratio(1, 3) {
            rng.random_range(2..=8)
        } else {
            1
        };
        let group = wanted.min(count - placed);
        groups.push(group);
        placed += group;
    }
    let span = to.saturating_sub(from).max(0) as f64;
    let share = span / groups.len().max(1) as f64;
    let mut seconds = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for (index, group) in groups.into_iter().enumerate() {
        let second = from.saturating_add(((index as f64 + rng.random::<f64>()) * share) as i64);
        seconds.extend((0..group).map(|_| second.min(to)));
    }
    seconds
}

/// `length` characters out of which the API makes its ids.
fn base62(rng: &mut StdRng, length: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..length).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect()
}

fn pick<'a, T>(rng: &mut StdRng, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}
