//! The two readings of a verification: into the ledger, and of what is missing into the sink.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use collectors::UNSURE_SECONDS_MAX;
use tracing::Instrument as _;

use super::{Clients, VerificationRun, VerifyError, stuck::unless_stuck};
use crate::{
    daemon::{checkpoints::load, routes::WantedRoute},
    pipeline::{
        checkpoint::{Checkpoint, Identity},
        names::{route_name, verify_name},
        plan::Plan,
        policy::Failure,
        progress::Progress,
        rejects::{Bounds, Rejects},
        route::{Ended, Route},
        tap::Tap,
    },
    sinks::comparable::Span,
    tables::format_utc,
    verify::{
        difference::Class,
        ledger::{Ledger, LedgerSink},
        repair::{MissingOnly, NoteRepair},
        report::NOT_NAMED,
    },
};

/// Bytes of unusable records that the run's folder may hold.
const UNUSABLE_MAX: u64 = 64 << 20;

/// What the reading of the source brought besides the ledger.
#[derive(Debug, Default)]
pub(super) struct SourceRead {
    /// Why it did not come to its end.
    pub(super) failed: Option<String>,
    /// Crowded seconds of which records may be missing.
    pub(super) unsure_seconds: BTreeSet<i64>,
    /// How far the server's clock is ahead.
    pub(super) server_ahead: Option<i64>,
    /// Whose records they are.
    pub(super) identity: Option<Identity>,
}

