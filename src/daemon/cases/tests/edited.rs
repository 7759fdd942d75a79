//! Comments that are changed and removed here; who works on a case, and its custom fields.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::{
    Scene,
    fake::{
        CaseCallFate::{self, *},
        FakeCase,
    },
    there,
};
use crate::cases::{
    Assignee, CaseChange, CaseConnector, CaseOwner, ClosureType, ConfigurationChange, CustomFieldKind,
    CustomFieldSpec, CustomFieldValue,
};

#[tokio::test(start_paused = true)]
async fn a_comment_that_is_changed_here_is_changed_there() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "first");
    scene.comment(&case, "other");
    scene.send().await;
    let comments = scene.attachments(&case);
    scene.edit_comment(&case, &comments[0], "second");
    scene.send().await;
    let texts = scene.attached(&case).1;
    assert_eq!(texts.len(), 2);
    assert!(texts[0].starts_with("second") && texts[1].starts_with("other"), "{texts:?}");
    scene.kibana.calls();
    scene.edit_comment(&case, &comments[0], "third");
    scene.kibana.will([Done, Done, LostAfter]);
    scene.send_all().await;
    assert!(scene.attached(&case).1[0].starts_with("third"));
    let edits = scene.kibana.calls().iter().filter(|name| **name == "edit").count();
    assert_eq!(edits, 1, "it has arrived");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_undone_is_undone_there_too_although_its_answer_was_lost() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "first");
    scene.send().await;
    let comment = &scene.attachments(&case)[0];
    scene.edit_comment(&case, comment, "second");
    scene.kibana.will([Done, Done, LostAfter]);
    scene.send().await;
    assert!(scene.attached(&case).1[0].starts_with("second"));
    scene.edit_comment(&case, comment, "first");
    scene.send_all().await;
    assert!(scene.attached(&case).1[0].starts_with("first"));
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_somebody_removes_there_while_it_is_changed_is_not_taken_for_its_case() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "first");
    scene.send().await;
    scene.edit_comment(&case, &scene.attachments(&case)[0], "second");
    scene.kibana.will([Done, Done, Removed]);
    scene.send().await;
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.answer.as_deref()), ("done", Some("case remote-0")));
}

#[tokio::test(start_paused = true)]
async fn a_change_or_removal_of_a_comment_is_not_lost_because_its_case_seems_to_be_missing() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "first");
    scene.send().await;
    let comment = &scene.attachments(&case)[0];
    for is_edit in [true, false] {
        match is_edit {
            true => scene.edit_comment(&case, comment, "second"),
            false => scene.detach(&case, comment),
        }
        scene.kibana.will([Done, Done, CaseRemoved]);
        scene.send().await;
        let sending = scene.sending(&case);
        assert_eq!((sending.state.as_str(), scene.attached(&case).1.len()), ("failed", 1), "{is_edit}");
        scene.by(|cases, _| cases.resend(&case, false).unwrap());
        scene.send_all().await;
        let texts = scene.attached(&case).1;
        assert!(if is_edit { texts[0].starts_with("second") } else { texts.is_empty() }, "{texts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_somebody_changed_or_removed_there_stays_so() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "first");
    scene.comment(&case, "second");
    scene.send().await;
    let edit = |found: &mut FakeCase| {
        found.attachments.remove(1);
        let text = found.attachments[0].1["comment"].as_str().unwrap().replace("first", "theirs");
        found.attachments[0].1["comment"] = json!(text);
    };
    edit(scene.kibana.cases.lock().unwrap().get_mut("remote-0").unwrap());
    scene.comment(&case, "third");
    scene.send().await;
    let texts = scene.attached(&case).1;
    assert_eq!(texts.len(), 2);
    assert!(texts[0].starts_with("theirs") && texts[1].starts_with("third"), "{texts:?}");
    // Neither does a change here bring the removed one back.
    scene.edit_comment(&case, &scene.attachments(&case)[1], "changed");
    scene.send_all().await;
    assert_eq!(scene.attached(&case).1.len(), 2);
    assert_eq!(scene.sending(&case).state, "done");
}

/// What somebody makes of the first comment there.
fn write_there(scene: &Scene, write: impl FnOnce(&str) -> String) {
    let mut cases = scene.kibana.cases.lock().unwrap();
    let text = &mut cases.get_mut("remote-0").unwrap().attachments[0].1["comment"];
    *text = json!(write(text.as_str().unwrap()));
}

/// A comment that is there, after this fate of the request that adds it.
async fn with_comment(fate: CaseCallFate) -> (Scene, String, String) {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "first");
    scene.kibana.will([Done, Done, Done, fate]);
    scene.send_all().await;
    let comment = scene.attachments(&case).remove(0);
    (scene, case, comment)
}

