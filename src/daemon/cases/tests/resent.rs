//! Cases that somebody sends again, and what may have arrived before.

use super::{Scene, fake::CaseCallFate::*};
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
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
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
