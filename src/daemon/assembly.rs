//! Builds clients, redaction and sinks from the settings, for routes and commands.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use collectors::{Client, ClientSettings, Clock, IdHash, Source, TenantWalk, check_key};
use secrecy::ExposeSecret;

use super::{
    delivery::UncommittedDelivery,
    push::PushEnder,
    shared::{MetricsReader, Rates, Shared},
};
use crate::{
    config::{
        self, CollectorSettings, Config, Environment, NoSecret, RetrySettings, SecretSource, SinkSettings,
    },
    connectors::{PreconfiguredProblem, Registry},
    lists::KeyClass,
    pipeline::{
        backoff::RetryDelays, names::route_name, policy::Failure, route_registry::RouteRegistry, tap::Tap,
        verified::LastVerification,
    },
    redact::{Hasher, Redaction},
    secrets::SecretStore,
    sinks::{Sink, comparable::Comparable, registry},
    tables::Table,
};

/// Builds what the commands run, and shares what can be shared: connections, one budget per key, one sink per
/// section.
pub struct Assembly {
    /// The settings.
    pub config: Config,
    /// The registry of its routes.
    pub registry: RouteRegistry,
    /// Shows its records to those who watch.
    pub tap: Tap,
    /// Its connectors.
    pub connectors: Arc<Registry>,
    /// Ends its pushes of cases.
    pub pushes: Arc<PushEnder>,
    pub(super) environment: Environment,
    pub(super) clock: Clock,
    /// The rates of all collectors whose key is read from the same place.
    rates: HashMap<SecretSource, Rates>,
    shared: Arc<Shared>,
}

impl Assembly {
    /// Takes the settings.
    pub fn new(config: Config, environment: Environment) -> Arc<Self> {
        let tap = Tap::default();
        tap.show_by(shown_by(&config));
        environment.keep_store(Arc::new(SecretStore::of(&config.state, &environment)));
        let connectors = Registry::of(&config, &environment, Clock::system());
        Arc::new(Self {
            connectors: Arc::new(connectors),
            pushes: Arc::default(),
            rates: rates(&config),
            config,
            registry: RouteRegistry::default(),
            tap,
            environment,
            clock: Clock::system(),
            shared: Arc::default(),
        })
    }

    /// The same with other settings. Shared objects and sinks are kept.
    pub(super) fn with_config(&self, config: Config) -> Arc<Self> {
        self.shared.keep_places(config.collectors.values().map(|settings| &settings.api_key));
        self.tap.show_by(shown_by(&config));
        self.connectors.take_up(&config, &self.environment);
        self.warn_of_connectors();
        Arc::new(Self {
            connectors: self.connectors.clone(),
            pushes: self.pushes.clone(),
            rates: rates(&config),
            config,
            registry: self.registry.clone(),
            tap: self.tap.clone(),
            environment: self.environment.clone(),
            clock: self.clock.clone(),
            shared: self.shared.clone(),
        })
    }

    /// Logs which connectors of the settings cannot run, and why.
    pub fn warn_of_connectors(&self) {
        for PreconfiguredProblem { id, reason } in self.connectors.problems() {
            tracing::warn!(connector = id, error = reason, "a connector of the settings cannot run");
        }
    }

    /// Reads the counters of its routes and sinks.
    pub fn metrics_reader(&self) -> MetricsReader {
        MetricsReader { registry: self.registry.clone(), shared: self.shared.clone() }
    }

    /// The list that a collector reads, and whether its tenant events are read.
    pub fn source(settings: &CollectorSettings) -> (Source, TenantWalk) {
        let config::ListSource { list, filters } = &settings.source;
        (list.source)(filters)
    }

    /// The table of a collector.
    pub fn table(settings: &CollectorSettings) -> Arc<Table> {
        settings.source.list.table()
    }

    /// A client for a collector. Its key is read again; pool and budget are shared with other collectors of
    /// the same key.
    pub fn client(&self, settings: &CollectorSettings) -> Result<Arc<Client>, Failure> {
        let api_key =
            settings.api_key.resolve(&self.environment).map_err(|error| Failure::Secret((&error).into()))?;
        let collect = |kind| Failure::Collect(collectors::CollectError::new(kind));
        let admin = settings.source.list.key == KeyClass::Admin;
        check_key(&api_key, admin).map_err(collect)?;
        let key = IdHash::of(api_key.expose_secret());
        let http = settings
            .connection
            .http(settings.body_max, &self.environment)
            .map_err(|error| Failure::Proxy((&error).into()))?;
        let pool = self.shared.pool(&http).map_err(collect)?;
        let budget = self.shared.budget(key, &settings.api_key, self.rates(settings));
        let settings = ClientSettings {
            api_key,
            base_url: settings.base_url.clone(),
            organization: settings.organization.clone(),
            project: settings.project.clone(),
            retry_after_max: settings.connection.retry_after_max,
        };
        Client::new(pool, budget, settings, self.clock.clone()).map(Arc::new).map_err(collect)
    }

