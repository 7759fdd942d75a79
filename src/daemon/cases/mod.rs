//! Sends cases to a Kibana, by the connection of a sink of type `kibana_index`. Nothing waits for it. Each case is created there
//! once, and each alert and each comment attached once.
//!
//! | file | what it does |
//! | --- | --- |
//! | `worker` | finds cases that have changed, and keeps what came of them |
//! | `send` | one case, step by step |
//! | `case` | the case itself |
//! | `attach` | its comments and alerts |
//! | `removed` | what of these was removed here |
//! | `alerts` | where its alerts are, and how long they are waited for |
//! | `change` | what to change of a case there |
//! | `members` | what some Kibanas refuse of a case, and is left out then |
//! | `kept` | what is known to be there, and what may be |
//! | `outcome` | what becomes of a case |
//! | `text` | what there is to read: comments, summaries of alerts |
//! | `kibana`, `remote`, `pages`, `missing` | Kibana's API, what it shows, also in many pages, and what its refusals mean |
//!
//! The API takes no id: a case is found again by a tag, a comment by its last word, an alert by its id. A search may not show
//! what was just written. So what is known to be there is kept here; and after an attempt of which that is not known, a while
//! passes before the next one looks.

mod alerts;
mod attach;
mod case;
mod change;
mod kept;
mod kibana;
mod members;
mod missing;
mod outcome;
mod pages;
mod remote;
mod removed;
mod send;
#[cfg(test)]
mod tests;
mod text;
mod worker;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use self::{
    alerts::{AlertsSink, FindsAlerts},
    kibana::KibanaCases,
    members::RefusedMembers,
    send::CaseSender,
    worker::{CaseTarget, CaseWorker},
};
use super::{
    assembly::Assembly,
    background::{BackgroundWork, WorkEnd},
    supervisor::Supervisor,
};
use crate::{
    config::{
        ALERT_ROUTES, CASE_ROUTES, Config, ElasticsearchSettings, KibanaCasesSettings, KibanaIndexSettings,
        SinkSettings,
    },
    detect_db::{DetectThread, FILE_NAME},
    pipeline::{names::route_name, policy::Failure, progress::RouteStatus},
    sinks::{elasticsearch::ElasticsearchPlaces, kibana_index::KibanaClient, remote::RemoteError},
    tables::ALERTS,
};

/// Begins to send the cases of this process.
pub fn begin(supervisor: &Supervisor) -> BackgroundWork {
    let part = |assembly: &Arc<Assembly>| CaseRoute::of(&assembly.config);
    BackgroundWork::begin("sending of cases", supervisor, part, work)
}

/// Sends cases where the settings say, until the end.
async fn work(current: watch::Receiver<Arc<Assembly>>, end: WorkEnd) -> Vec<Failure> {
    let assembly = current.borrow().clone();
    let route = CaseRoute::of(&assembly.config);
    let name = route.as_ref().map(CaseRoute::name);
    for shown in assembly.registry.statuses() {
        if shown.collector == CASE_ROUTES && Some(&shown.route) != name.as_ref() {
            assembly.registry.remove(&shown.route);
        }
    }
    match route {
        Some(route) => route.worker(&assembly).run(end.stop, end.drains).await,
        None => Vec::new(),
    }
}

/// What of a configuration decides where cases go.
#[derive(Clone, PartialEq)]
struct CaseRoute {
    settings: KibanaCasesSettings,
    kibana: KibanaIndexSettings,
    /// The sink that has the alerts.
    alerts: Option<(String, ElasticsearchSettings)>,
}

impl CaseRoute {
    fn of(config: &Config) -> Option<Self> {
        let settings = config.cases.clone()?;
        let SinkSettings::KibanaIndex(kibana) = config.sinks.get(&settings.sink)? else { return None };
        let kibana = kibana.clone();
        // Of several clusters with the alerts, the first that is named is the one behind Kibana.
        let alerts = config.alerts.sinks.iter().find_map(|sink| match config.sinks.get(sink)? {
            SinkSettings::Elasticsearch(settings) => Some((sink.clone(), settings.clone())),
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
            search_lag: lag_seconds(self.settings.search_lag),
        };
        let client = KibanaClient::for_cases(&self.kibana, assembly.environment.clone());
        let alerts = self.alerts.map(|(name, settings)| AlertsSink {
            route: route_name(ALERT_ROUTES, &name),
            destination: assembly.sink(&name).map(|sink| sink.identity(&ALERTS)).unwrap_or_default(),
            places: Arc::new(ElasticsearchPlaces::new(settings, assembly.environment.clone())),
            name,
        });
        let sender = CaseSender {
            api: Arc::new(KibanaCases::new(client)),
            alerts,
            database: Arc::new(DetectThread::new(assembly.config.state.dir.join(FILE_NAME))),
            space: Arc::from(self.settings.space.as_str()),
            target: Arc::from(target.name.as_str()),
            clock: assembly.clock.clone(),
            search_lag: target.search_lag,
            members: RefusedMembers::default(),
        };
        CaseWorker::new(sender, target, progress, assembly.retry(&self.settings.sink))
    }
}

/// A lag in the seconds of clocks: what is written at the end of a second has been there for a second less than they show.
fn lag_seconds(lag: Duration) -> i64 {
    lag.as_secs().cast_signed() + i64::from(lag.subsec_nanos() > 0) + 1
}

/// The route that sends cases with the old settings and no longer, and that with the new ones, if these differ.
pub(super) fn changed_route(old: &Config, new: &Config) -> (Option<String>, Option<String>) {
    let (old, new) = (CaseRoute::of(old), CaseRoute::of(new));
    if old == new {
        return (None, None);
    }
    (old.map(|route| route.name()), new.map(|route| route.name()))
}

/// How long a request to Kibana may take, if a search there is believed sooner: then what arrives late is created twice.
pub fn believes_searches_before(config: &Config) -> Option<Duration> {
    let CaseRoute { settings, kibana, .. } = CaseRoute::of(config)?;
    Some(kibana.connection.timeout).filter(|timeout| settings.search_lag < *timeout)
}

/// What `ccfd check` says about where cases go; `None` if that is nowhere.
pub async fn look(assembly: &Assembly) -> Option<Result<String, RemoteError>> {
    let CaseRoute { settings, kibana, .. } = CaseRoute::of(&assembly.config)?;
    let cases = KibanaCases::new(KibanaClient::for_cases(&kibana, assembly.environment.clone()));
    let seen = |count: u64| {
        format!(
            "{}, space `{}`: the key sees {count} cases, before those of `{}` here",
            kibana.url, kibana.space, settings.space
        )
    };
    Some(cases.count().await.map(seen))
}

#[async_trait]
impl FindsAlerts for ElasticsearchPlaces {
    async fn places(&self, ids: &[String]) -> Result<BTreeMap<String, String>, RemoteError> {
        self.of(&ALERTS, ids).await
    }
}
