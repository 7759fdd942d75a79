//! Alerts that are removed here, and a Kibana that does not show them among the comments.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;

/// A case with two alerts that were attached together, of which the first is in an attachment of its own here, and one more.
async fn sent(set: impl FnOnce(&FakeKibana)) -> (Scene, String) {
    let scene = Scene::new(0);
    set(&scene.kibana);
    let case = scene.create("one");
    scene.attach(&case, &["a-1", "a-2"]);
    scene.attach(&case, &["a-3"]);
    scene.send().await;
    (scene, case)
}

fn set(flag: &AtomicBool) {
    flag.store(true, Relaxed);
}

async fn remove_first(scene: &Scene, case: &str) {
    scene.detach(case, &scene.attachments(case)[0]);
    scene.send().await;
}

#[tokio::test(start_paused = true)]
async fn alerts_that_were_removed_here_are_removed_there_by_whatever_kibana_says_of_them() {
    let known = |kibana: &FakeKibana| set(&kibana.hides_history);
    let by_history = |kibana: &FakeKibana| set(&kibana.is_brief);
    let by_comments = |kibana: &FakeKibana| {
        set(&kibana.is_brief);
        set(&kibana.is_old);
    };
    for (is, kibana) in [
        ("known by the answer", &known as &dyn Fn(&FakeKibana)),
        ("in the history", &by_history),
        ("among the comments", &by_comments),
    ] {
        let (scene, case) = sent(kibana).await;
        assert_eq!(scene.attached(&case).0.len(), 3);
        remove_first(&scene, &case).await;
        assert_eq!(scene.attached(&case).0, [there("a-3")], "{is}");
        assert_eq!(scene.sending(&case).state, "done");
    }
}

#[tokio::test(start_paused = true)]
async fn alerts_of_which_kibana_does_not_say_where_they_are_are_not_forgotten_and_shown_as_not_removed() {
    let (scene, case) = sent(|kibana| {
        set(&kibana.is_brief);
        set(&kibana.hides_history);
    })
    .await;
    sleep(Duration::from_secs(2 * SEARCH_LAG as u64)).await;
    remove_first(&scene, &case).await;
    let sending = scene.sending(&case);
    let parts: Vec<&str> = sending.refused_parts.iter().map(|part| part.part.as_str()).collect();
    assert_eq!((sending.state.as_str(), parts), ("failed", vec!["alert:a-1", "alert:a-2"]));
    assert!(sending.refused_parts[0].why.contains("remove them there"), "{sending:?}");
    // It shows them after all, and somebody has asked for them.
    scene.kibana.hides_history.store(false, Relaxed);
    scene.by(|cases, _| cases.resend(&case, false).unwrap());
    scene.send().await;
    assert_eq!(scene.attached(&case).0, [there("a-3")]);
    assert_eq!((scene.sending(&case).state, scene.sending(&case).refused), ("done".to_owned(), 0));
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_remains_with_others_goes_with_the_last_of_them() {
    let (scene, case) = sent(|_| {}).await;
    // Both are in one attachment there, and in two here from now on.
    scene.by(|cases, stamp| {
        let first = cases.get(&case).unwrap().comments.unwrap().remove(0).id;
        cases.detach(&case, &first, stamp).unwrap();
    });
    scene.attach(&case, &["a-2"]);
    scene.send().await;
    assert_eq!(scene.attached(&case).0.len(), 3, "a-2 is here");
    let answer = scene.sending(&case).answer.unwrap();
    assert!(answer.contains("1 alerts remain that were removed here"), "{answer}");
    scene.detach(&case, scene.attachments(&case).last().unwrap());
    scene.send().await;
    assert_eq!(scene.attached(&case).0, [there("a-3")]);
}
