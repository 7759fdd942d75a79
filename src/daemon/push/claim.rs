//! One push at a time sends a case to a receiver: two at once would both find no incident, and each make one.

use std::{sync::Arc, time::Duration};

use collectors::Clock;
use tokio::time::{Instant, sleep};

use super::{CasePushError, CaseToPush, PushEnd};
use crate::{
    cases::{CaseError, PUSH_CLAIM_SECONDS, PUSH_HELD_SECONDS},
    detect_db::DetectThread,
    reasons::with_reasons,
};

/// How long a push waits for another one: longer than any claim holds that nobody renews.
const WAIT_MAX: Duration = Duration::from_secs(PUSH_HELD_SECONDS.unsigned_abs() + 15);
/// The time after which it is said that one is waited for.
const SAID_AFTER: Duration = Duration::from_secs(1);
/// The time between two looks whether that has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// The time after which a claim is renewed. A few of these may fail.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// How long before its claim expires a push ends that could not renew it: the next try and its wait for a lock could end too late.
const LOST_BEFORE: Duration = Duration::from_secs(10);

/// The right to send a case to a receiver.
pub(super) struct PushClaim {
    database: Arc<DetectThread>,
    clock: Clock,
    space: String,
    claim: String,
}

impl PushClaim {
    /// Waits until no other push sends the case to this receiver, or until the process ends.
    pub(super) async fn take(
        database: Arc<DetectThread>,
        clock: Clock,
        push: CaseToPush<'_>,
        receiver: &str,
        end: &mut PushEnd,
    ) -> Result<Self, CasePushError> {
        let (begun, mut is_said) = (Instant::now(), false);
        loop {
            // Not during the work on the database, which would leave its claim behind.
            if end.is_announced() {
                return Err(CasePushError::Stopped);
            }
            let (of, case) = (push.space.to_owned(), push.case.to_owned());
            let (to, now) = (receiver.to_owned(), clock.now());
            let claimed = database.run(move |db| db.cases(&of).claim_push(&case, &to, now));
            if let Some(claim) = claimed.await? {
                return Ok(Self { database, clock, space: push.space.to_owned(), claim });
            }
            if begun.elapsed() >= WAIT_MAX {
                let text = "the case is being sent there already; try again in a minute";
                return Err(CaseError::Conflict(text.to_owned()).into());
            }
            if begun.elapsed() >= SAID_AFTER && !is_said {
                is_said = true;
                (push.waits)();
            }
            tokio::select! {
                () = sleep(LOOK_INTERVAL) => {}
                () = end.announced() => {}
            }
        }
    }

    /// Renews the claim. Ends only if another push may have begun, because nothing could be renewed in time, or if the case was
    /// deleted.
    pub(super) async fn lost(&self) -> CaseError {
        let mut renewed_at = Instant::now();
        loop {
            sleep(RENEW_INTERVAL).await;
            let asked_at = Instant::now();
            let (of, claim, now) = (self.space.clone(), self.claim.clone(), self.clock.now());
            let renewed = self.database.run(move |db| db.cases(&of).renew_push(&claim, now)).await;
            match renewed {
                Ok(true) => renewed_at = asked_at,
                Ok(false) => {
                    let text = "the case was deleted while it was sent, or another push of it has begun";
                    return CaseError::Conflict(text.to_owned());
                }
                Err(error) => {
                    tracing::debug!(error = with_reasons(&error), "a push is not renewed");
                    let holds = Duration::from_secs(PUSH_CLAIM_SECONDS.unsigned_abs());
                    if renewed_at.elapsed() + LOST_BEFORE >= holds {
                        let text = "the database was locked for so long that another push of the case may begin; look what has \
                                    arrived, and push again";
                        return CaseError::Conflict(text.to_owned());
                    }
                }
            }
        }
    }

    /// Lets another push begin only when what was asked for then has arrived or will not, if that takes no longer than this: it
    /// is found then.
    pub(super) async fn hold(self, asked_at: Instant, at_most: Duration) {
        let longest = Duration::from_secs(PUSH_HELD_SECONDS.unsigned_abs());
        let shortest = Duration::from_secs(PUSH_CLAIM_SECONDS.unsigned_abs());
        let left = at_most.clamp(shortest, longest).saturating_sub(asked_at.elapsed());
        if left.is_zero() {
            return self.end().await;
        }
        let Self { database, clock, space, claim } = self;
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let until = clock.now() + seconds.cast_signed();
        // Without that it holds for as long as it did.
        if let Err(error) = database.run(move |db| db.cases(&space).hold_push(&claim, until)).await {
            tracing::debug!(error = with_reasons(&error), "a push is not renewed");
        }
    }

