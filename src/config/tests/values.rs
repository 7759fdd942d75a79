use std::time::Duration;

use super::{
    super::{FIRST, Start},
    *,
};

#[test]
fn durations_and_sizes_outside_their_bounds_are_refused_with_the_bounds() {
    let duration = "expected a duration with its unit";
    let cases = [
        ("poll_interval = \"25h\"", format!("{duration}, 50ms to 1day, found \"25h\"")),
        ("poll_interval = 60", format!("{duration}, 50ms to 1day, found the number 60")),
        ("overlap = \"31d\"", format!("{duration}, 0s to 30days, found \"31d\"")),
        ("rate_limit_qps = 0", "expected a whole number, 1 to 1000000, found the number 0".to_owned()),
        ("rate_limit_qps = -1", "expected a whole number, 1 to 1000000, found the number -1".to_owned()),
        ("rate_limit_qps = 2.5", "expected a whole number, 1 to 1000000, found the number 2.5".to_owned()),
        (
            "body_max = \"1KiB\"",
            "expected a size with its unit, 64.0 KiB to 4.0 GiB, found \"1KiB\"".to_owned(),
        ),
        (
            "body_max = \"lots\"",
            "expected a size with its unit, 64.0 KiB to 4.0 GiB, found \"lots\"".to_owned(),
        ),
        ("organization = \"a b\"", "expected an identifier without spaces, found \"a b\"".to_owned()),
        ("organization = true", "expected an identifier without spaces, found true".to_owned()),
        ("event_types = [\"\"]", "expected a list of non-empty texts, found a list".to_owned()),
        ("ca_file = \"\"", "expected a path, found \"\"".to_owned()),
        ("tenant_walk = \"yes\"", "expected \"auto\" or \"on\" or \"off\", found \"yes\"".to_owned()),
    ];
    for (line, reason) in cases {
        let key = line.split(' ').next().unwrap();
        assert_eq!(
            problems(&with_keys(line)),
            [format!("`collector.acme-audit.{key}` in ccfd.toml: {reason}")],
            "{line}"
        );
    }
}

#[test]
fn a_start_is_a_look_back_or_all_or_a_time() {
    let start =
        |value: &str| load(&with_keys(&format!("start = {value}"))).map(|c| c.collectors["acme-audit"].start);
    assert_eq!(start("\"1h 30m\"").unwrap(), Start::LookBack(Duration::from_secs(5400)));
    for word in FIRST {
        assert_eq!(start(&format!("\"{word}\"")).unwrap(), Start::All);
    }
    let time = Start::At(chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap());
    assert_eq!(start("\"2026-01-01T01:00:00+01:00\"").unwrap(), time);
    assert_eq!(start("2026-01-01T00:00:00Z").unwrap(), time);
    for wrong in ["\"20y\"", "\"yesterday\"", "\"2026-01-01\"", "\"1812-01-01T00:00:00Z\"", "7"] {
        assert!(start(wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        problems(&with_keys("start = \"yesterday\"")),
        [
            "`collector.acme-audit.start` in ccfd.toml: expected a look-back up to 10years (\"7d\"), \"beginning\", or a time \
          (\"2026-01-31T00:00:00Z\"), found \"yesterday\""
        ]
    );
}

#[test]
fn a_value_that_may_be_private_is_not_shown() {
    for value in ["sk-admin-secret", "someone@example.com", &"x".repeat(61)] {
        let problems = problems(&with_keys(&format!("tenant_walk = \"{value}\"")));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].ends_with("found text (not shown)"), "{problems:?}");
    }
}

#[test]
fn metadata_beyond_what_openai_stores_is_refused() {
    let chats = |metadata: &str| {
        let text = with_keys(&format!("metadata = {metadata}")).replace("audit_logs", "chat_completions");
        load(&text)
    };
    let config = chats("{ team = \"search\", a = \"b\" }").unwrap();
    assert_eq!(config.collectors["acme-audit"].source.filters.pairs("metadata").len(), 2);
    let pairs: Vec<String> = (0..17).map(|n| format!("k{n} = \"v\"")).collect();
    for wrong in [
        format!("{{ {} }}", pairs.join(", ")),
        format!("{{ {} = \"v\" }}", "k".repeat(65)),
        format!("{{ k = \"{}\" }}", "v".repeat(513)),
        "{ k = 1 }".to_owned(),
    ] {
        let error = chats(&wrong).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "expected a table of at most 16 texts, keys up to 64 and values up to 512 characters, found a table"
            ),
            "{error}"
        );
    }
}
