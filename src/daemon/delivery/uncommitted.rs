//! Batches that a sink has, and of which the database does not know that: another process may lock it for long. They are
//! committed later, and not written again: not every sink knows a repeat. They outlive a change of the configuration.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use crate::{
    detect_db::DetectDb,
    pipeline::acknowledgement::Acknowledged,
    sinks::{SinkError, disk::Inode},
};

type CommitWork = Box<dyn Fn(&mut DetectDb) -> Result<(), SinkError> + Send>;

/// Those of all routes of a process, one each.
#[derive(Default)]
pub struct UncommittedDeliveries(Mutex<BTreeMap<String, UncommittedDelivery>>);

/// That of one route, if there is one.
#[derive(Clone, Default)]
pub struct UncommittedDelivery(Arc<Mutex<Option<DeliveredBatch>>>);

/// A batch that is delivered.
pub(super) struct DeliveredBatch {
    /// The database that its rows are from.
    pub(super) database: Inode,
    pub(super) commit: CommitWork,
    pub(super) rows: u64,
    pub(super) written: Acknowledged,
}

impl UncommittedDeliveries {
    /// That of a route.
    pub(in crate::daemon) fn of(&self, route: &str) -> UncommittedDelivery {
        locked(&self.0).entry(route.to_owned()).or_default().clone()
    }

    /// How many there are. Waits for no commit.
    pub(in crate::daemon) fn count(&self) -> usize {
        locked(&self.0).values().filter(|one| one.is_there()).count()
    }
}

impl UncommittedDelivery {
    /// A batch was delivered.
    pub(super) fn put(&self, batch: DeliveredBatch) {
        *locked(&self.0) = Some(batch);
    }

    /// Whether there is one. Waits for nothing.
    pub(super) fn is_there(&self) -> bool {
        match self.0.try_lock() {
            Ok(held) => held.is_some(),
            Err(TryLockError::Poisoned(held)) => held.into_inner().is_some(),
            // It is being committed.
            Err(TryLockError::WouldBlock) => true,
        }
    }

    /// Commits it, once, also if several try it at the same time. Returns it if it was committed now.
    pub(super) fn commit(&self, db: &mut DetectDb) -> Result<Option<DeliveredBatch>, SinkError> {
        let mut held = locked(&self.0);
        // Another database has other rows.
        held.take_if(|batch| batch.database != db.inode());
        if let Some(batch) = &*held {
            (batch.commit)(db)?;
        }
        Ok(held.take())
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
