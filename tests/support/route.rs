//! A whole route in one process: the simulator as the network, a real store in a fresh directory, a sink in memory.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use ccfd::{
    pipeline::{
        backoff::RetryDelays,
        batcher::BatchLimits,
        checkpoint::Checkpoint,
        messages::MessageLimits,
        plan::{Begin, Plan},
        policy::Failure,
        poll_now::PollNow,
        progress::{Progress, RouteStatus},
        rejects::{Bounds, Rejects},
        route::{Ended, Route},
        shutdown::{Shutdown, ShutdownSender, shutdown},
        tap::Tap,
    },
    simulator::{SimulatedList, Simulator, SimulatorOptions},
    sinks::Sink,
    tables,
};
use collectors::{
    AuditLogs, ChatCompletions, Client, ClientSettings, IdHash, KeyBudget, Response, Source, TenantWalk,
    Timing, Transport, TransportError,
};
use http::{HeaderMap, header};
use secrecy::SecretString;
use state::Store;
use tempfile::TempDir;

use super::{
    rig::{OVERLAP, POLL},
    sink::SpySink,
    time::{BEGIN, World},
    wire::{ADMIN_KEY, BASE_URL, PROJECT_KEY, Wire},
};

/// Before everything that the simulator generates by itself.
pub const START: i64 = BEGIN - 8 * 86_400;
const NAME: &str = "collector/sink";

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
pub enum Mishap {
    /// It never reaches the API.
    Refused,
    /// It is answered, and the answer is lost.
    Lost,
}

/// A wire on which some requests go wrong, by their number from 0.
pub struct FlakyWire {
    wire: Wire,
    sent: AtomicUsize,
    last_key: Mutex<String>,
    mishap: Box<dyn Fn(usize) -> Option<Mishap> + Send + Sync>,
}

impl FlakyWire {
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// From now on every request goes through `tamper`.
    pub fn tamper(&self, tamper: impl FnMut(&str) -> Result<String, TransportError> + Send + 'static) {
        *self.wire.tamper.lock().unwrap() = Some(Box::new(tamper));
    }

