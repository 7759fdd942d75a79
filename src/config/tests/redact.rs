use super::{super::SecretSource, *};
use crate::redact::RuleAction;

fn chat(keys: &str) -> String {
    with_keys(keys).replace("audit_logs", "chat_completions")
}

fn problem(keys: &str) -> String {
    let problems = problems(&with_keys(keys));
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].strip_prefix("`collector.acme-audit.").unwrap().to_owned()
}

#[test]
fn paths_are_read_into_what_happens_to_them() {
    let keys = r#"
drop = ["actor.session.user_agent", '"api_key.created".data']
hash = ["actor.session.user.email"]
hash_key = { file = "/etc/ccfd/hash-key" }"#;
    let settings = load(&with_keys(keys)).unwrap().collectors["acme-audit"].redact.clone().unwrap();
    let of = |action| settings.rules.paths(action).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(of(RuleAction::Drop), ["actor.session.user_agent", r#""api_key.created".data"#]);
    assert_eq!(of(RuleAction::Hash), ["actor.session.user.email"]);
    assert_eq!(of(RuleAction::Mask), Vec::<String>::new());
    assert_eq!(settings.hash_key, Some(SecretSource::File("/etc/ccfd/hash-key".into())));
    assert_eq!(load(MINIMAL).unwrap().collectors["acme-audit"].redact, None);
}

#[test]
fn what_is_no_path_is_shown_with_the_reason() {
    let malformed = "a path is names separated by dots";
    let text = problem("drop = [\"actor\", \"a b\"]");
    assert!(text.starts_with(&format!("drop` in ccfd.toml: path 2, \"a b\": {malformed}")), "{text}");
    let text = problem("drop = [\"ada@example.com\"]");
    assert!(text.contains("path 1, text (not shown)"), "{text}");
    assert_eq!(problem("mask = \"actor\""), "mask` in ccfd.toml: expected a list of paths, found \"actor\"");
    assert_eq!(problem("mask = [1]"), "mask` in ccfd.toml: expected a list of paths, found a list");
    let many = format!("drop = [{}]", "\"a\",".repeat(1001));
    assert_eq!(problem(&many), "drop` in ccfd.toml: at most 1000 paths");
}

#[test]
fn what_tells_records_apart_cannot_be_redacted() {
    for (key, field) in [("drop", "id"), ("mask", "type"), ("hash", "created"), ("drop", "effective_at")] {
        let text = problem(&format!("{key} = [\"{field}\"]"));
        assert!(text.ends_with("they identify records and their time"), "{text}");
    }
}

#[test]
fn a_hash_wants_a_key_and_a_key_a_hash() {
    let text = problem("hash = [\"actor\"]");
    assert!(text.starts_with("hash` in ccfd.toml: requires `hash_key`"), "{text}");
    let text = problem("hash_key = { env = \"HASH_KEY\" }");
    assert_eq!(text, "hash_key` in ccfd.toml: has no effect without `hash`");
    let text = problem("hash = [\"actor\"]\nhash_key = \"0123456789abcdef0123456789abcdef\"");
    assert!(
        text.starts_with("hash_key` in ccfd.toml: give the place of the key, never the key itself"),
        "{text}"
    );
    let defaults = format!("{MINIMAL}[default.collector]\nhash_key = {{ env = \"HASH_KEY\" }}\n");
    assert!(load(&defaults).is_ok(), "a key for those that hash");
}

#[test]
fn a_path_inside_another_is_reported_where_it_has_no_effect() {
    assert_eq!(
        problem("drop = [\"actor\"]\nmask = [\"actor.session\"]"),
        "mask` in ccfd.toml: `actor.session` has no effect: it is inside `actor`, which `drop` names"
    );
    assert_eq!(problem("mask = [\"a\", \"a\"]"), "mask` in ccfd.toml: `a` is named twice, also in `mask`");
}

#[test]
fn the_preset_is_for_completions_and_rules_of_ones_own_go_before_it() {
    let text = problem("preset = \"no-content\"");
    assert_eq!(text, "preset` in ccfd.toml: only collectors of chat_completions have this key");
    let defaults = format!("{MINIMAL}[default.collector]\npreset = \"no-content\"\n");
    assert_eq!(load(&defaults).unwrap().collectors["acme-audit"].redact, None);

    let keys = "preset = \"no-content\"\nmask = [\"choices\", \"metadata\"]";
    let settings = load(&chat(keys)).unwrap().collectors["acme-audit"].redact.clone().unwrap();
    assert_eq!(settings.rules.paths(RuleAction::Mask).count(), 2);
    assert!(settings.rules.paths(RuleAction::Drop).all(|path| path.to_string() != "choices"));
    assert!(problems(&chat("preset = \"no-prompts\""))[0].contains("expected \"no-content\""));
}
