use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    Scene,
    fake::CaseCallFate::{self, *},
    there,
};
use crate::{
    cases::{CaseChange, CaseStatus},
    pipeline::progress::RouteState,
};

/// One case with a comment and an alert, closed: every kind of call.
fn scene_with_case(lag: i64) -> (Scene, String) {
    let scene = Scene::new(lag);
    let case = scene.create("one");
    scene.attach(&case, &["a-1"]);
    scene.comment(&case, "seen");
    scene.change(&case, &CaseChange { tags: Some(vec!["keys".into()]), ..CaseChange::default() });
    (scene, case)
}

fn assert_there(scene: &Scene, case: &str, after: &str) {
    let (alerts, texts) = scene.attached(case);
    assert_eq!((alerts, texts.len()), (vec![there("a-1")], 2), "{after}");
    scene.there(case, |found| assert_eq!(found.case.fields.status, CaseStatus::Closed, "{after}"));
}

/// Each call in turn fails so, with a search that shows nothing at first.
async fn fails_at_each_call(fate: CaseCallFate) {
    for place in 0..16 {
        let (mut scene, case) = scene_with_case(45);
        // Sooner than a search shows what was written.
        scene.retry.parked = Duration::from_secs(10);
        scene.kibana.will(std::iter::repeat_n(Done, place).chain([fate]));
        scene.send_all().await;
        scene.set_status(&case, CaseStatus::Closed);
        scene.send_all().await;
        assert_there(&scene, &case, &format!("{fate:?} at call {place}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_makes_nothing_twice() {
    fails_at_each_call(LostAfter).await;
    fails_at_each_call(LostBefore).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_proxy_replaces_makes_nothing_twice() {
    fails_at_each_call(InterceptedAfter).await;
    fails_at_each_call(InterceptedBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_case_whose_words_a_firewall_refuses_holds_up_no_other() {
    let scene = Scene::new(0);
    let (bad, good) = (scene.create("bad"), scene.create("good"));
    scene.kibana.will([Done, InterceptedBefore]);
    let working = scene.start();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(scene.sending(&good).state, "done");
    let sending = scene.sending(&bad);
    assert_eq!(sending.state, "waiting");
    assert!(sending.answer.unwrap().contains("between ccfd and the service"));
    sleep(Duration::from_secs(400)).await;
    assert_eq!(scene.sending(&bad).state, "done");
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_which_an_attachment_is_there_makes_nothing_twice() {
    fails_at_each_call(ConflictAfter).await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_any_two_steps_makes_nothing_twice() {
    fails_at_each_call(KilledAfter).await;
    fails_at_each_call(KilledBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_case_that_somebody_changes_at_the_same_time_gets_the_change_under_its_new_version() {
    let (scene, case) = scene_with_case(0);
    scene.send().await;
    scene.kibana.calls();
    scene.set_status(&case, CaseStatus::Closed);
    scene.kibana.will([Done, Done, Conflict, Done, Conflict]);
    assert!(scene.send().await.is_empty());
    assert_there(&scene, &case, "two conflicts");
    assert_eq!(scene.kibana.calls(), ["get", "attachments", "update", "get", "update", "get", "update"]);
    // One that never ends is tried later.
    scene.set_status(&case, CaseStatus::Open);
    scene.kibana.will([Done, Done].into_iter().chain([Conflict, Done].repeat(10)));
    scene.send_all().await;
    scene.there(&case, |found| assert_eq!(found.case.fields.status, CaseStatus::Open));
}

#[tokio::test(start_paused = true)]
async fn kibana_decides_how_long_to_wait() {
    let (scene, case) = scene_with_case(0);
    scene.kibana.will([Throttled]);
    let begun = Instant::now();
    scene.send_all().await;
    assert!(begun.elapsed() >= Duration::from_secs(7) && begun.elapsed() < Duration::from_secs(20));
    assert_eq!(scene.sending(&case).state, "done");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_not_parks_with_what_to_do_and_resumes_by_itself() {
    let (scene, case) = scene_with_case(0);
    scene.kibana.will([Forbidden]);
    let working = scene.start();
    sleep(Duration::from_secs(10)).await;
    let status = scene.status();
    let error = status.error.unwrap();
    assert_eq!((status.state, status.waiting), (RouteState::Parked, 1));
    assert!(error.advice.contains("Cases: All") && error.text.contains("403"), "{error:?}");
    assert!(scene.sending(&case).answer.unwrap().contains("403"));
    sleep(Duration::from_secs(400)).await;
    assert_eq!((scene.status().error, scene.status().waiting), (None, 0));
    working.stop.request();
    assert!(working.task.await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_case_that_kibana_refuses_holds_up_no_other() {
    let scene = Scene::new(0);
    let (bad, good) = (scene.create("bad"), scene.create("good"));
    scene.kibana.will([Done, Refused]);
    assert!(scene.send().await.is_empty());
    let sending = scene.sending(&bad);
    assert_eq!(sending.state, "failed");
    assert!(sending.answer.unwrap().contains("status 400"));
    assert_eq!(scene.sending(&good).state, "done");
    assert_eq!((scene.status().rejected, scene.status().waiting), (1, 0));
    scene.comment(&bad, "again");
    scene.send().await;
    assert_eq!(scene.attached(&bad).1.len(), 1, "the next change sends it");
}

#[tokio::test(start_paused = true)]
async fn a_case_that_was_deleted_in_kibana_is_not_created_there_again() {
    let (scene, case) = scene_with_case(0);
    scene.send().await;
    scene.kibana.cases.lock().unwrap().clear();
    scene.comment(&case, "more");
    scene.send().await;
    assert!(scene.kibana.cases.lock().unwrap().is_empty());
    let sending = scene.sending(&case);
    assert_eq!(sending.state, "failed");
    assert!(sending.answer.unwrap().contains("deleted in Kibana"));
}
