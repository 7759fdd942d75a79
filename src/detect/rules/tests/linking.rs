use super::*;
use crate::detect::model::{
    Comparison, Correlation, CorrelationInput, CorrelationKind, Level, RuleIndex, RuleKind, RuleState,
};

const FAILED: &str = "---
title: Failed
name: failed
logsource: {product: openai, service: audit}
detection: {s: {EventType: login.failed}, condition: s}
";

const WORKED: &str = "---
title: Worked
name: worked
id: 0f6f0d0e-0000-4000-8000-000000000001
logsource: {product: openai, service: audit}
detection: {s: {EventType: login.succeeded}, condition: s}
";

const MANY: &str = "---
title: Many
name: many
correlation:
  type: event_count
  rules: [failed]
  group-by: [ConnectorName, Actor]
  timespan: 30m
  condition: {gte: 5, lt: 100}
";

const BRUTE: &str = "title: Brute force that worked
name: brute
level: high
tags: [attack.t1110]
correlation:
  type: temporal_ordered
  rules: [many, 0f6f0d0e-0000-4000-8000-000000000001]
  group-by: [who]
  aliases:
    who: {many: Actor, worked: ActorSession.user.email}
  timespan: 1h
ccfd: {suppress: 1d, state: staging}
";

fn chain() -> String {
    [BRUTE, MANY, FAILED, WORKED].concat()
}

fn correlation<'s>(set: &'s RuleSet, slug: &str) -> &'s Correlation {
    let rule = set.rule(set.named(slug).unwrap()).unwrap();
    rule.correlation().unwrap_or_else(|| panic!("{slug} is a detection"))
}

#[test]
fn a_chain_finds_its_rules_by_name_or_id_and_their_groups_by_alias() {
    let set = loaded(&chain());
    let brute = correlation(&set, "brute");
    assert_eq!(brute.kind, CorrelationKind::TemporalOrdered);
    assert_eq!((brute.timespan, brute.condition.len()), (3600, 0));
    assert_eq!(
        brute.inputs,
        [
            CorrelationInput { rule: RuleIndex(1), group_from: vec![1] },
            CorrelationInput { rule: RuleIndex(3), group_from: vec![] },
        ]
    );
    let many = correlation(&set, "many");
    assert_eq!(many.condition, [(Comparison::Less, 100.0), (Comparison::AtLeast, 5.0)]);
    let rule = &set.rules[0];
    assert_eq!((rule.level, rule.state, rule.alerts), (Level::High, RuleState::Staging, true));
    assert_eq!(rule.suppress.unwrap().as_secs(), 86_400);
    assert!(set.rules[1..].iter().all(|rule| !rule.alerts));
    assert_eq!(set.rules[1].place, "own.yml:14");
}

#[test]
fn generate_lets_the_rules_of_a_correlation_alert_too() {
    let set = loaded(&[&MANY.replace("timespan", "generate: true\n  timespan"), FAILED].concat());
    assert!(set.rules.iter().all(|rule| rule.alerts));
}

#[test]
fn a_rule_is_named_by_its_file_unless_it_says_otherwise() {
    let text = FAILED.replace("name: failed\n", "");
    let set = loaded(&[&text, WORKED, &text.replace("Failed", "Again")].concat());
    assert_eq!(set.rules.iter().map(|rule| &*rule.slug).collect::<Vec<_>>(), ["own", "worked", "own_3"]);
}

#[test]
fn a_correlation_ranges_over_both_tables() {
    let answered = "---
title: Answered
name: answered
logsource: {product: openai, service: completions}
detection: {s: {Model: '*'}, condition: s}
";
    let both = "title: Both
name: both
correlation: {type: temporal, rules: [failed, answered], group-by: [who], aliases: {who: {failed: Actor, answered: InputUser}}, timespan: 5m}
";
    let set = loaded(&[both, FAILED, answered].concat());
    let answer = r#"{"id":"1","model":"m","input_user":"Ann"}"#;
    let seen = &judge(&set, &CHAT_COMPLETIONS, answer)[0].seen_by;
    let first = seen.iter().next().unwrap();
    assert_eq!((first.by, first.input), (RuleIndex(0), 1));
    assert_eq!(first.group().collect::<Vec<_>>(), [Some("ann")]);
}

