//! What a match tells correlations: its groups and values.

use super::{judging::LOGIN, *};
use crate::detect::model::{MatchValue, RuleIndex, Seen, SeenBy};

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
    let login = see(LOGIN);
    let seen: Vec<Seen<'_>> = login.iter().collect();
    assert_eq!(
        seen.iter().map(|seen| (seen.by, seen.input)).collect::<Vec<_>>(),
        [(RuleIndex(0), 0), (RuleIndex(1), 0)]
    );
    for one in &seen {
        assert_eq!(one.group().collect::<Vec<_>>(), [Some("ann@example.com")]);
    }
    assert_eq!(seen[0].values().len(), 0);
    assert_eq!(seen[1].values().collect::<Vec<_>>(), [MatchValue::Text("de")]);
    let nobody = see(r#"{"id":"1","type":"login.failed","actor":null}"#);
    let seen: Vec<Seen<'_>> = nobody.iter().collect();
    assert_eq!((seen.len(), seen[0].by), (1, RuleIndex(0)), "countries are counted by people only");
    assert_eq!(seen[0].group().collect::<Vec<_>>(), [None]);
}

/// The first field of the group that the first correlation sees.
fn only_group(seen_by: &SeenBy) -> Option<String> {
    seen_by.iter().next().unwrap().group().next().unwrap().map(str::to_owned)
}

#[test]
fn a_long_value_of_a_group_is_cut_and_stays_different_from_others() {
    let set = loaded(BURST);
    let group = |email: &str| {
        let found = judge(&set, &AUDIT_LOGS, &LOGIN.replace("Ann@Example.com", email));
        only_group(&found[0].seen_by).unwrap()
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
        only_group(&found[0].seen_by).unwrap()
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
    let seen: Vec<Seen<'_>> = seen.iter().collect();
    assert_eq!((seen.len(), seen[0].by, seen[0].values().len()), (1, RuleIndex(0), 0));
    assert_eq!(seen[0].group().collect::<Vec<_>>(), [Some("203.0.113.7"), None]);
    assert_eq!(
        set.rules[0].group_by.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["ActorAddress", "Project.id"]
    );
}

#[test]
fn content_divides_into_groups_and_is_counted_by_a_hash_that_does_not_say_it() {
    let answers = "title: Answers
name: answers
correlation: {type: value_count, rules: [any], group-by: [AnswerText], timespan: 1h, condition: {gte: 2, field: PromptText}}
---
" .to_owned() + &completion_rule("s: {Id: '*'}\ncondition: s") + "name: any\n";
    let set = loaded(&answers);
    let see = |answer: &str, prompt: &str| {
        let json = format!(
            r#"{{"id":"1","choices":[{{"message":{{"content":"{answer}"}}}}],
            "ccfd_messages":[{{"content":"{prompt}"}}]}}"#
        );
        let seen_by = judge(&set, &CHAT_COMPLETIONS, &json).remove(0).seen_by;
        let seen = seen_by.iter().next().unwrap();
        let value = match seen.values().next().unwrap() {
            MatchValue::Text(text) => text.to_owned(),
            MatchValue::Number(number) => number.to_string(),
        };
        (only_group(&seen_by).unwrap(), value)
    };
    let (group, value) = see("hunter2", "secret");
    assert!(group.starts_with("(text ") && group.len() < 50 && !group.contains("hunter2"), "{group}");
    assert!(value.starts_with("(text ") && !value.contains("secret"), "{value}");
    assert_eq!(see("Hunter2", "SECRET"), (group.clone(), value.clone()));
    assert!(see("hunter3", "secret") != (group, value));
}

#[test]
fn groups_of_more_than_ten_values_are_different_where_any_value_is() {
    let rule = audit_rule("s:\n  EventDetails.x|exists: true\ncondition: s");
    let set = loaded(&(rule + "ccfd: {group_by: [EventDetails.x]}\n"));
    let group = |last: &[&str]| {
        let values = [vec!["\"a\""; 10], last.to_vec()].concat().join(",");
        let found = judge(&set, &AUDIT_LOGS, &format!(r#"{{"id":"1","type":"t","t":{{"x":[{values}]}}}}"#));
        only_group(&found[0].seen_by).unwrap()
    };
    let groups: std::collections::BTreeSet<String> =
        [&[][..], &["1"], &["2"], &["1", "2"], &["12"]].map(group).into();
    assert_eq!(groups.len(), 5);
    assert_eq!(group(&["\"B\""]), group(&["\"b\""]));
}

#[test]
fn two_values_that_are_counted_together_are_never_two_others() {
    let text = "title: Pairs
name: pairs
correlation: {type: value_count, rules: [any], timespan: 1h, condition: {gte: 2, field: [EventDetails.x, EventDetails.y]}}
---
" .to_owned() + &audit_rule("s: {Id: '*'}\ncondition: s") + "name: any\n";
    let set = loaded(&text);
    let value = |x: &str, y: &str| {
        let json = format!(r#"{{"id":"1","type":"t","t":{{"x":"{x}","y":"{y}"}}}}"#);
        let seen_by = judge(&set, &AUDIT_LOGS, &json).remove(0).seen_by;
        format!("{:?}", seen_by.iter().next().unwrap().values().next().unwrap())
    };
    for (x, y, other_x, other_y) in [
        (r"p\u001fq", "r", "p", r"q\u001fr"),
        (r"p\u001es", "r", r"p\u001f", "r"),
        (r"p\u001e", r"r", r"p\u001ee", "r"),
    ] {
        assert_ne!(value(x, y), value(other_x, other_y), "{x} {y}");
    }
}
