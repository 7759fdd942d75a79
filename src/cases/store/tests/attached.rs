use serde_json::Value;

use super::{Cases, is_conflict, is_invalid, is_unknown};
use crate::cases::{AlertToAttach, AttachedContent, AttachedRule, FILE_BYTES_MAX, FileToAttach};

fn of_others(id: &str) -> AlertToAttach {
    AlertToAttach { id: id.into(), index: "logs".into(), summary: Value::Null }
}

#[test]
fn a_comment_is_added_changed_and_removed() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, stamp) = cases.store();
    let case = store.comment(&id, "first", stamp).unwrap();
    let comment = case.comments.unwrap().pop().unwrap();
    assert_eq!(
        (case.total_comment, &comment.content),
        (1, &AttachedContent::Comment { comment: "first".into() })
    );
    let edited = store.edit_comment(&id, &comment.id, &comment.version, "second", stamp).unwrap();
    assert_ne!(edited.version, case.version, "a case has another version when its comments have");
    assert!(is_conflict(&store.edit_comment(&id, &comment.id, &comment.version, "third", stamp)));
    assert_eq!(store.attachments(&id, 1, 10, false).unwrap().total, 1);
    store.detach(&id, &comment.id, stamp).unwrap();
    assert!(is_unknown(&store.attachment(&id, &comment.id)) && is_unknown(&store.detach_all(&id, stamp)));
    assert!(is_invalid(&store.comment(&id, " ", stamp)));
    assert!(is_invalid(&store.comment(&id, &"x".repeat(30_001), stamp)));
}

#[test]
fn a_file_is_kept_under_a_name_that_is_no_path() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, stamp) = cases.store();
    let hostile = "../../etc/\u{1b}[2Jpass<b>.HTML";
    let file =
        FileToAttach { name: hostile, mime: Some("text/html; x=\"\r\nset-cookie: a\""), content: b"<b>" };
    let case = store.attach_file(&id, file, stamp).unwrap();
    let attached = case.comments.unwrap().pop().unwrap();
    let AttachedContent::File { id: file_id, about, .. } = &attached.content else { panic!("no file") };
    assert_eq!(
        (&about["files"][0]["name"], &about["files"][0]["extension"]),
        (&hostile.into(), &"HTML".into())
    );
    assert_eq!(about["files"][0]["mimeType"], "application/octet-stream", "its type is none");
    for name in [file_id, &attached.id] {
        assert_eq!(store.file(&id, name).unwrap().content, b"<b>");
    }
    store.detach(&id, &attached.id, stamp).unwrap();
    assert!(is_unknown(&store.file(&id, file_id)), "the bytes go with it");
}

#[test]
fn files_are_limited_in_size_and_number() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, stamp) = cases.store();
    let much = vec![0; FILE_BYTES_MAX + 1];
    assert!(is_invalid(&store.attach_file(
        &id,
        FileToAttach { name: "a", mime: None, content: &much },
        stamp
    )));
    let small = FileToAttach { name: "a.txt", mime: Some("text/plain"), content: b"x" };
    for _ in 0..100 {
        store.attach_file(&id, small, stamp).unwrap();
    }
    assert!(is_invalid(&store.attach_file(&id, small, stamp)));
    let long = "n".repeat(257);
    assert!(is_invalid(&store.attach_file(&id, FileToAttach { name: &long, ..small }, stamp)));
}

#[test]
fn an_alert_is_attached_once_and_a_case_has_at_most_a_thousand() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, stamp) = cases.store();
    let rule = AttachedRule::default();
    store.attach_alerts(&id, &[of_others("a"), of_others("a"), of_others("b")], &rule, stamp).unwrap();
    let case = store.attach_alerts(&id, &[of_others("b"), of_others("c")], &rule, stamp).unwrap();
    assert_eq!((case.total_alerts, case.total_comment), (3, 0));
    let ids: Vec<String> = store.alerts(&id).unwrap().into_iter().map(|alert| alert.id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let many: Vec<_> = (0..998).map(|number| of_others(&format!("n{number}"))).collect();
    assert!(is_invalid(&store.attach_alerts(&id, &many, &rule, stamp)));
    store.attach_alerts(&id, &many[1..], &rule, stamp).unwrap();
    assert_eq!(store.of_alert("a", &[]).unwrap()[0].totals.alerts, 1_000);
    assert!(store.of_alert("elsewhere", &[]).unwrap().is_empty());
    assert!(is_invalid(&store.attach_alerts(&id, &[of_others("")], &rule, stamp)));
}
