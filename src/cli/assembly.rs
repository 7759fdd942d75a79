//! From the configuration to things that run: clients, sinks, routes.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use collectors::{
    AuditLogs, ChatCompletions, Client, ClientSettings, Clock, CollectErrorKind, Http, IdHash, KeyBudget,
    Source, TenantWalk, Timing, check_key_class,
};
use secrecy::ExposeSecret;
use state::Store;
use tokio::sync::Notify;

use super::store::REJECTS_DIR;
use crate::{
    config::{self, CollectorSettings, Config, Environment, SecretSource, SinkSettings, Start},
    pipeline::{
        gather::Gathering,
        plan::{Begin, Plan},
        policy::{Failure, judge},
        progress::{Progress, RouteStatus},
        rejects::Rejects,
        route::Route,
    },
    redact::{Hasher, Redaction},
    sinks::{
        Sink, elasticsearch::ElasticsearchSink, kibana_index::KibanaIndexSink,
        logs_ingestion::LogsIngestionSink, ndjson::NdjsonSink, sqlite::SqliteSink,
    },
    tables::{self, Table},
};

/// Builds what the commands run, sharing what is to be shared: one budget a key, one sink a section.
pub struct Assembly {
    /// The settings.
    pub config: Config,
    environment: Environment,
    clock: Clock,
    changed: Arc<Notify>,
    budgets: Mutex<HashMap<IdHash, Arc<KeyBudget>>>,
    pools: Mutex<HashMap<(IdHash, String), Arc<Http>>>,
    sinks: Mutex<HashMap<String, Arc<dyn Sink>>>,
}

/// How a route is to run.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The collector's name.
    pub collector: String,
    /// The sink's name.
    pub sink: String,
    /// The checkpoint's name.
    pub checkpoint: String,
    /// How far it reads.
    pub plan: Plan,
    /// Goes on although the checkpoint was written for something else.
    pub accept_change: bool,
}

impl Assembly {
    /// Takes the settings.
    pub fn new(config: Config, environment: Environment) -> Arc<Self> {
        Arc::new(Self {
            config,
            environment,
            clock: Clock::system(),
            changed: Arc::default(),
            budgets: Mutex::default(),
            pools: Mutex::default(),
            sinks: Mutex::default(),
        })
    }

    /// Told whenever a route's state changes.
    pub fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// The list that a collector reads, and whether its tenant events are read.
    pub fn source(settings: &CollectorSettings) -> (Source, TenantWalk) {
        match &settings.source {
            config::Source::AuditLogs { tenant_walk, filters } => {
                let filters = filters.clone();
                let list = AuditLogs {
                    project_ids: filters.project_ids,
                    event_types: filters.event_types,
                    actor_ids: filters.actor_ids,
                    actor_emails: filters.actor_emails,
                    resource_ids: filters.resource_ids,
                    tenant_only: false,
                };
                let tenant_walk = match tenant_walk {
                    config::TenantWalk::Auto => TenantWalk::Auto,
                    config::TenantWalk::On => TenantWalk::On,
                    config::TenantWalk::Off => TenantWalk::Off,
                };
                (Source::AuditLogs(list), tenant_walk)
            }
            config::Source::ChatCompletions { filters } => {
                let metadata = filters.metadata.clone().into_iter().collect();
                let list = ChatCompletions { model: filters.model.clone(), metadata };
                (Source::ChatCompletions(list), TenantWalk::Off)
            }
        }
    }

