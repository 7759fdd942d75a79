use super::{
    super::{KibanaIndexSettings, SinkSettings},
    *,
};
use crate::tables::{AUDIT_LOGS, CHAT_COMPLETIONS};

/// The minimal file with a sink of this type that has these keys.
fn with_sink(keys: &str) -> String {
    let sqlite = "type = \"sqlite\"\npath = \"tables.db\"";
    MINIMAL.replace(sqlite, &format!("type = \"kibana_index\"\n{keys}"))
}

fn settings(keys: &str) -> KibanaIndexSettings {
    match load(&with_sink(keys)).unwrap().sinks["local"].clone() {
        SinkSettings::KibanaIndex(settings) => settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_address_is_enough() {
    let settings = settings("url = \"https://kibana:5601/base/\"");
    assert_eq!(settings.url.as_str(), "https://kibana:5601/base");
    assert_eq!(
        (settings.space.as_str(), settings.documents_max, settings.body_max),
        ("default", 500, 900 << 10)
    );
    assert_eq!(settings.index.of(&AUDIT_LOGS), "openai-audit-logs");
    assert_eq!(settings.connectors.of(&CHAT_COMPLETIONS), "OpenAI chat completions");
    assert_eq!(settings.execution_time_field.as_deref(), Some("@timestamp"));
    assert!(!settings.refresh && !settings.delete_on_exit && settings.auth.is_none());
}

#[test]
fn an_empty_time_field_is_none_and_a_column_is_no_time_field() {
    let url = "url = \"https://kibana\"";
    assert_eq!(settings(&format!("{url}\nexecution_time_field = \" \"")).execution_time_field, None);
    let overwritten = format!("{url}\nexecution_time_field = \"TimeGenerated\"");
    assert_eq!(
        problems(&with_sink(&overwritten)),
        [
            "`sink.local.execution_time_field` in ccfd.toml: `TimeGenerated` is a column of the table: choose another name"
        ]
    );
}

#[test]
fn an_address_in_the_clear_and_what_is_no_space_are_refused() {
    let keys = "url = \"http://kibana:5601\"\nspace = \"SOC/x\"";
    assert_eq!(
        problems(&with_sink(keys)),
        [
            "`sink.local.url` in ccfd.toml: http is only allowed to this machine (localhost, 127.0.0.0/8, ::1); use https",
            "`sink.local.space` in ccfd.toml: expected the id of a space: lower-case letters, digits, `_` and `-`, found \
             \"SOC/x\"",
        ]
    );
}

#[test]
fn one_connector_for_two_indices_is_refused() {
    let one = "url = \"https://kibana\"\nconnectors = { audit_logs = \"a\", chat_completions = \"a\" }";
    assert_eq!(
        problems(&with_sink(one)),
        [
            "`sink.local.connectors` in ccfd.toml: one connector writes to one index: give each index its own connector"
        ]
    );
    settings(&format!("{one}\nindex = {{ audit_logs = \"b\", chat_completions = \"b\" }}"));
}

#[test]
fn the_name_of_an_index_is_checked() {
    for name in ["Upper", "_hidden", "a b", "a,b", "..", ""] {
        let keys = format!("url = \"https://kibana\"\nindex = {{ audit_logs = \"{name}\" }}");
        assert_eq!(problems(&with_sink(&keys)).len(), 1, "{name:?}");
    }
}
