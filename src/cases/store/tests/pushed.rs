//! What is known of a case where it was sent.

use std::collections::BTreeSet;

use serde_json::json;

use super::Cases;
use crate::cases::CasePushed;

fn known(external_id: &str, attachments: &[&str]) -> Option<CasePushed> {
    let attachments: BTreeSet<String> = attachments.iter().map(|one| (*one).to_owned()).collect();
    Some(CasePushed { external_id: external_id.to_owned(), attachments })
}

#[test]
fn connectors_of_one_receiver_know_what_each_of_them_has_sent() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, stamp) = cases.store();
    let mut send = |connector: &str, receiver: &str, external_id: &str, attachment: &str| {
        let sent = json!({ "connector_id": connector, "external_id": external_id });
        store.pushed(&id, receiver, &sent, &[attachment.to_owned()], stamp).unwrap();
    };
    send("sn", "instance", "a1", "one");
    send("again", "instance", "a1", "two");
    send("elsewhere", "other instance", "b2", "three");
    let of = |store: &mut crate::cases::CaseStore<'_>, connector: &str, receiver: &str| {
        store.pushed_with(&id, connector, receiver).unwrap()
    };
    for connector in ["sn", "again", "a new one"] {
        assert_eq!(of(&mut store, connector, "instance"), known("a1", &["one", "two"]), "{connector}");
    }
    assert_eq!(of(&mut store, "sn", "a new address"), known("a1", &["one", "two"]));
    assert_eq!(of(&mut store, "sn", "other instance"), known("b2", &["three"]), "it leads there now");
    assert_eq!(of(&mut store, "a new one", "a new address"), None);
    store.forget_pushed(&id, "a1").unwrap();
    assert_eq!(of(&mut store, "again", "instance"), None);
    assert_eq!(of(&mut store, "elsewhere", "other instance"), known("b2", &["three"]));
}
