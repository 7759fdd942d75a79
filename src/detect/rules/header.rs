//! What every document has besides the part that matches: title, id, level and the like.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{
    error::{Problems, excerpt, list},
    section::DocumentSection,
    yaml::NodeValue,
};
use crate::detect::model::{Level, RuleState};

/// Limits of the specification.
const TITLE_CHARS_MAX: usize = 256;
const DESCRIPTION_CHARS_MAX: usize = 65_535;

/// Names are keys of storage, and are typed.
const NAME_CHARS_MAX: usize = 100;

/// Texts of one list.
const LIST_MAX: usize = 200;

/// The name of ccfd's own alerts, which no rule of a file can have.
const RESERVED: &str = crate::detect::model::FLOODING;

/// How a rule can be related to another one.
const RELATIONS: [&str; 5] = ["derived", "merged", "obsolete", "renamed", "similar"];

/// The keys that describe a document, of the specification and of SigmaHQ's own rules.
const COMMON: [&str; 20] = [
    "title",
    "id",
    "name",
    "status",
    "description",
    "references",
    "author",
    "date",
    "modified",
    "tags",
    "falsepositives",
    "level",
    "related",
    "taxonomy",
    "license",
    "fields",
    "scope",
    "ccfd",
    "simulation",
    "regression_tests_path",
];

/// What a document says of itself.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub title: String,
    pub id: String,
    /// Its name, else one made of that of its file.
    pub slug: Arc<str>,
    pub description: String,
    pub level: Level,
    pub tags: Vec<String>,
    pub references: Vec<String>,
    pub falsepositives: Vec<String>,
    /// Fields that alerts show besides those that the rule reads, with their lines.
    pub fields: Vec<(String, u32)>,
    /// What `status` says.
    pub state: RuleState,
}

impl Header {
    /// Reads the keys of a document that has this part, such as `detection`, and these other keys.
    pub fn read(
        section: &DocumentSection<'_>,
        part: &[&str],
        otherwise: &str,
        problems: &mut Problems,
    ) -> Self {
        let known: Vec<&str> = COMMON.iter().chain(part).copied().collect();
        section.only(&known, problems);
        section.required("title", problems);
        let title = section.text("title", TITLE_CHARS_MAX, problems).unwrap_or_default();
        let id = section.text("id", NAME_CHARS_MAX, problems).unwrap_or_default();
        if section.get("id").is_some() && !is_uuid(&id) {
            problems.error(section.line_of("id"), section.at("id"), "an id is a UUID");
        }
        let id = canonical(id);
        for name in ["date", "modified"] {
            date(section, name, problems);
        }
        for name in ["author", "license"] {
            _ = section.text(name, DESCRIPTION_CHARS_MAX, problems);
        }
        related(section, problems);
        let name = section.text("name", NAME_CHARS_MAX, problems);
        if let Some(name) = &name
            && !is_name(name)
        {
            let problem = format!("`{}` is not a name: letters, digits, `_`, `-` and `.`", excerpt(name));
            problems.error(section.line_of("name"), section.at("name"), problem);
        }
        if name.as_deref().unwrap_or(otherwise) == RESERVED {
            let problem = format!("`{RESERVED}` is the name of ccfd's own alerts; give it another `name`");
            problems.error(section.line_of("name"), section.at("name"), problem);
        }
        if let Some(taxonomy) = section.text("taxonomy", NAME_CHARS_MAX, problems)
            && taxonomy != "sigma"
        {
            let problem =
                "only the taxonomy `sigma` is supported; fields are named by the columns of the tables";
            problems.error(section.line_of("taxonomy"), section.at("taxonomy"), problem);
        }
        let levels = [
            ("informational", Level::Informational),
            ("low", Level::Low),
            ("medium", Level::Medium),
            ("high", Level::High),
            ("critical", Level::Critical),
        ];
        let states = [
            ("stable", RuleState::Active),
            ("test", RuleState::Active),
            ("experimental", RuleState::Active),
            ("deprecated", RuleState::Off),
            ("unsupported", RuleState::Off),
        ];
        Self {
            title,
            id,
            slug: name.as_deref().unwrap_or(otherwise).into(),
            description: section.text("description", DESCRIPTION_CHARS_MAX, problems).unwrap_or_default(),
            level: section.word("level", &levels, problems).unwrap_or(Level::Medium),
            tags: tags(section, problems),
            references: texts(section, "references", problems),
            falsepositives: texts(section, "falsepositives", problems),
            fields: section.texts("fields", problems),
            state: section.word("status", &states, problems).unwrap_or(RuleState::Active),
        }
    }
}

fn texts(section: &DocumentSection<'_>, name: &str, problems: &mut Problems) -> Vec<String> {
    let texts: Vec<String> = section.texts(name, problems).into_iter().map(|(text, _)| text).collect();
    if texts.len() > LIST_MAX {
        problems.error(section.line_of(name), section.at(name), format!("more than {LIST_MAX} entries"));
    }
    texts
}

fn tags(section: &DocumentSection<'_>, problems: &mut Problems) -> Vec<String> {
    for (tag, line) in section.texts("tags", problems) {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        if !tag.contains('.') || !tag.chars().all(is_plain) {
            let problem = format!("`{}` is not a tag such as `attack.t1110`", excerpt(&tag));
            problems.error(line, section.at("tags"), problem);
        }
    }
    texts(section, "tags", problems)
}

/// A day, as the specification has it and as its first version had it.
fn date(section: &DocumentSection<'_>, name: &str, problems: &mut Problems) {
    let Some(text) = section.text(name, NAME_CHARS_MAX, problems) else { return };
    let is_day = |form: &str| text.len() == 10 && NaiveDate::parse_from_str(&text, form).is_ok();
    if !is_day("%Y-%m-%d") && !is_day("%Y/%m/%d") {
        let problem = format!("`{}` is not a day such as `2026-01-31`", excerpt(&text));
        problems.error(section.line_of(name), section.at(name), problem);
    }
}

/// The rules that a rule comes from. Nothing follows from them.
fn related(section: &DocumentSection<'_>, problems: &mut Problems) {
    let Some(node) = section.get("related") else { return };
    let NodeValue::List(elements) = &node.value else {
        let problem = format!("a list is expected here, not {}", node.kind());
        problems.error(node.line, section.at("related"), problem);
        return;
    };
    for element in elements {
        let Some(one) = DocumentSection::of(element, section.at("related"), problems) else { continue };
        one.only(&["id", "type"], problems);
        one.required("id", problems);
        one.required("type", problems);
        if let Some(id) = one.text("id", NAME_CHARS_MAX, problems)
            && !is_uuid(&id)
        {
            problems.error(one.line_of("id"), one.at("id"), "an id is a UUID");
        }
        if let Some(kind) = one.text("type", NAME_CHARS_MAX, problems)
            && !RELATIONS.contains(&kind.as_str())
        {
            let problem = format!("`{}` is not a relation; there are {}", excerpt(&kind), list(&RELATIONS));
            problems.error(one.line_of("type"), one.at("type"), problem);
        }
    }
}

/// Whether a text is a UUID, in either case.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A name or an id. UUIDs that differ in case are the same.
pub(super) fn canonical(name: String) -> String {
    if is_uuid(&name) { name.to_ascii_lowercase() } else { name }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_plain)
}
