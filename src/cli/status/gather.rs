//! The sources of the report: the running daemon, by its admin interface or its status.json, or else the
//! checkpoints.

use std::{collections::BTreeMap, path::Path};

use collectors::dedup_ids;
use state::{StateError, Store};

use super::{BackfillLine, DaemonStatus, RouteLine, SinkLine, StatusReport};
use crate::{
    admin::{access::is_alive, client::AdminClient},
    cli::{
        disk_usage::{Destination, DiskUsage, dir_bytes},
        state_access,
    },
    config::{ACTION_ROUTES, ALERT_ROUTES, CASE_ROUTES, Config, Environment, RUN_ROUTES},
    daemon::assembly::Assembly,
    detect_db::{DetectDb, FILE_NAME},
    pipeline::{
        checkpoint::Checkpoint,
        names::{REJECTS_DIR, is_of_verification, is_route_name, route_name},
        progress::{RouteState, RouteStatus},
        status_file::{STATUS_INTERVAL, StatusFile},
    },
    reasons::with_reasons,
    tables::{ALERTS, CONNECTOR_RUNS},
    verify::chain,
};

/// The file of a running daemon is never older than this, unless its disk hangs.
const FRESH_SECONDS: i64 = 3 * STATUS_INTERVAL.as_secs().cast_signed();

