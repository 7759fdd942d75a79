use super::{super::MessagesSettings, *};

fn chat(keys: &str) -> String {
    with_keys(keys).replace("audit_logs", "chat_completions")
}

fn messages(text: &str) -> Option<MessagesSettings> {
    load(text).unwrap().collectors["acme-audit"].messages
}

#[test]
fn messages_are_not_collected_unless_that_is_said() {
    assert_eq!(messages(&chat("")), None);
    assert_eq!(messages(&chat("include_images = true\nmessages_max = \"2MiB\"")), None);
    let defaults = MessagesSettings { bytes_max: 1 << 20, include_images: false };
    assert_eq!(messages(&chat("include_messages = true")), Some(defaults));
    let own = MessagesSettings { bytes_max: 2 << 20, include_images: true };
    let keys = "include_messages = true\ninclude_images = true\nmessages_max = \"2MiB\"";
    assert_eq!(messages(&chat(keys)), Some(own));
}

#[test]
fn audit_events_have_no_messages_and_a_collector_that_wants_them_gets_an_error() {
    let reason = "only collectors of chat_completions have this key: audit events have no messages";
    for key in ["include_messages = true", "messages_max = \"2MiB\"", "include_images = false"] {
        let name = key.split(' ').next().unwrap();
        let wanted = format!("`collector.acme-audit.{name}` in ccfd.toml: {reason}");
        assert_eq!(problems(&with_keys(key)), [wanted]);
    }
    // Said for all collectors, it holds for those of the other list.
    let text = format!("{MINIMAL}\n[default.collector]\ninclude_messages = true\n");
    assert_eq!(messages(&text), None);
    assert!(messages(&text.replace("\"audit_logs\"", "\"chat_completions\"")).is_some());
}

#[test]
fn what_is_neither_yes_nor_no_and_sizes_out_of_bounds_are_refused() {
    let problem = |keys: &str| problems(&chat(keys)).join("\n");
    assert!(problem("include_messages = \"some\"").contains("expected true or false"));
    assert!(problem("messages_max = \"1GiB\"").contains("1.0 KiB to 64.0 MiB"));
}
