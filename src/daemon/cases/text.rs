//! What a Kibana gets to read: comments of people, and the summary of alerts. Each text ends with the name by which it is found
//! again, so that it is added once.

use serde_json::Value;

use crate::{
    cases::{
        AttachedAlert, TEXT_CHARS_MAX,
        markdown::{code, plain},
    },
    tables::ALERTS,
};

/// What the names of cases and texts begin with.
const PREFIX: &str = "ccfd:";
/// Alerts that one summary names.
const ALERTS_SHOWN: usize = 50;
/// Characters of a value in a summary.
const VALUE_CHARS_MAX: usize = 200;

/// The tag by which a case is found again.
pub(super) fn tag(case: &str) -> String {
    format!("{PREFIX}{case}")
}

/// The name at the end of a text, if it has one.
pub(super) fn ending(text: &str) -> Option<String> {
    let name = text.trim_end().strip_suffix('`')?.rsplit('`').next()?;
    name.starts_with(PREFIX).then(|| name.to_owned())
}

/// A comment of somebody.
pub(super) fn comment(name: &str, text: &str, by: &str, at: &str) -> String {
    let end = format!("\n\n{} in ccfd, {at}, {}", code(&plain(by)), code(name));
    with_end(text, &end)
}

/// What is known of alerts, for those who cannot see the alerts themselves.
pub(super) fn summary(name: &str, rule: &str, alerts: &[&AttachedAlert]) -> String {
    let lines: Vec<String> = alerts.iter().take(ALERTS_SHOWN).map(|alert| line(alert)).collect();
    let more = alerts.len().saturating_sub(ALERTS_SHOWN);
    let more = if more > 0 { format!("\n- and {more} more") } else { String::new() };
    let text = format!("Alerts of {}:\n\n{}", code(&cut(&plain(rule))), lines.join("\n"));
    with_end(&text, &format!("{more}\n\n{}", code(name)))
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
    text.chars().take(VALUE_CHARS_MAX).collect()
}

/// The text, cut so that its end has room.
fn with_end(text: &str, end: &str) -> String {
    let room = TEXT_CHARS_MAX.saturating_sub(end.chars().count());
    if text.chars().count() <= room {
        return format!("{text}{end}");
    }
    let mut begin: String = text.chars().take(room.saturating_sub(1)).collect();
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
        let long = comment("ccfd:c-1", &"é".repeat(TEXT_CHARS_MAX), "ann", "now");
        assert_eq!((long.chars().count(), ending(&long)), (TEXT_CHARS_MAX, Some("ccfd:c-1".to_owned())));
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
        let text = summary("ccfd:s-1", "A `rule`", &[&known, &other]);
        let expected = "Alerts of `A 'rule'`:\n\n\
                        - `a' 1` `high`, `Actor: x' - 'forged`, 3 records to `2026-11-28T00:00:00Z`\n\
                        - `a' 1` in `logs`\n\n`ccfd:s-1`";
        assert_eq!(text, expected);
        let many = vec![&known; 1_000];
        let text = summary("ccfd:s-1", "rule", &many);
        assert!(text.contains("\n- and 950 more\n") && text.chars().count() <= TEXT_CHARS_MAX);
        assert_eq!(ending(&text).as_deref(), Some("ccfd:s-1"));
    }
}
