//! Sends cases to a Kibana, by the connection of a sink of type `kibana_index`. Nothing waits for it. Each case is created there
//! once, and each alert and each comment attached once.
//!
//! | file | what it does |
//! | --- | --- |
//! | `worker` | finds cases that have changed, and keeps what came of them |
//! | `send` | one case, step by step |
//! | `attach` | its comments and alerts |
//! | `change` | what to change of a case there |
//! | `restart` | what happens after a bug |
//! | `text` | what there is to read: comments, summaries of alerts |
//! | `kibana` | Kibana's API |
//!
//! The API takes no id: a case is found again by a tag, a comment by its last word, an alert by its id. A search may not show
//! what was just written. So what is known to be there is kept here; and after an attempt of which that is not known, a while
//! passes before the next one looks.

mod attach;
mod change;
mod kibana;
mod restart;
mod send;
#[cfg(test)]
mod tests;
mod text;
mod worker;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::{
    kibana::KibanaCases,
    restart::restarted,
    send::{CaseSender, FindsAlerts},
    worker::{CaseTarget, CaseWorker},
};
use super::{assembly::Assembly, supervisor::Supervisor};
use crate::{
    config::{
        CASE_ROUTES, Config, ElasticsearchSettings, KibanaCasesSettings, KibanaIndexSettings, SinkSettings,
    },
    detect_db::{DetectThread, FILE_NAME},
    pipeline::{
        names::route_name,
        policy::Failure,
        progress::RouteStatus,
        shutdown::{Shutdown, ShutdownSender, shutdown},
    },
    sinks::{elasticsearch::ElasticsearchPlaces, kibana_index::KibanaClient, remote::RemoteError},
    tables::ALERTS,
};

/// How long a case in flight may delay a change of the configuration.
const RELOAD_MAX: Duration = Duration::from_secs(5);

/// The sending of cases of one process.
pub struct CaseDelivery {
    ends: ShutdownSender,
    drains: Arc<AtomicBool>,
    task: JoinHandle<Vec<Failure>>,
}

impl CaseDelivery {
    /// Starts with the settings of a supervisor that does not run yet; its reloads apply here too.
    pub fn begin(supervisor: &Supervisor) -> Self {
        let (ends, end) = shutdown();
        let drains = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(keep(supervisor.current.subscribe(), end, drains.clone()));
        Self { ends, drains, task }
    }

    /// Ends, with `drains` once nothing is due any more. Returns what kept cases from being sent; limit its time.
    pub async fn end(self, drains: bool) -> Vec<Failure> {
        self.drains.store(drains, Ordering::Relaxed);
        self.ends.request();
        self.task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "sending of cases stopped by a bug in ccfd: please report this");
            Vec::new()
        })
    }
}

/// What of a configuration decides where cases go.
#[derive(Clone, PartialEq)]
struct CaseRoute {
    settings: KibanaCasesSettings,
    kibana: KibanaIndexSettings,
    alerts: Option<ElasticsearchSettings>,
}

impl CaseRoute {
    fn of(config: &Config) -> Option<Self> {
        let settings = config.cases.clone()?;
        let SinkSettings::KibanaIndex(kibana) = config.sinks.get(&settings.sink)? else { return None };
        let kibana = kibana.clone();
        // Of several clusters with the alerts, the first that is named is the one behind Kibana.
        let alerts = config.alerts.sinks.iter().find_map(|sink| match config.sinks.get(sink)? {
            SinkSettings::Elasticsearch(settings) => Some(settings.clone()),
            SinkSettings::KibanaIndex(_)
            | SinkSettings::Detect(_)
            | SinkSettings::LogsIngestion(_)
            | SinkSettings::Ndjson(_)
            | SinkSettings::Sqlite(_) => None,
        });
        Some(Self { settings, kibana, alerts })
    }

    fn name(&self) -> String {
        route_name(CASE_ROUTES, &self.settings.sink)
    }

