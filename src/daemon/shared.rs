//! What routes share, and what outlives another configuration: connections, the rate of each key, the sinks.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use collectors::{CollectErrorKind, Http, HttpSettings, IdHash, KeyBudget};

use crate::{
    metrics::SinkFigures,
    pipeline::policy::{Failure, judge},
    sinks::Sink,
};

/// A sink, and the word behind its `type`.
struct Built {
    sink: Arc<dyn Sink>,
    type_name: &'static str,
}

/// One pool for requests with the same settings, one budget a key and rate, one sink a section.
#[derive(Default)]
pub struct Shared {
    pools: Mutex<HashMap<HttpSettings, Weak<Http>>>,
    budgets: Mutex<HashMap<(IdHash, NonZeroU32), Arc<KeyBudget>>>,
    sinks: Mutex<HashMap<String, Built>>,
}

impl Shared {
    /// The connections for requests with these settings. They end with the last client that uses them.
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

    /// The budget of a key. It outlives its clients, because it knows until when the key must rest.
    pub fn budget(&self, key: IdHash, qps: NonZeroU32) -> Arc<KeyBudget> {
        lock(&self.budgets).entry((key, qps)).or_insert_with(|| Arc::new(KeyBudget::new(qps))).clone()
    }

    /// A sink by name, built when it is first asked for.
    pub fn sink(
        &self,
        name: &str,
        type_name: &'static str,
        build: impl FnOnce() -> Arc<dyn Sink>,
    ) -> Arc<dyn Sink> {
        let mut sinks = lock(&self.sinks);
        sinks.entry(name.to_owned()).or_insert_with(|| Built { sink: build(), type_name }).sink.clone()
    }

    /// What the sinks have counted.
    pub fn figures(&self) -> Vec<SinkFigures> {
        let figures = |(name, built): (&String, &Built)| {
            SinkFigures::new(name.clone(), built.type_name, built.sink.meters())
        };
        let mut all: Vec<SinkFigures> = lock(&self.sinks).iter().map(figures).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Lets these sinks take back what they made for this process alone; all of them with `None`. That cannot keep the process from
    /// ending.
    pub async fn close_sinks(&self, names: Option<&[String]>, within: Duration) {
        let closing: Vec<_> =
            lock(&self.sinks).extract_if(|name, _| names.is_none_or(|names| names.contains(name))).collect();
        for (sink, closing) in closing {
            match tokio::time::timeout(within, closing.sink.close()).await {
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
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
