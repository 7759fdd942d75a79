use super::{Cases, is_invalid};
use crate::cases::{CaseChange, NewCase, SentFields};

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
    for around in [" ", "\t\n", "\u{a0}", "\u{feff}", "\u{2028}\u{3000}"] {
        let tag = format!("{around}{name}{around}");
        assert!(is_invalid(&store.change(&first.id, &with(&tag), stamp)), "a Kibana trims {tag:?}");
    }
    // Another ccfd may send its cases here.
    store.change(&first.id, &with("ccfd:of-another"), stamp).unwrap();
}

#[test]
fn a_tag_that_a_kibana_would_trim_to_the_name_of_a_case_is_not_sent() {
    let mut cases = Cases::new();
    let id = cases.create("first").id;
    let (mut store, stamp) = cases.store();
    let tags = ["keys", "ccfd:a", "\u{a0}ccfd:b", "\u{feff} ccfd:c", "of ccfd:d"].map(str::to_owned).to_vec();
    let change = CaseChange { tags: Some(tags), ..CaseChange::default() };
    let case = store.change(&id, &change, stamp).unwrap();
    let sent: Vec<String> = SentFields::of(&case).tags.into_iter().collect();
    assert_eq!(sent, ["keys", "of ccfd:d"]);
}
