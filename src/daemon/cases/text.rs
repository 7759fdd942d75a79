//! What a Kibana gets to read: comments of people, and the summary of alerts. Each text ends with the name by which it is found
//! again, so that it is added once.

use serde_json::Value;

use crate::{
    cases::{
        AttachedAlert, SENT_NAME, TEXT_CHARS_MAX, cut_text, length,
        markdown::{code, plain},
    },
    digest::hash_hex,
    tables::ALERTS,
};

/// Characters of a summary without its name.
const SUMMARY_CHARS_MAX: usize = TEXT_CHARS_MAX - 200;
/// Characters of a value in a summary.
const VALUE_CHARS_MAX: usize = 200;

/// The tag by which a case is found again.
pub(super) fn tag(case: &str) -> String {
    format!("{SENT_NAME}{case}")
}

/// Whether a text with this name is a further one of what has the other name.
pub(super) fn is_part(name: &str, of: &str) -> bool {
    let number = name.strip_prefix(of).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// What is remembered of a comment that was sent, to see whether it was changed here.
pub(super) fn content(text: &str) -> String {
    hash_hex(text.as_bytes())
}

/// The name at the end of a text, if it has one.
pub(super) fn ending(text: &str) -> Option<String> {
    let name = text.trim_end().strip_suffix('`')?.rsplit('`').next()?;
    name.starts_with(SENT_NAME).then(|| name.to_owned())
}

/// A comment of somebody.
pub(super) fn comment(name: &str, text: &str, by: &str, at: &str) -> String {
    let end = format!("\n\n{} in ccfd, {at}, {}", code(&plain(by)), code(name));
    with_end(text, &end)
}

/// What is known of alerts, for those who cannot see the alerts themselves: as many texts as it takes, with their names.
pub(super) fn summaries(name: &str, rule: &str, alerts: &[&AttachedAlert]) -> Vec<(String, String)> {
    let begin = format!("Alerts of {}:\n", code(&cut(&plain(rule))));
    let mut parts = vec![begin.clone()];
    for alert in alerts {
        let line = format!("\n{}", line(alert));
        if let Some(part) = parts.last_mut().filter(|part| length(part) + length(&line) <= SUMMARY_CHARS_MAX)
        {
            part.push_str(&line);
        } else {
            parts.push(format!("{begin}{line}"));
        }
    }
    let text = |(place, part): (usize, String)| {
        let name = if place == 0 { name.to_owned() } else { format!("{name}-{}", place + 1) };
        let text = with_end(&part, &format!("\n\n{}", code(&name)));
        (name, text)
    };
    parts.into_iter().enumerate().map(text).collect()
}

fn line(alert: &AttachedAlert) -> String {
    let text = |name: &str| alert.summary[name].as_str().map(plain).unwrap_or_default();
    let id = code(&cut(&plain(&alert.id)));
    if alert.summary.is_null() {
        return format!("- {id} in {}", code(&cut(&plain(&alert.index))));
    }
    let group: Vec<String> = alert.summary["group"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, value)| code(&cut(&plain(&format!("{field}: {}", shown(value))))))
        .collect();
    let records = alert.summary["event_count"].as_u64().unwrap_or_default();
    let group = if group.is_empty() { String::new() } else { format!(", {}", group.join(", ")) };
    format!(
        "- {id} {}{group}, {records} records to {}",
        code(&cut(&text("level"))),
        code(&cut(&text("last_event_at")))
    )
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cut(text: &str) -> String {
    cut_text(text, VALUE_CHARS_MAX)
}

/// The text, cut so that its end has room.
fn with_end(text: &str, end: &str) -> String {
    let room = TEXT_CHARS_MAX.saturating_sub(length(end));
    if length(text) <= room {
        return format!("{text}{end}");
    }
    let mut begin = cut_text(text, room.saturating_sub(1));
    begin.push('…');
    begin + end
}

/// Whether an alert is one of ours, which is elsewhere in Elasticsearch than its case says.
pub(super) fn is_ours(alert: &AttachedAlert) -> bool {
    alert.index == *ALERTS.name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alert(summary: Value) -> AttachedAlert {
        AttachedAlert { id: "a`\n1".into(), index: "logs".into(), attached_at: String::new(), summary }
    }

    #[test]
    fn each_text_ends_with_the_name_by_which_it_is_found_again() {
        let text = comment("ccfd:c-1", "seen `ccfd:c-2`", "an`n\u{202e}", "2026-11-29T00:00:00Z");
        assert_eq!(text, "seen `ccfd:c-2`\n\n`an'n ` in ccfd, 2026-11-29T00:00:00Z, `ccfd:c-1`");
        assert_eq!(ending(&text).as_deref(), Some("ccfd:c-1"));
        assert_eq!(ending(&format!("{text}\n ")).as_deref(), Some("ccfd:c-1"), "an editor adds a line");
        for letter in ["é", "😀"] {
            let long = comment("ccfd:c-1", &letter.repeat(TEXT_CHARS_MAX), "ann", "now");
            assert!((TEXT_CHARS_MAX - 1..=TEXT_CHARS_MAX).contains(&length(&long)), "{letter}");
            assert_eq!(ending(&long).as_deref(), Some("ccfd:c-1"), "{letter}");
        }
        for other in ["", "text", "`code`", "ccfd:c-1", "`ccfd:c-1` and more"] {
            assert_eq!(ending(other), None, "{other}");
        }
    }

    #[test]
    fn a_summary_names_alerts_in_words_that_nobody_can_forge() {
        let known = json!({
            "level": "high", "group": { "Actor": "x`\n- `forged" }, "event_count": 3, "last_event_at": "2026-11-28T00:00:00Z",
        });
        let (known, other) = (alert(known), alert(Value::Null));
        let texts = summaries("ccfd:s-1", "A `rule`", &[&known, &other]);
        let expected = "Alerts of `A 'rule'`:\n\n\
                        - `a' 1` `high`, `Actor: x' - 'forged`, 3 records to `2026-11-28T00:00:00Z`\n\
                        - `a' 1` in `logs`\n\n`ccfd:s-1`";
        assert_eq!(texts, [("ccfd:s-1".to_owned(), expected.to_owned())]);
    }

    #[test]
    fn each_of_many_alerts_is_named_in_one_of_several_texts() {
        let known = |number: usize| AttachedAlert {
            id: format!("a-{number}😀"),
            ..alert(json!({ "level": "high" }))
        };
        let many: Vec<AttachedAlert> = (0..1_000).map(known).collect();
        let texts = summaries("ccfd:s-1", "rule", &many.iter().collect::<Vec<_>>());
        assert!(texts.len() > 1);
        for alert in &many {
            let named = code(&alert.id);
            assert_eq!(texts.iter().filter(|(_, text)| text.contains(&named)).count(), 1, "{named}");
        }
        for (place, (name, text)) in texts.iter().enumerate() {
            let expected = if place == 0 { "ccfd:s-1".to_owned() } else { format!("ccfd:s-1-{}", place + 1) };
            assert_eq!((name, ending(text)), (&expected, Some(expected.clone())));
            assert!(length(text) <= TEXT_CHARS_MAX);
        }
    }
}
