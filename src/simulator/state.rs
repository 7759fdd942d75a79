//! The simulator's mutable state, behind one lock.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use collectors::Clock;
use rand::{SeedableRng, rngs::StdRng};

use super::{
    faults::Faults,
    generate::{self, Generator},
    given,
    habits::{Habit, Habits},
    options::{OptionsError, RECORDS_MAX, SimulatorOptions},
    wire::SimulatedEndpoint,
    world::{Scope, SimulatedList, World},
};

/// At most this many records appear between two requests, however far the clock jumps; the others follow.
const LIVE_MAX: u64 = 100_000;

/// An OpenAI below `/v1`. Clones share their records, counters and faults.
#[derive(Clone)]
pub struct Simulator {
    pub(super) clock: Clock,
    state: Arc<Mutex<Simulation>>,
}

/// How many requests were answered, by endpoint and status. A closed connection counts with the status that it
/// would have had.
pub type Counters = BTreeMap<(SimulatedEndpoint, u16), u64>;

/// One answered request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// Path and query as received.
    pub target: String,
    /// Status of the reply.
    pub status: u16,
}

pub(super) struct Simulation {
    pub options: SimulatorOptions,
    pub habits: Habits,
    pub world: World,
    pub generator: Generator,
    pub faults: Faults,
    pub rng: StdRng,
    /// Added to the clock in `Date`, in seconds.
    pub date_offset: i64,
    pub counters: Counters,
    pub seen: VecDeque<AnsweredRequest>,
    /// The last page of each list that showed a record.
    pub last_page: HashMap<Scope, Bytes>,
    /// The last answer of each endpoint, unless it was empty.
    pub last_answer: HashMap<SimulatedEndpoint, Option<Bytes>>,
    live: Live,
}

/// Continuous traffic: record `n` appears `n / per_second` seconds after the start.
struct Live {
    per_second: f64,
    since: i64,
    made: u64,
}

impl Simulator {
    /// Loads the given records and generates the others, up to the clock's current second.
    pub fn new(mut options: SimulatorOptions, clock: Clock) -> Result<Self, OptionsError> {
        if options.audit_logs.max(options.completions) > RECORDS_MAX {
            return Err(OptionsError::TooMany);
        }
        let now = clock.now();
        let mut world = World::default();
        world.reserve(usize::try_from(options.audit_logs + options.completions).unwrap_or(0));
        for (index, input) in std::mem::take(&mut options.records).iter().enumerate() {
            given::load(&mut world, index + 1, input)?;
        }
        let live = Live { per_second: options.live_per_second, since: now, made: 0 };
        let mut state = Simulation {
            habits: options.habits,
            world,
            generator: Generator::new(options.seed),
            faults: Faults::default(),
            rng: StdRng::seed_from_u64(options.seed),
            date_offset: 0,
            counters: Counters::new(),
            seen: VecDeque::new(),
            last_page: HashMap::new(),
            last_answer: HashMap::new(),
            live,
            options,
        };
        let spread = i64::try_from(state.options.spread.as_secs()).unwrap_or(i64::MAX);
        let from = now.saturating_sub(spread).max(0);
        state.generate(SimulatedList::AuditLogs, state.options.audit_logs, from, now);
        state.generate(SimulatedList::Completions, state.options.completions, from, now);
        Ok(Self { clock, state: Arc::new(Mutex::new(state)) })
    }

    /// The state at the current time. A panic elsewhere leaves it usable, because no change can be seen half
    /// done.
    pub(super) fn state(&self) -> MutexGuard<'_, Simulation> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(self.clock.now());
        state
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Simulator({:?})", self.state().habits)
    }
}

impl Simulation {
    fn generate(&mut self, list: SimulatedList, count: u64, from: i64, to: i64) {
        let crowded = self.habits.has(Habit::Crowded);
        let mut rng = StdRng::seed_from_u64(self.options.seed);
        let mut body = Vec::new();
        for second in generate::seconds(&mut rng, count, from, to, crowded) {
            self.make(list, second, None, &mut body);
        }
    }

    /// Generates one record and returns its id.
    pub fn make(
        &mut self,
        list: SimulatedList,
        second: i64,
        visible_at: Option<i64>,
        body: &mut Vec<u8>,
    ) -> Option<String> {
        let made = self.generator.next(list, second, self.habits, body);
        self.world.add(list, second, visible_at.unwrap_or(made.visible_at), &made.head, body);
        made.head.id
    }

    /// Adds the records that have appeared since the last call.
    fn advance(&mut self, now: i64) {
        let passed = now.saturating_sub(self.live.since).max(0);
        let due = (passed as f64 * self.live.per_second) as u64;
        let mut body = Vec::new();
        for _ in 0..due.saturating_sub(self.live.made).min(LIVE_MAX) {
            self.live.made += 1;
            let list = if self.live.made.is_multiple_of(2) {
                SimulatedList::Completions
            } else {
                SimulatedList::AuditLogs
            };
            let second = self.live.since + (self.live.made as f64 / self.live.per_second).ceil() as i64;
            self.make(list, second.min(now), None, &mut body);
        }
    }
}
