//! Shared by the routes, and kept over a change of configuration: connections, the rate of each key, the
//! sinks.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicUsize},
    time::Duration,
};

use collectors::{CollectErrorKind, Http, HttpSettings, IdHash, KeyBudget};

use super::delivery::UncommittedDeliveries;
use crate::{
    config::SecretSource,
    metrics::{MetricsSnapshot, SinkMetrics},
    pipeline::{
        policy::{Failure, judge},
        progress::Progress,
        route_registry::RouteRegistry,
        verified::LastVerification,
    },
    sinks::Sink,
    verify,
};

/// A sink, and the word behind its `type`.
struct Built {
    sink: Arc<dyn Sink>,
    type_name: &'static str,
}

/// A key in use: its budget, and the configured rates wherever the key is used.
struct KeyInUse {
    budget: Arc<KeyBudget>,
    rates: Vec<(SecretSource, Rates)>,
    /// The last difference that was logged.
    logged: Option<Rates>,
}

/// The lowest and the highest rate configured for one key, in requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// The one that applies.
    pub lowest: NonZeroU32,
    /// Logged if it differs.
    pub highest: NonZeroU32,
}

impl Rates {
    /// Those of one collector.
    pub(super) fn of(rate_limit_qps: u32) -> Self {
        let rate = NonZeroU32::new(rate_limit_qps).unwrap_or(NonZeroU32::MIN);
        Self { lowest: rate, highest: rate }
    }

    /// Those of several.
    pub(super) fn with(self, other: Self) -> Self {
        Self { lowest: self.lowest.min(other.lowest), highest: self.highest.max(other.highest) }
    }
}

/// Every key in use, and the places that it is read from.
#[derive(Default)]
struct KeysInUse {
    in_use: HashMap<IdHash, KeyInUse>,
    /// The key in each place: each of ten thousand collectors may have its own, and must not scan all others.
    by_place: HashMap<SecretSource, IdHash>,
}

/// One pool per HTTP settings, one budget per key, one sink per section.
#[derive(Default)]
pub struct Shared {
    pools: Mutex<HashMap<HttpSettings, Weak<Http>>>,
    keys: Mutex<KeysInUse>,
    sinks: Mutex<HashMap<String, Built>>,
    /// The last verification of each route, once it was read from the state directory.
    verified: Mutex<Option<HashMap<String, LastVerification>>>,
    /// Rows of the database that were delivered.
    pub(super) uncommitted: UncommittedDeliveries,
    /// Actions that are being done, or are done and not kept as such.
    pub(super) unkept_actions: Arc<AtomicUsize>,
}

impl Shared {
    /// The connections for requests with these settings. They are closed with the last client that uses them.
    pub fn pool(&self, settings: &HttpSettings) -> Result<Arc<Http>, CollectErrorKind> {
        let mut pools = lock(&self.pools);
        pools.retain(|_, pool| pool.strong_count() > 0);
        if let Some(pool) = pools.get(settings).and_then(Weak::upgrade) {
            return Ok(pool);
        }
        let pool = Arc::new(Http::new(settings).map_err(CollectErrorKind::Settings)?);
        pools.insert(settings.clone(), Arc::downgrade(&pool));
        Ok(pool)
    }

    /// The budget of a key that was read from this place, with the rates configured there. There is one per
    /// key, however often it is configured, with the lowest of all rates. It is kept without clients, because
    /// it knows until when the key is throttled.
    pub fn budget(&self, key: IdHash, place: &SecretSource, rates: Rates) -> Arc<KeyBudget> {
        let mut keys = lock(&self.keys);
        if let Some(before) = keys.by_place.insert(place.clone(), key)
            && let Some(known) = keys.in_use.get_mut(&before)
        {
            known.rates.retain(|(known, _)| known != place);
            if before != key {
                known.apply_lowest();
            }
        }
        let fresh =
            || KeyInUse { budget: Arc::new(KeyBudget::new(rates.lowest)), rates: Vec::new(), logged: None };
        let known = keys.in_use.entry(key).or_insert_with(fresh);
        known.rates.push((place.clone(), rates));
        known.apply_lowest();
        known.budget.clone()
    }