    /// The table of a collector.
    pub fn table(settings: &CollectorSettings) -> &'static Table {
        match settings.source {
            config::Source::AuditLogs { .. } => &tables::AUDIT_LOGS,
            config::Source::ChatCompletions { .. } => &tables::CHAT_COMPLETIONS,
        }
    }

    /// A client for a collector; its key is read anew, pool and budget are shared with others of the same key.
    pub fn client(&self, settings: &CollectorSettings) -> Result<Arc<Client>, Failure> {
        let api_key = settings
            .api_key
            .resolve(&self.environment)
            .map_err(|error| Failure::Secret(error.to_string()))?;
        let collect = |kind| Failure::Collect(collectors::CollectError::new(kind));
        let admin = matches!(settings.source, config::Source::AuditLogs { .. });
        check_key_class(&api_key, admin).map_err(collect)?;
        let key = IdHash::of(api_key.expose_secret());
        let http = settings.connection.http(settings.body_max);
        let pool = {
            let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
            let place = (key, format!("{} {http:?}", settings.base_url));
            match pools.get(&place) {
                Some(pool) => pool.clone(),
                None => {
                    let pool =
                        Arc::new(Http::new(&http).map_err(|why| collect(CollectErrorKind::Settings(why)))?);
                    pools.insert(place, pool.clone());
                    pool
                }
            }
        };
        let qps = self.requests_a_second(settings);
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(key).or_insert_with(|| Arc::new(KeyBudget::new(qps))).clone();
        drop(budgets);
        let settings = ClientSettings {
            api_key,
            base_url: settings.base_url.clone(),
            organization: settings.organization.clone(),
            project: settings.project.clone(),
            retry_after_max: settings.connection.retry_after_max,
        };
        Client::new(pool, budget, settings, self.clock.clone()).map(Arc::new).map_err(collect)
    }

    /// What a collector does to its records; the key is read anew.
    pub fn redaction(&self, settings: &CollectorSettings) -> Result<Option<Redaction>, Failure> {
        let Some(redact) = &settings.redact else { return Ok(None) };
        let hasher = |place: &SecretSource| {
            let key =
                place.resolve(&self.environment).map_err(|error| Failure::HashKey(error.to_string()))?;
            Hasher::new(&key).map_err(|error| Failure::HashKey(format!("{place}: {error}")))
        };
        let hasher = redact.hash_key.as_ref().map(hasher).transpose()?;
        Ok(Some(Redaction::new(redact.rules.clone(), hasher)))
    }

    /// The lowest rate of all collectors that use the same key.
    fn requests_a_second(&self, settings: &CollectorSettings) -> NonZeroU32 {
        let same_key = self.config.collectors.values().filter(|other| other.api_key == settings.api_key);
        let lowest = same_key.map(|other| other.rate_limit_qps).min().unwrap_or(settings.rate_limit_qps);
        NonZeroU32::new(lowest).unwrap_or(NonZeroU32::MIN)
    }

    /// A sink by name: one for all routes that write to it.
    pub fn sink(&self, name: &str) -> Option<Arc<dyn Sink>> {
        let settings = self.config.sinks.get(name)?;
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || build_sink(settings, &self.environment, self.clock.clone());
        Some(sinks.entry(name.to_owned()).or_insert_with(build).clone())
    }

    /// Lets the sinks take back what they made for this process alone. That cannot keep the process from ending.
    pub async fn close_sinks(&self, within: Duration) {
        let sinks: Vec<_> = {
            let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
            sinks.iter().map(|(name, sink)| (name.clone(), sink.clone())).collect()
        };
        for (sink, closing) in sinks {
            match tokio::time::timeout(within, closing.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let failure = Failure::Sink(error);
                    let advice = judge(&failure).advice;
                    tracing::warn!(sink, error = %failure, advice, "not everything was taken back");
                }
                Err(_) => tracing::warn!(sink, "not everything was taken back in time"),
            }
        }
    }

    /// A route, not yet running. `None` when its collector or sink is not configured.
    pub fn route(self: &Arc<Self>, store: &Store, wanted: Wanted) -> Option<Route> {
        let settings = self.config.collectors.get(&wanted.collector)?.clone();
        let sink = self.sink(&wanted.sink)?;
        let (source, tenant_walk) = Self::source(&settings);
        let table = Self::table(&settings);
        let status = RouteStatus {
            route: wanted.checkpoint.clone(),
            collector: wanted.collector.clone(),
            source: settings.source.name().to_owned(),
            sink: wanted.sink.clone(),
            sink_type: self
                .config
                .sinks
                .get(&wanted.sink)
                .map(SinkSettings::type_name)
                .unwrap_or_default()
                .to_owned(),
            table: table.name.to_owned(),
            ..RouteStatus::default()
        };
        let pipeline = &self.config.pipeline;
        let bytes_in_flight = usize::try_from(pipeline.bytes_in_flight).unwrap_or(usize::MAX);
        let rejects = {
            let (dir, name) = (self.config.state.dir.join(REJECTS_DIR), wanted.checkpoint.clone());
            let (clock, rejects_max) = (self.clock.clone(), pipeline.rejects_max);
            move || Rejects::open(&dir, &name, rejects_max, clock.clone()).map_err(Failure::from)
        };
        let client = {
            let (assembly, settings) = (self.clone(), settings.clone());
            move || assembly.client(&settings)
        };
        let redaction = {
            let (assembly, settings) = (self.clone(), settings.clone());
            move || assembly.redaction(&settings)
        };
        let checkpoint = {
            let (store, name) = (store.clone(), wanted.checkpoint.clone());
            move || store.cursor(&name)
        };
        Some(Route {
            name: wanted.checkpoint,
            collector: wanted.collector,
            filters: source.digest(),
            source,
            timing: Timing {
                poll_interval: settings.poll_interval,
                sweep_interval: settings.sweep_interval,
                overlap: settings.overlap,
                held_max: settings.held_max,
            },
            tenant_walk,
            plan: wanted.plan,
            client: Box::new(client),
            redaction: Box::new(redaction),
            base_url: settings.base_url.to_string(),
            table,
            sink,
            store: Box::new(checkpoint),
            rejects: Arc::new(rejects),
            gathering: Gathering {
                batch_wait: pipeline.batch_wait,
                commit_interval: pipeline.commit_interval,
                batch_bytes_max: bytes_in_flight,
            },
            bytes_in_flight,
            progress: Progress::new(status, self.changed()),
            accept_change: wanted.accept_change,
        })
    }
}

fn build_sink(settings: &SinkSettings, environment: &Environment, clock: Clock) -> Arc<dyn Sink> {
    match settings.clone() {
        SinkSettings::Sqlite(settings) => Arc::new(SqliteSink::new(settings, clock)),
        SinkSettings::Ndjson(settings) => Arc::new(NdjsonSink::new(settings, clock)),
        SinkSettings::LogsIngestion(settings) => {
            Arc::new(LogsIngestionSink::new(*settings, environment.clone(), clock))
        }
        SinkSettings::Elasticsearch(settings) => {
            Arc::new(ElasticsearchSink::new(settings, environment.clone(), clock))
        }
        SinkSettings::KibanaIndex(settings) => Arc::new(KibanaIndexSink::new(settings, environment.clone())),
    }
}

/// The second at which a collector begins without a checkpoint.
pub fn begin(start: &Start) -> Begin {
    match start {
        Start::LookBack(back) => Begin::LookBack(seconds(*back)),
        Start::All => Begin::At(0),
        Start::At(time) => Begin::At(time.timestamp().max(0)),
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
