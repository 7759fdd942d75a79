//! The simplest environment of a reader: a map as the store, a map as the destination, no pipeline.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ccfd::simulator::{SimulatedList, Simulator, SimulatorOptions};
use collectors::{
    AuditLogs, ChatCompletions, Client, ClientSettings, CollectError, Cursor, IdHash, KeyBudget, Page,
    Reader, ReaderStep, Source, TenantWalk, Timing, TransportError,
};
use secrecy::SecretString;

use super::{
    time::World,
    wire::{ADMIN_KEY, BASE_URL, PROJECT_KEY, Tamper, Wire},
};

pub const OVERLAP: Duration = Duration::from_secs(1800);
pub const POLL: Duration = Duration::from_secs(60);

/// A simulator of one list, with so many records over a week.
pub fn options(list: SimulatedList, count: u64, habits: &str, seed: u64) -> SimulatorOptions {
    let (audit_logs, completions) = match list {
        SimulatedList::AuditLogs => (count, 0),
        SimulatedList::Completions => (0, count),
    };
    SimulatorOptions {
        audit_logs,
        completions,
        seed,
        habits: habits.parse().expect("habits"),
        ..SimulatorOptions::default()
    }
}

pub struct Rig {
    pub world: World,
    pub simulator: Simulator,
    pub client: Arc<Client>,
    tamper: Arc<Mutex<Option<Tamper>>>,
    body_max: Arc<AtomicUsize>,
    pub source: Source,
    pub tenant_walk: TenantWalk,
    pub timing: Timing,
    pub start: i64,
    /// What was committed.
    pub cursors: Vec<Cursor>,
    pub parts: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What was delivered, and how often.
    pub delivered: HashMap<IdHash, u32>,
    pub errors: Vec<CollectError>,
    pub unusable: usize,
}

impl Rig {
    pub fn new(list: SimulatedList, options: SimulatorOptions, start: i64) -> Self {
        Self::with_rate(list, options, start, 1000)
    }

    /// A rig whose key admits so many requests a second.
    pub fn with_rate(
        list: SimulatedList,
        options: SimulatorOptions,
        start: i64,
        requests_per_second: u32,
    ) -> Self {
        let world = World::new();
        let simulator = Simulator::new(options, world.right_clock()).expect("options");
        let (source, key) = match list {
            SimulatedList::AuditLogs => (Source::from(AuditLogs::default()), ADMIN_KEY),
            SimulatedList::Completions => (ChatCompletions::default().into(), PROJECT_KEY),
        };
        let tamper = Arc::default();
        let body_max = Arc::new(AtomicUsize::new(usize::MAX));
        let wire = Wire {
            simulator: simulator.clone(),
            tamper: Arc::clone(&tamper),
            latency: Duration::from_millis(20),
            body_max: Arc::clone(&body_max),
        };
        let budget = KeyBudget::new(NonZeroU32::new(requests_per_second).unwrap());
        let settings = ClientSettings {
            api_key: SecretString::from(key),
            base_url: BASE_URL.parse().unwrap(),
            organization: None,
            project: None,
            retry_after_max: Duration::from_secs(60),
        };
        let client = Client::new(Arc::new(wire), Arc::new(budget), settings, world.local_clock()).unwrap();
        let timing = Timing {
            poll_interval: POLL,
            sweep_interval: Duration::from_secs(300),
            overlap: OVERLAP,
            dedup_ids_max: 1_000_000,
        };
        Self {
            world,
            simulator,
            client: Arc::new(client),
            tamper,
            body_max,
            source,
            tenant_walk: TenantWalk::Auto,
            timing,
            start,
            cursors: Vec::new(),
            parts: BTreeMap::new(),
            delivered: HashMap::new(),
            errors: Vec::new(),
            unusable: 0,
        }
    }

    /// From now on every request goes through `tamper`.
    pub fn tamper(&self, tamper: impl FnMut(&str) -> Result<String, TransportError> + Send + 'static) {
        *self.tamper.lock().unwrap() = Some(Box::new(tamper));
    }

    /// From now on no larger body is taken.
    pub fn body_max(&self, bytes: usize) {
        self.body_max.store(bytes, Ordering::Relaxed);
    }

    /// A reader as after a restart: from what was committed.
    pub async fn reader(&mut self) -> Reader {
        for _ in 0..50 {
            match self.source.hello(&self.client).await {
                Ok(_) => break,
                Err(error) => self.failed(error).await,
            }
        }
        self.take_up()
    }

