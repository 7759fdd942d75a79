//! Which exchange is spoilt, how, and where.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio_rustls::TlsAcceptor;

use super::Fault;

/// Faults lie at most 4 KiB into an exchange, half of them in its first 64 bytes: an answer without news is not longer.
const PLACE_BITS_MAX: u32 = 12;
/// Bytes that are in no HTTP head and, outside of a string or in it, in no JSON.
const GARBAGE: std::ops::Range<u8> = 0x01..0x09;
const GARBAGE_BYTES: usize = 32;
/// A drop of a slow exchange, and the time between two of them, at most.
const DROP_BYTES_MAX: usize = 1024;
const DROP_PAUSE_MS_MAX: u64 = 50;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Request,
    Answer,
}

/// What is to happen to an exchange, once so many bytes have gone this way.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub fault: Fault,
    pub way: Way,
    pub place: usize,
    /// Of a slow one.
    pub drops: (usize, Duration),
}

/// The dice.
pub struct Chance {
    rng: StdRng,
    faults: Vec<Fault>,
    one_in: u32,
    pub impostors: Vec<TlsAcceptor>,
    /// Whether an impostor takes the next connection, for which one was hung up.
    owed: bool,
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            faults: Vec::new(),
            one_in: 1,
            impostors: Vec::new(),
            owed: false,
        }
    }

    pub fn begin(&mut self, faults: &[Fault], one_in: u32) {
        self.faults = faults.to_vec();
        self.one_in = one_in;
        self.owed = false;
    }

    fn fault(&mut self) -> Option<Fault> {
        let hit = self.rng.random_ratio(1, self.one_in);
        self.faults.choose(&mut self.rng).copied().filter(|_| hit)
    }

    fn way(&mut self) -> Way {
        if self.rng.random_bool(0.5) { Way::Request } else { Way::Answer }
    }

    /// Who takes a new connection in the server's place, if anybody does.
    pub fn impostor(&mut self) -> Option<TlsAcceptor> {
        let hit = self.fault() == Some(Fault::Certificate) || self.owed;
        self.owed = false;
        self.impostors.choose(&mut self.rng).filter(|_| hit).cloned()
    }

    /// What happens to the exchange that begins.
    pub fn plan(&mut self) -> Option<Plan> {
        let fault = self.fault()?;
        self.owed = fault == Fault::Certificate;
        let way = match fault {
            Fault::Certificate => Way::Request,
            Fault::Garbage => Way::Answer,
            Fault::Cut | Fault::Reset | Fault::Slow => self.way(),
        };
        let bits = if self.owed { 0 } else { self.rng.random_range(0..=PLACE_BITS_MAX) };
        let drops = (
            self.rng.random_range(1..=DROP_BYTES_MAX),
            Duration::from_millis(self.rng.random_range(1..=DROP_PAUSE_MS_MAX)),
        );
        Some(Plan { fault, way, place: self.rng.random_range(0..1 << bits), drops })
    }

    /// Puts garbage over the beginning of some bytes.
    pub fn garble(&mut self, bytes: &mut [u8]) {
        for byte in bytes.iter_mut().take(GARBAGE_BYTES) {
            *byte = self.rng.random_range(GARBAGE);
        }
    }
}
