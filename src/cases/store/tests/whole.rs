use super::{Cases, NOW, is_conflict, is_invalid, is_unknown};
use crate::cases::{
    Assignee, CaseChange, CaseError, CaseSeverity, CaseStamp, CaseStatus, HistoryFilter, NewCase,
    VersionedChange,
};

fn status(status: CaseStatus) -> CaseChange {
    CaseChange { status: Some(status), ..CaseChange::default() }
}

#[test]
fn cases_are_numbered_for_people_in_each_space() {
    let mut cases = Cases::new();
    let (first, second) = (cases.create("one"), cases.create("two"));
    assert_eq!((first.number, second.number), (1, 2));
    let stamp = CaseStamp { by: &cases.person, now: NOW };
    let new = NewCase { title: "t".into(), description: "d".into(), ..NewCase::default() };
    let other = cases.db.cases("soc").create(&new, stamp).unwrap();
    assert_eq!(other.number, 1);
    let (mut store, _) = cases.store();
    assert_eq!(store.named("#2").unwrap().id, second.id);
    assert_eq!(store.named("2").unwrap().id, second.id);
    assert_eq!(store.named(&first.id).unwrap().number, 1);
    assert!(is_invalid(&store.named(&first.id[..4])), "both ids begin with the same second");
    assert!(is_unknown(&store.get(&other.id)) && is_unknown(&store.named("3")));
    for wrong in ["", "#", "#01a", &first.id[..3], "%", "0"] {
        assert!(is_unknown(&store.named(wrong)), "{wrong}: a mistake names no case");
    }
    assert!(is_unknown(&store.delete(&[other.id])), "a space sees only its own");
}

#[test]
fn a_change_of_an_old_version_changes_nothing() {
    let mut cases = Cases::new();
    let (one, two) = (cases.create("one"), cases.create("two"));
    let (mut store, stamp) = cases.store();
    let changed = store.change(&one.id, &status(CaseStatus::InProgress), stamp).unwrap();
    assert_ne!(changed.version, one.version);
    let change = |case: &crate::cases::Case| VersionedChange {
        id: case.id.clone(),
        version: Some(case.version.clone()),
        change: CaseChange { title: Some("new".into()), ..CaseChange::default() },
    };
    assert!(is_conflict(&store.update(&[change(&two), change(&one)], stamp)));
    assert_eq!(store.get(&two.id).unwrap().title, "two", "neither is changed");
    let all = store.update(&[change(&two), change(&changed)], stamp).unwrap();
    assert!(all.iter().all(|case| case.title == "new"));
    assert!(matches!(store.change(&one.id, &CaseChange::default(), stamp), Err(CaseError::Unchanged)));
}

#[test]
fn a_deleted_case_that_is_created_again_has_another_version() {
    let mut cases = Cases::new();
    let one = cases.create("one");
    let (mut store, _) = cases.store();
    store.delete(std::slice::from_ref(&one.id)).unwrap();
    assert!(is_unknown(&store.get(&one.id)));
    assert_ne!(cases.create("one").version, one.version);
}

#[test]
fn the_status_has_its_times() {
    let mut cases = Cases::new();
    let case = cases.create("one");
    let (mut store, stamp) = cases.store();
    let at = |seconds: i64| CaseStamp { now: NOW + seconds, ..stamp };
    store.change(&case.id, &status(CaseStatus::InProgress), at(10)).unwrap();
    let closed = store.change(&case.id, &status(CaseStatus::Closed), at(100)).unwrap();
    assert_eq!(
        (closed.duration, closed.time_to_acknowledge, closed.time_to_investigate),
        (Some(100), Some(10), Some(90))
    );
    assert_eq!(closed.closed_by.as_ref().unwrap().username, "ann");
    let again = CaseChange { severity: Some(CaseSeverity::High), ..CaseChange::default() };
    assert_eq!(store.change(&case.id, &again, at(200)).unwrap().closed_at, closed.closed_at);
    let open = store.change(&case.id, &status(CaseStatus::Open), at(300)).unwrap();
    assert_eq!((open.closed_at, open.closed_by, open.duration), (None, None, None));
    assert!(open.in_progress_at.is_some());
}

