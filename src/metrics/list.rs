//! The list of metrics. Never rename one that was released, because alert rules use it.

use std::borrow::Cow;

use collectors::{Anomaly, Outcomes, RequestOutcome};

use super::{
    Metric, MetricsSnapshot,
    ReadMetric::{self, Count, Counts, Level, Levels, Ranges},
    RouteMetrics, Samples, SinkMetrics,
};
use crate::{
    config::{ACTION_ROUTES, ALERT_ROUTES, CASE_ROUTES, RUN_ROUTES},
    pipeline::{counters::COMMIT_BOUNDS, histogram::Histogram, progress::RouteState, stage::Stage},
    verify::verdict::Verdict,
};

/// Of the process as a whole.
pub(super) const PROCESS: &[Metric<MetricsSnapshot>] = &[
    metric(
        "ccfd_build_info",
        "1",
        "Always 1; the label is the version of the running program.",
        Levels(&["version"], |snapshot| vec![(vec![snapshot.version.into()], 1)]),
    ),
    metric(
        "ccfd_state_commit_duration_seconds",
        "s",
        "Time to commit progress durably to the state directory.",
        Ranges(|snapshot| {
            let mut commits = Histogram::new(COMMIT_BOUNDS);
            snapshot.routes.iter().for_each(|route| commits.add(&route.counters.commits));
            commits
        }),
    ),
    metric(
        "ccfd_values_unfit_total",
        "{value}",
        "Values that did not fit their column and became null, counted each time a row is made.",
        Counts(&["table", "column"], |snapshot| {
            let values = snapshot.unfit.iter();
            values.map(|(table, column, count)| (vec![table.clone(), column.clone()], *count)).collect()
        }),
    ),
];

