//! Cases that somebody sends again, and what may have arrived before.

use std::time::Duration;

use super::{super::lag_seconds, Scene, fake::CaseCallFate::*};
use crate::cases::CaseChange;

/// Longer than the test waits on purpose, shorter than what a search may take.
const LAG: i64 = 45;

fn rename(scene: &Scene, case: &str, title: &str) {
    scene.change(case, &CaseChange { title: Some(title.into()), ..CaseChange::default() });
}

#[tokio::test(start_paused = true)]
async fn what_may_have_arrived_is_not_sent_twice_because_somebody_sends_it_again() {
    for creates in [false, true] {
        let scene = Scene::new(LAG);
        let case = scene.create("one");
        scene.comment(&case, "seen");
        scene.kibana.will([Done, LostAfter]);
        scene.send().await;
        scene.by(|cases, _| cases.resend(&case, creates).unwrap());
        scene.kibana.will([Done, Done, Done, LostAfter]);
        scene.send_all().await;
        scene.comment(&case, "more");
        scene.kibana.will([Done, Done, LostAfter]);
        scene.send().await;
        scene.by(|cases, _| cases.resend(&case, creates).unwrap());
        scene.send_all().await;
        assert_eq!(scene.attached(&case).1.len(), 2, "creates: {creates}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_case_that_was_being_sent_when_the_process_was_killed_waits_although_somebody_sends_it_again() {
    let scene = Scene::new(LAG);
    let case = scene.create("one");
    scene.kibana.will([Done, KilledAfter]);
    let working = scene.start();
    scene.kibana.killed.notified().await;
    working.task.abort();
    scene.send().await;
    scene.by(|cases, _| cases.resend(&case, false).unwrap());
    scene.send_all().await;
    scene.there(&case, |_| ());
}

#[tokio::test(start_paused = true)]
async fn a_case_that_is_there_is_not_created_again_and_keeps_its_changes() {
    let scene = Scene::new(LAG);
    let case = scene.create("one");
    scene.send().await;
    rename(&scene, &case, "two");
    scene.by(|cases, _| cases.resend(&case, true).unwrap());
    scene.send_all().await;
    scene.there(&case, |found| assert_eq!(found.case.fields.title, "two"));
    // It is there under another id.
    {
        let mut there = scene.kibana.cases.lock().unwrap();
        let mut moved = there.remove("remote-0").unwrap();
        moved.case.id = "other".to_owned();
        there.insert("other".to_owned(), moved);
    }
    rename(&scene, &case, "three");
    tokio::time::sleep(Duration::from_secs(60)).await;
    scene.by(|cases, _| cases.resend(&case, true).unwrap());
    scene.send_all().await;
    scene.there(&case, |found| assert_eq!(found.case.fields.title, "three"));
    assert_eq!(scene.sending(&case).id.as_deref(), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_here_before_it_is_known_to_be_there_is_removed_there() {
    for (place, is_seen) in [(2, false), (2, true), (3, false), (3, true)] {
        let scene = Scene::new(LAG);
        let case = scene.create("one");
        scene.send_all().await;
        if place == 2 {
            scene.comment(&case, "a secret");
        } else {
            scene.attach(&case, &["a-1", "a-2"]);
        }
        scene.kibana.will(std::iter::repeat_n(Done, place).chain([LostAfter]));
        if is_seen {
            scene.send_all().await;
        } else {
            scene.send().await;
        }
        scene.detach(&case, &scene.attachments(&case)[0]);
        scene.send_all().await;
        let (alerts, texts) = scene.attached(&case);
        assert!(alerts.is_empty() && texts.is_empty(), "call {place}, seen: {is_seen}: {alerts:?} {texts:?}");
    }
}

#[test]
fn what_is_written_at_the_end_of_a_second_is_waited_for_as_long_as_anything_else() {
    for (lag, seconds) in [(1_000, 2), (60_000, 61), (1_500, 3)] {
        assert_eq!(lag_seconds(Duration::from_millis(lag)), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_a_proxy_found_the_answer_too_large_is_not_done_twice() {
    // The case, and its comment.
    for place in [1, 3] {
        for is_changed in [false, true] {
            let scene = Scene::new(LAG);
            let case = scene.create("one");
            scene.comment(&case, "seen");
            scene.kibana.will(std::iter::repeat_n(Done, place).chain([OversizedAfter]));
            scene.send().await;
            let sending = scene.sending(&case);
            assert_eq!(sending.state, "failed");
            assert!(sending.answer.unwrap().contains("status 413"));
            if is_changed {
                rename(&scene, &case, "two");
            } else {
                scene.by(|cases, _| cases.resend(&case, false).unwrap());
            }
            scene.send_all().await;
            assert_eq!(scene.attached(&case).1.len(), 1, "call {place}, changed: {is_changed}");
            assert_eq!(scene.sending(&case).state, "done");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_proxy_found_too_large_and_is_removed_here_is_removed_there() {
    let scene = Scene::new(LAG);
    let case = scene.create("one");
    scene.comment(&case, "a secret");
    scene.kibana.will([Done, Done, Done, OversizedAfter]);
    scene.send().await;
    scene.detach(&case, &scene.attachments(&case)[0]);
    scene.send_all().await;
    assert_eq!(scene.attached(&case).1, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_case_is_created_again_although_that_was_first_refused_and_a_search_still_shows_the_old_one() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "seen");
    scene.send().await;
    let deleted = scene.kibana.cases.lock().unwrap().remove("remote-0").unwrap();
    scene.kibana.ghosts.lock().unwrap().push(deleted.case);
    scene.by(|cases, _| cases.resend(&case, true).unwrap());
    // It is gone, and so is what the search shows.
    scene.kibana.will([Done, Done, Done, Throttled]);
    scene.kibana.calls();
    scene.send().await;
    assert_eq!(scene.kibana.calls(), ["get", "find", "get", "create"]);
    scene.send_all().await;
    assert_eq!((scene.attached(&case).1.len(), scene.sending(&case).state), (1, "done".to_owned()));
}