#[tokio::test(start_paused = true)]
async fn a_comment_below_whose_last_word_somebody_writes_is_still_changed_and_removed_from_here() {
    // Its id is known from the answer, or from the search after an answer that was lost.
    for fate in [Done, LostAfter] {
        let (scene, case, comment) = with_comment(fate).await;
        write_there(&scene, |text| format!("{text}\n\nseen, bob"));
        scene.edit_comment(&case, &comment, "second");
        scene.send_all().await;
        let texts = scene.attached(&case).1;
        assert!(texts.len() == 1 && texts[0].starts_with("second"), "{fate:?}: {texts:?}");
        write_there(&scene, |_| "all of it is theirs".to_owned());
        scene.detach(&case, &comment);
        scene.send_all().await;
        assert!(scene.attached(&case).1.is_empty(), "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_only_ends_like_one_of_ours_is_left_as_it_is() {
    let (scene, case, comment) = with_comment(Done).await;
    let mut copied = String::new();
    write_there(&scene, |text| {
        copied = text.replace("first", "I have seen: first");
        "theirs".to_owned()
    });
    let copy = json!({ "id": "copy", "version": "1", "type": "user", "comment": copied });
    scene.kibana.cases.lock().unwrap().get_mut("remote-0").unwrap().attachments.push((0, copy));
    scene.edit_comment(&case, &comment, "second");
    scene.send_all().await;
    let texts = scene.attached(&case).1;
    assert!(texts[0].starts_with("second") && texts[1].starts_with("I have seen"), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_here_is_removed_there_and_nothing_else() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "first");
    scene.attach(&case, &["a-1", "a-2"]);
    scene.attach(&case, &["a-3"]);
    scene.comment(&case, "second");
    scene.send().await;
    let own = json!({ "id": "own", "version": "1", "type": "user", "comment": "theirs" });
    scene.kibana.cases.lock().unwrap().get_mut("remote-0").unwrap().attachments.push((0, own));
    let parts = scene.attachments(&case);
    scene.detach(&case, &parts[0]);
    scene.detach(&case, &parts[1]);
    scene.send().await;
    let (alerts, texts) = scene.attached(&case);
    assert_eq!(alerts, [there("a-3")]);
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[1].starts_with("second") && texts[2] == "theirs");
    // What is attached again arrives again.
    scene.attach(&case, &["a-1"]);
    scene.send().await;
    assert_eq!(scene.attached(&case).0, [there("a-3"), there("a-1")]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_the_key_may_not_do_holds_up_nothing_and_is_shown() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.comment(&case, "first");
    scene.send().await;
    scene.detach(&case, &scene.attachments(&case)[0]);
    scene.change(&case, &CaseChange { title: Some("two".into()), ..CaseChange::default() });
    scene.kibana.will([Done, Done, NotAllowed]);
    scene.send().await;
    scene.there(&case, |found| assert_eq!(found.case.fields.title, "two"));
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.refused_parts.len()), ("failed", 1));
    scene.by(|cases, _| cases.resend(&case, false).unwrap());
    scene.send().await;
    assert!(scene.attached(&case).1.is_empty());
    assert_eq!((scene.sending(&case).state, scene.sending(&case).refused), ("done".to_owned(), 0));
}

fn assigned(scene: &Scene, case: &str, uids: &[&str]) {
    let assignees = uids.iter().map(|uid| Assignee { uid: (*uid).to_owned() }).collect();
    scene.change(case, &CaseChange { assignees: Some(assignees), ..CaseChange::default() });
}

