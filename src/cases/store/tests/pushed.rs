//! What is known of a case where it was sent.

use std::collections::BTreeSet;

use serde_json::json;

use super::Cases;
use crate::cases::CasePushed;

fn known(external_id: &str, attachments: &[&str], is_earlier: bool) -> Option<CasePushed> {
    let attachments: BTreeSet<String> = attachments.iter().map(|one| (*one).to_owned()).collect();
    Some(CasePushed { external_id: external_id.to_owned(), attachments, is_earlier })
}

/// A case that was sent with these connectors to these receivers: what it is called there, and one attachment.
struct Sent {
    cases: Cases,
    case: String,
}

impl Sent {
    fn new(all: &[(&str, &str, &str, &str)]) -> Self {
        let mut cases = Cases::new();
        let case = cases.create("one").id;
        let mut sent = Self { cases, case };
        all.iter().for_each(|one| sent.send(*one));
        sent
    }

    fn send(&mut self, (connector, receiver, external_id, attachment): (&str, &str, &str, &str)) {
        let (mut store, stamp) = self.cases.store();
        let external = json!({ "connector_id": connector, "external_id": external_id });
        store.pushed(&self.case, receiver, &external, &[attachment.to_owned()], stamp).unwrap();
    }

    fn known(&mut self, connector: &str, receiver: &str) -> Option<CasePushed> {
        self.cases.store().0.pushed_with(&self.case, connector, receiver).unwrap()
    }

    fn forget(&mut self, receiver: &str, external_id: &str) {
        self.cases.store().0.forget_pushed(&self.case, receiver, external_id).unwrap();
    }
}

const HERE: &str = ".servicenow here";
const ELSEWHERE: &str = ".servicenow elsewhere";

#[test]
fn connectors_of_one_receiver_know_what_each_of_them_has_sent() {
    let all = [("sn", HERE, "a1", "one"), ("again", HERE, "a1", "two"), ("other", ELSEWHERE, "b2", "three")];
    let mut sent = Sent::new(&all);
    for connector in ["sn", "again", "a new one"] {
        assert_eq!(sent.known(connector, HERE), known("a1", &["one", "two"], false), "{connector}");
    }
    let moved = ".servicenow a new address";
    assert_eq!(sent.known("sn", moved), known("a1", &["one", "two"], true));
    assert_eq!(sent.known("sn", ELSEWHERE), known("b2", &["three"], false), "it leads there now");
    assert_eq!(sent.known("a new one", moved), None);
    sent.forget(HERE, "a1");
    assert_eq!(sent.known("again", HERE), None);
    assert_eq!(sent.known("other", ELSEWHERE), known("b2", &["three"], false));
}

#[test]
fn what_others_know_of_a_receiver_remains_when_a_connector_leads_elsewhere() {
    let mut sent = Sent::new(&[("sn", HERE, "a1", "one"), ("again", HERE, "a1", "two")]);
    sent.forget(ELSEWHERE, "a1");
    sent.send(("sn", ELSEWHERE, "b2", "three"));
    for connector in ["sn", "again"] {
        assert_eq!(sent.known(connector, HERE), known("a1", &["one", "two"], false), "{connector}");
    }
    assert_eq!(sent.known("sn", ELSEWHERE), known("b2", &["three"], false));
    assert_eq!(sent.known("sn", ".servicenow new"), known("b2", &["three"], true), "the last it led to");
}

#[test]
fn nothing_is_known_from_a_connector_of_another_type_that_had_the_same_id() {
    let mut sent = Sent::new(&[("sn", ".webhook here", "a1", "one")]);
    assert_eq!(sent.known("sn", HERE), None);
    assert_eq!(sent.known("sn", ".webhook new"), known("a1", &["one"], true));
}
