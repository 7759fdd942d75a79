//! The routes there are at the moment, for whoever shows them: `status.json`, the service manager, the admin interface.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::progress::{Progress, RouteStatus};

/// The progress of every route, by its name. Cheap to clone; all clones are the one registry.
#[derive(Debug, Clone, Default)]
pub struct RouteRegistry {
    routes: Arc<Mutex<BTreeMap<String, Progress>>>,
    changed: Arc<Notify>,
}

impl RouteRegistry {
    /// A route's place on the registry, in the stead of an earlier one of the same name. A route goes on counting where the earlier
    /// one ended; a backfill that is begun again does not.
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

    /// Takes a route off the registry.
    pub fn remove(&self, route: &str) {
        self.lock().remove(route);
        self.changed.notify_one();
    }

    /// The progress of one route.
    pub fn get(&self, route: &str) -> Option<Progress> {
        self.lock().get(route).cloned()
    }

    /// The progress of each, in the order of their names.
    pub fn routes(&self) -> Vec<Progress> {
        self.lock().values().cloned().collect()
    }

    /// What each is doing, in the order of their names.
    pub fn statuses(&self) -> Vec<RouteStatus> {
        self.routes().iter().map(Progress::status).collect()
    }

    /// Waits until a route does something else, or the registry is another one.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Progress>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
