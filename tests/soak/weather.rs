//! Faults outside ccfd, each for a while.

use std::time::{Duration, Instant};

use ccfd::simulator::Fault as Answer;
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::scene::{HABITS, Scene};
use crate::support::proxy::Fault;

const FAULTS: [Fault; 4] = [Fault::Cut, Fault::Reset, Fault::Slow, Fault::Garbage];
/// One exchange in so many goes wrong while a side is spoilt.
const ONE_IN: u32 = 4;
/// How long one thing lasts at most: more than half an hour of the week.
const LASTS_MS_MAX: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Calm,
    SourceSpoilt,
    SinkSpoilt,
    BothSpoilt,
    SourceGone,
    SinkGone,
    /// The key has used up its rate.
    Throttled,
    /// The API answers with errors of its own, and in pieces.
    Unwell,
}

use Weather::*;

const ALL: [Weather; 11] =
    [Calm, Calm, Calm, Calm, SourceSpoilt, SinkSpoilt, BothSpoilt, SourceGone, SinkGone, Throttled, Unwell];

pub struct Sky {
    now: Weather,
    until: Instant,
    /// How often a sink, and the source, was gone.
    pub outages: u64,
    pub throttlings: u64,
}

impl Sky {
    pub fn new() -> Self {
        Self { now: Calm, until: Instant::now(), outages: 0, throttlings: 0 }
    }

    /// Lets something else begin when its time has come.
    pub fn change(&mut self, scene: &Scene, rng: &mut StdRng) {
        if Instant::now() < self.until {
            return;
        }
        self.clear(scene);
        self.now = *ALL.choose(rng).unwrap();
        self.until = Instant::now() + Duration::from_millis(rng.random_range(300..LASTS_MS_MAX));
        match self.now {
            Calm => {}
            SourceSpoilt => scene.before.spoil(&FAULTS, ONE_IN),
            SinkSpoilt => scene.behind.spoil(&FAULTS, ONE_IN),
            BothSpoilt => {
                scene.before.spoil(&FAULTS, ONE_IN);
                scene.behind.spoil(&FAULTS, ONE_IN);
            }
            SourceGone => scene.before.down(),
            SinkGone => scene.behind.down(),
            Throttled => {
                let refusal = Answer::status(429, "rate_limit_exceeded", &[("retry-after", "1")]);
                scene.site.simulator.script(vec![refusal; 8]);
                self.throttlings += 1;
            }
            Unwell => {
                let habits = format!("{HABITS},throttle,errors,cut");
                scene.site.simulator.set_habits(habits.parse().unwrap());
            }
        }
        self.outages += u64::from(matches!(self.now, SourceGone | SinkGone));
    }

    /// Everything is well again.
    pub fn clear(&mut self, scene: &Scene) {
        scene.before.heal();
        scene.behind.heal();
        scene.site.simulator.set_habits(HABITS.parse().unwrap());
        self.now = Calm;
    }
}
