//! The current routes, for `status.json`, the service manager and the admin interface.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::progress::{Progress, RouteStatus};

/// The progress of every route, by name. Cheap to clone; all clones share one registry.
#[derive(Debug, Clone, Default)]
pub struct RouteRegistry {
    routes: Arc<Mutex<BTreeMap<String, Progress>>>,
    changed: Arc<Notify>,
}

impl RouteRegistry {
    /// Adds a route, replacing an earlier one of the same name. A route keeps the earlier one's counters; a
    /// backfill that is started again does not.
    pub fn put(&self, status: RouteStatus) -> Progress {
        let (name, is_backfill) = (status.route.clone(), status.is_backfill());
        let progress = Progress::new(status, self.changed.clone());
        let before = self.lock().insert(name, progress.clone());
        if let Some(before) = before.filter(|_| !is_backfill) {
            let counted = before.measured().counters;
            progress.count(|counters| *counters = counted);
        }
        self.changed.notify_one();
        progress
    }

    /// Removes a route.
    pub fn remove(&self, route: &str) {
        self.lock().remove(route);
        self.changed.notify_one();
    }

    /// The progress of one route.
    pub fn get(&self, route: &str) -> Option<Progress> {
        self.lock().get(route).cloned()
    }

    /// The progress of all routes, sorted by name.
    pub fn routes(&self) -> Vec<Progress> {
        self.lock().values().cloned().collect()
    }

    /// The status of all routes, sorted by name.
    pub fn statuses(&self) -> Vec<RouteStatus> {
        self.routes().iter().map(Progress::status).collect()
    }

    /// Waits until the state of a route or the set of routes changes.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Progress>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