    /// A reader from what was committed, before anything is asked.
    pub fn take_up(&self) -> Reader {
        let parts: Vec<_> = self.parts.clone().into_iter().collect();
        let (client, cursors) = (self.client.clone(), self.cursors.clone());
        Reader::new(client, &self.source, self.timing, self.tenant_walk, cursors, &parts, self.start)
    }

    pub async fn failed(&mut self, error: CollectError) {
        self.errors.push(error);
        assert!(self.errors.len() < 100_000, "errors without end: {:?}", self.errors.last());
        tokio::time::sleep(Duration::from_millis(700)).await;
    }

    pub fn deliver(&mut self, page: &Page) {
        for record in &page.records {
            *self.delivered.entry(record.id).or_default() += 1;
        }
        self.unusable += page.unusable.len();
    }

    pub fn commit(&mut self, page: Page) {
        let index = usize::from(page.change.walk);
        while self.cursors.len() <= index {
            self.cursors.push(self.source.begin(self.start, None));
        }
        self.cursors[index] = page.change.cursor;
        for (key, value) in page.change.parts {
            match value {
                Some(value) => self.parts.insert(key, value),
                None => self.parts.remove(&key),
            };
        }
    }

    /// Reads, delivers and commits until nothing is due; answers how many pages that took.
    pub async fn read_to_idle(&mut self, reader: &mut Reader) -> usize {
        let mut pages = 0;
        loop {
            match reader.next().await {
                Ok(ReaderStep::Page(page)) => {
                    pages += 1;
                    self.deliver(&page);
                    self.commit(*page);
                }
                Ok(ReaderStep::Idle(_) | ReaderStep::Finished) => return pages,
                Err(error) => self.failed(error).await,
            }
        }
    }

    /// Reads, delivers and commits at most so many pages, until nothing is due; whenever another slice of a sweep has begun,
    /// something is done.
    pub async fn read_slices(
        &mut self,
        reader: &mut Reader,
        pages_max: usize,
        mut at_slice: impl FnMut(&Self, &mut Reader),
    ) {
        let mut lo = 0;
        for _ in 0..pages_max {
            match reader.next().await {
                Ok(ReaderStep::Page(page)) => {
                    let sweep = page.change.cursor.sweep.clone();
                    self.deliver(&page);
                    self.commit(*page);
                    if let Some(sweep) = sweep.filter(|sweep| sweep.slice.lo != lo) {
                        lo = sweep.slice.lo;
                        at_slice(self, reader);
                    }
                }
                Ok(ReaderStep::Idle(_) | ReaderStep::Finished) => break,
                Err(error) => self.failed(error).await,
            }
        }
    }

    /// Runs for a while, as the daemon does, without a restart.
    pub async fn run_for(&mut self, reader: &mut Reader, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        loop {
            match reader.next().await {
                Ok(ReaderStep::Page(page)) => {
                    self.deliver(&page);
                    self.commit(*page);
                }
                Ok(ReaderStep::Idle(at)) if at < end => tokio::time::sleep_until(at).await,
                Ok(ReaderStep::Idle(_) | ReaderStep::Finished) => return tokio::time::sleep_until(end).await,
                Err(error) => self.failed(error).await,
            }
            if tokio::time::Instant::now() >= end {
                return;
            }
        }
    }

    /// One more record of the list.
    pub fn issue(&self, list: SimulatedList, second: i64, visible_at: i64) -> String {
        match list {
            SimulatedList::AuditLogs => self.simulator.push_audit(second, visible_at),
            SimulatedList::Completions => self.simulator.push_completion(second, visible_at),
        }
    }

    /// How many requests were answered so far.
    pub fn requests(&self) -> u64 {
        self.simulator.requests().values().sum()
    }

    /// Every issued record at or after the start has arrived, and none twice.
    pub fn assert_conserved(&self, list: SimulatedList) {
        self.assert_all_arrived(list);
        let doubled = self.delivered.values().filter(|times| **times > 1).count();
        assert_eq!(doubled, 0, "{doubled} records delivered more than once");
    }

    pub fn assert_all_arrived(&self, list: SimulatedList) {
        let issued = self.simulator.issued(list);
        let wanted = issued.iter().filter(|(_, second)| *second >= self.start);
        let missing: Vec<_> =
            wanted.filter(|(id, _)| !self.delivered.contains_key(&IdHash::of(id))).collect();
        assert!(
            missing.is_empty(),
            "{} of {} missing, as {:?}",
            missing.len(),
            issued.len(),
            &missing[..missing.len().min(3)]
        );
    }
}
