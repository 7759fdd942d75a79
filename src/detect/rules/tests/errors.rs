use super::*;

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = "title: One
id: not a uuid
level: hihg
staus: test
logsource: {product: windows, service: security, category: x}
detection:
  a: {EventTyp: x, EventType|contain: y}
  condition: a and b
---
title: Two
logsource: {product: openai, service: audit}
detection:
  a: {ActorType|gte: '5', EventDetails.x|cidr: [10.0.0.0/8, 300.0.0.0/8], EventDetails.y|re: '(a'}
  condition: a
tags: [Attack T1110]
taxonomy: own
";
    insta::assert_snapshot!(errors(text), @r##"
    own.yml:2: id: an id is a UUID
    own.yml:3: level: `hihg` is not a value here; did you mean `high`?
    own.yml:4: staus: `staus` is not a key here; did you mean `status`?
    own.yml:5: logsource.category: `category` is not a key here; there are `product`, `service` and `definition`
    own.yml:5: logsource.product: must be `openai`, not `windows`: no other records are collected
    own.yml:5: logsource.service: `security` is not a service; there are `audit_logs`, `chat_completions`, `audit` and `completions`
    own.yml:13: detection.a.ActorType|gte: a number is expected here, not a text
    own.yml:13: detection.a.EventDetails.x|cidr: `300.0.0.0/8` is not a network
    own.yml:13: detection.a.EventDetails.y|re: `(a` is not an expression: unclosed group
    own.yml:15: tags: `Attack T1110` is not a tag such as `attack.t1110`
    own.yml:16: taxonomy: only the taxonomy `sigma` is supported; fields are named by the columns of the tables
    "##);
}

