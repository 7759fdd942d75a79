//! Several cases are sent at a time.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::sleep;

use super::{
    Scene,
    fake::{CaseCallFate::*, TIMEOUT},
    tag,
};
use crate::pipeline::progress::RouteState;

/// A scene as the daemon has it.
fn scene() -> Scene {
    Scene { at_once: 4, ..Scene::new(0) }
}

#[tokio::test(start_paused = true)]
async fn a_case_whose_requests_hang_holds_up_no_other() {
    let scene = scene();
    let hanging = scene.create("hanging");
    scene.kibana.hangs.lock().unwrap().insert(tag(&hanging));
    let working = scene.start();
    // It is tried more and more rarely; whenever another case comes, that one is sent at once.
    for round in 0..40 {
        let case = scene.create(&format!("case {round}"));
        sleep(Duration::from_secs(2)).await;
        assert_eq!(scene.sending(&case).state, "done", "round {round}");
        sleep(Duration::from_secs(17)).await;
    }
    let sending = scene.sending(&hanging);
    assert!(sending.answer.unwrap().contains("no answer"));
    scene.kibana.hangs.lock().unwrap().clear();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(scene.sending(&hanging).state, "done");
    scene.there(&hanging, |_| ());
    working.stop.request();
    assert!(working.task.await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn four_cases_are_sent_at_a_time_and_a_kibana_that_answers_none_is_asked_more_and_more_rarely() {
    let scene = scene();
    let cases: Vec<String> = (0..12).map(|number| scene.create(&format!("case {number}"))).collect();
    scene.kibana.hangs.lock().unwrap().extend(cases.iter().map(|case| tag(case)));
    let working = scene.start();
    sleep(TIMEOUT * 20).await;
    assert_eq!(scene.kibana.most_in_flight.load(Ordering::Relaxed), 4);
    assert_eq!((scene.status().state, scene.status().waiting), (RouteState::BackingOff, 12));
    let calls = scene.kibana.calls().len();
    assert!(calls < 60, "{calls} calls in ten minutes");
    scene.kibana.hangs.lock().unwrap().clear();
    sleep(Duration::from_secs(200)).await;
    assert_eq!((scene.status().waiting, scene.status().error), (0, None));
    cases.iter().for_each(|case| scene.there(case, |_| ()));
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_being_sent() {
    let scene = scene();
    let (one, two) = (scene.create("one"), scene.create("two"));
    scene.kibana.hangs.lock().unwrap().insert(tag(&one));
    let working = scene.start();
    sleep(Duration::from_secs(1)).await;
    working.stop.request();
    assert_eq!(working.task.await.unwrap().len(), 1, "says what it could not send");
    let state = |case| scene.sending(case).state;
    assert_eq!((state(&one).as_str(), state(&two).as_str()), ("waiting", "done"));
}

#[tokio::test(start_paused = true)]
async fn a_request_to_wait_holds_for_all_cases() {
    let scene = scene();
    let case = scene.create("one");
    scene.kibana.will([Throttled]);
    let working = scene.start();
    sleep(Duration::from_secs(2)).await;
    let other = scene.create("two");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.kibana.calls(), ["find"], "seven seconds were asked for");
    sleep(Duration::from_secs(10)).await;
    scene.there(&case, |_| ());
    scene.there(&other, |_| ());
    working.stop.request();
    working.task.await.unwrap();
}
