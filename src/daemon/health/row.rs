//! A row, as a record of the table `CcfdHealth_CL`.

use std::collections::BTreeMap;

use bytes::Bytes;
use collectors::{IdHash, Record};
use serde::Serialize;

use super::status::Status;
use crate::{
    pipeline::{counters::RouteCounters, progress::RouteStatus, verified::LastVerification},
    tables::format_utc,
};

/// Counts of a route, since the process started or between two rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Counted {
    fetched: u64,
    delivered: u64,
    already_there: u64,
    rejected: u64,
    late: u64,
    requests: u64,
    retries: u64,
    parks: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    retries_by_reason: BTreeMap<&'static str, u64>,
}

impl Counted {
    pub(super) fn of(counters: &RouteCounters) -> Self {
        let mut retries_by_reason = BTreeMap::new();
        for ((_, reason), times) in &counters.retries {
            *retries_by_reason.entry(*reason).or_default() += times;
        }
        Self {
            fetched: counters.fetched,
            delivered: counters.delivered,
            already_there: counters.already_there,
            rejected: counters.rejected.values().sum(),
            late: counters.late.count(),
            requests: counters.source.requests(),
            retries: counters.retries.values().sum(),
            parks: counters.parks.iter().sum(),
            retries_by_reason,
        }
    }

    /// The difference to an earlier count.
    pub(super) fn after(&self, before: &Self) -> Self {
        let since = |reason: &str, times: u64| {
            times.saturating_sub(before.retries_by_reason.get(reason).copied().unwrap_or(0))
        };
        let reasons = self.retries_by_reason.iter().map(|(reason, times)| (*reason, since(reason, *times)));
        Self {
            fetched: self.fetched.saturating_sub(before.fetched),
            delivered: self.delivered.saturating_sub(before.delivered),
            already_there: self.already_there.saturating_sub(before.already_there),
            rejected: self.rejected.saturating_sub(before.rejected),
            late: self.late.saturating_sub(before.late),
            requests: self.requests.saturating_sub(before.requests),
            retries: self.retries.saturating_sub(before.retries),
            parks: self.parks.saturating_sub(before.parks),
            retries_by_reason: reasons.filter(|(_, times)| *times > 0).collect(),
        }
    }
}

/// The content of a row.
pub(super) struct Row<'a> {
    /// Unique, also over processes.
    pub(super) id: String,
    /// The second from which it counts.
    pub(super) from: i64,
    /// The second at which it is written.
    pub(super) at: i64,
    pub(super) status: Status,
    pub(super) route: &'a RouteStatus,
    pub(super) counted: Counted,
    /// The verification that the row is about, if it is about one.
    pub(super) verified: Option<&'a LastVerification>,
}

/// The fields that the columns of the table name.
#[derive(Serialize)]
struct HealthFields<'a> {
    id: &'a str,
    at: i64,
    route: &'a str,
    collector: &'a str,
    kind: &'a str,
    status: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    details: Details<'a>,
}

/// As in `SentinelHealth`, property names begin with a capital letter.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details<'a> {
    destination_table: &'a str,
    sink: &'a str,
    sink_type: &'a str,
    state: String,
    from: String,
    to: String,
    #[serde(flatten)]
    counted: &'a Counted,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_lag_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watermark_lag_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<&'a LastVerification>,
    version: &'static str,
}

impl Row<'_> {
    /// The row as a record for sinks; an error if JSON cannot express it, for which no case is known.
    pub(super) fn record(&self) -> serde_json::Result<Record> {
        let Self { id, from, at, status, route, counted, verified } = self;
        let verdict = verified.map(|verified| verified.verdict.as_str());
        let fields = HealthFields {
            id,
            at: *at,
            route: &route.route,
            collector: &route.collector,
            kind: &route.source,
            status: status.word(),
            description: verified.map_or_else(|| description(route), LastVerification::text),
            reason: verdict.or_else(|| route.error.as_ref().map(|error| error.reason.as_str())),
            details: Details {
                destination_table: &route.table,
                sink: &route.sink,
                sink_type: &route.sink_type,
                state: route.state.to_string(),
                from: format_utc(*from),
                to: format_utc(*at),
                counted,
                read_lag_seconds: route.lag_seconds(*at),
                watermark_lag_seconds: route.watermark.map(|watermark| (at - watermark).max(0)),
                verified: *verified,
                version: env!("CARGO_PKG_VERSION"),
            },
        };
        let raw = Bytes::from(serde_json::to_vec(&fields)?);
        Ok(Record::new(raw, *at, IdHash::of(id), None))
    }
}

/// The texts of a status contain no secrets, because they are shown to anyone who asks the daemon.
fn description(route: &RouteStatus) -> String {
    match &route.error {
        Some(error) => format!("{}: {}; {}", route.state, error.text, error.advice),
        None => route.state.to_string(),
    }
}