impl VerificationRun<'_> {
    /// Reads the window into the ledger, with a checkpoint that is removed again.
    pub(super) async fn read_source(&mut self, ledger: &Ledger) -> Result<SourceRead, VerifyError> {
        let name = verify_name(&route_name(&self.wanted.collector, &self.wanted.sink), self.id);
        let window = self.question.window;
        let Some(mut route) = self.route(&name, window) else {
            return Ok(SourceRead { failed: Some("not configured".to_owned()), ..SourceRead::default() });
        };
        route.sink = Arc::new(LedgerSink::new(ledger.clone(), window));
        route.messages = None;
        // What is read to be compared is not shown as delivered.
        route.tap = Tap::default();
        let (dir, clock) = (ledger.dir().to_owned(), self.assembly.clock.clone());
        let bounds = Bounds { rejects_max: UNUSABLE_MAX, cut_max: 0 };
        let rejects = name.clone();
        route.rejects =
            Arc::new(move || Rejects::open(&dir, &rejects, bounds, clock.clone()).map_err(Failure::from));
        let (route, clients) = watch_clients(route);
        // Of several readings the report has the first beginning and the last end.
        self.report.source.read_from.get_or_insert_with(|| format_utc(chrono::Utc::now().timestamp()));
        let (ended, progress) = self.run_route(route).await;
        self.report.source.read_to = Some(format_utc(chrono::Utc::now().timestamp()));
        let read = load(self.store, &name).await?;
        self.store.cursor::<Checkpoint>(&name).remove().await?;
        let source = &mut self.report.source;
        let named = |name: Option<String>| name.unwrap_or_else(|| NOT_NAMED.to_owned());
        // Seconds that were kept for a later sweep, which a window does not have.
        let kept: BTreeSet<i64> =
            read.iter().flat_map(|read| &read.walks).flat_map(|walk| walk.kept.keys()).copied().collect();
        let identity = read.map(|read| read.identity);
        let (organization, project) =
            identity.clone().map_or((None, None), |identity| (identity.organization, identity.project));
        (source.organization, source.project) = (named(organization), named(project));
        let counted = progress.measured().counters;
        source.requests += counted.source.requests();
        let server_ahead = {
            let clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
            let first = clients.first.as_ref().and_then(|client| client.request_ids().first);
            source.first_request_id = source.first_request_id.take().or(first);
            source.last_request_id = clients.last.as_ref().and_then(|client| client.request_ids().last);
            clients.last.as_ref().and_then(|client| client.clock_difference())
        };
        self.report.clock.server_difference_seconds = server_ahead;
        let unusable: u64 = counted.rejected.values().sum();
        if unusable > 0 {
            self.limit(format!(
                "{unusable} records of the source have no usable id or time, or cannot be redacted: they are in the rejects of \
                 the route, and are not compared"
            ));
        }
        let unsure = counted.source.unsure_seconds;
        let is_cut = unsure.len() >= UNSURE_SECONDS_MAX;
        let unsure_seconds: BTreeSet<i64> =
            unsure.union(&kept).copied().filter(|second| window.has(*second)).collect();
        if !unsure_seconds.is_empty() {
            let shown: Vec<String> =
                unsure_seconds.iter().take(20).map(|second| format_utc(*second)).collect();
            self.limit(format!(
                "{} crowded seconds have more records than a page, and the source may not have shown all of them: {}{}",
                unsure_seconds.len(),
                shown.join(", "),
                if shown.len() < unsure_seconds.len() { ", …" } else { "" }
            ));
        }
        let failed = match ended {
            Ok(Ended::ReadAll) if is_cut => Some(format!(
                "it has {UNSURE_SECONDS_MAX} or more seconds that it does not show whole: choose a shorter window"
            )),
            Ok(Ended::ReadAll) => None,
            Ok(Ended::Stopped) => return Err(VerifyError::Stopped),
            Ok(Ended::Failed(failure)) => Some(failure.to_string()),
            Err(given_up) => Some(given_up),
        };
        Ok(SourceRead { failed, unsure_seconds, server_ahead, identity })
    }

    /// Adds a limit, once.
    fn limit(&mut self, text: String) {
        if !self.report.limits.contains(&text) {
            self.report.limits.push(text);
        }
    }

    /// Reads a span once more, and lets what is missing through to the sink. Returns how many records were rejected, and
    /// why it ended early.
    pub(super) async fn deliver_missing(
        &self,
        ledger: &Ledger,
        name: &str,
        span: Span,
        delivered: Arc<AtomicU64>,
        note: Option<NoteRepair>,
    ) -> Result<(u64, Option<String>), VerifyError> {
        let Some(mut route) = self.route(name, span) else {
            return Ok((0, Some("not configured".to_owned())));
        };
        route.sink = Arc::new(MissingOnly::new(route.sink, ledger.clone(), delivered, note));
        let (ended, progress) = self.run_route(route).await;
        self.store.cursor::<Checkpoint>(name).remove().await?;
        let failed = match ended {
            Ok(Ended::ReadAll) => None,
            Ok(Ended::Stopped) => return Err(VerifyError::Stopped),
            Ok(Ended::Failed(failure)) => Some(failure.to_string()),
            Err(given_up) => Some(given_up),
        };
        Ok((progress.status().rejected, failed))
    }

    /// The seconds from the first to the last missing record.
    pub(super) fn missing_span(&self) -> Span {
        if self.report.totals.not_listed > 0 {
            return self.question.window;
        }
        let times =
            self.report.differences.iter().filter(|one| one.class == Class::Missing).map(|one| &one.time);
        let seconds = times.filter_map(|time| chrono::DateTime::parse_from_rfc3339(time).ok());
        let seconds: BTreeSet<i64> = seconds.map(|time| time.timestamp()).collect();
        match (seconds.first(), seconds.last()) {
            (Some(first), Some(last)) => Span { from: *first, to: last + 1 },
            (None, _) | (_, None) => self.question.window,
        }
    }

    /// An ordinary route that reads a past span once. It is not shown among the routes of the daemon.
    fn route(&self, name: &str, span: Span) -> Option<Route> {
        let wanted = WantedRoute {
            collector: self.wanted.collector.clone(),
            sink: self.wanted.sink.clone(),
            checkpoint: name.to_owned(),
            plan: Plan::Past { from: span.from, to: span.to - 1, parallel: 1 },
            accept_change: false,
        };
        let route = self.assembly.route(self.store, wanted);
        self.assembly.registry.remove(name);
        route
    }

    /// How it ended, or why it was given up.
    async fn run_route(&self, route: Route) -> (Result<Ended, String>, Progress) {
        let progress = route.progress.clone();
        let span = tracing::error_span!("route", route = route.name);
        (unless_stuck(&progress, route.run(self.stop.clone()).instrument(span)).await, progress)
    }
}

/// Remembers the clients that a route makes.
fn watch_clients(mut route: Route) -> (Route, Arc<Mutex<Clients>>) {
    let clients = Arc::new(Mutex::new(Clients::default()));
    let seen = clients.clone();
    let make = route.client;
    route.client = Box::new(move || {
        let client = make()?;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.first.get_or_insert_with(|| client.clone());
        seen.last = Some(client.clone());
        Ok(client)
    });
    (route, clients)
}
