//! What Kibana refuses of a case, or of the cases of an owner, holds up nothing else, and is not forgotten.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    Scene,
    fake::{CaseCallFate::*, UNLOVED},
    there,
};
use crate::cases::{CaseChange, CaseError, CaseStatus};

#[tokio::test(start_paused = true)]
async fn alerts_that_kibana_does_not_attach_are_in_a_comment_and_tried_again_after_a_change() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.attach(&case, &["a-1"]);
    scene.kibana.will([Done, Done, Done, Done, Refused]);
    scene.send().await;
    assert_eq!(scene.kibana.calls()[4], "attach");
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.refused), ("failed", 1));
    assert!(sending.answer.unwrap().contains("status 400"));
    let (alerts, texts) = scene.attached(&case);
    assert!(alerts.is_empty() && texts[0].contains("`a-1`"));
    scene.set_status(&case, CaseStatus::InProgress);
    scene.send().await;
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.refused), ("done", 0));
    assert_eq!(scene.attached(&case).0, [there("a-1")]);
}

#[tokio::test(start_paused = true)]
async fn a_case_that_is_opened_again_is_open_there_before_its_alerts_are_attached() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.set_status(&case, CaseStatus::InProgress);
    scene.send().await;
    scene.set_status(&case, CaseStatus::Closed);
    scene.send().await;
    scene.set_status(&case, CaseStatus::Open);
    scene.attach(&case, &["a-1"]);
    scene.send().await;
    assert_eq!(scene.attached(&case).0, [there("a-1")]);
    assert_eq!(scene.sending(&case).state, "done");
    // What is attached while it is closed arrives once it is open.
    scene.set_status(&case, CaseStatus::Closed);
    scene.send().await;
    scene.attach(&case, &["a-2"]);
    scene.send().await;
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.refused), ("failed", 1));
    assert!(sending.answer.unwrap().contains("closed case"));
    scene.set_status(&case, CaseStatus::Open);
    scene.send().await;
    assert_eq!(scene.attached(&case).0, [there("a-1"), there("a-2")]);
    assert_eq!((scene.sending(&case).state, scene.sending(&case).refused), ("done".to_owned(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_kibana_refuses_holds_up_nothing_of_its_case_and_is_shown_after_a_restart() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.send().await;
    scene.comment(&case, UNLOVED);
    scene.comment(&case, "later");
    scene.attach(&case, &["a-1"]);
    scene.set_status(&case, CaseStatus::Closed);
    scene.send().await;
    let (alerts, texts) = scene.attached(&case);
    assert_eq!((alerts.len(), texts.len()), (1, 2));
    scene.there(&case, |found| assert_eq!(found.case.fields.status, CaseStatus::Closed));
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.refused), ("failed", 1));
    assert!(sending.answer.unwrap().contains("no such text"));
    scene.kibana.calls();
    scene.send().await;
    assert!(scene.kibana.calls().is_empty());
    assert_eq!(scene.status().refused, 1, "also after a restart");
    scene.change(&case, &CaseChange { title: Some("two".into()), ..CaseChange::default() });
    scene.send().await;
    assert_eq!(scene.kibana.calls(), ["get", "attachments", "comment", "get", "update"]);
}

#[tokio::test(start_paused = true)]
async fn alerts_that_cannot_be_looked_for_hold_up_nothing_else() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.attach(&case, &["a-1"]);
    scene.comment(&case, "seen");
    scene.kibana.is_blind.store(true, Ordering::Relaxed);
    let working = scene.start();
    sleep(Duration::from_secs(3_000)).await;
    let other = scene.create("two");
    scene.set_status(&case, CaseStatus::InProgress);
    sleep(Duration::from_secs(400)).await;
    assert_eq!(scene.attached(&case).1.len(), 2);
    scene.there(&case, |found| assert_eq!(found.case.fields.status, CaseStatus::InProgress));
    scene.there(&other, |_| ());
    let sending = scene.sending(&case);
    assert_eq!(sending.state, "waiting");
    assert!(sending.answer.unwrap().contains("needs `read`"));
    scene.kibana.is_blind.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(400)).await;
    assert_eq!(
        (scene.attached(&case).0, scene.sending(&case).state),
        (vec![there("a-1")], "done".to_owned())
    );
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_case_of_an_owner_that_the_key_may_not_touch_waits_alone() {
    let scene = Scene::new(0);
    let (theirs, ours) = (scene.create("theirs"), scene.create("ours"));
    scene.kibana.will([Done, NotAllowed]);
    let begun = Instant::now();
    let working = scene.start();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        (scene.sending(&theirs).state.as_str(), scene.sending(&ours).state.as_str()),
        ("waiting", "done")
    );
    assert_eq!(scene.status().error, None);
    working.stop.request();
    working.task.await.unwrap();
    scene.send_all().await;
    assert!(begun.elapsed() >= Duration::from_secs(300));
    assert_eq!(scene.sending(&theirs).state, "done");
}

