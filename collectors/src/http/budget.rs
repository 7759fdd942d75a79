//! What one API key may send: its rate, and the pause that a throttled request imposes on all its users.

use std::{
    collections::BTreeSet,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{
    RateLimiter,
    clock::Clock as _,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

use crate::doubt::repeated_page::RecentPages;

/// Which share of the key's rate a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// All of it.
    Full,
    /// At most half, so that polls never wait for a long sweep.
    Half,
    /// At most half, counted separately: messages need one request per completion, and a sweep must not wait
    /// for them.
    Messages,
}

/// Shared by everything that uses one API key: the rate, and the pause after a throttled request.
#[derive(Debug)]
pub struct KeyBudget {
    limits: Mutex<Arc<RateLimits>>,
    paused_until: Mutex<Option<Instant>>,
    /// A gateway that serves the page of an earlier request does so for all users of the key.
    recent_pages: Mutex<RecentPages>,
    /// The paths of lists whose first look was asked to wait. A route that cannot start makes a new client each time.
    throttled: Mutex<BTreeSet<&'static str>>,
}

#[derive(Debug)]
struct RateLimits {
    qps: NonZeroU32,
    full: Limiter,
    half: Limiter,
    messages: Limiter,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Ticks, governor::middleware::NoOpMiddleware<Nanos>>;

/// governor's clock on tokio's, so that both follow paused time in tests.
#[derive(Debug, Clone)]
struct Ticks(Instant);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;
    fn now(&self) -> Nanos {
        Nanos::from(self.0.elapsed())
    }
}

impl RateLimits {
    fn new(qps: NonZeroU32) -> Self {
        let half = NonZeroU32::new(qps.get() / 2);
        let quota = governor::Quota::per_second;
        // Half of one request per second is one in two seconds.
        let half = half
            .map_or_else(|| governor::Quota::with_period(Duration::from_secs(2)), |half| Some(quota(half)));
        let half = half.unwrap_or_else(|| quota(qps));
        let limiter = |quota| RateLimiter::direct_with_clock(quota, Ticks(Instant::now()));
        Self { qps, full: limiter(quota(qps)), half: limiter(half), messages: limiter(half) }
    }

    /// Discards saved-up permits, so that requests that waited together do not start together.
    fn drain(&self) {
        while self.full.check().is_ok() {}
    }
}

impl KeyBudget {
    /// A budget of `qps` requests per second.
    pub fn new(qps: NonZeroU32) -> Self {
        Self {
            limits: Mutex::new(Arc::new(RateLimits::new(qps))),
            paused_until: Mutex::new(None),
            recent_pages: Mutex::default(),
            throttled: Mutex::default(),
        }
    }

    /// Sets the rate to `qps` requests per second. A pause stays in effect.
    pub fn set_rate(&self, qps: NonZeroU32) {
        let mut limits = lock(&self.limits);
        if limits.qps != qps {
            let changed = RateLimits::new(qps);
            changed.drain();
            *limits = Arc::new(changed);
        }
    }

    /// Requests per second.
    pub fn rate(&self) -> NonZeroU32 {
        lock(&self.limits).qps
    }

    /// The pages that were accepted recently.
    pub(crate) fn recent_pages(&self) -> MutexGuard<'_, RecentPages> {
        lock(&self.recent_pages)
    }

    pub(crate) fn throttled(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        lock(&self.throttled)
    }

    pub(crate) async fn admit(&self, lane: Lane) {
        loop {
            self.rest().await;
            let limits = lock(&self.limits).clone();
            match lane {
                Lane::Full => {}
                Lane::Half => wait_for(&limits.half).await,
                Lane::Messages => wait_for(&limits.messages).await,
            }
            wait_for(&limits.full).await;
            // A pause or a new rate may have been set while this request waited.
            if lock(&self.paused_until).is_none() && Arc::ptr_eq(&limits, &lock(&self.limits)) {
                return;
            }
        }
    }

    pub(crate) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut paused = lock(&self.paused_until);
        if paused.is_none_or(|other| other < until) {
            *paused = Some(until);
        }
    }

    /// Waits until no pause is in effect.
    async fn rest(&self) {
        loop {
            let Some(until) = *lock(&self.paused_until) else { return };
            tokio::time::sleep_until(until).await;
            let mut paused = lock(&self.paused_until);
            if *paused == Some(until) {
                *paused = None;
                lock(&self.limits).drain();
            }
        }
    }
}