#[test]
fn a_file_that_is_no_rule_says_why() {
    let files = [
        "",
        "# nothing\n",
        "title: [",
        "- a\n",
        "just text",
        "title: x\ntitle: y\n",
        "title: x\n",
        "action: global\ntitle: x\ndetection: {}\n",
        "title: x\ndetection: {}\ncorrelation: {}\n",
        "title: &a [*a]\n",
        "title: !own x\n",
        "title: x\n<<: {a: b}\n",
        "title: \"\\q\"\n",
        "title: x\n\tname: y\n",
    ];
    let all: Vec<_> = files.iter().map(|text| format!("{text:?}\n  {}", errors(text))).collect();
    insta::assert_snapshot!(all.join("\n"), @r##"
    ""
      own.yml: has no rule
    "# nothing\n"
      own.yml: has no rule
    "title: ["
      own.yml:1: not valid YAML: unclosed bracket '['
    "- a\n"
      own.yml:1: a map is expected here, not a list
    "just text"
      own.yml:1: a map is expected here, not a text
    "title: x\ntitle: y\n"
      own.yml:2: not valid YAML: duplicate mapping key: title
    "title: x\n"
      own.yml:1: a document has `detection`, `correlation` or `filter`
    "action: global\ntitle: x\ndetection: {}\n"
      own.yml:1: action: of Sigma 1, and not supported; write each document whole
    "title: x\ndetection: {}\ncorrelation: {}\n"
      own.yml:1: a document has only one of `detection` and `correlation`
    "title: &a [*a]\n"
      own.yml:1: not valid YAML: recursive references require weak recursion types
    "title: !own x\n"
      own.yml:1: not valid YAML: unsupported tag `!own`
    "title: x\n<<: {a: b}\n"
      own.yml:2: not valid YAML: YAML merge keys are not allowed
    "title: \"\\q\"\n"
      own.yml:1: not valid YAML: while parsing a quoted scalar, found unknown escape character
    "title: x\n\tname: y\n"
      own.yml:1: not valid YAML: while scanning a plain scalar, found a tab
    "##);
}

#[test]
fn a_detection_that_cannot_be_right_says_why() {
    insta::assert_snapshot!(detection_errors(&[
        "condition: a",
        "a: {}\ncondition: a",
        "a: []\ncondition: a",
        "a:\ncondition: a",
        "a: {Id: []}\ncondition: a",
        "a: {Id: {b: c}}\ncondition: a",
        "a: [{Id: x}, y]\ncondition: a",
        "a: [[x]]\ncondition: a",
        "a: true\ncondition: a",
        "a: {Id: x}",
        "a: {Id: x}\ncondition: {b: c}",
        "a: {Id: x}\ncondition: a | count() > 5",
        "a: {Id: x}\ncondition: a\ntimeframe: 5m",
        "a:\n  Id|all: x\ncondition: a",
        "a:\n  Id|exists: x\ncondition: a",
        "a:\n  Id|wide: größe\ncondition: a",
        "a:\n  Id|contains|base64: x\ncondition: a",
        "a:\n  Id|fieldref: EventTypo\ncondition: a",
        "a:\n  Id|re: '(?=x)'\ncondition: a",
        "a:\n  Id|re: '((a{100}){100}){100}'\ncondition: a",
        "a:\n  Id|expand: '%Own%'\ncondition: a",
        "a:\n  PromptText: x\ncondition: a",
    ]), @r##"
    own.yml:4: detection: a detection has 1 to 200 selections, not 0
    own.yml:4: detection.a: is empty
    own.yml:4: detection.a: is empty
    own.yml:4: detection.a: is empty
    own.yml:4: detection.a.Id: has no values
    own.yml:4: detection.a.Id: a value is expected here, not a map
    own.yml:4: detection.a: a list has either maps or texts
    own.yml:4: detection.a: a value is expected here, not a list
    own.yml:4: detection.a: a map or a list is expected here
    own.yml:4: detection.condition: missing
    own.yml:5: detection.condition: a text is expected here, not a map
    own.yml:5: detection.condition: `|` in a condition is of Sigma 1; use a document with `correlation` instead
    own.yml:6: detection.timeframe: of Sigma 1; use a document with `correlation` and its `timespan` instead
    own.yml:5: detection.a.Id|all: `all` needs more than one value
    own.yml:5: detection.a.Id|exists: `true` or `false` is expected here, not a text
    own.yml:5: detection.a.Id|wide: only ASCII can be found in UTF-16; other texts need `base64` or `base64offset` after it
    own.yml:5: detection.a.Id|contains|base64: wildcards cannot be encoded; put `contains` and the like last
    own.yml:5: detection.a.Id|fieldref: `EventTypo` is not a field of OpenAIAuditLogs_CL; did you mean `EventType`?
    own.yml:5: detection.a.Id|re: `(?=x)` is not an expression: look-around, including look-ahead and look-behind, is not supported
    own.yml:5: detection.a.Id|re: the expression `((a{100}){100}){100}` is too large
    own.yml:1: detection: `%Own%` is not set; give its values in the setting `placeholders`
    own.yml:5: detection.a.PromptText: `PromptText` is not a field of OpenAIAuditLogs_CL
    "##);
}

const RULES: &str = "---
title: A
name: a
logsource: {product: openai, service: audit}
detection: {s: {Id: x}, condition: s}
---
title: B
name: b
correlation: {type: event_count, rules: [a], group-by: [Actor], timespan: 1h, condition: {gte: 2}}
";

fn correlation_errors(correlations: &[&str]) -> String {
    let one =
        |correlation: &&str| errors(&format!("title: C\nname: c\ncorrelation: {{{correlation}}}\n{RULES}"));
    correlations.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_correlation_that_cannot_be_right_says_why() {
    insta::assert_snapshot!(correlation_errors(&[
        "",
        "type: event_cuont, rules: [a], timespan: 1h, condition: {gte: 1}",
        "type: value_median, rules: [a], timespan: 1h, condition: {gte: 1, field: Id}",
        "type: event_count, rules: [z], timespan: 1h, condition: {gte: 1}",
        "type: event_count, rules: [a, a], timespan: 1h, condition: {gte: 1}",
        "type: event_count, rules: [a], timespan: 1 h, condition: {gte: 1}",
        "type: event_count, rules: [a], timespan: 1h, condition: {}",
        "type: event_count, rules: [a], timespan: 1h, condition: {gte: many}",
        "type: event_count, rules: [a], timespan: 1h, condition: {gte: 1, field: Id}",
        "type: event_count, rules: [a], timespan: 1h, window: sliding, condition: {gte: 1}",
        "type: event_count, rules: [a], group-by: [Actr], timespan: 1h, condition: {gte: 1}",
        "type: event_count, rules: [b], group-by: [ActorAddress], timespan: 1h, condition: {gte: 1}",
        "type: event_count, rules: [c], timespan: 1h, condition: {gte: 1}",
        "type: value_count, rules: [a], timespan: 1h, condition: {gte: 1}",
        "type: value_count, rules: [b], timespan: 1h, condition: {gte: 1, field: Actor}",
        "type: value_sum, rules: [a], timespan: 1h, condition: {gte: 1, field: [Id, Actor]}",
        "type: value_percentile, rules: [a], timespan: 1h, condition: {gte: 1, field: Id, percentile: 101}",
        "type: temporal, rules: [a, b], timespan: 1h, condition: a and not b",
        "type: temporal, rules: [a, b], timespan: 1h, condition: {gte: 1}",
        "type: event_count, rules: [a], group-by: [w], timespan: 1h, condition: {gte: 1}, aliases: {w: {b: Actor}}",
        "type: event_count, rules: [a], timespan: 1h, condition: {gte: 1}, generate: maybe",
        "type: event_count, rules: [], timespan: 1h, condition: {gte: 1}",
        "type: event_count, rules: [a], timespan: 0s, condition: {gte: 1}",
        "type: event_count, rules: [a], timespan: 1h, condition: {gte: 5, lt: 3}",
        "type: event_count, rules: [a], timespan: 1h, condition: {lt: 1}",
        "type: event_count, rules: [a], timespan: 1h, condition: {eq: 2.5}",
        "type: value_sum, rules: [a], timespan: 1h, condition: {gt: 5, lte: 5, field: Id}",
        "type: event_count, rules: [a], timespan: 1h, condition: {gte: .inf}",
    ]), @r##"
    own.yml:3: correlation.rules: missing
    own.yml:3: correlation.timespan: missing
    own.yml:3: correlation.type: missing
    own.yml:3: correlation.type: `event_cuont` is not a type of correlation; did you mean `event_count`?
    own.yml:3: correlation.type: not of Sigma 2.1; use `value_percentile` with `percentile: 50`
    own.yml:3: correlation.rules: `z` is not a rule of this set; there are `c`, `a` and `b`
    own.yml:3: correlation.rules: `a` is there twice
    own.yml:3: correlation.timespan: `1 h` is not a span of time such as `15s`, `30m`, `1h` or `7d`
    own.yml:3: correlation.condition: a comparison such as `gte: 5` is missing
    own.yml:3: correlation.condition.gte: a number is expected here, not a text
    own.yml:3: correlation.condition.field: `field` is not a key here; there are `lt`, `lte`, `gt`, `gte`, `eq` and `neq`
    own.yml:3: correlation.window: `window` is not a key here; there are `type`, `rules`, `group-by`, `timespan`, `condition`, `aliases` and `generate`
    own.yml:3: correlation.group-by: for `a`: `Actr` is not a field of OpenAIAuditLogs_CL; did you mean `Actor`?
    own.yml:3: correlation.group-by: `ActorAddress` is not a field by which `b` groups; did you mean `Actor`?
    own.yml:3: correlation.rules: is about itself, or about a correlation that is
    own.yml:3: correlation.condition.field: missing
    own.yml:3: correlation.rules: `b` is a correlation, whose matches have no values
    own.yml:3: correlation.condition.field: only `value_count` can count several fields
    own.yml:3: correlation.condition.percentile: a percentile is between 0 and 100
    own.yml:3: correlation.condition: not supported here: each of the rules must match; remove the condition, or split the rule
    own.yml:3: correlation.condition: not supported here: each of the rules must match; remove the condition, or split the rule
    own.yml:3: correlation.aliases.w: `b` is not among the rules of the correlation
    own.yml:3: correlation.aliases.w: says nothing about `a`
    own.yml:3: correlation.group-by: for `a`: `w` is not a field of OpenAIAuditLogs_CL
    own.yml:3: correlation.generate: `true` or `false` is expected here, not a text
    own.yml:3: correlation.rules: names no rule
    own.yml:3: correlation.timespan: `0s`: a span is at least `1s` and at most `366d`
    own.yml:3: correlation.condition: can never hold: no number satisfies all of it
    own.yml:3: correlation.condition: can never hold: no number satisfies all of it
    own.yml:3: correlation.condition: can never hold: no number satisfies all of it
    own.yml:3: correlation.condition: can never hold: no number satisfies all of it
    own.yml:3: not valid YAML: non-finite float `.inf` rejected by the configured policy
    "##);
}

#[test]
fn every_form_of_all_rules_is_a_temporal_correlation() {
    for condition in
        ["", "condition: a and b,", "condition: b AND a,", "condition: {gte: 2},", "condition: {eq: 2},"]
    {
        let text = format!(
            "title: C\ncorrelation: {{type: temporal, {condition} rules: [a, b], timespan: 1h}}\n{RULES}"
        );
        assert!(load(&text).is_ok(), "{condition}");
    }
}

#[test]
fn an_extension_that_cannot_be_right_says_why() {
    let extensions = [
        "{stat: active}",
        "{state: on}",
        "{suppress: 5}",
        "{group_by: Acto}",
        "{missing_group: skip}",
        "{first_seen: {field: Actor}}",
        "{first_seen: {field: [Actor, Id], window: 1d}}",
        "{spike: {field: Id, timespan: 1h, factor: 1, baseline: 90m, at_least: -1}}",
        "{first_seen: {field: Actor, window: 1d}, spike: {field: Id, timespan: 1h, factor: 2, baseline: 1d}}",
        "{group_by: Actor, first_seen: {field: Actor, window: 1d}}",
        "{tests: x}",
        "{tests: [{events: ../x, alerts: 1.5}]}",
        "{tests: [{events: x}]}",
        "active",
    ];
    let one =
        |extension: &&str| errors(&(audit_rule("s: {Id: x}\ncondition: s") + "ccfd: " + extension + "\n"));
    insta::assert_snapshot!(extensions.iter().map(one).collect::<Vec<_>>().join("\n"), @r##"
    own.yml:6: ccfd.stat: `stat` is not a key here; did you mean `state`?
    own.yml:6: ccfd.state: `on` is not a value here; there are `active`, `staging` and `off`
    own.yml:6: ccfd.suppress: `5` is not a span of time such as `15s`, `30m`, `1h` or `7d`
    own.yml:6: ccfd.group_by: `Acto` is not a field of OpenAIAuditLogs_CL; did you mean `Actor`?
    own.yml:1: ccfd.missing_group: has no effect without `group_by`
    own.yml:6: ccfd.first_seen.window: missing
    own.yml:6: ccfd.first_seen.field: the name of one field is expected here
    own.yml:6: ccfd.spike.at_least: must not be negative
    own.yml:6: ccfd.spike.baseline: must be a multiple of `timespan`, at least twice as long
    own.yml:6: ccfd.spike.factor: must be more than 1
    own.yml:6: ccfd.spike: `first_seen` and `spike` are two rules; write a document for each
    own.yml:6: ccfd.group_by: belongs into `first_seen` or `spike` here
    own.yml:6: ccfd.tests: a list is expected here, not a text
    own.yml:6: ccfd.tests.alerts: a number of alerts is expected here
    own.yml:6: ccfd.tests.events: the name of a file beside the rule is expected here
    own.yml:6: ccfd.tests.alerts: missing
    own.yml:6: ccfd: a map is expected here, not a text
    "##);
}

#[test]
fn names_and_ids_are_given_once_and_filters_name_what_they_can_filter() {
    let id = "id: 0f6f0d0e-0000-4000-8000-000000000001\n";
    let one = format!(
        "title: X\nname: a\n{id}logsource: {{product: openai, service: audit}}\ndetection: {{s: {{Id: x}}, condition: s}}\n"
    );
    let filter = |rules: &str, rest: &str| {
        format!(
            "title: F\nlogsource: {{product: openai, service: completions}}\nfilter: {{rules: {rules}, s: {{Id: x}}, condition: s}}\n{rest}{RULES}"
        )
    };
    let all = [
        errors(&(one.clone() + RULES)),
        errors(&(one.replace("name: a", "name: z") + "---\n" + &one.replace("name: a", "name: y"))),
        errors(&one.replace("name: a", "name: 'a b'")),
        errors(&filter("[a, b, c]", "")),
        errors(&filter("[any, b]", "")),
        errors(&filter("", "")),
        errors(&filter("[]", "")),
        errors(&filter("any", "ccfd: {state: off}\n")),
    ];
    insta::assert_snapshot!(all.join("\n"), @r##"
    own.yml:8: name: `a` is the name or id of another rule: own.yml:1
    own.yml:9: id: `0f6f0d0e-0000-4000-8000-000000000001` is the name or id of another rule: own.yml:1
    own.yml:2: name: `a b` is not a name: letters, digits, `_`, `-` and `.`
    own.yml:3: filter.rules: `a` is about another table than `logsource` says
    own.yml:3: filter.rules: `b` is a correlation; filter the rules that it is about
    own.yml:3: filter.rules: `c` is no rule of this set
    own.yml:3: filter.rules: `any` is all of them; remove the others
    own.yml:3: filter.rules: missing
    own.yml:3: filter.rules: names no rule
    own.yml:4: ccfd: a filter has no `ccfd`
    "##);
}

#[test]
fn hostile_files_cost_no_stack_and_little_time() {
    let deep = "a: ".to_owned() + &"[".repeat(100_000);
    let block: String = (0..500).map(|depth| " ".repeat(depth) + "a:\n").collect();
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d]\n";
    let documents = "---\na: b\n".repeat(1000);
    let large = "x".repeat(2 << 20);
    let not = audit_rule(&format!("a: {{Id: x}}\ncondition: {}a", "not ".repeat(10_000)));
    let values = audit_rule(&format!("a: {{Id: [{}]}}\ncondition: a", "x,".repeat(50_000)));
    let expression =
        audit_rule(&format!("a: {{Id|re: '{}'}}\ncondition: a", "(".repeat(10_000) + &")".repeat(10_000)));
    let dashes = audit_rule("a: {Id|windash: '-a -b -c -d -e -f'}\ncondition: a");
    let all: Vec<_> = [&deep, &block, bomb, &documents, &large, &not, &values, &expression, &dashes]
        .iter()
        .map(|text| errors(text))
        .collect();
    insta::assert_snapshot!(all.join("\n"), @r##"
    own.yml:1: larger than a rule file can be: 20000 values, 24 levels, 64 documents
    own.yml:25: larger than a rule file can be: 20000 values, 24 levels, 64 documents
    own.yml:5: larger than a rule file can be: 20000 values, 24 levels, 64 documents
    own.yml:129: larger than a rule file can be: 20000 values, 24 levels, 64 documents
    own.yml: 2097152 bytes; a rule file has at most 1048576
    own.yml:5: detection.condition: more than 1000 words
    own.yml:4: larger than a rule file can be: 20000 values, 24 levels, 64 documents
    own.yml:4: detection.a.Id|re: `((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((…` is not an expression: exceed the maximum number of nested parentheses/brackets (50)
    own.yml:4: detection.a.Id|windash: too many dashes for `windash`
    "##);
}