    fn worker(self, assembly: &Assembly) -> CaseWorker {
        let status = RouteStatus {
            route: self.name(),
            collector: CASE_ROUTES.to_owned(),
            source: CASE_ROUTES.to_owned(),
            sink: self.settings.sink.clone(),
            sink_type: "kibana_index".to_owned(),
            table: ALERTS.name.to_string(),
            has_checkpoint: true,
            ..RouteStatus::default()
        };
        let progress = assembly.registry.put(status);
        let target = CaseTarget {
            name: format!("kibana {} {}", self.kibana.url, self.kibana.space),
            search_lag: self.settings.search_lag.as_secs().cast_signed(),
        };
        let client = KibanaClient::for_cases(&self.kibana, assembly.environment.clone());
        let alerts = self.alerts.map(|settings| {
            let places = ElasticsearchPlaces::new(settings, assembly.environment.clone());
            Arc::new(places) as Arc<dyn FindsAlerts>
        });
        let sender = CaseSender {
            api: Arc::new(KibanaCases::new(client)),
            alerts,
            database: Arc::new(DetectThread::new(assembly.config.state.dir.join(FILE_NAME))),
            space: Arc::from(self.settings.space.as_str()),
            clock: assembly.clock.clone(),
        };
        CaseWorker::new(sender, target, progress, assembly.retry(&self.settings.sink))
    }
}

#[async_trait]
impl FindsAlerts for ElasticsearchPlaces {
    async fn places(&self, ids: &[String]) -> Result<BTreeMap<String, String>, RemoteError> {
        self.of(&ALERTS, ids).await
    }
}

/// Keeps cases going where the current configuration says.
async fn keep(
    mut current: watch::Receiver<Arc<Assembly>>,
    mut end: Shutdown,
    drains: Arc<AtomicBool>,
) -> Vec<Failure> {
    loop {
        let assembly = current.borrow_and_update().clone();
        let (stops, stop) = shutdown();
        let drained = Arc::new(AtomicBool::new(false));
        let route = CaseRoute::of(&assembly.config);
        let name = route.as_ref().map(CaseRoute::name);
        let running = route.map(|route| {
            let (assembly, drained) = (assembly.clone(), drained.clone());
            let work = move |stop| route.clone().worker(&assembly).run(stop, drained.clone());
            tokio::spawn(restarted(stop, work))
        });
        let ends = changed_or_ended(&assembly, &mut current, &mut end).await;
        drained.store(ends && drains.load(Ordering::Relaxed), Ordering::Relaxed);
        stops.request();
        let Some(mut task) = running else {
            if ends {
                return Vec::new();
            }
            continue;
        };
        if ends {
            return task.await.unwrap_or_else(|error| {
                tracing::error!(%error, "sending of cases stopped by a bug in ccfd: please report this");
                Vec::new()
            });
        }
        if timeout(RELOAD_MAX, &mut task).await.is_err() {
            // What it leaves is looked for by the next one.
            task.abort();
        }
        let now = CaseRoute::of(&current.borrow().config).map(|route| route.name());
        if let Some(gone) = name.filter(|name| now.as_ref() != Some(name)) {
            assembly.registry.remove(&gone);
        }
    }
}

/// Waits until cases go elsewhere, or for the end. True if it is the end.
async fn changed_or_ended(
    assembly: &Assembly,
    current: &mut watch::Receiver<Arc<Assembly>>,
    end: &mut Shutdown,
) -> bool {
    let route = CaseRoute::of(&assembly.config);
    loop {
        tokio::select! {
            () = end.requested() => return true,
            changed = current.changed() => {
                if changed.is_err() {
                    // The routes have ended, and may have left alerts.
                    end.requested().await;
                    return true;
                }
            }
        }
        if CaseRoute::of(&current.borrow_and_update().config) != route {
            return false;
        }
    }
}
