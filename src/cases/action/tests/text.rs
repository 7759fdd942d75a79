use serde_json::{Map, Value, json};

use crate::cases::{
    NewCase,
    action::{CaseRule, CasesAction, text::new_case},
};

fn case(rule: &CaseRule, grouping: Value, counter: i64) -> NewCase {
    let grouping: Map<String, Value> = serde_json::from_value(grouping).unwrap();
    let case = new_case(rule, &CasesAction::default(), &grouping, counter, None);
    case.check().unwrap();
    case
}

#[test]
fn a_case_says_of_which_rule_and_which_group_it_is() {
    let rule = CaseRule {
        id: "r-1".into(),
        name: "Brute force".into(),
        tags: vec!["attack.t1110".into(), "ccfd:c-1".into()],
        url: Some("https://siem.example/r-1".into()),
    };
    let made = case(&rule, json!({ "host": "a", "user": "ann" }), 1);
    assert_eq!(made.title, "Brute force - Grouping by a & ann (Auto-created)");
    assert_eq!(
        made.description,
        "This case was created by the rule [`Brute force`](https://siem.example/r-1). The assigned alerts are grouped by \
         `host: a` and `user: ann`."
    );
    let tags = ["auto-generated", "rule:r-1", "host", "host:a", "user", "user:ann", "attack.t1110"];
    assert_eq!(made.tags, tags);
    assert!(!made.settings.sync_alerts);
    assert_eq!(case(&rule, json!({}), 3).title, "Brute force (3) (Auto-created)");
}

#[test]
fn what_records_say_stays_within_limits_and_within_its_place() {
    let much = "x".repeat(100_000);
    let rule = CaseRule {
        id: much.clone(),
        name: format!("{much}\n"),
        tags: (0..500).map(|number| format!("t{number}")).collect(),
        url: Some("https://a.example/) [b](javascript:0".into()),
    };
    let made = case(&rule, json!({ "user": much, "other": "` <b>\u{1b}[2J\n# head" }), 12);
    assert!(made.title.ends_with(" (12) (Auto-created)"), "{}", made.title);
    assert_eq!(made.tags.len(), 200);
    assert!(!made.description.contains(['\n', '\u{1b}']) && !made.description.contains("]("));
    assert_eq!(made.description.matches('`').count(), 2 * 3, "a value cannot end its code");
    case(&CaseRule::default(), json!({ "": "" }), 1);
}