/// Of each route.
pub(super) const ROUTES: &[Metric<RouteMetrics>] = &[
    metric(
        "ccfd_route_state",
        "1",
        "1 for the current state of the route, 0 for all others.",
        Levels(&["state"], |route| {
            let is_now = |state: &RouteState| i64::from(*state == route.status.state);
            by(RouteState::ALL.iter().map(|state| (state.to_string().replace(' ', "_"), is_now(state))))
        }),
    ),
    metric(
        "ccfd_records_fetched_total",
        "{record}",
        "New records fetched from the source.",
        Count(|route| route.counters.fetched),
    ),
    metric(
        "ccfd_records_delivered_total",
        "{record}",
        "Records that the sink accepted and whose delivery is committed.",
        Count(|route| route.counters.delivered),
    ),
    metric(
        "ccfd_records_already_there_total",
        "{record}",
        "Records that the sink already had from an earlier delivery.",
        Count(|route| route.counters.already_there),
    ),
    metric(
        "ccfd_records_rejected_total",
        "{record}",
        "Records put into the rejects, by reason.",
        Counts(&["reason"], |route| by(route.counters.rejected.iter().map(|(word, count)| (*word, *count)))),
    ),
    metric(
        "ccfd_records_cut_total",
        "{record}",
        "Records delivered with shortened fields.",
        Count(|route| route.counters.cut),
    ),
    metric(
        "ccfd_cut_copies_removed_total",
        "{record}",
        "Whole copies of records with shortened fields, removed because `cut_max` was reached.",
        Count(|route| route.counters.cut_gone),
    ),
    metric(
        "ccfd_batches_delivered_total",
        "{batch}",
        "Batches of records delivered and committed.",
        Count(|route| route.counters.batches),
    ),
    metric(
        "ccfd_record_lateness_seconds",
        "s",
        "Age of late records when a sweep found them; had they appeared in time, an earlier poll would have.",
        Ranges(|route| route.counters.late.clone()),
    ),
    metric(
        "ccfd_newest_record_timestamp_seconds",
        "s",
        "Time of the newest delivered record.",
        Level(|route| route.status.last_record),
    ),
    metric(
        "ccfd_newest_record_lag_seconds",
        "s",
        "Age of the newest delivered record; also grows while nothing happens.",
        Level(|route| Some(route.now - route.status.last_record?)),
    ),
    metric(
        "ccfd_watermark_timestamp_seconds",
        "s",
        "Time before which everything is delivered.",
        Level(|route| route.status.watermark),
    ),
    metric(
        "ccfd_watermark_lag_seconds",
        "s",
        "Age of the time before which everything is delivered; also grows while nothing happens.",
        Level(|route| Some(route.now - route.status.watermark?)),
    ),
    metric(
        "ccfd_read_lag_seconds",
        "s",
        "How far reading is behind now: seconds that may contain records not requested yet; small while all is well.",
        Level(|route| route.status.lag_seconds(route.now)),
    ),
    metric(
        "ccfd_last_success_timestamp_seconds",
        "s",
        "When each stage of the route last succeeded: a page was read, or progress was committed.",
        Levels(&["stage"], |route| succeeded(route, |at| at)),
    ),
    metric(
        "ccfd_last_success_age_seconds",
        "s",
        "Seconds since each stage of the route last succeeded, with or without records.",
        Levels(&["stage"], |route| succeeded(route, |at| (route.now - at).max(0))),
    ),
    metric(
        "ccfd_dedup_ids",
        "{id}",
        "Ids remembered to recognise repeats: records delivered from the watermark on.",
        Level(|route| i64::try_from(route.status.dedup_ids).ok()),
    ),
    metric(
        "ccfd_in_flight_bytes",
        "By",
        "Bytes of pages fetched and not yet committed.",
        Level(|route| i64::try_from(route.budget.as_ref()?.taken()).ok()),
    ),
    metric(
        "ccfd_in_flight_limit_bytes",
        "By",
        "Limit of bytes in flight, at which fetching waits for delivery.",
        Level(|route| i64::try_from(route.budget.as_ref()?.bytes_max()).ok()),
    ),
    metric(
        "ccfd_rejects_bytes",
        "By",
        "Bytes of rejected records on disk.",
        Level(|route| i64::try_from(route.rejects_bytes).ok()),
    ),
    metric(
        "ccfd_alerts_waiting",
        "{alert}",
        "Alerts that wait for delivery to the sink; only of the routes of alerts.",
        Level(|route| {
            let waiting = (route.status.source == ALERT_ROUTES).then_some(route.status.waiting)?;
            i64::try_from(waiting).ok()
        }),
    ),
    metric(
        "ccfd_connector_runs_waiting",
        "{run}",
        "Runs of connectors that wait for delivery to the sink; only of the routes of runs.",
        Level(|route| {
            let waiting = (route.status.source == RUN_ROUTES).then_some(route.status.waiting)?;
            i64::try_from(waiting).ok()
        }),
    ),
    metric(
        "ccfd_actions_waiting",
        "{action}",
        "Actions of alerts that wait to be done; only of `[[detect.action]]`.",
        Level(|route| {
            let waiting = (route.status.source == ACTION_ROUTES).then_some(route.status.waiting)?;
            i64::try_from(waiting).ok()
        }),
    ),
    metric(
        "ccfd_cases_waiting",
        "{case}",
        "Cases that wait to be sent to the Kibana of `[cases]`.",
        Level(|route| {
            let waiting = (route.status.source == CASE_ROUTES).then_some(route.status.waiting)?;
            i64::try_from(waiting).ok()
        }),
    ),
    metric(
        "ccfd_sweep_is_late",
        "1",
        "1 while sweeps take longer than their interval, otherwise 0.",
        Level(|route| Some(i64::from(route.status.sweep_late))),
    ),
    metric(
        "ccfd_verify_verdict",
        "1",
        "1 for the verdict of the last verification, 0 for all others; nothing before the first.",
        Levels(&["verdict"], |route| {
            let Some(last) = &route.status.verified else { return Vec::new() };
            by(Verdict::ALL.iter().map(|verdict| (verdict.word(), i64::from(verdict.word() == last.verdict))))
        }),
    ),
    metric(
        "ccfd_verify_unexplained_differences",
        "{record}",
        "Differences of the last verification that nothing explains.",
        Level(|route| i64::try_from(route.status.verified.as_ref()?.unexplained).ok()),
    ),
    metric(
        "ccfd_verify_timestamp_seconds",
        "s",
        "When the last verification ended.",
        Level(|route| Some(route.status.verified.as_ref()?.at)),
    ),
    metric(
        "ccfd_source_requests_total",
        "{request}",
        "Requests to the source, by HTTP status or by why there was no response.",
        Counts(&["status"], |route| requests(&route.counters.source.outcomes)),
    ),
    metric(
        "ccfd_source_anomalies_total",
        "{answer}",
        "Responses that a well-behaved list does not give, by kind.",
        Counts(&["kind"], |route| {
            let times = |kind| route.counters.source.anomalies.get(kind).copied().unwrap_or(0);
            by(Anomaly::ALL.iter().map(|kind| (kind.word(), times(kind))))
        }),
    ),
    metric(
        "ccfd_retries_total",
        "{try}",
        "Temporary failures that were retried, by the stage that failed and the reason.",
        Counts(&["stage", "reason"], |route| {
            let retries = route.counters.retries.iter();
            retries
                .map(|((stage, word), times)| (vec![stage.word().into(), (*word).into()], *times))
                .collect()
        }),
    ),
    metric(
        "ccfd_parks_total",
        "{park}",
        "Times the route was parked until someone acts, by the stage that failed.",
        Counts(&["stage"], |route| {
            by(Stage::ALL.map(|stage| (stage.word(), route.counters.parks[stage as usize])))
        }),
    ),
];

