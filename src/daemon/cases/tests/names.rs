//! A tag by which a case is found in Kibana makes no other case that one.

use super::{Scene, tag, tags};
use crate::cases::{CaseChange, NewCase};

#[tokio::test(start_paused = true)]
async fn a_case_to_which_somebody_copied_the_tag_of_another_is_not_taken_for_that_one() {
    let scene = Scene::new(0);
    let (first, second) = (scene.create("first"), scene.create("second"));
    scene.send().await;
    let (gone, other) = (scene.sending(&first).id.unwrap(), scene.sending(&second).id.unwrap());
    scene.kibana.edit(&other, |fields| _ = fields.tags.insert(tag(&first)));
    scene.kibana.cases.lock().unwrap().remove(&gone);
    scene.by(|cases, _| cases.resend(&first, true).unwrap());
    scene.comment(&first, "of the first");
    scene.send_all().await;
    assert_ne!(scene.sending(&first).id.unwrap(), other);
    let there = scene.kibana.cases.lock().unwrap();
    assert_eq!((there.len(), there[&other].attachments.len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_begins_like_those_of_cases_stays_here() {
    let scene = Scene::new(0);
    let new = NewCase {
        title: "one".into(),
        description: "d".into(),
        tags: vec!["ccfd:of-another".into(), "keys".into()],
        ..NewCase::default()
    };
    let case = scene.by(|cases, stamp| cases.create(&new, stamp).unwrap().id);
    scene.send().await;
    assert_eq!(scene.there(&case, tags), serde_json::json!([tag(&case), "keys"]));
}

#[tokio::test(start_paused = true)]
async fn a_tag_with_blanks_around_it_that_is_removed_here_is_removed_there() {
    let scene = Scene::new(0);
    let tags_of = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let new = NewCase {
        title: "one".into(),
        description: "d".into(),
        tags: tags_of(&[" roles ", "keys"]),
        ..NewCase::default()
    };
    let case = scene.by(|cases, stamp| cases.create(&new, stamp).unwrap().id);
    scene.send().await;
    assert_eq!(scene.there(&case, tags), serde_json::json!([tag(&case), "keys", "roles"]));
    scene.change(&case, &CaseChange { tags: Some(tags_of(&["keys"])), ..CaseChange::default() });
    scene.send().await;
    assert_eq!(scene.there(&case, tags), serde_json::json!([tag(&case), "keys"]));
}