#[test]
fn what_was_done_is_recorded_and_cannot_be_rewritten() {
    let mut cases = Cases::new();
    let case = cases.create("one");
    let (mut store, stamp) = cases.store();
    let change = CaseChange {
        tags: Some(vec!["a".into(), "b".into()]),
        assignees: Some(vec![Assignee { uid: "bob".into() }]),
        status: Some(CaseStatus::Closed),
        ..CaseChange::default()
    };
    store.change(&case.id, &change, stamp).unwrap();
    let change = CaseChange { tags: Some(vec!["b".into()]), ..CaseChange::default() };
    store.change(&case.id, &change, stamp).unwrap();
    store.comment(&case.id, "seen", stamp).unwrap();
    let filter = HistoryFilter { page: 1, per_page: 100, ..HistoryFilter::default() };
    let history = store.history(&case.id, &filter).unwrap();
    let done: Vec<(String, String)> =
        history.actions.iter().map(|one| (one.action.clone(), one.kind.clone())).collect();
    let expected = [
        ("create", "create_case"),
        ("update", "status"),
        ("add", "tags"),
        ("add", "assignees"),
        ("delete", "tags"),
        ("create", "comment"),
    ];
    assert_eq!(done, expected.map(|(action, kind)| (action.to_owned(), kind.to_owned())));
    assert_eq!(history.actions[1].payload["status"], "closed");
    assert_eq!(history.actions[4].payload["tags"], serde_json::json!(["a"]));
    let filter = HistoryFilter { types: vec!["status".into(), "user".into()], newest_first: true, ..filter };
    let some = store.history(&case.id, &filter).unwrap();
    let kinds: Vec<&str> = some.actions.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!((some.total, kinds), (2, vec!["comment", "status"]));
    assert!(store.connection.execute("UPDATE case_action SET by = 'x'", []).is_err());
}

#[test]
fn what_is_too_long_or_blank_is_refused() {
    let mut cases = Cases::new();
    let (mut store, stamp) = cases.store();
    let good = NewCase { title: "t".into(), description: "d".into(), ..NewCase::default() };
    let many = |count: usize| vec![Assignee { uid: "a".into() }; count];
    for bad in [
        NewCase { title: "é".repeat(161), ..good.clone() },
        NewCase { title: " \n".into(), ..good.clone() },
        NewCase { description: "x".repeat(30_001), ..good.clone() },
        NewCase { description: String::new(), ..good.clone() },
        NewCase { tags: vec!["t".into(); 201], ..good.clone() },
        NewCase { tags: vec!["t".repeat(257)], ..good.clone() },
        NewCase { tags: vec![String::new()], ..good.clone() },
        NewCase { assignees: many(11), ..good.clone() },
        NewCase { category: Some("c".repeat(51)), ..good.clone() },
        NewCase { category: Some(" ".into()), ..good.clone() },
    ] {
        assert!(is_invalid(&store.create(&bad, stamp)), "{bad:?}");
    }
    let long = NewCase {
        title: "é".repeat(160),
        description: "x".repeat(30_000),
        tags: vec!["t".repeat(256); 200],
        assignees: many(10),
        category: Some("c".repeat(50)),
        ..good
    };
    assert!(store.create(&long, stamp).is_ok());
}

#[test]
fn a_case_to_which_much_was_done_can_only_change_its_status() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, stamp) = cases.store();
    let much = "INSERT INTO case_action (uid, case_id, at, by, type, action, payload, version)
                SELECT 'x', id, 0, '{}', 'comment', 'create', hex(zeroblob(8388608)), 0 FROM cases";
    store.connection.execute(much, []).unwrap();
    assert!(is_invalid(&store.comment(&id, "one more", stamp)), "sixteen mebibytes");
    let change = CaseChange { title: Some("two".into()), ..CaseChange::default() };
    assert!(is_invalid(&store.change(&id, &change, stamp)));
    assert!(store.change(&id, &status(CaseStatus::Closed), stamp).is_ok());
}
