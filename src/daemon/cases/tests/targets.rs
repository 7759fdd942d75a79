//! Cases are sent to another Kibana, to the same one by another name, and to an earlier one again.

use super::{DEFAULT_SPACE, Scene, fake::CaseCallFate::*};
use crate::{
    cases::{CaseChange, CaseStatus},
    detect_db::{SpaceAbout, StoredSpace},
};

/// How many cases are there.
fn count(scene: &Scene) -> usize {
    scene.kibana.cases.lock().unwrap().len()
}

fn delete_there(scene: &Scene, case: &str) {
    let id = scene.sending(case).id.unwrap();
    scene.kibana.cases.lock().unwrap().remove(&id).unwrap();
}

fn rename(scene: &Scene, case: &str, title: &str) {
    scene.change(case, &CaseChange { title: Some(title.into()), ..CaseChange::default() });
}

#[tokio::test(start_paused = true)]
async fn a_case_that_was_deleted_in_kibana_stays_so_under_another_url_of_it() {
    let mut scene = Scene::new(45);
    let (deleted, kept, new) = (scene.create("deleted"), scene.create("kept"), scene.create("new"));
    scene.by(|cases, _| cases.delete(std::slice::from_ref(&new)).unwrap());
    scene.comment(&kept, "seen");
    scene.send().await;
    delete_there(&scene, &deleted);
    let new = scene.create("new");
    rename(&scene, &deleted, "changed");
    scene.target = "kibana by another name".to_owned();
    scene.send_all().await;
    assert_eq!(count(&scene), 2);
    assert!(scene.sending(&deleted).answer.unwrap().contains("deleted in Kibana"));
    assert_eq!(scene.attached(&kept).1.len(), 1);
    scene.there(&new, |_| ());
}

#[tokio::test(start_paused = true)]
async fn an_earlier_kibana_is_known_again_with_what_was_deleted_there() {
    let mut scene = Scene::new(0);
    let (deleted, kept) = (scene.create("deleted"), scene.create("kept"));
    scene.comment(&kept, "seen");
    scene.send().await;
    delete_there(&scene, &deleted);
    let first = std::mem::take(&mut *scene.kibana.cases.lock().unwrap());
    scene.target = "kibana two".to_owned();
    scene.send_all().await;
    assert_eq!(count(&scene), 2, "what is open is created in the new one");
    scene.set_status(&kept, CaseStatus::Closed);
    *scene.kibana.cases.lock().unwrap() = first;
    scene.target = "kibana one".to_owned();
    scene.send_all().await;
    assert_eq!(count(&scene), 1, "the deleted one stays away");
    assert_eq!(scene.attached(&kept).1.len(), 1);
    scene.there(&kept, |found| assert_eq!(found.case.fields.status, CaseStatus::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_new_kibana_gets_what_was_closed_before_once_it_changes() {
    let mut scene = Scene::new(0);
    let case = scene.create("one");
    scene.send().await;
    scene.set_status(&case, CaseStatus::Closed);
    scene.send().await;
    scene.kibana.cases.lock().unwrap().clear();
    scene.target = "kibana two".to_owned();
    scene.send_all().await;
    assert_eq!(count(&scene), 0);
    scene.comment(&case, "one more thing");
    scene.send_all().await;
    scene.there(&case, |found| assert_eq!(found.case.fields.status, CaseStatus::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_kibana_that_cannot_be_asked_whether_it_is_the_earlier_one_gets_nothing_yet() {
    let mut scene = Scene::new(0);
    let case = scene.create("one");
    scene.send().await;
    delete_there(&scene, &case);
    scene.create("two");
    scene.kibana.calls();
    scene.target = "kibana two".to_owned();
    scene.kibana.will([Forbidden]);
    assert_eq!(scene.send().await.len(), 1);
    assert_eq!(scene.kibana.calls(), ["get"]);
}

#[tokio::test(start_paused = true)]
async fn a_kill_makes_nothing_twice_in_a_space_that_was_deleted_and_created_again_beside_the_daemon() {
    let mut scene = Scene::new(45);
    scene.space = "soc".to_owned();
    let space =
        StoredSpace { id: scene.space.clone(), name: scene.space.clone(), about: SpaceAbout::default() };
    scene.db().create_space(&space).unwrap();
    let working = scene.start();
    scene.create("one");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    scene.db().delete_space(&scene.space).unwrap();
    scene.db().create_space(&space).unwrap();
    scene.kibana.cases.lock().unwrap().clear();
    scene.kibana.will([Done, Done, Done, KilledAfter]);
    let case = scene.create("again");
    scene.comment(&case, "seen");
    scene.kibana.killed.notified().await;
    working.task.abort();
    scene.send_all().await;
    assert_eq!(scene.attached(&case).1.len(), 1);
    scene.there(&case, |found| assert_eq!(found.case.fields.title, "again"));
}

#[tokio::test(start_paused = true)]
async fn what_was_to_be_kept_of_an_earlier_kibana_is_not_taken_for_that_of_the_next() {
    let mut scene = Scene::new(0);
    let case = scene.create("one");
    scene.send().await;
    scene.kibana.cases.lock().unwrap().clear();
    scene.target = "kibana two".to_owned();
    scene.send_all().await;
    let remote = scene.sending(&case).id;
    assert_eq!(remote.as_deref(), Some("remote-1"));
    // A write that waited while the worker was ended.
    let mut db = scene.db();
    for (target, id) in [("kibana one", "remote-1"), ("kibana two", "remote-2")] {
        db.cases(DEFAULT_SPACE).sent_to(target).keep_remote(&case, "remote-2", "1").unwrap();
        assert_eq!(scene.sending(&case).id.as_deref(), Some(id), "{target}");
    }
}