/// Gives a case a custom field.
fn with_field(scene: &Scene, case: &str, value: &str) {
    let spec = CustomFieldSpec {
        key: "env".into(),
        label: "Environment".into(),
        kind: CustomFieldKind::Text,
        required: false,
        default_value: json!(null),
    };
    scene.by(|cases, stamp| {
        let change = ConfigurationChange {
            closure_type: Some(ClosureType::ByUser),
            connector: Some(CaseConnector::default()),
            custom_fields: Some(vec![spec]),
            ..ConfigurationChange::default()
        };
        // There may be one already.
        _ = cases.configure(CaseOwner::Cases, &change, stamp);
    });
    let field = CustomFieldValue { key: "env".into(), kind: CustomFieldKind::Text, value: json!(value) };
    scene.change(case, &CaseChange { custom_fields: Some(vec![field]), ..CaseChange::default() });
}

#[tokio::test(start_paused = true)]
async fn who_works_on_a_case_and_its_custom_fields_are_there_too() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    assigned(&scene, &case, &["ann"]);
    with_field(&scene, &case, "test");
    scene.send().await;
    let members = |scene: &Scene| {
        scene.there(&case, |found| {
            let fields = &found.case.fields;
            (json!(fields.assignees), json!(fields.custom_fields))
        })
    };
    let field = |value: &str| json!([{ "key": "env", "type": "text", "value": value }]);
    assert_eq!(members(&scene), (json!([{ "uid": "ann" }]), field("test")));
    assigned(&scene, &case, &["bob"]);
    with_field(&scene, &case, "production");
    scene.send().await;
    assert_eq!(members(&scene), (json!([{ "uid": "bob" }]), field("production")));
    assert_eq!(scene.sending(&case).answer.unwrap(), "case remote-0");
}

#[tokio::test(start_paused = true)]
async fn a_kibana_that_takes_no_assignees_or_custom_fields_gets_the_case_without_them() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    assigned(&scene, &case, &["ann"]);
    with_field(&scene, &case, "test");
    scene.kibana.will([Done, NoAssignees, NoFields]);
    scene.send().await;
    assert_eq!(scene.kibana.calls(), ["find", "create", "create", "create", "attachments"]);
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.refused_parts.len()), ("done", 2));
    assert!(sending.answer.unwrap().ends_with("without assignees and customFields"));
    // The next change sends them again, with the rest of the change whatever becomes of them.
    scene.change(&case, &CaseChange { title: Some("two".into()), ..CaseChange::default() });
    scene.kibana.will([Done, Done, NoAssignees]);
    scene.send().await;
    assert_eq!(scene.kibana.calls(), ["get", "attachments", "update", "update"]);
    scene.there(&case, |found| {
        let fields = &found.case.fields;
        assert_eq!(
            (fields.title.as_str(), fields.assignees.len(), fields.custom_fields.len()),
            ("two", 0, 1)
        );
    });
    scene.comment(&case, "seen");
    scene.send().await;
    scene.there(&case, |found| assert_eq!(found.case.fields.assignees.len(), 1));
    assert_eq!((scene.sending(&case).refused, scene.sending(&case).state), (0, "done".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_of_a_case_is_not_sent_again_only_because_the_case_waits() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    assigned(&scene, &case, &["ann"]);
    scene.attach_unfound(&case, &["a-1"]);
    scene.kibana.will([Done, NoAssignees]);
    scene.send().await;
    assert_eq!(scene.sending(&case).state, "waiting");
    scene.kibana.calls();
    sleep(Duration::from_secs(400)).await;
    scene.send().await;
    assert_eq!(scene.kibana.calls(), ["get", "attachments"]);
    assert_eq!(scene.sending(&case).refused_parts.len(), 1);
    scene.by(|cases, _| cases.resend(&case, false).unwrap());
    scene.send().await;
    scene.there(&case, |found| assert_eq!(found.case.fields.assignees.len(), 1));
}
