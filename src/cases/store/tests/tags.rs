use super::{Cases, is_invalid};
use crate::cases::{CaseChange, NewCase};

#[test]
fn a_tag_that_names_a_case_here_is_given_to_none() {
    let mut cases = Cases::new();
    let first = cases.create("first");
    let name = format!("ccfd:{}", first.id);
    let tagged = NewCase {
        title: "second".into(),
        description: "d".into(),
        tags: vec!["keys".into(), name.clone()],
        ..NewCase::default()
    };
    let with = |tag: &str| CaseChange { tags: Some(vec![tag.to_owned()]), ..CaseChange::default() };
    let (mut store, stamp) = cases.store();
    assert!(is_invalid(&store.create(&tagged, stamp)));
    assert!(is_invalid(&store.change(&first.id, &with(&name), stamp)));
    // Another ccfd may send its cases here.
    store.change(&first.id, &with("ccfd:of-another"), stamp).unwrap();
}
