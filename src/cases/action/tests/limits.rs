use serde_json::json;

use super::{DAY, Scene, alert, of};
use crate::cases::{
    CaseOwner, CasePerson, CaseSeverity, CaseStamp, CaseStatus, CaseTemplate, ConfigurationChange,
    CustomFieldKind, CustomFieldSpec, DEFAULT_SPACE, TemplateFields,
    action::{CasesAction, TimeWindow},
};

#[test]
fn without_alerts_nothing_happens() {
    let mut scene = Scene::by_user();
    assert!(scene.run(&[]).cases.is_empty());
    assert!(scene.cases().is_empty());
}

#[test]
fn alerts_without_a_value_share_one_case() {
    let mut scene = Scene::new(CasesAction {
        group_by: vec!["a.b".into(), "c[1]".into(), "a.b".into()],
        ..CasesAction::default()
    });
    scene.run(&[
        alert("1", json!({ "a": { "b": "x" }, "c": [0, "y"] })),
        alert("2", json!({ "a.b": "x", "c": [0, "y"] })),
        alert("3", json!({ "a.b": "x" })),
        alert("4", json!({ "a.b": "x", "c": [0, 0] })),
        alert("5", json!({ "a.b": "", "c": [0, "y"] })),
        alert("6", json!({ "a.b": "x", "c": [0, false] })),
    ]);
    let cases = scene.cases();
    assert_eq!(cases.len(), 2);
    assert_eq!(cases[0].title, "A rule - Grouping by x & y (Auto-created)");
    assert_eq!(cases[1].title, "A rule - Grouping by unknown & unknown (Auto-created)");
    assert_eq!(scene.alerts_of(&cases[1].id), ["3", "4", "5", "6"]);
}

#[test]
fn past_the_limit_known_groups_keep_their_cases_and_new_ones_share_one() {
    let mut scene = Scene::by_user();
    scene.action.cases_max = 2;
    scene.run(&[of("1", "ann"), of("2", "bob")]);
    let outcome = scene.run(&[of("3", "ann"), of("4", "cid"), of("5", "dan")]);
    assert_eq!(outcome.overflowed, 2);
    let cases = scene.cases();
    assert_eq!(cases.len(), 3);
    assert_eq!(scene.alerts_of(&cases[0].id), ["1", "3"], "ann's case is used as before");
    assert_eq!(cases[2].title, "A rule (Auto-created)");
    assert_eq!(scene.alerts_of(&cases[2].id), ["4", "5"]);
    scene.run(&[of("6", "cid")]);
    assert_eq!(scene.cases().len(), 4, "cid gets a case as soon as there is room");
}

#[test]
fn the_window_counts_from_the_last_change_of_the_number() {
    let mut scene = Scene::by_user();
    let begun = scene.now;
    scene.run(&[of("1", "ann")]);
    scene.now = begun + 7 * DAY;
    scene.run(&[of("2", "ann")]);
    assert_eq!(scene.cases().len(), 1, "the window has not passed");
    scene.now += 1;
    scene.run(&[of("3", "ann")]);
    let titles: Vec<_> = scene.cases().into_iter().map(|case| case.title).collect();
    assert_eq!(titles.len(), 2, "an alert in between does not extend it");
    assert_eq!(titles[1], "A rule - Grouping by ann (2) (Auto-created)");
}

#[test]
fn a_closed_case_is_opened_again_or_gets_a_successor() {
    for reopen in [false, true] {
        let mut scene = Scene::by_user();
        scene.action.reopen = reopen;
        scene.run(&[of("1", "ann")]);
        let first = scene.cases()[0].id.clone();
        scene.set_status(&first, CaseStatus::Closed);
        let outcome = scene.run(&[of("2", "ann")]);
        let cases = scene.cases();
        assert_eq!(cases.len(), if reopen { 1 } else { 2 });
        assert_eq!(cases[0].status, if reopen { CaseStatus::Open } else { CaseStatus::Closed });
        assert_eq!((outcome.cases[0].is_reopened, outcome.cases[0].is_new), (reopen, !reopen));
        assert_eq!(outcome.cases[0].attached, 1);
    }
}

#[test]
fn a_full_case_gets_no_more_alerts_and_the_run_succeeds() {
    let mut scene = Scene::by_user();
    let many: Vec<_> = (0..999).map(|number| of(&format!("a{number}"), "ann")).collect();
    assert_eq!(scene.run(&many).cases[0].attached, 999);
    let outcome = scene.run(&[of("b1", "ann"), of("b2", "ann")]);
    assert_eq!((outcome.cases[0].attached, outcome.cases[0].skipped), (0, 2));
    assert_eq!(scene.run(&[of("b1", "ann")]).cases[0].attached, 1, "one has room");
    assert_eq!(scene.cases()[0].total_alerts, 1_000);
}

#[test]
fn a_case_begins_with_its_template_and_with_values_of_required_fields() {
    let mut scene = Scene::by_user();
    let fields = TemplateFields {
        severity: Some(CaseSeverity::High),
        category: Some("abuse".into()),
        tags: vec!["soc".into()],
        ..TemplateFields::default()
    };
    let template = CaseTemplate {
        key: "triage".into(),
        name: "Triage".into(),
        description: None,
        tags: Vec::new(),
        case_fields: Some(fields),
    };
    let field = |key: &str, kind, default| CustomFieldSpec {
        key: key.into(),
        label: key.into(),
        kind,
        required: true,
        default_value: default,
    };
    let change = ConfigurationChange {
        templates: Some(vec![template]),
        custom_fields: Some(vec![
            field("env", CustomFieldKind::Text, json!(null)),
            field("paid", CustomFieldKind::Toggle, json!(true)),
        ]),
        ..ConfigurationChange::default()
    };
    let stamp = CaseStamp { by: &CasePerson::named("ann"), now: scene.now };
    scene.db.cases(DEFAULT_SPACE).configure(CaseOwner::Cases, &change, stamp).unwrap();
    scene.action.template = Some("triage".into());
    scene.run(&[of("1", "ann")]);
    let case = &scene.cases()[0];
    assert_eq!((case.severity, case.category.as_deref()), (CaseSeverity::High, Some("abuse")));
    assert!(case.tags.contains(&"soc".to_owned()));
    let values: Vec<_> = case.custom_fields.iter().map(|field| field.value.clone()).collect();
    assert_eq!(values, [json!("N/A"), json!(true)]);
    scene.action.template = Some("nowhere".into());
    scene.action.time_window = TimeWindow::default();
    scene.run(&[of("2", "bob")]);
    assert_eq!(
        scene.cases()[1].severity,
        CaseSeverity::Low,
        "without its template it is created all the same"
    );
}