#[test]
fn a_value_that_is_new_and_a_spike_are_correlations_of_their_own_detection() {
    let text = FAILED.to_owned()
        + "ccfd: {missing_group: skip, first_seen: {field: ActorCountry, group_by: [Actor], window: 30d}}\n";
    let set = loaded(&text);
    assert_eq!(set.rules.iter().map(|rule| &*rule.slug).collect::<Vec<_>>(), ["failed__events", "failed"]);
    assert_eq!(set.rules.iter().map(|rule| rule.alerts).collect::<Vec<_>>(), [false, true]);
    let RuleKind::Correlation(correlation) = &set.rules[1].kind else { panic!("a correlation is expected") };
    let (window, learn) = (30 * 86_400, 7 * 86_400);
    assert_eq!(correlation.kind, CorrelationKind::FirstSeen { window, learn });
    assert_eq!(correlation.inputs[0].rule, RuleIndex(0));
}

#[test]
fn a_filter_takes_matches_away_from_the_rules_that_it_names_or_from_all() {
    let filter = "---
title: Our own network
logsource: {product: openai, service: audit}
filter:
  rules: [RULES]
  ours: {ActorAddress|cidr: 203.0.113.0/24}
  condition: ours
";
    let event = |kind: &str| {
        format!(r#"{{"id":"1","type":"{kind}","actor":{{"session":{{"ip_address":"203.0.113.9"}}}}}}"#)
    };
    let matches = |rules: &str, kind: &str| {
        let set = loaded(&[FAILED, WORKED, &filter.replace("RULES", rules)].concat());
        matches_event(&set, &event(kind))
    };
    assert!(!matches("failed", "login.failed") && matches("failed", "login.succeeded"));
    assert!(!matches("0f6f0d0e-0000-4000-8000-000000000001", "login.succeeded"));
    assert!(!matches("any", "login.failed") && !matches("any", "login.succeeded"));
}

#[test]
fn a_filter_that_is_written_as_for_other_programs_is_a_warning() {
    let warnings = |condition: &str| {
        let filter = "---\ntitle: F\nlogsource: {product: openai, service: audit}\nfilter:\n  rules: any\n  s: {Id: x}\n  \
                      nothing: {Id: y}\n  condition: ";
        shown(&loaded(&[FAILED, filter, condition, "\n"].concat()).warnings)
    };
    for condition in ["not (s or nothing)", "(not s) and nothing", "NOT(s) and not nothing"] {
        let said = warnings(condition);
        assert!(said.contains("filter.condition: a filter takes away what its condition matches"), "{said}");
    }
    assert_eq!(warnings("s and not nothing"), "");
}

#[test]
fn what_decides_the_matches_of_a_rule_is_in_its_definition_and_nothing_else() {
    let definition = |text: &str, slug: &str| {
        let set = loaded(text);
        set.rules[set.named(slug).unwrap().0 as usize].definition
    };
    let own = definition(&chain(), "brute");
    assert_eq!(own, definition(&chain().replace("level: high", "level: low"), "brute"));
    assert_eq!(
        own,
        definition(&["title: X\n---\n", &chain()].concat().replace("title: X\n---\n", "# X\n"), "brute")
    );
    let other = ["---\n", BRUTE.trim_end(), "\n", WORKED, FAILED, MANY].concat();
    assert_eq!(own, definition(&other, "brute"));
    assert_ne!(own, definition(&chain().replace("login.failed", "login.begun"), "brute"));
    assert_ne!(own, definition(&chain().replace("30m", "31m"), "brute"));
    let filtered = chain()
        + "---\ntitle: F\nlogsource: {product: openai, service: audit}\nfilter: {rules: any, s: {Id: x}, condition: s}\n";
    assert_ne!(own, definition(&filtered, "brute"));
}

#[test]
fn placeholders_come_from_the_settings() {
    let text = audit_rule(
        "mail: {EventDetails.mail: '*'}\nours:\n  EventDetails.mail|endswith|expand: '@%Own%'\ncondition: mail and not ours",
    );
    let set = |values: &[&str]| {
        let values = values.iter().map(ToString::to_string).collect();
        load_with(&text, &Placeholders::from([("Own".to_owned(), values)]))
    };
    let own = set(&["example.com", "*.example.org"]).unwrap();
    let is_match =
        |mail: &str| matches_event(&own, &format!(r#"{{"id":"1","type":"a","a":{{"mail":"{mail}"}}}}"#));
    assert!(!is_match("ann@example.com") && !is_match("ann@a.example.org") && is_match("ann@example.net"));
    assert_ne!(own.rules[0].definition, set(&["example.net"]).unwrap().rules[0].definition);
    let expected = "own.yml:1: detection: `%Own%` is not set; give its values in the setting `placeholders`";
    assert_eq!(set(&[]).map(drop).map_err(|errors| shown(&errors)), Err(expected.to_owned()));
}

#[test]
fn with_all_each_value_of_a_placeholder_must_be_there() {
    let words: Placeholders = [("Own".to_owned(), vec!["one".to_owned(), "-t".to_owned()])].into();
    let is_match = |entry: &str, text: &str| {
        let set = load_with(&audit_rule(&format!("s:\n  {entry}\ncondition: s")), &words).unwrap();
        matches_event(&set, &format!(r#"{{"id":"1","type":"a","a":{{"x":"{text}"}}}}"#))
    };
    for (entry, text, expected) in [
        ("EventDetails.x|contains|all|expand: '%Own%'", "-t one", true),
        ("EventDetails.x|contains|all|expand: '%Own%'", "one", false),
        ("EventDetails.x|contains|expand: '%Own%'", "one", true),
        ("EventDetails.x|contains|all|expand: ['%Own%', x]", "one -t", false),
        ("EventDetails.x|contains|all|expand: ['%Own%', x]", "x one -t", true),
        ("EventDetails.x|re|all|expand: '%Own%$'", "-t one", false),
        ("EventDetails.x|contains|expand|windash|all: '%Own%'", "one /t", true),
        ("EventDetails.x|contains|expand|windash|all: '%Own%'", "/t -t", false),
        ("EventDetails.x|expand|cased: '%Own%'", "One", false),
        ("EventDetails.x|expand|base64: '%Own%'", "b25l", true),
        ("'|expand': '%Own%'", "no one here", true),
        ("'|all|expand': '%Own%'", "no one here", false),
    ] {
        assert_eq!(is_match(entry, text), expected, "{entry} on {text}");
    }
}

#[test]
fn rules_that_are_off_judge_nothing_unless_another_one_needs_them() {
    let off = |text: &str| text.to_owned() + "status: deprecated\n";
    let set = loaded(&off(FAILED));
    assert_eq!(set.rules[0].state, RuleState::Off);
    let failed = r#"{"id":"1","type":"login.failed"}"#;
    assert!(judge(&set, &AUDIT_LOGS, failed).is_empty());
    let set = loaded(&[MANY, &off(FAILED)].concat());
    assert_eq!(judge(&set, &AUDIT_LOGS, failed).len(), 1);
    let set = loaded(&[&off(MANY), FAILED].concat());
    assert!(judge(&set, &AUDIT_LOGS, failed).is_empty());
    assert_eq!(loaded(&(off(FAILED) + "ccfd: {state: staging}\n")).rules[0].state, RuleState::Staging);
}

#[test]
fn a_rule_says_what_it_reads_with_what_its_inputs_read() {
    let set = loaded(&chain());
    let fields: Vec<_> = set.reads(RuleIndex(0)).map(|read| read.field.as_str()).collect();
    assert_eq!(fields, ["Actor", "ActorSession.user.email", "ConnectorName", "EventType"]);
    let set = loaded(&audit_rule("s:\n  UserAgent|fieldref: Project.name\ncondition: s"));
    let fields: Vec<_> = set.reads(RuleIndex(0)).map(|read| read.field.as_str()).collect();
    assert_eq!(fields, ["Project.name", "UserAgent"]);
}

#[test]
fn a_selection_that_the_condition_does_not_use_is_a_warning() {
    let set = loaded(&audit_rule("used: {Id: x}\nunused: {Id: y}\ncondition: used"));
    assert_eq!(shown(&set.warnings), "own.yml:5: detection.unused: the condition does not use it");
}

#[test]
fn the_files_of_a_directory_replace_built_in_ones_of_their_name() {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("more")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("failed.yml", FAILED);
    write("more/worked.yaml", WORKED);
    write("events.ndjson", "{}");
    let sources = [RuleSource::Directory(dir.path().to_owned())];
    let set = RuleSet::load(&sources, &Tables::built_in(), &Placeholders::new()).unwrap();
    assert_eq!(set.rules.iter().map(|rule| &*rule.slug).collect::<Vec<_>>(), ["failed", "worked"]);
    write("broken.yml", "title: [");
    std::fs::write(dir.path().join("latin.yml"), b"title: \xe9").unwrap();
    let errors = RuleSet::load(&sources, &Tables::built_in(), &Placeholders::new()).unwrap_err();
    let files: Vec<_> = errors.iter().map(|error| error.file.rsplit('/').next().unwrap()).collect();
    assert_eq!(files, ["broken.yml", "latin.yml"]);
    let missing = [RuleSource::Directory(dir.path().join("missing"))];
    let errors = RuleSet::load(&missing, &Tables::built_in(), &Placeholders::new()).unwrap_err();
    assert!(
        shown(&errors).ends_with("missing: No such file or directory (os error 2)"),
        "{}",
        shown(&errors)
    );
}
