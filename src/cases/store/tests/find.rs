use super::{Cases, NOW};
use crate::cases::{
    Assignee, CaseChange, CaseFilter, CaseOwner, CaseSeverity, CaseSort, CaseStamp, CaseStatus, NewCase,
    SearchField,
};

fn all() -> CaseFilter {
    CaseFilter { page: 1, per_page: 100, ascending: true, ..CaseFilter::default() }
}

fn found(cases: &mut Cases, filter: &CaseFilter) -> Vec<i64> {
    let (mut store, _) = cases.store();
    store.find(filter).unwrap().cases.into_iter().map(|case| case.number).collect()
}

/// Three cases that differ in everything.
fn three() -> Cases {
    let mut cases = Cases::new();
    let new = |title: &str, tag: &str| NewCase {
        title: title.into(),
        tags: vec![tag.into(), "all".into()],
        ..NewCase::default()
    };
    cases.create_with(NewCase { severity: CaseSeverity::Low, ..new("Leaked key", "keys") });
    cases.create_with(NewCase {
        severity: CaseSeverity::Critical,
        category: Some("abuse".into()),
        assignees: vec![Assignee { uid: "bob".into() }],
        owner: CaseOwner::SecuritySolution,
        description: "Somebody exfiltrated prompts".into(),
        ..new("Zebra", "prompts")
    });
    cases.person.username = "cid".into();
    let id = cases.create_with(new("a case", "keys")).id;
    let (mut store, stamp) = cases.store();
    let later = CaseStamp { now: NOW + 100, ..stamp };
    store
        .change(&id, &CaseChange { status: Some(CaseStatus::Closed), ..CaseChange::default() }, later)
        .unwrap();
    store.comment(&id, "see the exfiltration report, it's \"done\"", later).unwrap();
    cases
}

#[test]
fn each_filter_selects() {
    let mut cases = three();
    let text = |text: &str| vec![text.to_owned()];
    for (expected, filter) in [
        (vec![1, 2, 3], all()),
        (vec![1, 3], CaseFilter { tags: text("keys"), ..all() }),
        (vec![1, 2, 3], CaseFilter { tags: vec!["keys".into(), "prompts".into()], ..all() }),
        (vec![3], CaseFilter { statuses: vec![CaseStatus::Closed], ..all() }),
        (vec![2], CaseFilter { severities: vec![CaseSeverity::Critical, CaseSeverity::High], ..all() }),
        (vec![2], CaseFilter { categories: text("abuse"), ..all() }),
        (vec![2], CaseFilter { assignees: text("bob"), ..all() }),
        (vec![1, 3], CaseFilter { assignees: text("none"), ..all() }),
        (vec![3], CaseFilter { reporters: text("cid"), ..all() }),
        (vec![2], CaseFilter { owners: vec![CaseOwner::SecuritySolution], ..all() }),
        (vec![], CaseFilter { from: Some(NOW + 1), ..all() }),
        (vec![], CaseFilter { to: Some(NOW - 1), ..all() }),
        (vec![1, 2, 3], CaseFilter { from: Some(NOW), to: Some(NOW), ..all() }),
        (vec![3], CaseFilter { tags: text("keys"), statuses: vec![CaseStatus::Closed], ..all() }),
    ] {
        assert_eq!(found(&mut cases, &filter), expected, "{filter:?}");
    }
}

#[test]
fn pages_are_sorted_and_counts_do_not_depend_on_the_status() {
    let mut cases = three();
    let sorted = |cases: &mut Cases, sort| found(cases, &CaseFilter { sort, ..all() });
    assert_eq!(sorted(&mut cases, CaseSort::Title), [3, 1, 2]);
    assert_eq!(sorted(&mut cases, CaseSort::Severity), [1, 3, 2]);
    assert_eq!(sorted(&mut cases, CaseSort::Status), [1, 2, 3]);
    assert_eq!(sorted(&mut cases, CaseSort::ClosedAt), [3, 1, 2], "those without are last");
    assert_eq!(sorted(&mut cases, CaseSort::UpdatedAt), [1, 2, 3]);
    let (mut store, _) = cases.store();
    let filter = CaseFilter { page: 2, per_page: 1, statuses: vec![CaseStatus::Open], ..all() };
    let page = store.find(&filter).unwrap();
    assert_eq!((page.cases.len(), page.cases[0].number, page.total), (1, 2, 2));
    assert_eq!((page.count_open_cases, page.count_in_progress_cases, page.count_closed_cases), (2, 0, 1));
    assert_eq!(store.tags(&[]).unwrap(), ["all", "keys", "prompts"]);
    assert_eq!(store.tags(&[CaseOwner::SecuritySolution]).unwrap(), ["all", "prompts"]);
    let reporters: Vec<String> = store.reporters(&[]).unwrap().into_iter().map(|one| one.username).collect();
    assert_eq!(reporters, ["ann", "cid"]);
    assert_eq!(store.counts(&[CaseOwner::Cases]).unwrap().count_closed_cases, 1);
}

#[test]
fn words_are_found_in_titles_descriptions_and_comments() {
    let mut cases = three();
    let search = |text: &str| CaseFilter { search: Some(text.into()), ..all() };
    for (expected, filter) in [
        (vec![1], search("leaked")),
        (vec![2, 3], search("exfil*")),
        (vec![2], CaseFilter { search_fields: vec![SearchField::Description], ..search("exfil*") }),
        (vec![], CaseFilter { search_fields: vec![SearchField::Title], ..search("exfil*") }),
        (vec![1, 2], search("key zebra")),
        (vec![], CaseFilter { all_words: true, ..search("key zebra") }),
        (vec![1], CaseFilter { all_words: true, ..search("KEY leaked") }),
        (vec![2], search("#2")),
        (vec![], search("***")),
    ] {
        assert_eq!(found(&mut cases, &filter), expected, "{filter:?}");
    }
}

#[test]
fn a_search_follows_changes_and_removals() {
    let mut cases = three();
    let (mut store, stamp) = cases.store();
    let id = store.named("1").unwrap().id;
    let change = CaseChange { title: Some("Other words".into()), ..CaseChange::default() };
    store.change(&id, &change, stamp).unwrap();
    let comment = store.comment(&id, "unique1 remark", stamp).unwrap().comments.unwrap().pop().unwrap();
    store.edit_comment(&id, &comment.id, &comment.version, "unique2 remark", stamp).unwrap();
    let search = |text: &str| CaseFilter { search: Some(text.into()), ..all() };
    assert!(found(&mut cases, &search("leaked unique1")).is_empty());
    assert_eq!(found(&mut cases, &search("other")), [1]);
    assert_eq!(found(&mut cases, &search("unique2")), [1]);
    let (mut store, _) = cases.store();
    store.delete(&[id]).unwrap();
    assert!(found(&mut cases, &search("other unique2")).is_empty());
}

#[test]
fn no_text_makes_a_search_fail() {
    let mut cases = three();
    for text in [
        "\"",
        "'",
        "a\"b",
        "NEAR(a b)",
        "title:",
        "{title}:x",
        "a AND",
        "OR",
        "NOT",
        "-",
        "^a",
        "(",
        ")",
        "a*b*",
        "*",
        "\0",
        "é\u{202e}",
        "SELECT 1; --",
        "a + b",
        "\u{1b}[2J",
        "''';",
        "\"\"\"\"",
        "col : (x",
        "🦀",
        "a\u{0}b",
    ] {
        let filter = CaseFilter { search: Some(text.into()), ..all() };
        let (mut store, _) = cases.store();
        store.find(&filter).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
}
