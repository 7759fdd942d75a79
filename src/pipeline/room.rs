//! The bound on what a route keeps in memory between fetching and the commit.

use std::sync::Arc;

use collectors::Page;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a page costs beside its records: its cursor and the ids that change.
const PAGE_OVERHEAD_BYTES: usize = 4096;

/// The room for the pages of one route.
#[derive(Debug, Clone)]
pub struct Room {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.clamp(PAGE_OVERHEAD_BYTES, Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// Waits for room. A page larger than all of it is admitted alone.
    pub async fn admit(&self, page: &Page) -> Option<OwnedSemaphorePermit> {
        let bytes = (page.bytes + PAGE_OVERHEAD_BYTES).min(self.bytes_max);
        self.bytes.clone().acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX)).await.ok()
    }

    /// Bytes that are taken now.
    pub fn taken(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes.available_permits())
    }

    /// All of it, in bytes.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }
}