    /// The redaction of a collector. Its hash key is read again.
    pub fn redaction(&self, settings: &CollectorSettings) -> Result<Option<Redaction>, Failure> {
        let Some(redact) = &settings.redact else { return Ok(None) };
        let hasher = |place: &SecretSource| {
            let key = place.resolve(&self.environment).map_err(|error| Failure::HashKey((&error).into()))?;
            Hasher::new(&key)
                .map_err(|error| Failure::HashKey(NoSecret::at(place, format!("{place}: {error}"))))
        };
        let hasher = redact.hash_key.as_ref().map(hasher).transpose()?;
        Ok(Some(Redaction::new(redact.rules.clone(), hasher)))
    }

    /// The rates of all collectors whose key is read from the same place.
    pub(super) fn rates(&self, settings: &CollectorSettings) -> Rates {
        let own = Rates::of(settings.rate_limit_qps);
        self.rates.get(&settings.api_key).map_or(own, |others| others.with(own))
    }

    /// A sink by name; shared by all routes that write to it.
    pub fn sink(&self, name: &str) -> Option<Arc<dyn Sink>> {
        let settings = self.config.sinks.get(name)?;
        Some(self.shared.sink(name, settings.type_name(), || {
            registry::build(settings, &self.environment, self.clock.clone())
        }))
    }

    /// What reads back the rows of a sink with these settings, or why they cannot be compared.
    pub fn comparable(&self, sink: &SinkSettings) -> Result<Arc<dyn Comparable>, String> {
        registry::comparable(sink, &self.config.sinks, &self.environment, &self.clock)
    }

    /// How long failures of a sink wait, by its name.
    pub fn retry(&self, sink: &str) -> RetryDelays {
        let of = |settings: &RetrySettings| {
            let RetrySettings { first, max, parked } = *settings;
            RetryDelays { first, max, parked }
        };
        self.config.retries.get(sink).map(of).unwrap_or_default()
    }

    /// The last verification of a route.
    pub(super) fn verified(&self, route: &str) -> Option<LastVerification> {
        self.shared.verified(&self.config.state.dir, route)
    }

    /// Shows a verification as the last one of its route.
    pub(super) fn note_verified(&self, route: &str, verified: LastVerification) {
        self.shared.note_verified(&self.config.state.dir, route, verified.clone());
        if let Some(shown) = self.registry.get(route) {
            shown.update(|status| status.verified = Some(verified));
        }
    }

    /// What a route of rows has delivered, and is still to commit.
    pub(super) fn uncommitted(&self, route: &str) -> UncommittedDelivery {
        self.shared.uncommitted.of(route)
    }

    /// How many actions are being done, or are done and not kept as such.
    pub(super) fn unkept_actions(&self) -> Arc<AtomicUsize> {
        self.shared.unkept_actions.clone()
    }

    /// At the end: says what the database does not know of what was delivered and done.
    pub fn warn_of_unkept(&self) {
        let (batches, actions) =
            (self.shared.uncommitted.count(), self.shared.unkept_actions.load(Ordering::Relaxed));
        if batches > 0 || actions > 0 {
            tracing::warn!(
                batches,
                actions,
                "ccfd ends before detect.db knows that rows are delivered and actions done: the next start may deliver and do them again"
            );
        }
    }

    /// Closes these sinks, or all of them with `None`; the next use builds them again.
    pub async fn close_sinks(&self, names: Option<&[String]>, within: Duration) {
        self.shared.close_sinks(names, within).await;
    }
}

/// Computed once, because there may be ten thousand collectors and each of them asks.
fn rates(config: &Config) -> HashMap<SecretSource, Rates> {
    let mut all: HashMap<SecretSource, Rates> = HashMap::new();
    for settings in config.collectors.values() {
        let own = Rates::of(settings.rate_limit_qps);
        all.entry(settings.api_key.clone()).and_modify(|others| *others = others.with(own)).or_insert(own);
    }
    all
}

/// The route by which each collector is shown: that of the first sink it names.
fn shown_by(config: &Config) -> impl Iterator<Item = (String, String)> + '_ {
    config.collectors.iter().filter_map(|(collector, settings)| {
        let sink = settings.sinks.first()?;
        Some((collector.clone(), route_name(collector, sink)))
    })
}