/// The report. Of a configuration that is not whole, nobody knows which routes it names.
pub(super) async fn gather(
    (config, is_whole): (&Config, bool),
    environment: &Environment,
    now: i64,
) -> anyhow::Result<StatusReport> {
    let dir = &config.state.dir;
    let asked = match AdminClient::find(dir, &config.admin, environment).await {
        Some(daemon) => daemon.status().await.ok(),
        None => None,
    };
    let file = asked.or_else(|| file(dir));
    let daemon = daemon(file.as_ref(), now);
    let running = daemon.as_ref().is_some_and(|daemon| daemon.running);
    let (routes_shown, backfills_shown) = file.map(|file| (file.routes, file.backfills)).unwrap_or_default();
    let mut known: BTreeMap<String, RouteStatus> =
        routes_shown.into_iter().map(|status| (status.route.clone(), status)).collect();
    let mut backfills = backfills_shown.into_iter().map(BackfillLine::from).collect();
    let mut held_by = None;
    if !running && dir.exists() {
        match state_access::open(config, "ccfd status") {
            Ok(store) => backfills = take_checkpoints(store, &mut known).await?,
            Err(StateError::Locked { holder, .. }) => held_by = Some(holder),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(StatusReport {
        now,
        daemon,
        held_by,
        routes: routes(config, is_whole, known, now),
        backfills,
        state: DiskUsage::of_dir(dir),
        rejects_bytes: dir_bytes(&dir.join(REJECTS_DIR)),
        sinks: config
            .sinks
            .iter()
            .map(|(name, settings)| SinkLine {
                name: name.clone(),
                type_name: settings.type_name(),
                destination: Destination::of(settings),
            })
            .collect(),
        actions_left: if is_whole { actions_left(config) } else { BTreeMap::new() },
    })
}

/// What actions have left that are no longer configured.
fn actions_left(config: &Config) -> BTreeMap<String, u64> {
    let counts = DetectDb::open_existing(&config.state.dir.join(FILE_NAME))
        .and_then(|db| db.map_or(Ok(BTreeMap::new()), |db| db.count_actions()));
    let counts = counts.unwrap_or_else(|error| {
        tracing::warn!(error = with_reasons(&error), "the actions of alerts cannot be read");
        BTreeMap::new()
    });
    let is_known = |name: &str| config.alerts.actions.iter().any(|action| *action.outbox.name == *name);
    let left = counts.into_iter().filter(|(name, _)| !is_known(name));
    left.map(|(name, counts)| (name, counts.waiting + counts.failed + counts.dropped))
        .filter(|(_, left)| *left > 0)
        .collect()
}

/// The file that the last daemon wrote.
pub(super) fn file(dir: &Path) -> Option<StatusFile> {
    StatusFile::read(dir).unwrap_or_else(|error| {
        tracing::warn!(%error, "status.json cannot be read");
        None
    })
}

/// Who wrote it, and whether that process is running.
pub(super) fn daemon(file: Option<&StatusFile>, now: i64) -> Option<DaemonStatus> {
    let StatusFile { pid, written, .. } = *file?;
    Some(DaemonStatus { pid, written, running: now - written <= FRESH_SECONDS && is_alive(pid) })
}

/// Updates the last daemon's report from the checkpoints; returns the backfills among them.
async fn take_checkpoints(
    store: Store,
    known: &mut BTreeMap<String, RouteStatus>,
) -> Result<Vec<BackfillLine>, StateError> {
    for status in known.values_mut() {
        // Only these states outlast the daemon: an operator must still act, or resume the collector.
        if !matches!(status.state, RouteState::Parked | RouteState::Paused) {
            status.state = RouteState::Stopped;
        }
    }
    let mut backfills = Vec::new();
    for name in store.names()? {
        let Some(saved) = store.cursor::<Checkpoint>(&name).load().await? else {
            continue;
        };
        let checkpoint = saved.cursor;
        if is_of_verification(&name) {
            continue;
        }
        if !is_route_name(&name) {
            backfills.push(BackfillLine {
                name,
                delivered: checkpoint.delivered,
                remaining_seconds: checkpoint.remaining_seconds(),
            });
            continue;
        }
        let status = known
            .entry(name.clone())
            .or_insert_with(|| RouteStatus { state: RouteState::Stopped, ..named(&name) });
        status.dedup_ids = dedup_ids(&saved.parts, checkpoint.walks.len());
        status.delivered = checkpoint.delivered;
        status.last_record = checkpoint.last_record;
        status.watermark = checkpoint.watermark();
    }
    store.close().await?;
    Ok(backfills)
}

impl From<RouteStatus> for BackfillLine {
    fn from(status: RouteStatus) -> Self {
        Self { remaining_seconds: status.remaining_seconds, name: status.route, delivered: status.delivered }
    }
}

/// The configured routes, whether they ran or not, and then those that ran but are no longer configured.
fn routes(
    config: &Config,
    is_whole: bool,
    mut known: BTreeMap<String, RouteStatus>,
    now: i64,
) -> Vec<RouteLine> {
    let mut verified = chain::verified(&config.state.dir);
    let mut lines = Vec::new();
    for (collector, settings) in &config.collectors {
        for sink in &settings.sinks {
            let name = route_name(collector, sink);
            let ran = known.remove(&name);
            let never_run = ran.is_none();
            let mut status =
                ran.unwrap_or_else(|| RouteStatus { state: RouteState::Stopped, ..named(&name) });
            // A checkpoint alone does not have these.
            status.source = settings.source.name().to_owned();
            status.table = Assembly::table(settings).name.to_string();
            // Also by a command that ran beside no daemon.
            status.verified = verified.remove(&name).or(status.verified);
            if let Some(sink) = config.sinks.get(sink) {
                status.sink_type = sink.type_name().to_owned();
            }
            lines.push(RouteLine {
                lag_seconds: status.lag_seconds(now),
                status,
                never_run,
                configured: true,
            });
        }
    }
    let sink_type = |sink: &String| config.sinks.get(sink).map(|sink| sink.type_name().to_owned());
    let alerts =
        config.alerts.sinks.iter().map(|sink| (ALERT_ROUTES, &ALERTS, sink.to_string(), sink_type(sink)));
    let actions = config.alerts.actions.iter().map(|action| {
        (ACTION_ROUTES, &ALERTS, action.outbox.name.to_string(), Some(action.connector().to_owned()))
    });
    let runs = config.connectors.run_sinks.iter();
    let runs = runs.map(|sink| (RUN_ROUTES, &CONNECTOR_RUNS, sink.to_string(), sink_type(sink)));
    let cases = config.cases.iter();
    let cases = cases.map(|cases| (CASE_ROUTES, &ALERTS, cases.sink.clone(), sink_type(&cases.sink)));
    for (source, table, sink, sink_type) in alerts.chain(runs).chain(actions).chain(cases) {
        let name = route_name(source, &sink);
        let ran = known.remove(&name);
        let never_run = ran.is_none();
        let mut status = ran.unwrap_or_else(|| RouteStatus { state: RouteState::Stopped, ..named(&name) });
        status.source = source.to_owned();
        status.table = table.name.to_string();
        if let Some(sink_type) = sink_type {
            status.sink_type = sink_type;
        }
        lines.push(RouteLine { lag_seconds: status.lag_seconds(now), status, never_run, configured: true });
    }
    lines.extend(known.into_values().map(|status| RouteLine {
        lag_seconds: status.lag_seconds(now),
        status,
        never_run: false,
        configured: !is_whole,
    }));
    lines
}

fn named(route: &str) -> RouteStatus {
    let (collector, sink) = route.split_once('/').unwrap_or((route, ""));
    RouteStatus {
        route: route.to_owned(),
        collector: collector.to_owned(),
        sink: sink.to_owned(),
        ..RouteStatus::default()
    }
}