    /// Forgets the rates of places that are no longer configured.
    pub fn keep_places<'a>(&self, places: impl Iterator<Item = &'a SecretSource>) {
        let places: HashSet<&SecretSource> = places.collect();
        let mut keys = lock(&self.keys);
        keys.by_place.retain(|place, _| places.contains(place));
        for known in keys.in_use.values_mut() {
            known.rates.retain(|(place, _)| places.contains(place));
            known.apply_lowest();
        }
    }

    /// A sink by name, built at first use.
    pub fn sink(
        &self,
        name: &str,
        type_name: &'static str,
        build: impl FnOnce() -> Arc<dyn Sink>,
    ) -> Arc<dyn Sink> {
        let mut sinks = lock(&self.sinks);
        sinks.entry(name.to_owned()).or_insert_with(|| Built { sink: build(), type_name }).sink.clone()
    }

    /// The last verification of a route, read from the state directory at first.
    pub fn verified(&self, dir: &Path, route: &str) -> Option<LastVerification> {
        lock(&self.verified).get_or_insert_with(|| verify::chain::verified(dir)).get(route).cloned()
    }

    /// Replaces the last verification of a route.
    pub fn note_verified(&self, dir: &Path, route: &str, verified: LastVerification) {
        let mut held = lock(&self.verified);
        held.get_or_insert_with(|| verify::chain::verified(dir)).insert(route.to_owned(), verified);
    }

    /// The counters of the sinks.
    pub fn sink_metrics(&self) -> Vec<SinkMetrics> {
        let metrics = |(name, built): (&String, &Built)| {
            SinkMetrics::new(name.clone(), built.type_name, built.sink.counters())
        };
        let mut all: Vec<SinkMetrics> = lock(&self.sinks).iter().map(metrics).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Lets these sinks, or all of them with `None`, remove what they created for this process only. Limited
    /// in time, so that it cannot keep the process from ending.
    pub async fn close_sinks(&self, names: Option<&[String]>, within: Duration) {
        let closing: Vec<_> =
            lock(&self.sinks).extract_if(|name, _| names.is_none_or(|names| names.contains(name))).collect();
        for (sink, closing) in closing {
            match tokio::time::timeout(within, closing.sink.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let failure = Failure::Sink(error);
                    let advice = judge(&failure).advice;
                    tracing::warn!(sink, error = %failure, advice, "sink cleanup failed");
                }
                Err(_) => tracing::warn!(sink, "sink cleanup timed out"),
            }
        }
    }
}

impl KeyInUse {
    /// Applies the lowest rate, and logs if there are several.
    fn apply_lowest(&mut self) {
        let lowest = self.rates.iter().map(|(_, rates)| rates.lowest).min();
        let highest = self.rates.iter().map(|(_, rates)| rates.highest).max();
        let (Some(lowest), Some(highest)) = (lowest, highest) else { return };
        self.budget.set_rate(lowest);
        let rates = Rates { lowest, highest };
        if lowest != highest && self.logged != Some(rates) {
            let places: Vec<String> = self.rates.iter().map(|(place, _)| place.to_string()).collect();
            tracing::warn!(
                lowest = lowest.get(),
                highest = highest.get(),
                places = places.join(", "),
                "one key has several rates: the lowest rate_limit_qps applies to all its collectors"
            );
            self.logged = Some(rates);
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the counters of routes and sinks. Cheap to clone, and valid for every configuration of the process.
#[derive(Clone)]
pub struct MetricsReader {
    pub(super) registry: RouteRegistry,
    pub(super) shared: Arc<Shared>,
}

impl MetricsReader {
    /// Takes a snapshot. Blocks while it looks at the size of each route's rejects.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let mut routes = self.registry.routes();
        // Of several with the same labels the first is shown: the route, not its backfill.
        routes.sort_by_key(Progress::is_backfill);
        MetricsSnapshot::of(&routes, self.shared.sink_metrics(), chrono::Utc::now().timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(lowest: u32, highest: u32) -> Rates {
        let rate = |qps| NonZeroU32::new(qps).unwrap();
        Rates { lowest: rate(lowest), highest: rate(highest) }
    }

    #[test]
    fn a_key_has_one_budget_in_every_place_and_at_every_rate() {
        let (shared, key) = (Shared::default(), IdHash::of("sk-1"));
        let [one, two] = ["ONE", "TWO"].map(|name| SecretSource::Env(name.to_owned()));
        let first = shared.budget(key, &one, rates(10, 10));
        let second = shared.budget(key, &two, rates(4, 20));
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.rate(), NonZeroU32::new(4).unwrap());
        assert!(!Arc::ptr_eq(&first, &shared.budget(IdHash::of("sk-2"), &two, rates(3, 3))));
        assert_eq!(first.rate(), NonZeroU32::new(10).unwrap(), "another key is there now");
    }

    #[test]
    fn a_rate_holds_as_long_as_it_is_configured() {
        let (shared, key) = (Shared::default(), IdHash::of("sk-1"));
        let [one, two] = ["ONE", "TWO"].map(|name| SecretSource::Env(name.to_owned()));
        let budget = shared.budget(key, &one, rates(10, 10));
        shared.budget(key, &two, rates(4, 4));
        shared.keep_places([&one].into_iter());
        assert_eq!(budget.rate(), NonZeroU32::new(10).unwrap());
        let again = shared.budget(key, &one, rates(7, 7));
        assert!(Arc::ptr_eq(&budget, &again), "a pause would be forgotten");
        assert_eq!(budget.rate(), NonZeroU32::new(7).unwrap());
    }
    #[test]
    fn a_collector_does_not_pay_for_the_keys_of_all_others() {
        let shared = Shared::default();
        let keys: Vec<_> = (0..10_000).map(|number| format!("KEY_{number}")).collect();
        let places: Vec<_> = keys.iter().map(|key| SecretSource::Env(key.clone())).collect();
        // CPU time of this thread, so that other processes do not matter.
        let cpu = || -> u64 {
            let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            schedstat.split(' ').next().unwrap().parse::<u64>().unwrap() / 1_000_000
        };
        let begun = cpu();
        for (key, place) in keys.iter().zip(&places) {
            shared.budget(IdHash::of(key), place, rates(10, 10));
        }
        shared.keep_places(places.iter());
        let took = cpu() - begun;
        assert!(took < 2_000, "{took} ms");
    }
}
