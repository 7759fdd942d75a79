use super::*;

#[test]
fn a_collector_names_sinks_that_exist_each_of_them_once() {
    let cases = [
        ("[]", "`collector.acme-audit.sinks` is empty: the records would go nowhere"),
        (
            "[\"locl\"]",
            "`collector.acme-audit.sinks` names `locl`, but there is no [sink.locl]; did you mean `local`?",
        ),
        ("[\"local\", \"local\"]", "`collector.acme-audit.sinks` names `local` twice"),
    ];
    for (sinks, line) in cases {
        assert_eq!(problems(&MINIMAL.replace("[\"local\"]", sinks)), [line]);
    }
}

#[test]
fn a_filter_of_the_other_list_is_refused() {
    assert_eq!(
        problems(&with_keys("model = \"gpt-4o\"")),
        ["`collector.acme-audit.model` in ccfd.toml: only collectors of chat_completions have this key"]
    );
    let chats = with_keys("actor_emails = [\"eve@example.com\"]\ntenant_walk = \"on\"");
    assert_eq!(
        problems(&chats.replace("audit_logs", "chat_completions")),
        [
            "`collector.acme-audit.tenant_walk` in ccfd.toml: only collectors of audit_logs have this key",
            "`collector.acme-audit.actor_emails` in ccfd.toml: only collectors of audit_logs have this key",
        ]
    );
}

#[test]
fn a_sweep_does_not_come_more_often_than_a_poll() {
    assert_eq!(
        problems(&with_keys("poll_interval = \"1m\"\nsweep_interval = \"59s\"")),
        [
            "`collector.acme-audit.sweep_interval` in ccfd.toml: must not be less than `poll_interval`: a sweep follows \
          the polls"
        ]
    );
    assert_eq!(problems(&with_keys("sweep_interval = \"2d\"")).len(), 1, "a stand-in is not compared");
}

#[test]
fn names_that_cannot_be_file_names_are_refused() {
    let rule = "a name has 1 to 64 characters of a-z, 0-9, `-`, `_` and `.`, the first a letter or digit";
    for name in ["Acme", ".hidden", "a/b", "a b", "", "é", &"a".repeat(65)] {
        let text = MINIMAL.replace("acme-audit", &format!("\"{name}\""));
        let problems = problems(&text);
        assert!(problems.len() == 1 && problems[0].ends_with(rule), "{problems:?}");
    }
    assert!(load(&MINIMAL.replace("acme-audit", &format!("\"{}\"", "9".repeat(64)))).is_ok());
    assert_eq!(
        problems(&MINIMAL.replace("acme-audit", "\"../x\""))[0],
        format!("`collector.\"../x\"`: {rule}")
    );
}

#[test]
fn two_writers_to_one_place_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let here = |place: &str| directory.path().join(place).display().to_string();
    let second = |kind: &str, key: &str, place: &str| {
        let text = format!("{MINIMAL}[sink.other]\ntype = \"{kind}\"\n{key} = \"{place}\"\n");
        load_in(&directory, text.as_bytes()).unwrap_err().to_string()
    };
    let tables = here("tables.db");
    for (place, named) in [("./x/../tables.db", here("x/../tables.db")), (&tables, tables.clone())] {
        let wanted = format!("`sink.other` and `sink.local` both write to {named}");
        assert_eq!(second("sqlite", "path", place), wanted);
    }
    let wanted = format!("`sink.other` and `state` both write to {}", here("ccfd-data"));
    assert_eq!(second("ndjson", "dir", "ccfd-data/"), wanted);

    let stdout = MINIMAL.replace("\"sqlite\"\npath = \"tables.db\"", "\"ndjson\"\ndir = \"-\"");
    let twice = format!("{stdout}[sink.other]\ntype = \"ndjson\"\ndir = \"-\"\n");
    assert_eq!(problems(&twice), ["`sink.other` and `sink.local` both write to -"]);
}

#[test]
fn limits_that_files_cannot_keep_are_refused() {
    let ndjson = |keys: &str| {
        problems(&MINIMAL.replace("\"sqlite\"\npath = \"tables.db\"", &format!("\"ndjson\"\n{keys}")))
    };
    assert_eq!(
        ndjson("dir = \"-\"\nretention = \"7d\""),
        ["`sink.local.retention` in ccfd.toml: standard output has no files to limit"]
    );
    assert_eq!(
        ndjson("dir = \"x\"\nsize_max = \"1MiB\""),
        [
            "`sink.local.size_max` in ccfd.toml: must not be less than `file_size_max`: whole files are removed"
        ]
    );
}
