//! Who sends a case to a receiver.

use super::{Cases, NOW, is_unknown};
use crate::cases::{PUSH_CLAIM_SECONDS, PUSH_HELD_SECONDS};

#[test]
fn one_push_at_a_time_has_a_case_and_a_receiver() {
    let mut cases = Cases::new();
    let (id, other) = (cases.create("one").id, cases.create("two").id);
    let (mut store, _) = cases.store();
    let claim = store.claim_push(&id, "sn", NOW).unwrap().unwrap();
    assert_eq!(store.claim_push(&id, "sn", NOW).unwrap(), None);
    for (case, receiver) in [(&other, "sn"), (&id, "sn2")] {
        assert!(store.claim_push(case, receiver, NOW).unwrap().is_some(), "{receiver}");
    }
    store.end_push(&claim).unwrap();
    assert!(store.claim_push(&id, "sn", NOW).unwrap().is_some());
    assert!(is_unknown(&store.claim_push("nowhere", "sn", NOW)));
}

#[test]
fn a_claim_lasts_while_it_is_renewed_and_that_of_a_killed_process_expires() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, _) = cases.store();
    let claim = store.claim_push(&id, "sn", NOW).unwrap().unwrap();
    let later = NOW + PUSH_CLAIM_SECONDS - 1;
    assert!(store.renew_push(&claim, later).unwrap());
    assert_eq!(store.claim_push(&id, "sn", NOW + PUSH_CLAIM_SECONDS).unwrap(), None);
    let next = store.claim_push(&id, "sn", later + PUSH_CLAIM_SECONDS).unwrap().unwrap();
    // The first one was only asleep.
    assert!(!store.renew_push(&claim, later + PUSH_CLAIM_SECONDS).unwrap());
    store.end_push(&claim).unwrap();
    assert!(store.renew_push(&next, later + PUSH_CLAIM_SECONDS).unwrap());
}

#[test]
fn a_claim_from_before_the_clock_was_set_back_holds_up_nobody_for_long() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, _) = cases.store();
    store.claim_push(&id, "sn", NOW + 86_400).unwrap().unwrap();
    assert!(store.claim_push(&id, "sn", NOW).unwrap().is_some());
}

#[test]
fn a_claim_holds_when_the_clock_is_set_back_a_little_for_however_long_it_was_held() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, _) = cases.store();
    let claim = store.claim_push(&id, "sn", NOW + PUSH_CLAIM_SECONDS).unwrap().unwrap();
    assert_eq!(store.claim_push(&id, "sn", NOW).unwrap(), None);
    assert!(store.renew_push(&claim, NOW).unwrap());
    assert!(store.hold_push(&claim, NOW + PUSH_HELD_SECONDS).unwrap());
    for back in [1, 30] {
        assert_eq!(store.claim_push(&id, "sn", NOW - back).unwrap(), None, "{back} s");
    }
    assert!(store.claim_push(&id, "sn", NOW - 31).unwrap().is_some());
}

#[test]
fn a_case_that_is_deleted_while_it_is_sent_leaves_no_claim() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, _) = cases.store();
    let claim = store.claim_push(&id, "sn", NOW).unwrap().unwrap();
    store.delete(std::slice::from_ref(&id)).unwrap();
    assert!(!store.renew_push(&claim, NOW).unwrap());
}
