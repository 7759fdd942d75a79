//! Rows that wait for the sink, in limited memory.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use collectors::Record;
use tokio::sync::Notify;

use super::HealthTarget;
use crate::{
    pipeline::{
        backoff::Delays,
        policy::{Action, Failure, Judgement, judge},
    },
    sinks::Batch,
    tables::HEALTH,
};

/// Rows per route that are kept while the sink takes none: two days of them.
const ROWS_PER_ROUTE_MAX: usize = 48;
/// Rows per write.
const BATCH_ROWS: usize = 500;

/// Rows that are not delivered yet, oldest first.
#[derive(Default)]
pub(super) struct Outbox {
    rows: Mutex<VecDeque<Record>>,
    filled: Notify,
}

impl Outbox {
    /// Appends rows. Beyond the limit for this many routes, the oldest are dropped.
    pub(super) fn put(&self, rows: Vec<Record>, routes: usize) {
        if rows.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        waiting.extend(rows);
        let dropped = waiting.len().saturating_sub(ROWS_PER_ROUTE_MAX * routes.max(1));
        waiting.drain(..dropped);
        drop(waiting);
        if dropped > 0 {
            tracing::warn!(dropped, "oldest health rows dropped: their sink accepts none");
        }
        self.filled.notify_one();
    }

    /// How many rows wait.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Delivers all rows, present and future, without end.
    pub(super) async fn deliver(&self, target: &impl Fn() -> Option<HealthTarget>) {
        let (mut delays, mut failing) = (Delays::default(), false);
        loop {
            match self.drain(target).await {
                Ok(()) => {
                    delays.reset();
                    failing = false;
                    self.filled.notified().await;
                }
                Err(failure) => {
                    let Judgement { action, advice } = judge(&failure);
                    if !failing {
                        let rows = self.len();
                        tracing::warn!(error = %failure, advice, rows, "health rows delayed; records \
                                                                        unaffected");
                    }
                    failing = true;
                    // Another configuration may say otherwise by now.
                    let wanted = target().map(|target| target.retry).unwrap_or_default();
                    if delays.wanted() != wanted {
                        delays = Delays::new(wanted);
                    }
                    tokio::time::sleep(match action {
                        Action::Wait(asked) => asked,
                        Action::BackOff => delays.after_failure(),
                        Action::Park | Action::End | Action::Stop => wanted.parked,
                    })
                    .await;
                }
            }
        }
    }

    /// Delivers the rows that wait.
    pub(super) async fn drain(&self, target: &impl Fn() -> Option<HealthTarget>) -> Result<(), Failure> {
        loop {
            let rows: Arc<[Record]> = self.lock().iter().take(BATCH_ROWS).cloned().collect();
            if rows.is_empty() {
                return Ok(());
            }
            let Some(HealthTarget { sink, .. }) = target() else {
                self.lock().clear();
                return Ok(());
            };
            let batch = Batch { table: HEALTH.clone(), connector: "ccfd".into(), records: rows.clone() };
            let (receipt, left, error) = match sink.write(batch).await {
                Ok(receipt) => (receipt, Vec::new(), None),
                Err(failed) => match failed.partial {
                    Some(partial) => (partial.receipt, partial.left, Some(failed.error)),
                    None => return Err(Failure::Sink(failed.error)),
                },
            };
            let mut delivered: HashSet<_> = rows.iter().map(|row| row.id).collect();
            for row in left.into_iter().filter_map(|place| rows.get(place)) {
                delivered.remove(&row.id);
            }
            self.lock().retain(|row| !delivered.contains(&row.id));
            if let Some(refused) = receipt.refused.first() {
                let (rows, reason) = (receipt.refused.len(), refused.kind);
                tracing::error!(rows, reason, "health rows dropped: the sink refuses them");
            }
            tracing::debug!(rows = delivered.len(), "health rows delivered");
            if let Some(error) = error {
                return Err(Failure::Sink(error));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Record>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
