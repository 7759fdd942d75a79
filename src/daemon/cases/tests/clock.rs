//! A clock that is an hour ahead for a while, and then set right.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::sleep;

use super::{SEARCH_LAG, Scene, fake::CaseCallFate::*};

#[tokio::test(start_paused = true)]
async fn a_case_that_failed_while_the_clock_was_ahead_is_sent_when_it_would_be_without_that() {
    for restarts in [false, true] {
        let scene = Scene::new(0);
        scene.ahead.store(3600, Ordering::Relaxed);
        let case = scene.create("one");
        scene.kibana.will([Done, LostAfter]);
        let mut working = scene.start();
        // It is sent nowhere before the worker has begun.
        let answer = || scene.by(|cases, _| cases.sending(&case).unwrap()).and_then(|sending| sending.answer);
        while answer().is_none() {
            sleep(Duration::from_millis(100)).await;
        }
        scene.ahead.store(0, Ordering::Relaxed);
        if restarts {
            working.stop.request();
            working.task.await.unwrap();
            working = scene.start();
        }
        sleep(Duration::from_secs(2 * SEARCH_LAG as u64)).await;
        assert_eq!(scene.sending(&case).state, "done", "restarted: {restarts}");
        assert_eq!(scene.kibana.cases.lock().unwrap().len(), 1, "and not before a search shows what arrived");
        working.stop.request();
        working.task.await.unwrap();
    }
}
