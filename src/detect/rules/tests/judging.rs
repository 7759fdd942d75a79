use std::{collections::BTreeSet, fmt::Write as _};

use super::{grouping::BURST, *};
use crate::detect::model::MatchValue;
use crate::detect::rules::{FieldPresence, NotExamined};

pub(super) const LOGIN: &str = r#"{"object":"organization.audit_log","id":"audit-1","type":"login.failed","effective_at":1,
    "actor":{"type":"session","session":{"user":{"id":"user-1","email":"Ann@Example.com"},"ip_address":"203.0.113.7",
    "ip_address_details":{"country":"DE","asn":"64500"},"user_agent":"curl/8.5"}},"login.failed":{"error_code":"x"}}"#;

#[test]
fn a_detection_matches_what_its_condition_says() {
    let set = loaded(&audit_rule(
        "failed: {EventType: LOGIN.failed}\nours: {Actor|endswith: '@example.org'}\ncondition: failed and not ours",
    ));
    assert!(matches_event(&set, LOGIN));
    assert!(!matches_event(&set, &LOGIN.replace("Example.com", "example.ORG")));
    assert!(!matches_event(&set, &LOGIN.replace("login.failed", "login.succeeded")));
}

#[test]
fn each_modifier_matches_as_the_specification_says() {
    let cases = [
        ("f.x: a", r#"{"x":"A"}"#, true),
        ("f.x: a", r#"{"x":"ab"}"#, false),
        ("f.x|cased: a", r#"{"x":"A"}"#, false),
        ("f.x: 'a*c?'", r#"{"x":"ab\nCd"}"#, true),
        (r"f.x: 'a\*'", r#"{"x":"a*"}"#, true),
        (r"f.x: 'a\*'", r#"{"x":"ab"}"#, false),
        ("f.x|contains: [no, b]", r#"{"x":"aBc"}"#, true),
        ("f.x|contains|all: [a, b]", r#"{"x":"ba"}"#, true),
        ("f.x|contains|all: [a, z]", r#"{"x":"ba"}"#, false),
        ("f.x|all: [a, b]", r#"{"x":["b","a"]}"#, true),
        ("f.x|all: [null, a]", r#"{"x":"a"}"#, false),
        ("f.x|all: [null, a]", r#"{"x":null}"#, false),
        ("f.x|neq|all: [null, a]", r#"{"x":"a"}"#, true),
        ("f.x|startswith: a", r#"{"x":"ab"}"#, true),
        ("f.x|endswith: a", r#"{"x":"ab"}"#, false),
        ("f.x|exists: true", r#"{"x":""}"#, true),
        ("f.x|exists: true", r#"{"x":null}"#, false),
        ("f.x|exists: false", r#"{"y":1}"#, true),
        ("f.x: null", r#"{"x":null}"#, true),
        ("f.x: null", r#"{"x":0}"#, false),
        ("f.x: ''", r#"{"x":""}"#, true),
        ("f.x: ''", r#"{"y":""}"#, false),
        ("f.x: 42", r#"{"x":"42"}"#, true),
        ("f.x: 42", r#"{"x":42.0}"#, true),
        ("f.x: '42'", r#"{"x":42}"#, true),
        ("f.x: 42", r#"{"x":"421"}"#, false),
        ("f.x: true", r#"{"x":true}"#, true),
        ("f.x: true", r#"{"x":"True"}"#, true),
        ("f.x: 'false'", r#"{"x":false}"#, true),
        ("f.x|neq: a", r#"{"x":"b"}"#, true),
        ("f.x|neq: [a, b]", r#"{"x":"b"}"#, false),
        ("f.x|neq: 1", r#"{"x":1}"#, false),
        ("f.x|lt: 5", r#"{"x":"4.5"}"#, true),
        ("f.x|lte: 5", r#"{"x":5}"#, true),
        ("f.x|gt: 5", r#"{"x":5}"#, false),
        ("f.x|gte: 5", r#"{"x":"five"}"#, false),
        ("f.x|re: 'A.c'", r#"{"x":"xAbcx"}"#, true),
        ("f.x|re: 'a.c'", r#"{"x":"ABC"}"#, false),
        ("f.x|re|i: 'a.c'", r#"{"x":"ABC"}"#, true),
        ("f.x|re: 'a.c'", r#"{"x":"a\nc"}"#, false),
        ("f.x|re|s: 'a.c'", r#"{"x":"a\nc"}"#, true),
        ("f.x|re: '^c$'", r#"{"x":"a\nc"}"#, false),
        ("f.x|re|m: '^c$'", r#"{"x":"a\nc"}"#, true),
        ("f.x|re|startswith: 'b|c'", r#"{"x":"ab"}"#, false),
        ("f.x|cidr: 10.0.0.0/8", r#"{"x":"10.1.2.3"}"#, true),
        ("f.x|cidr: [10.0.0.0/8, '2001:db8::/32']", r#"{"x":"2001:db8::1"}"#, true),
        ("f.x|cidr: 10.0.0.0/8", r#"{"x":"11.1.2.3"}"#, false),
        ("f.x|base64: cmd", r#"{"x":"Y21k"}"#, true),
        ("f.x|base64offset|contains: http://", r#"{"x":"eGh0dHA6Ly94"}"#, true),
        ("f.x|wide|base64offset|contains: cmd", r#"{"x":"eGMAbQBkAA=="}"#, true),
        ("f.x|wide: ab", r#"{"x":"a\u0000b\u0000"}"#, true),
        ("f.x|utf16le: ab", r#"{"x":"a\u0000b\u0000"}"#, true),
        ("f.x|utf16be: ab", r#"{"x":"\u0000a\u0000b"}"#, true),
        ("f.x|utf16: a", r#"{"x":"\ufeffa\u0000"}"#, true),
        ("f.x|windash|contains: ' -v'", r#"{"x":"cmd /v"}"#, true),
        ("f.x|fieldref: EventDetails.y", r#"{"x":"A","y":"a"}"#, true),
        ("f.x|fieldref|cased: EventDetails.y", r#"{"x":"A","y":"a"}"#, false),
        ("f.x|fieldref|endswith: EventDetails.y", r#"{"x":"ba","y":"a"}"#, true),
        ("f.x|fieldref|neq: EventDetails.y", r#"{"x":"b","y":"a"}"#, true),
        ("f.x|hour: 10", r#"{"x":"2026-02-13T10:52:05Z"}"#, true),
        ("f.x|hour|gte: 11", r#"{"x":1770979925}"#, false),
        ("f.x|year: [2025, 2026]", r#"{"x":"2026-02-13"}"#, true),
        ("f.x: a", r#"{"x":[["b"],["A"]]}"#, true),
        ("f.x.y: a", r#"{"x":[{"y":"b"},{"y":"a"}]}"#, true),
        (r#"'f."x.y"': a"#, r#"{"x.y":"a"}"#, true),
        ("f.x.y: a", r#"{"x.y":"a"}"#, false),
        (r#"f.x|contains: '"y":1'"#, r#"{"x":{ "y" : 1 }}"#, true),
    ];
    let mut wrong = String::new();
    for (entry, payload, expected) in cases {
        let detection = format!("s: {{{}}}\ncondition: s", entry.replace("f.", "EventDetails."));
        let detection = if entry.contains('[') || entry.starts_with('\'') || entry.contains(": '") {
            format!("s:\n  {}\ncondition: s", entry.replace("f.", "EventDetails."))
        } else {
            detection
        };
        if matches_payload(&detection, payload) != expected {
            _ = writeln!(wrong, "{entry} on {payload}");
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn lists_are_alternatives_and_maps_are_all_of_their_entries() {
    let maps = "s:\n  - {EventDetails.x: 1, EventDetails.y: 2}\n  - EventDetails.z: 3\ncondition: s";
    assert!(matches_payload(maps, r#"{"x":1,"y":2}"#) && matches_payload(maps, r#"{"z":3}"#));
    assert!(!matches_payload(maps, r#"{"x":1,"z":2}"#));
    let conditions = "a: {EventDetails.x: 1}\nb: {EventDetails.x: 2}\ncondition: [a, b]";
    assert!(matches_payload(conditions, r#"{"x":1}"#) && matches_payload(conditions, r#"{"x":2}"#));
}

#[test]
fn numbers_and_encoded_texts_without_a_field_are_searched_in_every_value_too() {
    let payload = r#"{"a":[{"n":14711.50}],"b":true,"c":"cmd /v on","d":"zz YwBtAGQA"}"#;
    for (entry, expected) in [
        ("[4711]", true),
        ("['711.50']", true),
        ("[4712]", false),
        ("['TRUE']", true),
        ("{'|windash': '-v o'}", true),
        ("{'|wide|base64offset|contains': cmd}", true),
        ("{'|startswith': cmd}", true),
        ("{'|startswith': on}", false),
        ("['4711*cmd']", false),
    ] {
        assert_eq!(
            matches_payload(&format!("words: {entry}\ncondition: words"), payload),
            expected,
            "{entry}"
        );
    }
    assert!(!matches_payload("words: ['{']\ncondition: words", r#"{"a":{"b":null}}"#));
    assert!(matches_completion("words: [4711]\ncondition: words", r#"{"id":"1","seed":14711}"#));
}

#[test]
fn texts_without_a_field_are_searched_in_every_text_of_the_row() {
    let any = "words: [evil, '*svc?x']\ncondition: words";
    assert!(matches_payload(any, r#"{"a":[{"b":"an EVIL name"}]}"#));
    assert!(matches_payload(any, r#"{"a":"my svc1xy"}"#));
    assert!(!matches_payload(any, r#"{"evil":"no"}"#));
    assert!(!matches_payload(any, r#"{"a":"svcx"}"#));
    let all = "words:\n  '|all': [one, two]\ncondition: words";
    assert!(matches_payload(all, r#"{"a":"two","b":["one"]}"#));
    assert!(!matches_payload(all, r#"{"a":"two"}"#));
    let expression = "words:\n  '|re': '^on[ef]$'\ncondition: words";
    assert!(
        matches_payload(expression, r#"{"b":["one"]}"#) && !matches_payload(expression, r#"{"b":"one two"}"#)
    );
    assert!(matches_completion("words: [Needle]\ncondition: words", r#"{"id":"1","model":"a-needle"}"#));
}

#[test]
fn nothing_hides_from_a_search_of_every_text() {
    let any = "words: [evil]\ncondition: words";
    for json in [
        r#"{"id":"1","input_user":"evil\ud800"}"#,
        r#"{"id":"1","seed":"evil"}"#,
        r#"{"id":"1","seed":{"a":["evil\udc00"]}}"#,
        r#"{"id":"1","metadata":{"a":"evil\ud800"}}"#,
    ] {
        assert!(matches_completion(any, json), "{json}");
    }
    let set = loaded(&audit_rule("s: {Id: '*'}\nwords: [evil]\ncondition: s and not words"));
    assert!(!matches_event(&set, r#"{"id":"1","type":"t","actor":{"type":"evil\ud800"}}"#));
    let deep = "{\"a\":".repeat(100) + "\"evil\"" + &"}".repeat(100);
    assert!(matches_payload(any, &deep), "deeper than it looks value by value");
}

#[test]
fn patterns_that_see_a_part_of_a_text_say_so() {
    let set = |entry: &str| {
        loaded(&audit_rule(&format!(
            "s:\n  UserAgent|contains: {entry}\nt: {{EventType: login.failed}}\ncondition: t and not s"
        )))
    };
    let long = LOGIN.replace("curl/8.5", &"word ".repeat(20_000));
    let said = |entry: &str| {
        let found = judge(&set(entry), &AUDIT_LOGS, &long).remove(0);
        found.shown.of("(not examined whole)").len()
    };
    assert_eq!(said("'word?zq'"), 1);
    assert_eq!(said("'word*word*wordzq'"), 0, "texts with anything between them are found in all of it");
}

#[test]
fn an_expression_looks_at_the_first_64_kib_and_the_rest_is_counted() {
    let set = loaded(&audit_rule("s:\n  UserAgent|re: needle\ncondition: s"));
    let agent = |before: usize| {
        let agent = "ü".repeat(before / 2) + "needle";
        LOGIN.replace("curl/8.5", &agent)
    };
    assert!(matches_event(&set, &agent((64 << 10) - 6)));
    assert_eq!(set.take_not_examined(), NotExamined::default());
    assert!(!matches_event(&set, &agent((64 << 10) - 4)));
    assert_eq!(set.take_not_examined(), NotExamined { values: 1, bytes: 2 });
    let words = loaded(&audit_rule("s:\n  UserAgent|contains: needle\ncondition: s"));
    assert!(matches_event(&words, &agent(5 << 20)));
}

#[test]
fn no_end_is_found_where_a_text_is_cut_and_an_alert_says_that_it_was() {
    let agent = |text: &str| LOGIN.replace("curl/8.5", text);
    let (cut, whole) = (agent(&("a".repeat(64 << 10) + "b")), agent(&"a".repeat(64 << 10)));
    let set = |entry: &str| loaded(&audit_rule(&format!("s:\n  {entry}\ncondition: s")));
    for entry in
        ["UserAgent|re: 'a$'", r"UserAgent|re: 'a\z'", "UserAgent|re|endswith: a", "UserAgent|re: '^a+$'"]
    {
        assert!(!matches_event(&set(entry), &cut), "{entry}");
        assert!(matches_event(&set(entry), &whole), "{entry}");
    }
    assert!(matches_event(&set("UserAgent|re|endswith: ab"), &cut), "its end is looked at");
    assert!(matches_event(&set("UserAgent|endswith: ab"), &agent(&("a".repeat(5 << 20) + "b"))));
    let without = loaded(&audit_rule(
        "s:\n  UserAgent|re: needle\nt: {EventType: login.failed}\ncondition: t and not s",
    ));
    let shown = |json: &str| judge(&without, &AUDIT_LOGS, json).remove(0).shown;
    assert_eq!(shown(&cut).of("(not examined whole)"), ["UserAgent"]);
    assert!(shown(&whole).of("(not examined whole)").is_empty());
}

#[test]
fn a_set_knows_which_fields_the_records_that_its_rules_look_at_have() {
    let rule = |name: &str, entry: &str| {
        audit_rule(&format!("s: {{{entry}}}\ncondition: s")) + &format!("name: {name}\n")
    };
    let text = rule("login", "EventType: login.failed, EventDetails.error_code: y, EventDetails.code: z")
        + "---\n"
        + &rule("key", "EventType: api_key.created, EventDetails.scopes: all");
    let set = loaded(&text);
    let seen = |field: &str, is_seen, absent| FieldPresence {
        rule: "login".into(),
        field: field.into(),
        is_seen,
        absent,
        cut: 0,
    };
    for _ in 0..3 {
        assert!(!matches_event(&set, LOGIN));
    }
    assert!(!matches_event(&set, &LOGIN.replace("error_code", "error")));
    let mut found = set.take_presence();
    found.sort_by(|one, other| one.field.cmp(&other.field));
    // No event of the other rule's type came, and nobody asked for `code` where `error_code` was wrong.
    assert_eq!(found, [seen("EventDetails.error_code", true, 1), seen("EventType", true, 0)]);
    assert_eq!(set.take_presence(), []);
    let named = |name: &str| {
        set.detections(set.named(name).unwrap()).iter().map(|rule| rule.slug.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(named("key"), ["key"]);
    let chain = loaded(BURST);
    assert_eq!(chain.detections(chain.named("burst").unwrap())[0].slug.to_string(), "failed");
}

#[test]
fn derived_fields_are_found_where_their_columns_have_them() {
    let completion = r#"{"id":"1","choices":[{"finish_reason":"tool_calls","message":{"content":"An answer","tool_calls":[
        {"function":{"name":"shell","arguments":"{\"cmd\":\"curl\"}"}}]}}],
        "usage":{"total_tokens":70,"prompt_tokens_details":{"cached_tokens":5}},
        "ccfd_messages":[{"role":"user","content":[{"type":"text","text":"first"},{"type":"text","text":"second"}]}]}"#;
    for entry in [
        "FinishReasons: tool_calls",
        "ToolNames: shell",
        "ToolArguments|contains: curl",
        "PromptText: \"first\\nsecond\"",
        "AnswerText|startswith: an",
        "TotalTokens|gt: 69",
        "CachedTokens: 5",
    ] {
        let detection = format!("s:\n  {entry}\ncondition: s");
        assert!(matches_completion(&detection, completion), "{entry}");
    }
    for entry in
        ["ActorCountry: de", "ActorAddress|cidr: 203.0.113.0/24", "UserAgent|contains: CURL", "Actor: ann@*"]
    {
        let set = loaded(&audit_rule(&format!("s:\n  {entry}\ncondition: s")));
        assert!(matches_event(&set, LOGIN), "{entry}");
    }
    let by_key = r#"{"id":"1","type":"a","actor":{"type":"api_key","api_key":{"id":"key_1"}}}"#;
    assert!(matches_event(&loaded(&audit_rule("s:\n  Actor: key_1\ncondition: s")), by_key));
}

#[test]
fn what_a_record_repeats_or_escapes_is_as_in_its_row() {
    let set = loaded(&audit_rule("s: {EventType: b}\ncondition: s"));
    assert!(matches_event(&set, r#"{"id":"1","type":"a","type":"b"}"#));
    assert!(!matches_event(&set, r#"{"id":"1","type":"b","\u0074ype":"a"}"#));
    assert!(matches_event(&set, r#"{"id":"1","type":"\u0042"}"#));
    assert!(!matches_event(&set, r#"{"id":"1","type":null}"#));
    assert!(!matches_event(&set, r#"{"id":"1","type":"\ud83d"}"#));
    let agent = loaded(&audit_rule("s: {UserAgent|contains: curl}\ncondition: s"));
    let cut = LOGIN.replace("curl/8.5", "curl/8.5 \\ud83d");
    assert!(cut.contains(r"\ud83d") && matches_event(&agent, &cut), "half a character hides nothing");
    let kind = loaded(&audit_rule("s: {EventType|startswith: login}\ncondition: s"));
    assert!(matches_event(&kind, r#"{"id":"1","type":"login.failed\ud83d"}"#));
    let number = loaded(&audit_rule("s: {EventType: '7'}\ncondition: s"));
    assert!(matches_event(&number, r#"{"id":"1","type":7}"#));
}

#[test]
fn a_match_shows_what_the_rule_names_and_who_did_it_but_no_content() {
    let set = loaded(&audit_rule("s: {EventType: login.failed, EventDetails.error_code: x}\ncondition: s"));
    let found = judge(&set, &AUDIT_LOGS, LOGIN);
    assert_eq!((found[0].record.as_str(), found[0].at), ("audit-1", 1_770_979_925));
    let keys: BTreeSet<_> = found[0].shown.iter().map(|(name, text)| format!("{name}={text}")).collect();
    assert!(
        keys.iter().eq([
            "Actor=Ann@Example.com",
            "ActorAddress=203.0.113.7",
            "ActorSession.user.id=user-1",
            "EventDetails.error_code=x",
            "EventType=login.failed",
        ]
        .iter())
    );
    let content =
        "aws: {AnswerText|contains: AKIA}\nword: [AKIA]\nid: {Id|contains: x}\ncondition: 1 of them";
    let set = loaded(&completion_rule(content));
    let json =
        r#"{"id":"x1","input_user":"u","choices":[{"message":{"content":"the key AKIAIOSFODNN7EXAMPLE"}}]}"#;
    let found = judge(&set, &CHAT_COMPLETIONS, json);
    let shown: BTreeSet<_> = found[0].shown.iter().collect();
    let expected =
        [("(any text)", "(matches word)"), ("AnswerText", "(matches aws)"), ("Id", "x1"), ("InputUser", "u")];
    assert_eq!(shown, expected.into());
    let long = "é".repeat(300);
    let many = format!("[{}]", vec![format!("\"{long}\""); 12].join(","));
    let set = loaded(&audit_rule("s:\n  EventDetails.x|contains: é\ncondition: s"));
    let found = judge(&set, &AUDIT_LOGS, &format!(r#"{{"id":"1","type":"a","a":{{"x":{many}}}}}"#));
    assert_eq!(found[0].shown.of("EventDetails.x"), vec!["é".repeat(256); 10]);
}

#[test]
fn a_field_is_compared_with_a_hundred_values_of_another_and_an_alert_says_if_there_were_more() {
    let set = loaded(&audit_rule("s:\n  EventDetails.x|fieldref: EventDetails.y\ncondition: s"));
    let is_said = |others: usize| {
        let others = vec!["\"b\""; others].join(",");
        let json = format!(r#"{{"id":"1","type":"t","t":{{"x":["c","a"],"y":["a",{others}]}}}}"#);
        !judge(&set, &AUDIT_LOGS, &json)[0].shown.of("(not examined whole)").is_empty()
    };
    assert!(!is_said(99) && is_said(100));
    assert!(set.take_not_examined().values > 0);
}

#[test]
fn numbers_of_a_record_are_those_that_it_has() {
    let text = completion_rule("s: {Model: '*'}\ncondition: s")
        + "ccfd: {spike: {field: TotalTokens, group_by: InputUser, timespan: 1h, factor: 3, baseline: 7d, at_least: 100}}\n";
    let set = loaded(&text);
    let values = |tokens: &str| {
        let json =
            format!(r#"{{"id":"1","model":"m","input_user":"U","usage":{{"total_tokens":{tokens}}}}}"#);
        let seen = judge(&set, &CHAT_COMPLETIONS, &json).remove(0).seen_by;
        let values = seen.iter().flat_map(|seen| seen.values());
        values
            .map(|value| match value {
                MatchValue::Number(number) => number,
                MatchValue::Text(text) => panic!("{text} is not a number"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(values("7"), [7.0]);
    assert_eq!(values("[1,\"2\",null]"), [1.0, 2.0]);
    assert!(values("\"many\"").is_empty());
}

#[test]
fn a_record_of_another_table_or_of_no_use_matches_nothing() {
    let set = loaded(&audit_rule("s: {EventType: login.failed}\ncondition: s"));
    assert!(judge(&set, &CHAT_COMPLETIONS, LOGIN).is_empty());
    for json in
        ["", "[]", "{", r#"{"type":"login.failed"}"#, "{\"type\":\"login.failed\",\"id\":\"\\ud83d\"}"]
    {
        assert!(!matches_event(&set, json), "{json}");
    }
}

#[test]
fn a_record_with_more_values_than_are_counted_says_so() {
    let set = loaded(BURST);
    let countries = |count: usize| {
        let all: Vec<String> = (0..count).map(|number| format!("\"c{number}\"")).collect();
        let json = LOGIN.replace("\"DE\"", &format!("[{}]", all.join(",")));
        judge(&set, &AUDIT_LOGS, &json).remove(0)
    };
    let counted = |found: &Match| found.seen_by.iter().map(|seen| seen.values().len()).sum::<usize>();
    let all = countries(1000);
    assert_eq!((counted(&all), set.take_not_counted()), (1000, 0));
    assert!(all.shown.of("(not counted whole)").is_empty());
    let cut = countries(1001);
    assert_eq!((counted(&cut), set.take_not_counted()), (1000, 1));
    assert_eq!(cut.shown.of("(not counted whole)"), ["ActorCountry"]);
}
