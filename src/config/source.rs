//! What a collector reads, with the API's filters.

use std::collections::BTreeMap;

use config::{Value, ValueKind};

use super::{
    section::Section,
    values::{ValueProblem, text, texts, wanted, word_of},
};
use crate::lists::{Filter, Filters, LISTS, ListDescriptor, PairsMax, Setting, SettingKind, names_where};

/// The list that a collector reads, and its filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSource {
    /// The list.
    pub list: &'static ListDescriptor,
    /// What the settings say of it.
    pub filters: Filters,
}

impl ListSource {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let list = section.required("source", list);
        // The keys of every list are read, whichever list it is.
        let mut given: Vec<(&'static str, Option<Filter>)> = Vec::new();
        for setting in LISTS.into_iter().flat_map(|list| list.settings) {
            given.push((setting.key, filter(section, setting)));
        }
        let list = list?;
        refuse_others(section, list);
        let is_required = |setting: &&Setting| match setting.kind {
            SettingKind::Word(_) => true,
            SettingKind::Text | SettingKind::Texts | SettingKind::PersonalTexts | SettingKind::Pairs(_) => {
                false
            }
        };
        let filters: BTreeMap<_, _> = given
            .into_iter()
            .filter(|(key, _)| list.has(key))
            .filter_map(|(key, filter)| Some((key, filter?)))
            .collect();
        let complete = list.settings.iter().filter(is_required).all(|one| filters.contains_key(one.key));
        complete.then(|| Self { list, filters: filters.into_iter().collect() })
    }

    /// Its name in the settings: `audit_logs` or `chat_completions`.
    pub fn name(&self) -> &'static str {
        self.list.name
    }
}

/// A list by its name.
fn list(value: &Value) -> Result<&'static ListDescriptor, ValueProblem> {
    let names: Vec<&'static str> = LISTS.iter().map(|list| list.name).collect();
    let name = word_of(&names)(value)?;
    ListDescriptor::named(name).ok_or_else(|| wanted("a list"))
}

/// The value of a setting; `None` if it is missing, and after a problem.
fn filter(section: &mut Section<'_>, setting: &Setting) -> Option<Filter> {
    let key = setting.key;
    match setting.kind {
        SettingKind::Word(words) => section.required(key, word_of(words)).map(Filter::Word),
        SettingKind::Text => section.optional(key, text).map(Filter::Text),
        SettingKind::Texts => section.optional(key, texts).map(Filter::Texts),
        SettingKind::PersonalTexts => section.optional(key, texts).map(Filter::PersonalTexts),
        SettingKind::Pairs(max) => section.optional(key, pairs(max)).map(Filter::Pairs),
    }
}

fn pairs(max: PairsMax) -> impl Fn(&Value) -> Result<BTreeMap<String, String>, ValueProblem> {
    let PairsMax { count, key_chars, value_chars } = max;
    move |value| {
        let pair = |(key, value): (&String, &Value)| {
            let value = text(value).ok()?;
            let fits = (1..=key_chars).contains(&key.chars().count()) && value.chars().count() <= value_chars;
            fits.then(|| (key.clone(), value))
        };
        let pairs: Option<BTreeMap<_, _>> = match &value.kind {
            ValueKind::Table(table) if table.len() <= count => table.iter().map(pair).collect(),
            _ => None,
        };
        pairs.ok_or_else(|| {
            wanted(format!(
                "a table of at most {count} texts, keys up to {key_chars} and values up to {value_chars} characters"
            ))
        })
    }
}

/// A filter without effect is an error if the collector itself has it; in `[default.collector]` it may be for
/// collectors of another list.
fn refuse_others(section: &mut Section<'_>, list: &ListDescriptor) {
    let others = LISTS.into_iter().filter(|other| *other != list).flat_map(|other| other.settings);
    for key in others.map(|setting| setting.key).filter(|key| !list.has(key)) {
        if section.gives(key) {
            let names = names_where(|list| list.has(key));
            section.problem(key, &format!("only collectors of {names} have this key"));
        }
    }
}
