//! The alerts of a case that are missing there: which index each is in, and how long those are waited for that are in none yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::DateTime;

use super::{outcome::SendFault, remote::RemoteAttachments, send::SendTurn, text::is_ours};
use crate::{cases::AttachedAlert, detect_db::AlertArrival, sinks::remote::RemoteError};

/// How long an alert is waited for once it was delivered, in seconds: a search does not show it at once. After that its case
/// has its summary only.
const INDEX_WAIT: i64 = 10 * 60;

/// Finds in which index alerts are.
#[async_trait]
pub(super) trait FindsAlerts: Send + Sync {
    /// The index of each of these alerts that is found.
    async fn places(&self, ids: &[String]) -> Result<BTreeMap<String, String>, RemoteError>;
}

/// The sink that has the alerts.
pub(super) struct AlertsSink {
    pub(super) name: String,
    /// The route by which they are delivered to it, and where it leads.
    pub(super) route: String,
    pub(super) destination: String,
    pub(super) places: Arc<dyn FindsAlerts>,
}

/// What is known of the alerts that are missing.
#[derive(Debug, Default)]
pub(super) struct FoundAlerts {
    /// The index of each that is found.
    pub(super) places: BTreeMap<String, String>,
    /// How many are not delivered to their sink yet.
    pub(super) due: usize,
    /// How many were delivered and are not found yet.
    pub(super) unfound: usize,
    /// Why they could not be looked for, and how many these are.
    pub(super) fault: Option<(RemoteError, usize)>,
    /// Whether one of them may be found soon.
    pub(super) is_soon: bool,
}

impl FoundAlerts {
    /// Whether some are waited for.
    pub(super) fn waits(&self) -> bool {
        self.due + self.unfound > 0 || self.fault.is_some()
    }
}

/// The name of an alert among what is known to be there.
pub(super) fn alert_item(id: &str) -> String {
    format!("alert:{id}")
}

impl SendTurn<'_> {
    /// Whether an alert is neither there nor refused.
    pub(super) fn is_missing(&self, id: &str, there: &RemoteAttachments) -> bool {
        let item = alert_item(id);
        !self.sent.contains_key(&item) && !self.refused.contains(&item) && !there.alerts.contains(id)
    }

    /// Looks for all alerts that are missing, at once.
    pub(super) async fn find_alerts(&mut self, there: &RemoteAttachments) -> Result<FoundAlerts, SendFault> {
        let missing = self.of.alerts.iter().filter(|alert| self.is_missing(&alert.id, there));
        let (ours, others): (Vec<&AttachedAlert>, Vec<&AttachedAlert>) =
            missing.partition(|alert| is_ours(alert));
        let places = others.iter().map(|alert| (alert.id.clone(), alert.index.clone())).collect();
        let mut found = FoundAlerts { places, ..FoundAlerts::default() };
        let Some(sink) = &self.with.alerts else {
            self.summarised += ours.len();
            return Ok(found);
        };
        if ours.is_empty() {
            return Ok(found);
        }
        let ids: Vec<String> = ours.iter().map(|alert| alert.id.clone()).collect();
        let (route, destination) = (sink.route.clone(), sink.destination.clone());
        let arrivals = self.with.database.run(move |db| db.alert_arrivals(&route, &destination, &ids));
        let arrivals = arrivals.await.map_err(|error| SendFault::Database(error.into()))?;
        let arrival =
            |alert: &AttachedAlert| arrivals.get(&alert.id).copied().unwrap_or(AlertArrival::Unknown);
        let is_due = |alert: &&AttachedAlert| arrival(alert) == AlertArrival::Due;
        let (due, delivered): (Vec<&AttachedAlert>, Vec<&AttachedAlert>) = ours.into_iter().partition(is_due);
        let now = self.with.clock.now();
        let is_young = |since: i64| now.saturating_sub(since) < INDEX_WAIT;
        found.due = due.len();
        found.is_soon = due.iter().any(|alert| is_young(attached_at(alert)));
        let ids: Vec<String> = delivered.iter().map(|alert| alert.id.clone()).collect();
        if ids.is_empty() {
            return Ok(found);
        }
        match sink.places.places(&ids).await {
            Ok(places) => found.places.extend(places),
            Err(error) => {
                found.fault = Some((error, ids.len()));
                return Ok(found);
            }
        }
        let known: BTreeSet<&String> = found.places.keys().collect();
        let unfound = delivered.into_iter().filter(|alert| !known.contains(&alert.id));
        let (young, given_up): (Vec<&AttachedAlert>, Vec<&AttachedAlert>) =
            unfound.partition(|alert| match arrival(alert) {
                AlertArrival::At(at) => is_young(at.max(attached_at(alert))),
                AlertArrival::Due | AlertArrival::Unknown => is_young(attached_at(alert)),
            });
        found.unfound = young.len();
        found.is_soon |= !young.is_empty();
        self.summarised += given_up.len();
        Ok(found)
    }
}

fn attached_at(alert: &AttachedAlert) -> i64 {
    DateTime::parse_from_rfc3339(&alert.attached_at).map_or(0, |at| at.timestamp())
}