#[tokio::test(start_paused = true)]
async fn the_same_kibana_by_another_name_keeps_its_cases_and_what_was_changed_there() {
    let mut scene = Scene::new(45);
    let (case, killed) = (scene.create("one"), scene.create("two"));
    scene.comment(&case, "seen");
    scene.kibana.will([Done, Done, Done, Done, Done, Done, Done, KilledAfter]);
    let working = scene.start();
    scene.kibana.killed.notified().await;
    working.task.abort();
    scene.kibana.edit("remote-0", |fields| fields.title = "theirs".into());
    scene.change(&case, &CaseChange { tags: Some(vec!["keys".into()]), ..CaseChange::default() });
    scene.target = "kibana by another name".to_owned();
    scene.send_all().await;
    assert_eq!(scene.kibana.cases.lock().unwrap().len(), 2);
    scene.there(&killed, |found| assert_eq!(found.case.fields.title, "two"));
    scene.there(&case, |found| {
        assert_eq!(found.case.fields.title, "theirs");
        assert!(found.case.fields.tags.contains("keys"));
    });
    assert_eq!(scene.attached(&case).1.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_says_why_and_is_sent_again_when_somebody_asks_for_it() {
    let scene = Scene::new(0);
    let (case, other) = (scene.create("one"), scene.create("two"));
    scene.comment(&case, "seen");
    scene.kibana.will([Done, Done, Done, Refused]);
    scene.send().await;
    let sending = scene.sending(&case);
    let [part] = &sending.refused_parts[..] else { panic!("{sending:?}") };
    assert!(part.part.starts_with("ccfd:") && part.why.contains("status 400"), "{part:?}");
    let last = scene.status().refused_last.unwrap();
    assert_eq!(last, "#1: case remote-0: Kibana refuses it (status 400)", "not the words of others");
    assert_eq!(scene.by(|cases, _| cases.resend_refused().unwrap()), 1);
    assert_eq!(scene.sending(&case).state, "waiting");
    assert_eq!(scene.sending(&other).state, "done");
    scene.send().await;
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.refused), ("done", 0));
    assert_eq!(scene.attached(&case).1.len(), 1);
    assert_eq!(scene.status().refused_last, None);
}

#[tokio::test(start_paused = true)]
async fn a_case_that_was_deleted_in_kibana_is_created_again_only_when_somebody_asks_for_that() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    let nowhere = scene.by(|cases, _| cases.resend(&case, false));
    assert!(matches!(nowhere, Err(CaseError::Invalid(_))), "{nowhere:?}");
    scene.comment(&case, "seen");
    scene.send().await;
    scene.kibana.cases.lock().unwrap().clear();
    scene.by(|cases, _| cases.resend(&case, false).unwrap());
    scene.send().await;
    assert!(scene.sending(&case).answer.unwrap().contains("deleted in Kibana"));
    scene.by(|cases, _| cases.resend(&case, true).unwrap());
    scene.send().await;
    assert_eq!(scene.attached(&case).1.len(), 1);
    scene.there(&case, |found| assert_eq!(found.case.fields.title, "one"));
}

#[tokio::test(start_paused = true)]
async fn a_case_of_which_kibana_says_more_than_is_read_holds_up_no_other() {
    let scene = Scene::new(0);
    let large = scene.create("large");
    scene.send().await;
    scene.comment(&large, "seen");
    let other = scene.create("other");
    scene.kibana.will([Done, Large]);
    assert!(scene.send().await.is_empty());
    let sending = scene.sending(&large);
    assert!(sending.state == "failed" && sending.answer.unwrap().contains("too large"));
    assert_eq!((scene.sending(&other).state.as_str(), scene.status().error), ("done", None));
}
