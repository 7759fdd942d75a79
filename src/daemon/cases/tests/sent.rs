use serde_json::{Value, json};

use super::{Scene, tags, there};
use crate::cases::{AlertToAttach, AttachedRule, CaseChange, CaseSeverity, CaseStatus};

#[tokio::test(start_paused = true)]
async fn a_case_arrives_with_its_alerts_and_comments_and_follows_what_is_changed_here() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.attach(&case, &["a-1", "a-2"]);
    scene.comment(&case, "look at this");
    assert!(scene.send().await.is_empty());
    let (alerts, texts) = scene.attached(&case);
    assert_eq!(alerts, [there("a-1"), there("a-2")]);
    assert_eq!(texts.len(), 2);
    assert!(texts[0].starts_with("Alerts of `A rule`:") && texts[1].starts_with("look at this"), "{texts:?}");
    scene.there(&case, |found| {
        assert_eq!((&found.case.fields.title, &found.owner), (&"one".to_owned(), &json!("cases")));
        assert_eq!(tags(found), json!([format!("ccfd:{case}")]));
    });
    let change = CaseChange {
        title: Some("two".into()),
        severity: Some(CaseSeverity::High),
        tags: Some(vec!["keys".into()]),
        status: Some(CaseStatus::Closed),
        ..CaseChange::default()
    };
    scene.change(&case, &change);
    scene.comment(&case, "done");
    scene.attach(&case, &["a-3"]);
    assert!(scene.send().await.is_empty());
    scene.there(&case, |found| {
        let fields = &found.case.fields;
        assert_eq!((fields.title.as_str(), fields.severity), ("two", CaseSeverity::High));
        assert_eq!(
            (fields.status, tags(found)),
            (CaseStatus::Closed, json!([format!("ccfd:{case}"), "keys"]))
        );
    });
    let (alerts, texts) = scene.attached(&case);
    assert_eq!((alerts.len(), texts.len()), (3, 4), "each once");
    let sending = scene.sending(&case);
    assert_eq!((sending.state.as_str(), sending.id.as_deref()), ("done", Some("remote-0")));
    assert_eq!((scene.status().waiting, scene.status().delivered), (0, 1));
    scene.kibana.calls();
    assert!(scene.send().await.is_empty());
    assert!(scene.kibana.calls().is_empty(), "nothing has changed");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changes_in_kibana_remains() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.send().await;
    scene.kibana.edit("remote-0", |fields| {
        fields.title = "theirs".into();
        fields.status = CaseStatus::InProgress;
        fields.tags.insert("own".into());
    });
    scene.change(&case, &CaseChange { severity: Some(CaseSeverity::Critical), ..CaseChange::default() });
    scene.send().await;
    scene.there(&case, |found| {
        let fields = &found.case.fields;
        assert_eq!((fields.title.as_str(), fields.status), ("theirs", CaseStatus::InProgress));
        assert_eq!(
            (fields.severity, tags(found)),
            (CaseSeverity::Critical, json!([format!("ccfd:{case}"), "own"]))
        );
    });
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_on_its_way_to_its_index_is_attached_once_it_is_there() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.attach_unfound(&case, &["late", "never"]);
    let working = scene.start();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let (alerts, texts) = scene.attached(&case);
    assert!(alerts.is_empty() && texts[0].contains("`late`"), "its summary does not wait: {texts:?}");
    assert!(scene.sending(&case).answer.unwrap().ends_with("2 alerts are not in their index yet"));
    scene.kibana.places.lock().unwrap().insert("late".into(), "alerts-000007".into());
    tokio::time::sleep(std::time::Duration::from_secs(40)).await;
    assert_eq!(scene.attached(&case).0, [("late".to_owned(), "alerts-000007".to_owned())]);
    tokio::time::sleep(std::time::Duration::from_secs(700)).await;
    let sending = scene.sending(&case);
    assert_eq!(sending.state, "done", "one is given up: {sending:?}");
    assert!(sending.answer.unwrap().contains("1 alerts are only in comments"));
    assert_eq!(scene.attached(&case).1.len(), 1);
    working.stop.request();
    working.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_an_elasticsearch_alerts_are_a_comment_and_those_of_others_are_attached() {
    let scene = Scene { has_index: false, ..Scene::new(0) };
    let case = scene.create("one");
    scene.attach(&case, &["a-1"]);
    let others = AlertToAttach { id: "x-1".into(), index: ".alerts-1".into(), summary: Value::Null };
    scene.by(|cases, stamp| cases.attach_alerts(&case, &[others], &AttachedRule::default(), stamp).unwrap());
    scene.send().await;
    let (alerts, texts) = scene.attached(&case);
    assert_eq!(alerts, [("x-1".to_owned(), ".alerts-1".to_owned())]);
    assert!(texts[0].contains("`a-1` `high`") && texts[1].contains("`x-1` in `.alerts-1`"), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_case_in_kibana_gets_no_more_alerts_than_it_can_have() {
    let scene = Scene::new(0);
    let case = scene.create("one");
    scene.send().await;
    let own: Vec<String> = (0..999).map(|number| format!("own-{number}")).collect();
    let attachment = json!({ "id": "own", "type": "alert", "alertId": own, "index": own });
    scene.kibana.cases.lock().unwrap().get_mut("remote-0").unwrap().attachments.push((0, attachment));
    scene.attach(&case, &["a-1", "a-2", "a-3"]);
    scene.send().await;
    assert_eq!(scene.attached(&case).0.len(), 1_000);
    let sending = scene.sending(&case);
    assert_eq!(sending.state, "done");
    assert!(sending.answer.unwrap().contains("2 alerts are only in comments"));
}

#[tokio::test(start_paused = true)]
async fn a_new_target_gets_all_cases_that_are_not_closed() {
    let mut scene = Scene::new(0);
    let (open, closed) = (scene.create("open"), scene.create("closed"));
    scene.set_status(&closed, CaseStatus::Closed);
    scene.comment(&open, "seen");
    scene.send().await;
    assert_eq!(scene.kibana.cases.lock().unwrap().len(), 1);
    assert_eq!(scene.sending(&closed).id, None);
    // It begins there as it did here.
    scene.kibana.cases.lock().unwrap().clear();
    scene.target = "kibana two".to_owned();
    scene.send_all().await;
    assert_eq!(scene.attached(&open).1.len(), 1, "what was sent elsewhere is not there");
    scene.set_status(&closed, CaseStatus::Open);
    scene.send().await;
    scene.there(&closed, |found| assert_eq!(found.case.fields.title, "closed"));
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_another_space_stays_here_and_what_is_deleted_is_not_sent() {
    let scene = Scene::new(0);
    let new = crate::cases::NewCase { title: "t".into(), description: "d".into(), ..Default::default() };
    let ann = crate::cases::CasePerson::named("ann");
    let stamp = crate::cases::CaseStamp { by: &ann, now: super::NOW };
    scene.db().cases("other").create(&new, stamp).unwrap();
    let case = scene.create("one");
    scene.by(|cases, _| cases.delete(&[case]).unwrap());
    scene.send().await;
    assert!(scene.kibana.cases.lock().unwrap().is_empty());
}
