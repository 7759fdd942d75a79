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

#[test]
fn runs_go_to_sinks_that_store_rows_each_of_them_once() {
    let text =
        |runs: &str| format!("{MINIMAL}\n[sink.rules]\ntype = \"detect\"\n[connectors]\nruns = {runs}\n");
    let with = |runs: &str| problems(&text(runs));
    assert!(load(&text("[\"local\"]")).is_ok());
    assert_eq!(with("[\"local\", \"local\"]"), ["`connectors.runs` names `local` twice"]);
    let missing = "`connectors.runs` names `locl`, but there is no [sink.locl]; did you mean `local`?";
    assert_eq!(with("[\"locl\"]"), [missing]);
    let judges = "`connectors.runs` names `rules`, a sink of type detect, which judges records: name sinks that store rows";
    assert_eq!(with("[\"rules\"]"), [judges]);
    let taken = MINIMAL.replace("acme-audit", "runs") + "\n[connectors]\nruns = [\"local\"]\n";
    assert_eq!(
        problems(&taken),
        ["`collector.runs`: with `connectors.runs`, the routes of runs have this name: choose another one"]
    );
}

#[test]
fn the_connector_of_the_system_is_not_one_of_the_settings() {
    let of = |section: &str| problems(&format!("{MINIMAL}\n{section}\n"));
    let refused = of("[connector.mine]\ntype = \".cases\"");
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("cases are made by a [[detect.action]]"), "{refused:?}");
    let named = of("[connector.\"system-connector-.cases\"]\ntype = \".index\"\nconfig = { index = \"x\" }");
    let begin = "names of the system's connectors begin with \"system-connector-\"";
    assert!(named.len() == 1 && named[0].contains(begin), "{named:?}");
}

#[test]
fn only_a_secret_that_is_an_object_is_a_table_of_places() {
    let text = |secrets: &str| {
        format!(
            "{MINIMAL}\n[connector.mine]\ntype = \".webhook\"\nconfig = {{ url = \"https://a\" }}\nsecrets = {secrets}\n"
        )
    };
    let place = "{ env = \"A\" }";
    for sound in [
        format!("{{ secretHeaders = {{ Authorization = {place}, env = {place} }} }}"),
        format!("{{ secretHeaders = {place}, user = {place} }}"),
    ] {
        assert!(load(&text(&sound)).is_ok(), "{sound}");
    }
    for wrong in [
        format!("{{ password = {{ a = {place} }} }}"),
        "{ secretHeaders = { Authorization = \"Bearer pasted\" } }".to_owned(),
        format!("{{ secretHeaders = {{ a = {place}, b = \"pasted\" }} }}"),
        "{ secretHeaders = {} }".to_owned(),
    ] {
        let refused = problems(&text(&wrong));
        assert!(refused.len() == 1 && !refused[0].contains("pasted"), "{wrong}: {refused:?}");
    }
}
