use super::*;

#[test]
fn what_can_never_match_is_an_error() {
    insta::assert_snapshot!(detection_errors(&[
        "a:\n  TimeGenerated|hour: 25\ncondition: a",
        "a:\n  TimeGenerated|minute: [5, 60]\ncondition: a",
        "a:\n  TimeGenerated|month: 13\ncondition: a",
        "a:\n  TimeGenerated|day: 0\ncondition: a",
        "a:\n  TimeGenerated|week: 54\ncondition: a",
        "a:\n  TimeGenerated|year: 26\ncondition: a",
        "a:\n  TimeGenerated|hour|gt: 23\ncondition: a",
        "a:\n  TimeGenerated|hour: 5.5\ncondition: a",
        "a:\n  TimeGenerated|hour|gte: .inf\ncondition: a",
        "a: {TimeGenerated: 2026-01-31}\ncondition: a",
        "a:\n  TimeGenerated|cidr: 10.0.0.0/8\ncondition: a",
        "a: {TimeGenerated: true}\ncondition: a",
        "a: {EventDetails.n: .nan}\ncondition: a",
        "a:\n  Id|exists: [true, false]\ncondition: a",
        "a:\n  Id|contains: ''\ncondition: a",
        "a:\n  Id|re: ''\ncondition: a",
        "a: ['']\ncondition: a",
        "a:\n  Id|base64offset: x\ncondition: a",
        "a: {Id: x}\ncondition: []",
        "a: {Id: x}\nb: {Id: y}\ncondition: a and b",
        "a: {Id: x}\ncondition: a and not a",
        "a: {Id: x}\nb: {Id: y}\ncondition: a or not (a and b)",
    ]), @r##"
    own.yml:5: detection.a.TimeGenerated|hour: can never match: an hour is 0 to 23
    own.yml:5: detection.a.TimeGenerated|minute: can never match: a minute is 0 to 59
    own.yml:5: detection.a.TimeGenerated|month: can never match: a month is 1 to 12
    own.yml:5: detection.a.TimeGenerated|day: can never match: a day is 1 to 31
    own.yml:5: detection.a.TimeGenerated|week: can never match: a week is 1 to 53
    own.yml:5: detection.a.TimeGenerated|year: can never match: a year is 1970 to 9999
    own.yml:5: detection.a.TimeGenerated|hour|gt: can never match: an hour is 0 to 23
    own.yml:5: detection.a.TimeGenerated|hour: can never match: an hour is 0 to 23
    own.yml:5: not valid YAML: non-finite float `.inf` rejected by the configured policy
    own.yml:4: detection.a.TimeGenerated: never equals `2026-01-31`: it is a time, written as `2026-01-31T00:00:00Z`
    own.yml:5: detection.a.TimeGenerated|cidr: is a time, which is neither a network nor `true` or `false`
    own.yml:4: detection.a.TimeGenerated: is a time, which is neither a network nor `true` or `false`
    own.yml:4: not valid YAML: non-finite float `.nan` rejected by the configured policy
    own.yml:5: detection.a.Id|exists: one of `true` and `false` is expected here
    own.yml:5: detection.a.Id|contains: an empty text is in every text; `|exists: true` says so
    own.yml:5: detection.a.Id|re: an empty expression is in every text; `|exists: true` says so
    own.yml:4: detection.a: an empty text is in every text; `|exists: true` says so
    own.yml:5: detection.a.Id|base64offset: `base64offset` makes pieces of longer texts: put `contains` after it
    own.yml:5: detection.condition: is empty
    own.yml:6: detection.condition: can never be true: `Id` has one value, and would have to be several
    own.yml:5: detection.condition: can never be true, whatever the selections match
    own.yml:6: detection.condition: is always true, whatever the selections match
    "##);
    for detection in [
        "a:\n  TimeGenerated|hour: [0, 23]\n  TimeGenerated|minute|lte: 59\n  TimeGenerated|week: 53\ncondition: a",
        "a: {TimeGenerated: '2026-01-31T00:00:00Z'}\ncondition: a",
        "a:\n  TimeGenerated|gte: 1770979925\n  TimeGenerated|startswith: '2026-'\ncondition: a",
        "a: {EventDetails.x: y}\nb: {EventDetails.x: z}\ncondition: a and b",
        "a: {Id: [x, y]}\nb: {Id: Y}\ncondition: a and b",
    ] {
        assert!(load(&audit_rule(detection)).is_ok(), "{detection}");
    }
}

#[test]
fn what_a_rule_says_of_itself_is_checked() {
    let long = "x".repeat(257);
    let lines = [
        format!("title: {long}"),
        "id: 0f6f0d0e-0000-4000-8000-00000000000g".to_owned(),
        "id: '1'".to_owned(),
        "status: done".to_owned(),
        "level: severe".to_owned(),
        "date: 2026-02-30".to_owned(),
        "modified: yesterday".to_owned(),
        "author: [a]".to_owned(),
        "name: rule_is_flooding".to_owned(),
        "related: {id: x}".to_owned(),
        "related: [{id: x, type: cousin}]".to_owned(),
    ];
    let rule = audit_rule("s: {Id: x}\ncondition: s");
    let one = |line: &String| match line.starts_with("title") {
        true => errors(&rule.replace("title: Own", line)),
        false => errors(&(rule.clone() + line + "\n")),
    };
    insta::assert_snapshot!(lines.iter().map(one).collect::<Vec<_>>().join("\n"), @r##"
    own.yml:1: title: longer than 256 characters
    own.yml:6: id: an id is a UUID
    own.yml:6: id: an id is a UUID
    own.yml:6: status: `done` is not a value here; there are `stable`, `test`, `experimental`, `deprecated` and `unsupported`
    own.yml:6: level: `severe` is not a value here; there are `informational`, `low`, `medium`, `high` and `critical`
    own.yml:6: date: `2026-02-30` is not a day such as `2026-01-31`
    own.yml:6: modified: `yesterday` is not a day such as `2026-01-31`
    own.yml:6: author: a text is expected here, not a list
    own.yml:6: name: `rule_is_flooding` is the name of ccfd's own alerts; give it another `name`
    own.yml:6: related: a list is expected here, not a map
    own.yml:6: related.id: an id is a UUID
    own.yml:6: related.type: `cousin` is not a relation; there are `derived`, `merged`, `obsolete`, `renamed` and `similar`
    "##);
    for line in [
        "id: 0F6F0D0E-0000-4000-8000-000000000001",
        "date: 2026/01/31",
        "modified: 2026-01-31",
        "related: [{id: 0f6f0d0e-0000-4000-8000-000000000001, type: similar}]",
    ] {
        assert!(load(&(rule.clone() + line + "\n")).is_ok(), "{line}");
    }
}

#[test]
fn ids_are_unique_across_files_whatever_their_case_and_kind() {
    let id = "0f6f0d0e-0000-4000-8000-00000000000a";
    let rule =
        |name: &str, id: &str| audit_rule("s: {Id: x}\ncondition: s") + &format!("name: {name}\nid: {id}\n");
    let filter = format!(
        "title: F\nid: {id}\nlogsource: {{product: openai, service: audit}}\nfilter: {{rules: any, s: {{Id: x}}, condition: s}}\n"
    );
    let of = |texts: &[String]| {
        let sources: Vec<RuleSource> = texts
            .iter()
            .enumerate()
            .map(|(number, text)| RuleSource::Text { name: format!("{number}.yml"), text: text.clone() })
            .collect();
        let set = RuleSet::load(&sources, &Tables::built_in(), &Placeholders::new());
        set.map(|set| set.rules.len()).map_err(|errors| shown(&errors))
    };
    let upper = id.to_uppercase();
    let all = [
        of(&[rule("a", id), rule("b", &upper)]).unwrap_err(),
        of(&[rule("a", id), filter]).unwrap_err(),
        of(&[rule("a", id), rule("a", "0f6f0d0e-0000-4000-8000-00000000000b")]).unwrap_err(),
    ];
    insta::assert_snapshot!(all.join("\n"), @r##"
    1.yml:7: id: `0f6f0d0e-0000-4000-8000-00000000000a` is the name or id of another rule: 0.yml:1
    1.yml:2: id: `0f6f0d0e-0000-4000-8000-00000000000a` is the name or id of another rule: 0.yml:1
    1.yml:6: name: `a` is the name or id of another rule: 0.yml:1
    "##);
    let by_id = format!(
        "title: C\ncorrelation: {{type: event_count, rules: [{upper}], timespan: 1h, condition: {{gte: 2}}}}\n"
    );
    assert_eq!(of(&[rule("a", id), by_id.clone()]), Ok(2));
    let twice = by_id.replace(&upper, &format!("a, {upper}"));
    let said = of(&[rule("a", id), twice]).unwrap_err();
    assert!(said.contains("is there twice, by its name and its id"), "{said}");
}

#[test]
fn expressions_that_are_too_large_together_are_refused_in_little_time() {
    let huge = "(a{100}){100}(b{100}){3}";
    let entries: String = (0..200).map(|n| format!("  EventDetails.x{n}|re: '{huge}{n}'\n")).collect();
    let said = errors(&audit_rule(&format!("s:\n{entries}condition: s")));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("larger than 64 MiB when they are compiled"), "{said}");
}
