//! Somebody else changes the same cases between the steps.

use std::{cell::Cell, time::Duration};

use super::{NOW, Scene, of};
use crate::{
    cases::{
        CaseChange, CaseError, CasePerson, CaseStamp, CaseStatus, DEFAULT_SPACE,
        action::run::{ActionStep, run, run_watched},
    },
    detect_db::DetectDb,
};

#[test]
fn a_run_that_somebody_overtakes_at_each_step_finds_what_they_did() {
    for at in [
        ActionStep::Grouped,
        ActionStep::Recorded,
        ActionStep::Windowed,
        ActionStep::Created,
        ActionStep::Settled,
    ] {
        let mut scene = Scene::by_user();
        let mut other = DetectDb::open(&scene._dir.path().join("detect.db"), 0).unwrap();
        let (action, rule) = (scene.action.clone(), scene.rule.clone());
        let done = Cell::new(false);
        scene
            .try_run(&[of("1", "ann")], &mut |step| {
                if step == at && !done.replace(true) {
                    run(&mut other, &action, &rule, &[of("2", "ann")], NOW).unwrap();
                }
                Ok(())
            })
            .unwrap();
        let cases = scene.cases();
        assert_eq!(cases.len(), 1, "{at:?}");
        assert_eq!(scene.alerts_of(&cases[0].id), ["1", "2"], "{at:?}");
    }
}

#[test]
fn a_case_that_is_closed_meanwhile_gets_no_alerts() {
    let mut scene = Scene::by_user();
    scene.run(&[of("1", "ann")]);
    let first = scene.cases()[0].id.clone();
    let mut other = DetectDb::open(&scene._dir.path().join("detect.db"), 0).unwrap();
    let done = Cell::new(false);
    scene
        .try_run(&[of("2", "ann")], &mut |step| {
            if step == ActionStep::Settled && !done.replace(true) {
                let change = CaseChange { status: Some(CaseStatus::Closed), ..CaseChange::default() };
                let stamp = CaseStamp { by: &CasePerson::named("bob"), now: NOW };
                other.cases(DEFAULT_SPACE).change(&first, &change, stamp).unwrap();
            }
            Ok(())
        })
        .unwrap();
    let cases = scene.cases();
    assert_eq!(scene.alerts_of(&cases[0].id), ["1"]);
    assert_eq!(scene.alerts_of(&cases[1].id), ["2"]);
}

#[test]
fn after_ten_attempts_it_is_given_up_and_each_wait_is_bounded() {
    let mut scene = Scene::by_user();
    let (mut attempts, mut waits) = (0, Vec::new());
    let conflict = |_: ActionStep| Err(CaseError::Conflict("again".into()));
    let failed = run_watched(
        &mut scene.db,
        &scene.action,
        &scene.rule,
        &[of("1", "ann")],
        NOW,
        &mut |wait| waits.push(wait),
        &mut |step| {
            attempts += 1;
            conflict(step)
        },
    );
    assert!(matches!(failed, Err(CaseError::Conflict(_))));
    assert_eq!((attempts, waits.len()), (10, 9));
    let most = |attempt: u32| Duration::from_millis(5 << attempt).min(Duration::from_secs(2));
    assert!(waits.iter().zip(1..).all(|(wait, attempt)| *wait <= most(attempt)), "{waits:?}");
}
