//! What a match tells correlations: its groups and values.

use super::{judging::LOGIN, *};
use crate::detect::model::{GroupKey, MatchValue, RuleIndex, Seen};

pub(super) const BURST: &str = "title: Burst
name: burst
ccfd: {missing_group: shared}
correlation: {type: event_count, rules: [failed], group-by: [Actor], timespan: 1h, condition: {gte: 5}}
---
title: Countries
name: countries
correlation: {type: value_count, rules: [failed], group-by: [Actor], timespan: 1h, condition: {gte: 2, field: ActorCountry}}
---
title: Failed
name: failed
logsource: {product: openai, service: audit}
detection: {s: {EventType: login.failed}, condition: s}
";

#[test]
fn a_match_tells_each_correlation_its_group_and_value() {
    let set = loaded(BURST);
    let see = |json: &str| judge(&set, &AUDIT_LOGS, json).remove(0).seen_by;
    let group = |text: &str| GroupKey(vec![Some(text.to_owned())]);
    let ann = group("ann@example.com");
    let value = Some(MatchValue::Text("de".to_owned()));
    assert_eq!(
        see(LOGIN),
        [
            Seen { by: RuleIndex(0), input: 0, group: ann.clone(), value: None },
            Seen { by: RuleIndex(1), input: 0, group: ann, value },
        ]
    );
    let nobody = see(r#"{"id":"1","type":"login.failed","actor":null}"#);
    assert_eq!(nobody, [Seen { by: RuleIndex(0), input: 0, group: GroupKey(vec![None]), value: None }]);
}

#[test]
fn a_long_value_of_a_group_is_cut_and_stays_different_from_others() {
    let set = loaded(BURST);
    let group = |email: &str| {
        let found = judge(&set, &AUDIT_LOGS, &LOGIN.replace("Ann@Example.com", email));
        found[0].seen_by[0].group.0[0].clone().unwrap()
    };
    let (one, other) = ("a".repeat(5 << 20) + "1", "a".repeat(5 << 20) + "2");
    assert!(group(&one).len() < 300 && group(&one) != group(&other));
    assert_eq!(group(&one), group(&one.to_uppercase()));
}

#[test]
fn several_values_of_a_group_are_not_one_value_with_a_comma() {
    let rule = audit_rule("s:\n  EventDetails.x|exists: true\ncondition: s");
    let set = loaded(&(rule + "ccfd: {group_by: [EventDetails.x]}\n"));
    let group = |json: &str| {
        let found = judge(&set, &AUDIT_LOGS, &format!(r#"{{"id":"1","type":"t","t":{{"x":{json}}}}}"#));
        found[0].seen_by[0].group.0[0].clone().unwrap()
    };
    assert_eq!(group(r#""Doe, Ann""#), "doe, ann");
    assert_eq!(group(r#"["doe","ann"]"#), r#""doe", "ann""#);
    assert_ne!(group(r#""\"doe\", \"ann\"""#), group(r#"["doe","ann"]"#));
    assert_eq!(group(r#"["a"]"#), "a");
}

#[test]
fn a_detection_that_alerts_sees_itself_with_the_group_of_its_alerts() {
    let text = audit_rule("s: {EventType: login.failed}\ncondition: s")
        + "ccfd: {group_by: [ActorAddress, Project.id]}\n";
    let set = loaded(&text);
    let seen = judge(&set, &AUDIT_LOGS, LOGIN).remove(0).seen_by;
    let group = GroupKey(vec![Some("203.0.113.7".to_owned()), None]);
    assert_eq!(seen, [Seen { by: RuleIndex(0), input: 0, group, value: None }]);
    assert_eq!(
        set.rules[0].group_by.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["ActorAddress", "Project.id"]
    );
}
