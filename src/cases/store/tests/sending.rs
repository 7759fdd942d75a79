//! Who sends the cases of a space.

use super::{Cases, NOW};
use crate::{
    cases::{CaseStore, TargetBegun},
    detect_db::{ActionResult, RowWorker},
};

fn by(cases: &mut Cases, worker: RowWorker) -> CaseStore<'_> {
    cases.store().0.by(worker)
}

#[test]
fn a_worker_claims_no_case_once_another_one_has_begun_and_says_nothing_of_one_that_it_had_claimed() {
    let mut cases = Cases::new();
    cases.create("one");
    let (earlier, begun) = cases.store().0.begin_sending("kibana", NOW).unwrap();
    assert_eq!(begun, TargetBegun::Known);
    let before = by(&mut cases, earlier).claim_to_send("kibana", NOW).unwrap().unwrap().case;
    let (later, _) = cases.store().0.begin_sending("kibana", NOW).unwrap();
    assert_eq!(by(&mut cases, earlier).claim_to_send("kibana", NOW).unwrap(), None);
    let now = by(&mut cases, later).claim_to_send("kibana", NOW).unwrap().unwrap().case;
    assert_eq!(now, before);
    let again = ActionResult::Again(NOW, String::new());
    by(&mut cases, earlier).settle_sending(&now.id, &now.version, &again, NOW, None).unwrap();
    assert_eq!(by(&mut cases, later).claim_to_send("kibana", NOW).unwrap(), None, "it is being sent");
}
