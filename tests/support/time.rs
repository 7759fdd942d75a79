//! A wall clock that follows tokio's paused time, with a local error that a test can set.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use collectors::Clock;
use tokio::time::Instant;

/// The second at which every simulation begins: 2026-01-01T00:00:00Z.
pub const BEGIN: i64 = 1_767_225_600;

#[derive(Clone)]
pub struct World {
    started: Instant,
    error: Arc<AtomicI64>,
}

impl World {
    pub fn new() -> Self {
        Self { started: Instant::now(), error: Arc::default() }
    }

    /// What every right clock shows.
    pub fn now(&self) -> i64 {
        BEGIN + self.started.elapsed().as_secs() as i64
    }

    /// Makes the local clock wrong by so many seconds.
    pub fn local_clock_is_off_by(&self, seconds: i64) {
        self.error.store(seconds, Ordering::Relaxed);
    }

    pub fn right_clock(&self) -> Clock {
        let world = self.clone();
        Clock::from_fn(move || world.now())
    }

    pub fn local_clock(&self) -> Clock {
        let world = self.clone();
        Clock::from_fn(move || world.now() + world.error.load(Ordering::Relaxed))
    }
}
