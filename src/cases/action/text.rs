//! Title, description and tags of a case that an action creates. Values of fields come from records: they are cut, stay on one
//! line, and cannot leave the code of Markdown that they are in.

use serde_json::{Map, Value};

use super::{CaseRule, CasesAction};
use crate::cases::{
    NewCase, SENT_NAME, TemplateFields,
    limits::{NAME_CHARS_MAX, TAG_CHARS_MAX, TAGS_MAX, TITLE_CHARS_MAX, cut, length},
    markdown::{code, plain},
};

/// Characters of a rule's name in a title.
const RULE_CHARS_MAX: usize = 100;
/// How every such title ends.
const TITLE_END: &str = " (Auto-created)";

/// The case of a group.
pub(super) fn new_case(
    rule: &CaseRule,
    action: &CasesAction,
    grouping: &Map<String, Value>,
    counter: i64,
    template: Option<TemplateFields>,
) -> NewCase {
    let template = template.unwrap_or_default();
    NewCase {
        title: title(rule, grouping, counter),
        description: description(rule, grouping),
        tags: tags(rule, grouping, &template.tags),
        owner: action.owner,
        severity: template.severity.unwrap_or_default(),
        category: template.category,
        assignees: template.assignees,
        custom_fields: template.custom_fields,
        connector: template.connector.unwrap_or_default(),
        settings: template.settings.unwrap_or_default(),
    }
}

fn title(rule: &CaseRule, grouping: &Map<String, Value>, counter: i64) -> String {
    let mut begin = cut(&plain(&rule.name), RULE_CHARS_MAX);
    if !grouping.is_empty() {
        let values: Vec<String> = grouping.values().map(shown).collect();
        begin += &format!(" - Grouping by {}", values.join(" & "));
    }
    let end = if counter > 1 { format!(" ({counter}){TITLE_END}") } else { TITLE_END.to_owned() };
    // Its end distinguishes it from the group's other cases, so the middle is what is cut.
    cut(begin.trim(), TITLE_CHARS_MAX - length(&end)) + &end
}

fn description(rule: &CaseRule, grouping: &Map<String, Value>) -> String {
    let name = code(&cut(&plain(&rule.name), RULE_CHARS_MAX));
    let name = match rule.url.as_deref().map(plain).filter(|url| is_address(url)) {
        Some(url) => format!("[{name}]({url})"),
        None => name,
    };
    let mut text = format!("This case was created by the rule {name}.");
    if !grouping.is_empty() {
        let field = |(field, value): (&String, &Value)| {
            code(&cut(&format!("{}: {}", plain(field), shown(value)), NAME_CHARS_MAX))
        };
        let fields: Vec<String> = grouping.iter().map(field).collect();
        text += &format!(" The assigned alerts are grouped by {}.", fields.join(" and "));
    }
    text
}

fn tags(rule: &CaseRule, grouping: &Map<String, Value>, of_template: &[String]) -> Vec<String> {
    let mut tags = vec!["auto-generated".to_owned()];
    tags.extend((!rule.id.is_empty()).then(|| format!("rule:{}", rule.id)));
    for (field, value) in grouping {
        tags.push(field.clone());
        tags.push(format!("{field}:{}", shown(value)));
    }
    tags.extend(rule.tags.iter().chain(of_template).cloned());
    let mut all: Vec<String> = Vec::new();
    for tag in tags {
        let tag = cut(plain(&tag).trim(), TAG_CHARS_MAX);
        // A tag that may be the name of another case would make this one that case elsewhere.
        let is_name = tag.starts_with(SENT_NAME);
        if !tag.is_empty() && !is_name && !all.contains(&tag) && all.len() < TAGS_MAX {
            all.push(tag);
        }
    }
    all
}

/// A value as people read it.
fn shown(value: &Value) -> String {
    plain(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Whether a text can be the target of a link without ending it.
fn is_address(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url.len() <= 2_000
        && !url.contains(|c: char| c.is_whitespace() || "()<>[]`\"\\".contains(c))
}