    /// Lets another push begin.
    pub(super) async fn end(self) {
        let Self { database, space, claim, .. } = self;
        if let Err(error) = database.run(move |db| db.cases(&space).end_push(&claim)).await {
            let error = with_reasons(&error);
            tracing::warn!(error, "a case can be sent to the same receiver only in half a minute");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{super::PushEnder, *};
    use crate::{
        cases::{CasePerson, CaseStamp, DEFAULT_SPACE, NewCase},
        detect_db::DetectDb,
    };

    struct Scene {
        dir: tempfile::TempDir,
        database: Arc<DetectThread>,
        clock: Clock,
        case: String,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("detect.db");
            let (mut db, ann) = (DetectDb::open(&path, 0).unwrap(), CasePerson::named("ann"));
            let new = NewCase { title: "t".into(), description: "d".into(), ..NewCase::default() };
            let stamp = CaseStamp { by: &ann, now: 1_790_000_000 };
            let case = db.cases(DEFAULT_SPACE).create(&new, stamp).unwrap().id;
            let begun = Instant::now();
            let clock =
                Clock::from_fn(move || 1_790_000_000 + i64::try_from(begun.elapsed().as_secs()).unwrap());
            Self { dir, database: Arc::new(DetectThread::new(path)), clock, case }
        }

        /// The same with a database that waits only so long for locks, and a lock on it.
        fn locked(self) -> (Self, rusqlite::Connection) {
            let path = self.dir.path().join("detect.db");
            let other = rusqlite::Connection::open(&path).unwrap();
            let database = Arc::new(DetectThread::waiting(path, Duration::from_millis(20)));
            (Self { database, ..self }, other)
        }

        async fn take(&self) -> Result<PushClaim, CasePushError> {
            self.take_saying(|| ()).await
        }

        async fn take_saying(&self, waits: fn()) -> Result<PushClaim, CasePushError> {
            self.take_until(&mut PushEnder::default().for_push(), waits).await
        }

        async fn take_until(&self, end: &mut PushEnd, waits: fn()) -> Result<PushClaim, CasePushError> {
            let (database, clock) = (self.database.clone(), self.clock.clone());
            let (space, case, by) = (DEFAULT_SPACE, self.case.as_str(), &CasePerson::named("ann"));
            let push = CaseToPush { space, case, connector: "sn", by, creates: false, waits };
            PushClaim::take(database, clock, push, "sn", end).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_waits_for_another_one_and_no_longer() {
        let scene = Scene::new();
        let (first, begun) = (scene.take().await.unwrap(), Instant::now());
        let end = async {
            sleep(Duration::from_secs(3)).await;
            first.end().await;
        };
        let second = async {
            scene.take().await.unwrap();
            begun.elapsed().as_secs()
        };
        assert_eq!(tokio::join!(second, end).0, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_that_waits_says_so_once_after_a_second() {
        static SAID: AtomicUsize = AtomicUsize::new(0);
        let waits = || _ = SAID.fetch_add(1, Ordering::Relaxed);
        let scene = Scene::new();
        for (seconds, said) in [(0, 0), (5, 1)] {
            let first = scene.take().await.unwrap();
            let end = async {
                sleep(Duration::from_secs(seconds)).await;
                first.end().await;
            };
            let second = scene.take_saying(waits);
            tokio::join!(second, end).0.unwrap().end().await;
            assert_eq!(SAID.load(Ordering::Relaxed), said, "{seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_that_waits_gives_up_when_its_process_ends_and_claims_nothing() {
        let (scene, ender) = (Scene::new(), PushEnder::default());
        let (first, begun) = (scene.take().await.unwrap(), Instant::now());
        let mut end = ender.for_push();
        let second = async {
            let second = scene.take_until(&mut end, || ()).await;
            assert!(matches!(second, Err(CasePushError::Stopped)));
        };
        let ends = async {
            sleep(Duration::from_secs(3)).await;
            ender.end(Duration::ZERO).await;
        };
        tokio::join!(second, ends);
        assert_eq!(begun.elapsed().as_secs(), 3);
        first.end().await;
        let late = scene.take_until(&mut ender.for_push(), || ()).await;
        assert!(matches!(late, Err(CasePushError::Stopped)));
        scene.take().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 3, "it is free at once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_that_lasts_keeps_its_claim_and_another_one_gives_up() {
        let scene = Scene::new();
        let (first, begun) = (scene.take().await.unwrap(), Instant::now());
        tokio::select! {
            error = first.lost() => panic!("{error}"),
            second = scene.take() => {
                assert!(matches!(second, Err(CasePushError::Case(CaseError::Conflict(_)))));
            }
        }
        assert!(begun.elapsed() >= WAIT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_that_cannot_renew_its_claim_ends_before_another_one_may_begin() {
        let (scene, other) = Scene::new().locked();
        let (first, begun) = (scene.take().await.unwrap(), Instant::now());
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(matches!(first.lost().await, CaseError::Conflict(_)));
        let seconds = begun.elapsed().as_secs();
        assert!((15..PUSH_CLAIM_SECONDS.unsigned_abs()).contains(&seconds), "{seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_without_an_answer_holds_up_others_for_as_long_as_that_might_take() {
        for (timeout, held) in [(3, 30), (35, 35), (600, 60)] {
            let scene = Scene::new();
            let first = scene.take().await.unwrap();
            sleep(Duration::from_secs(20)).await;
            let asked_at = Instant::now();
            sleep(Duration::from_secs(4)).await;
            first.hold(asked_at, Duration::from_secs(timeout)).await;
            let _second = scene.take().await.unwrap();
            assert_eq!(asked_at.elapsed().as_secs(), held, "{timeout} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_that_has_waited_for_its_answer_long_enough_holds_up_no_other() {
        let scene = Scene::new();
        let (first, asked_at) = (scene.take().await.unwrap(), Instant::now());
        sleep(Duration::from_secs(29)).await;
        first.hold(asked_at - Duration::from_secs(1), Duration::from_secs(3)).await;
        let _second = scene.take().await.unwrap();
        assert_eq!(asked_at.elapsed().as_secs(), 29);
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_continues_after_the_claim_of_a_killed_process_has_expired() {
        let scene = Scene::new();
        let (killed, begun) = (scene.take().await.unwrap(), Instant::now());
        let _second = scene.take().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), PUSH_CLAIM_SECONDS.unsigned_abs());
        // It was not killed, only asleep: it sends no more.
        assert!(matches!(killed.lost().await, CaseError::Conflict(_)));
    }
}
