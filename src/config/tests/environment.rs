use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use super::{super::SinkSettings, *};

#[test]
fn a_variable_finds_a_name_whatever_its_case_hyphens_and_dots() {
    for name in ["acme-audit", "acme_audit", "acme.audit"] {
        let text = MINIMAL.replace("acme-audit", &format!("\"{name}\""));
        let variables = [("CCFD__COLLECTOR__ACME_AUDIT__RATE_LIMIT_QPS", "50")];
        let config = load_with(&text, &variables, &[]).unwrap();
        assert_eq!(config.collectors[name].rate_limit_qps, 50);
    }
}

#[test]
fn a_variable_that_may_mean_two_names_is_refused() {
    let text = format!(
        "{MINIMAL}[sink.a-b]\ntype = \"ndjson\"\ndir = \"x\"\n[sink.a_b]\ntype = \"ndjson\"\ndir = \"y\"\n"
    );
    assert_eq!(
        problems_with(&text, &[("CCFD__SINK__A_B__DIR", "z")], &[]),
        [
            "the environment variable CCFD__SINK__A_B__DIR: two names in the file differ only in `-`, `_` and `.`, and it \
          may mean either"
        ]
    );
}

#[test]
fn a_whole_collector_can_come_from_the_environment() {
    let variables = [
        ("CCFD__COLLECTOR__MY_CHATS__SOURCE", "chat_completions"),
        ("CCFD__COLLECTOR__MY_CHATS__API_KEY", "{ credential = \"openai\" }"),
        ("CCFD__COLLECTOR__MY_CHATS__SINKS", "[\"local\"]"),
        ("CCFD__COLLECTOR__MY_CHATS__METADATA", "{ Team = \"a b\" }"),
    ];
    let config = load_with(MINIMAL, &variables, &[]).unwrap();
    let metadata = config.collectors["my-chats"].source.filters.pairs("metadata");
    assert_eq!(metadata, [("Team".to_owned(), "a b".to_owned())]);
}

#[test]
fn text_that_looks_like_something_else_stays_the_text_it_is() {
    for text in ["007", "1e3", "0x10", "true", "2026-01-01", "[unclosed"] {
        let config = load_with(MINIMAL, &[("CCFD__SINK__LOCAL__PATH", text)], &[]).unwrap();
        assert!(
            matches!(&config.sinks["local"], SinkSettings::Sqlite(sqlite) if sqlite.path.file_name().is_some_and(|name| name == text))
        );
    }
}

#[test]
fn quotes_around_a_value_are_not_part_of_it_and_numbers_may_be_written_as_in_toml() {
    let variables =
        [("CCFD__STATE__DIR", "\"/var/lib/ccfd\""), ("CCFD__COLLECTOR__ACME_AUDIT__RATE_LIMIT_QPS", "1_000")];
    let config = load_with(MINIMAL, &variables, &[]).unwrap();
    assert_eq!(config.state.dir, PathBuf::from("/var/lib/ccfd"));
    assert_eq!(config.collectors["acme-audit"].rate_limit_qps, 1000);
}

#[test]
fn an_unknown_variable_is_named_with_what_was_probably_meant() {
    assert_eq!(
        problems_with(MINIMAL, &[("CCFD__STATE__DIRR", "x"), ("CCFD__PIPELIN__BATCH_WAIT", "1s")], &[]),
        [
            "unknown key `pipelin` in the environment variable CCFD__PIPELIN__BATCH_WAIT; did you mean `pipeline`?",
            "unknown key `state.dirr` in the environment variable CCFD__STATE__DIRR; did you mean `dir`?",
        ]
    );
}

#[test]
fn a_misspelt_name_shows_as_an_unfinished_section_and_its_variable() {
    let problems = problems_with(MINIMAL, &[("CCFD__SINK__LOCLA__FREE_MIN", "1GiB")], &[]);
    let missing = "`sink.locla.type` is missing (the section is in the environment variable \
                   CCFD__SINK__LOCLA__FREE_MIN)";
    assert_eq!(problems, [format!("{missing}; expected {}", sink_types())]);
}

#[test]
fn a_wrong_value_names_its_variable() {
    assert_eq!(
        problems_with(MINIMAL, &[("CCFD__COLLECTOR__ACME_AUDIT__POLL_INTERVAL", "60")], &[]),
        [
            "`collector.acme-audit.poll_interval` in the environment variable CCFD__COLLECTOR__ACME_AUDIT__POLL_INTERVAL: \
          expected a duration with its unit, 50ms to 1day, found \"60\""
        ]
    );
}

#[test]
fn variables_that_contradict_each_other_or_have_no_clear_name_are_refused() {
    let variables = [
        ("CCFD__STATE", "{ dir = \"a\" }"),
        ("CCFD__STATE__DIR", "b"),
        ("CCFD__STATE____DIR", "c"),
        ("CCFD__", "d"),
    ];
    assert_eq!(
        problems_with(MINIMAL, &variables, &[]),
        [
            "the environment variable CCFD__: a level of its name is empty",
            "the environment variable CCFD__STATE__DIR: another variable already sets this",
            "the environment variable CCFD__STATE____DIR: a level of its name is empty",
        ]
    );
}

#[test]
fn a_value_in_another_encoding_is_refused_and_other_programs_variables_are_left_alone() {
    let (_directory, path) = file(MINIMAL);
    let odd = OsString::from_vec(vec![0xff]);
    let load = |name: &str| Config::load(Some(&path), &[(name, odd.clone())].into_iter().collect(), &[]);
    assert_eq!(
        load("CCFD__STATE__DIR").unwrap_err().to_string(),
        "the environment variable CCFD__STATE__DIR: its value is not UTF-8"
    );
    assert!(load("CCFD_STATE").is_ok());
}

#[test]
fn an_error_about_a_flag_says_that_it_is_on_the_command_line() {
    let flags =
        [("state.dirr", "x"), ("log.level", "loud"), ("state.lock_wait", "1s"), ("state.lock_wait", "2s")];
    assert_eq!(
        problems_with(MINIMAL, &[], &flags),
        [
            "`state.lock_wait` is given twice on the command line",
            "unknown key `state.dirr` on the command line; did you mean `dir`?",
            "`log.level` on the command line: expected \"error\" or \"warn\" or \"info\" or \"debug\" or \"trace\", \
             found \"loud\"",
        ]
    );
}

#[test]
fn the_debug_form_shows_no_variable() {
    assert_eq!(format!("{:?}", environment(&[("OPENAI_API_KEY", "sk-1")])), "Environment(1 variables)");
}