async fn wait_for(limiter: &Limiter) {
    while let Err(early) = limiter.check() {
        tokio::time::sleep(early.wait_time_from(limiter.clock().now())).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(qps: u32) -> Arc<KeyBudget> {
        Arc::new(KeyBudget::new(NonZeroU32::new(qps).expect("not zero")))
    }

    #[tokio::test(start_paused = true)]
    async fn a_backlog_of_messages_leaves_a_poll_and_a_sweep_their_share_of_the_rate() {
        let budget = budget(4);
        let backlog = tokio::spawn({
            let budget = budget.clone();
            async move {
                for _ in 0..1_000 {
                    budget.admit(Lane::Messages).await;
                }
            }
        });
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            for lane in [Lane::Full, Lane::Half] {
                let asked = Instant::now();
                budget.admit(lane).await;
                assert!(
                    asked.elapsed() < Duration::from_millis(600),
                    "{lane:?} waited {:?}",
                    asked.elapsed()
                );
            }
        }
        assert!(!backlog.is_finished(), "two a second: a thousand take more than eight minutes");
        backlog.await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn messages_take_at_most_half_of_the_rate() {
        let (budget, begun) = (budget(10), Instant::now());
        for _ in 0..105 {
            budget.admit(Lane::Messages).await;
        }
        let rate = 100.0 / begun.elapsed().as_secs_f64();
        assert!((4.9..=5.1).contains(&rate), "{rate}");
    }

    /// When each of `requests` concurrent requests was admitted.
    async fn admitted(budget: &Arc<KeyBudget>, requests: usize) -> Vec<Instant> {
        let one = |_| {
            let budget = budget.clone();
            tokio::spawn(async move {
                budget.admit(Lane::Full).await;
                Instant::now()
            })
        };
        let mut moments = Vec::new();
        for request in (0..requests).map(one).collect::<Vec<_>>() {
            moments.push(request.await.expect("no panic"));
        }
        moments.sort();
        moments
    }

    /// The highest number admitted in any second.
    fn most_a_second(moments: &[Instant]) -> usize {
        let in_second = |from: &Instant| {
            moments.iter().filter(|at| *at >= from && **at < *from + Duration::from_secs(1)).count()
        };
        moments.iter().map(in_second).max().unwrap_or(0)
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_for_a_pause_together_keeps_to_the_rate_behind_it() {
        let (budget, begun) = (budget(5), Instant::now());
        budget.pause(Duration::from_secs(10));
        let moments = admitted(&budget, 40).await;
        assert!(moments[0] - begun >= Duration::from_secs(10));
        assert!(most_a_second(&moments) <= 5, "{} in a second", most_a_second(&moments));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_up_those_who_wait_for_the_rate_already() {
        let (budget, begun) = (budget(5), Instant::now());
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { admitted(&budget, 40).await }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        budget.pause(Duration::from_secs(30));
        let moments = waiting.await.expect("no panic");
        let early = moments.iter().filter(|at| **at - begun < Duration::from_secs(30)).count();
        assert_eq!(early, 5, "what was let through before the pause");
        assert!(most_a_second(&moments[5..]) <= 5);
    }

    #[tokio::test(start_paused = true)]
    async fn another_rate_neither_ends_a_pause_nor_adds_to_what_may_be_sent() {
        let (budget, begun) = (budget(100), Instant::now());
        budget.pause(Duration::from_secs(10));
        budget.set_rate(NonZeroU32::new(5).expect("not zero"));
        let moments = admitted(&budget, 20).await;
        assert!(moments[0] - begun >= Duration::from_secs(10));
        assert!(most_a_second(&moments) <= 5);
    }
}
