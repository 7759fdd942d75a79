//! Limits the memory that a route uses between fetch and commit.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The cost of a page besides its records: its cursor and the changed ids.
const PAGE_OVERHEAD_BYTES: usize = 4096;

/// The budget for the pages of one route.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
}

impl ByteBudget {
    /// A budget of this many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.clamp(PAGE_OVERHEAD_BYTES, Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// Waits until a page of this many bytes fits. A page larger than the whole budget is admitted alone.
    pub async fn admit(&self, page_bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.bytes.clone().acquire_many_owned(self.permits(page_bytes)).await.ok()
    }

    /// Adjusts a permit to a page that is now this large: waits for more, or releases what is not needed.
    pub async fn resize(&self, taken: &mut OwnedSemaphorePermit, page_bytes: usize) -> Option<()> {
        let (held, wanted) = (taken.num_permits(), self.permits(page_bytes));
        match u32::try_from(held).ok().and_then(|held| wanted.checked_sub(held)) {
            Some(more) => taken.merge(self.bytes.clone().acquire_many_owned(more).await.ok()?),
            None => drop(taken.split(held.saturating_sub(wanted as usize))),
        }
        Some(())
    }

    /// Bytes in use.
    pub fn taken(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes.available_permits())
    }

    /// The whole budget in bytes.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    fn permits(&self, page_bytes: usize) -> u32 {
        u32::try_from((page_bytes + PAGE_OVERHEAD_BYTES).min(self.bytes_max)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_follows_a_page_that_grows_and_shrinks_and_one_larger_than_all_of_it_waits_for_nothing_more()
    {
        let budget = ByteBudget::new(100_000);
        let left = || budget.bytes.available_permits();
        let mut taken = budget.admit(10_000).await.unwrap();
        budget.resize(&mut taken, 50_000).await.unwrap();
        assert_eq!(left(), 100_000 - 50_000 - PAGE_OVERHEAD_BYTES);
        budget.resize(&mut taken, 1_000_000).await.unwrap();
        budget.resize(&mut taken, 2_000_000).await.unwrap();
        assert_eq!(left(), 0);
        budget.resize(&mut taken, 5_000).await.unwrap();
        assert_eq!(left(), 100_000 - 5_000 - PAGE_OVERHEAD_BYTES);
        drop(taken);
        assert_eq!(left(), 100_000);
    }
}