    /// The `Authorization` of the last request.
    pub fn last_key(&self) -> String {
        self.last_key.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for FlakyWire {
    async fn get(&self, url: &str, headers: HeaderMap, body_max: usize) -> Result<Response, TransportError> {
        let key = headers[header::AUTHORIZATION].to_str().unwrap();
        *self.last_key.lock().unwrap() = key.to_owned();
        let mishap = (self.mishap)(self.sent.fetch_add(1, Ordering::Relaxed));
        if let Some(Mishap::Refused) = mishap {
            return Err(TransportError::Unreachable("connection refused".to_owned()));
        }
        let answer = self.wire.get(url, headers, body_max).await;
        match mishap {
            Some(_) => Err(TransportError::Unreachable("connection reset".to_owned())),
            None => answer,
        }
    }
}

pub struct RouteRig {
    pub world: World,
    pub simulator: Simulator,
    pub sink: Arc<SpySink>,
    pub wire: Arc<FlakyWire>,
    pub progress: Progress,
    pub dir: TempDir,
    pub store: Store,
    pub list: SimulatedList,
    /// The content of the key file.
    pub key: Arc<Mutex<String>>,
    pub source: Source,
    pub timing: Timing,
    pub plan: Plan,
    pub tenant_walk: TenantWalk,
    pub messages: Option<MessageLimits>,
    pub gathering: BatchLimits,
    pub bytes_in_flight: usize,
    pub retry: RetryDelays,
    pub rejects_max: u64,
    pub cut_max: u64,
    pub accept_change: bool,
    pub tap: Tap,
}

impl RouteRig {
    pub fn new(list: SimulatedList, options: SimulatorOptions) -> Self {
        let world = World::new();
        let simulator = Simulator::new(options, world.right_clock()).expect("options");
        let (source, key) = match list {
            SimulatedList::AuditLogs => (Source::from(AuditLogs::default()), ADMIN_KEY),
            SimulatedList::Completions => (ChatCompletions::default().into(), PROJECT_KEY),
        };
        let dir = tempfile::tempdir().expect("a directory");
        Self {
            wire: wire(&simulator, |_| None),
            world,
            simulator,
            sink: Arc::new(SpySink::new("a")),
            progress: Progress::new(RouteStatus::default(), Arc::default()),
            store: open(&dir),
            dir,
            list,
            key: Arc::new(Mutex::new(key.to_owned())),
            source,
            timing: Timing {
                poll_interval: POLL,
                sweep_interval: Duration::from_secs(300),
                overlap: OVERLAP,
                dedup_ids_max: 1_000_000,
            },
            plan: Plan::Follow { begin: Begin::At(START), once: true },
            tenant_walk: TenantWalk::Auto,
            messages: None,
            gathering: BatchLimits {
                batch_wait: Duration::from_secs(1),
                commit_interval: Duration::from_secs(5),
                batch_bytes_max: 8 << 20,
            },
            bytes_in_flight: 16 << 20,
            retry: RetryDelays::default(),
            rejects_max: 1 << 30,
            cut_max: 1 << 20,
            accept_change: false,
            tap: Tap::default(),
        }
    }

    /// Follows the list for ever instead of once.
    pub fn for_ever(mut self) -> Self {
        self.plan = Plan::Follow { begin: Begin::At(START), once: false };
        self
    }

    /// Every write is one page.
    pub fn page_by_page(mut self) -> Self {
        self.gathering.batch_bytes_max = 1;
        self
    }

    pub fn with_mishaps(mut self, mishap: impl Fn(usize) -> Option<Mishap> + Send + Sync + 'static) -> Self {
        self.wire = wire(&self.simulator, mishap);
        self
    }

    pub fn route(&self) -> Route {
        self.route_to(self.sink.clone())
    }

    pub fn route_to(&self, sink: Arc<dyn Sink>) -> Route {
        let budget = Arc::new(KeyBudget::new(NonZeroU32::new(1000).unwrap()));
        let (wire, clock, key) = (self.wire.clone(), self.world.local_clock(), self.key.clone());
        let client = move || {
            let settings = ClientSettings {
                api_key: SecretString::from(key.lock().unwrap().clone()),
                base_url: BASE_URL.parse().unwrap(),
                organization: None,
                project: None,
                retry_after_max: Duration::from_secs(60),
            };
            let client = Client::new(wire.clone(), budget.clone(), settings, clock.clone());
            Ok(Arc::new(client.expect("settings")))
        };
        let bounds = Bounds { rejects_max: self.rejects_max, cut_max: self.cut_max };
        let (place, clock) = (self.dir.path().to_owned(), self.world.right_clock());
        let rejects = move || Rejects::open(&place, NAME, bounds, clock.clone()).map_err(Failure::from);
        let store = self.store.clone();
        Route {
            name: NAME.to_owned(),
            collector: "collector".to_owned(),
            filters: self.source.digest(),
            source: self.source.clone(),
            timing: self.timing,
            tenant_walk: self.tenant_walk,
            plan: self.plan,
            messages: self.messages,
            client: Box::new(client),
            redaction: Box::new(|| Ok(None)),
            base_url: BASE_URL.to_owned(),
            table: match self.list {
                SimulatedList::AuditLogs => tables::AUDIT_LOGS.clone(),
                SimulatedList::Completions => tables::CHAT_COMPLETIONS.clone(),
            },
            sink,
            retry: self.retry,
            store: Box::new(move || store.cursor(NAME)),
            rejects: Arc::new(rejects),
            gathering: self.gathering,
            bytes_in_flight: self.bytes_in_flight,
            progress: self.progress.clone(),
            poll_now: PollNow::default(),
            tap: self.tap.clone(),
            accept_change: self.accept_change,
        }
    }

    pub fn rejects_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("rejects")
    }

    /// Runs until the route ends by itself.
    pub async fn run(&self) -> Ended {
        let (_sender, stop) = shutdown();
        self.route().run(stop).await
    }

    /// Runs in the background.
    pub fn start(&self) -> Running {
        Running::new(self.route())
    }

    /// The process has ended, and a new one opens the store.
    pub async fn restart(&mut self) {
        // What had not ended when the route was dropped has ended once the store is closed.
        self.store.clone().close().await.expect("closed");
        self.store = open(&self.dir);
        self.progress = Progress::new(RouteStatus::default(), Arc::default());
    }

    /// Runs until the sink dies, and the process with it; then the next one reads everything.
    pub async fn run_through_a_death(&mut self) {
        let running = self.start();
        self.sink.died.notified().await;
        running.kill().await;
        self.restart().await;
        assert!(matches!(self.run().await, Ended::ReadAll));
        self.assert_all_arrived();
    }

    pub async fn checkpoint(&self) -> Option<Checkpoint> {
        let saved = self.store.cursor::<Checkpoint>(NAME).load().await;
        saved.expect("a store").map(|saved| saved.cursor)
    }

    pub fn assert_all_arrived(&self) {
        let rows = self.sink.seen().rows;
        let issued = self.simulator.issued(self.list);
        let missing =
            issued.iter().filter(|(id, second)| *second >= START && !rows.contains_key(&IdHash::of(id)));
        assert_eq!(missing.count(), 0, "of {} records missing", issued.len());
    }

    pub fn assert_conserved(&self) {
        self.assert_all_arrived();
        assert_eq!(self.sink.seen().doubled(), 0, "records stand twice in the sink");
    }
}

/// A route that runs in a task of its own.
pub struct Running {
    stopper: ShutdownSender,
    task: tokio::task::JoinHandle<Ended>,
}

impl Running {
    pub fn new(route: Route) -> Self {
        let (stopper, stop): (_, Shutdown) = shutdown();
        let task = tokio::spawn(route.run(stop));
        Self { stopper, task }
    }

    /// Asks for the stop and waits for the end.
    pub async fn stop(self) -> Ended {
        self.stopper.request();
        self.task.await.expect("no panic")
    }

    /// Waits for an end that comes by itself.
    pub async fn end(self) -> Ended {
        self.task.await.expect("no panic")
    }

    /// As by SIGKILL.
    pub async fn kill(self) {
        self.task.abort();
        _ = self.task.await;
    }
}

/// So many records of one list, in the default habits.
pub fn records(list: SimulatedList, count: u64) -> SimulatorOptions {
    let (audit_logs, completions) = match list {
        SimulatedList::AuditLogs => (count, 0),
        SimulatedList::Completions => (0, count),
    };
    SimulatorOptions { audit_logs, completions, ..SimulatorOptions::default() }
}

/// Time goes by.
pub async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn wire(
    simulator: &Simulator,
    mishap: impl Fn(usize) -> Option<Mishap> + Send + Sync + 'static,
) -> Arc<FlakyWire> {
    Arc::new(FlakyWire {
        wire: Wire {
            simulator: simulator.clone(),
            tamper: Arc::default(),
            body_max: Arc::new(AtomicUsize::new(usize::MAX)),
            latency: Duration::from_millis(20),
        },
        sent: AtomicUsize::new(0),
        last_key: Mutex::default(),
        mishap: Box::new(mishap),
    })
}

fn open(dir: &TempDir) -> Store {
    let options = state::StoreOptions::default();
    let opened = Store::open(&dir.path().join("state"), options).expect("a store");
    assert!(opened.recovery.is_none(), "nothing had to be recovered");
    opened.store
}
