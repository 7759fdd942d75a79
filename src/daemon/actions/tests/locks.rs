//! Other processes that lock the database, and workers that were given up while they waited for it.

use std::time::Duration;

use rusqlite::Connection;

use super::{Does, NOW, Stage, Working, sends};
use crate::detect_db::{ActionClaim, ActionResult, DetectDb, DueAction};

fn claim(most: u32) -> [ActionClaim; 1] {
    [ActionClaim { action: "call".to_owned(), most, is_urgent: false }]
}

fn settle(db: &mut DetectDb, due: &DueAction, result: &ActionResult) {
    db.settle_action((due.id, due.claimed_by), result, NOW).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_worker_claims_nothing_once_another_one_has_begun_and_only_what_it_has_done_counts() {
    let stage = Stage::new(vec![sends("call", "oncall")], &[]);
    stage.raise(&["a", "b"]);
    let mut db = stage.db();
    let earlier = db.begin_actions().unwrap();
    let before = db.claim_actions(earlier, &claim(2), NOW).unwrap();
    let later = db.begin_actions().unwrap();
    assert_eq!(db.claim_actions(earlier, &claim(2), NOW).unwrap(), []);
    assert_eq!(stage.states(), ["waiting", "waiting"]);
    settle(&mut db, &before[0], &ActionResult::Done("done".to_owned()));
    assert_eq!(stage.states(), ["done", "waiting"], "it is not done again");
    let now = db.claim_actions(later, &claim(2), NOW).unwrap();
    assert_eq!((now.len(), now[0].id), (1, before[1].id));
    for result in [ActionResult::Again(NOW, String::new()), ActionResult::Failed(String::new())] {
        settle(&mut db, &before[1], &result);
        assert_eq!(stage.states(), ["done", "running"], "the later one does it");
    }
    settle(&mut db, &now[0], &ActionResult::Done("done".to_owned()));
    assert_eq!(stage.states(), ["done", "done"]);
}

/// A worker that was asked to end while an attempt ran, and found the database locked when that was done.
async fn done_behind_a_lock(stage: &Stage) -> (Working, Connection) {
    stage.raise(&["a"]);
    let working = stage.start_waiting(Duration::from_millis(20));
    stage.seen(1).await;
    let other = Connection::open(&stage.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    working.stop.request();
    (working, other)
}

fn late() -> Stage {
    let late = Does::After(Duration::from_secs(5), Box::new(Does::Succeeds));
    Stage::new(vec![sends("call", "oncall")], &[("oncall", vec![late])])
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_a_lock_until_it_is_kept_that_an_action_is_done() {
    let stage = late();
    let (working, other) = done_behind_a_lock(&stage).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    other.execute_batch("ROLLBACK").unwrap();
    working.task.await.unwrap();
    assert_eq!(stage.states(), ["done"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_ever_for_a_lock() {
    let stage = late();
    let (working, other) = done_behind_a_lock(&stage).await;
    working.task.await.unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(stage.states(), ["running"]);
    stage.start().drained().await;
    let keys = stage.played.keys();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]), "and the next start does it again under the same key");
}