/// Of each sink, over all routes that write to it.
pub(super) const SINKS: &[Metric<SinkMetrics>] = &[
    metric(
        "ccfd_sink_write_duration_seconds",
        "s",
        "Duration of batch writes that the sink acknowledged.",
        Ranges(|sink| sink.writes().clone()),
    ),
    metric(
        "ccfd_sink_requests_total",
        "{request}",
        "Requests to the service, by HTTP status or by why there was no response.",
        Counts(&["status"], |sink| requests(&sink.counters.requests)),
    ),
    metric(
        "ccfd_token_refreshes_total",
        "{token}",
        "Token requests, by result.",
        Counts(&["result"], |sink| {
            let results =
                sink.counters.tokens.map(|tokens| [("issued", tokens.issued), ("failed", tokens.failed)]);
            by(results.into_iter().flatten())
        }),
    ),
];

const fn metric<T>(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    read: ReadMetric<T>,
) -> Metric<T> {
    Metric { name, unit, help, read }
}

/// Samples with one label.
fn by<W: Into<Cow<'static, str>>, N>(samples: impl IntoIterator<Item = (W, N)>) -> Samples<N> {
    samples.into_iter().map(|(word, number)| (vec![word.into()], number)).collect()
}

fn requests(outcomes: &Outcomes) -> Samples<u64> {
    let word = |outcome: &RequestOutcome| match outcome {
        RequestOutcome::Answered(status) => Cow::Owned(status.to_string()),
        RequestOutcome::Unreachable => Cow::Borrowed("unreachable"),
        RequestOutcome::TooLarge => Cow::Borrowed("too_large"),
    };
    by(outcomes.iter().map(|(outcome, times)| (word(outcome), *times)))
}

fn succeeded(route: &RouteMetrics, show: impl Fn(i64) -> i64) -> Samples<i64> {
    let at = |stage: Stage| Some((stage.word(), show(route.counters.succeeded[stage as usize]?)));
    by(Stage::ALL.into_iter().filter_map(at))
}
