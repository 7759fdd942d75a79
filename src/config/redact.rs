//! `drop`, `mask`, `hash`, `hash_key` and `preset` of a collector: which parts of its records nobody else
//! sees.

use config::{Value, ValueKind};

use super::{
    ListSource, SecretSource,
    section::Section,
    values::{ValueProblem, as_text, describe, one_of, wanted},
};
use crate::{
    lists::names_where,
    redact::{Path, Preset, RedactionRule, RuleAction, Rules},
};

/// Every path is searched for in every record; a longer list is probably a mistake.
const PATHS_MAX: usize = 1000;

const LISTS: [RuleAction; 3] = [RuleAction::Drop, RuleAction::Mask, RuleAction::Hash];

const PRESETS: &[(&str, Preset)] = &[(Preset::NoContent.name(), Preset::NoContent)];

/// How the records of a collector are changed before anything else sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactSettings {
    /// Which values are changed, and how. The rules fit together.
    pub rules: Rules,
    /// Where the key for hashes is kept. Set if a rule hashes.
    pub hash_key: Option<SecretSource>,
}

impl RedactSettings {
    /// `None` if nothing is redacted, and after a problem.
    pub(super) fn read(section: &mut Section<'_>, source: Option<&ListSource>) -> Option<Self> {
        let preset = section.optional("preset", one_of(PRESETS));
        let hash_key = section.optional_place("hash_key", SecretSource::read);
        let mut own = Vec::new();
        for action in LISTS {
            let paths = section.optional(action.key(), paths).unwrap_or_default();
            own.extend(paths.into_iter().map(|path| RedactionRule { path, action }));
        }
        let list = source.filter(|_| section.is_complete())?.list;
        let (preset, unfit) = match preset {
            Some(preset) if !list.presets.contains(&preset) => (None, Some(preset)),
            fitting => (fitting, None),
        };
        if let Some(unfit) = unfit.filter(|_| section.gives("preset")) {
            let names = names_where(|list| list.presets.contains(&unfit));
            section.problem("preset", &format!("only collectors of {names} have this key"));
        }
        let hashes = own.iter().any(|rule| rule.action == RuleAction::Hash);
        if hashes && hash_key.is_none() {
            section.problem(
                "hash",
                "requires `hash_key`: without it, anyone could find known values by their hashes",
            );
        }
        if !hashes && section.gives("hash_key") {
            section.problem("hash_key", "has no effect without `hash`");
        }
        if own.is_empty() && preset.is_none() {
            return None;
        }
        match Rules::new(own, preset, &list.table()) {
            Ok(rules) => Some(Self { rules, hash_key: hash_key.filter(|_| hashes) }),
            Err(covered) => {
                for covered in covered {
                    section.problem(covered.rule.action.key(), &covered.to_string());
                }
                None
            }
        }
    }
}

fn paths(value: &Value) -> Result<Vec<Path>, ValueProblem> {
    let ValueKind::Array(list) = &value.kind else {
        return Err(wanted("a list of paths"));
    };
    if list.len() > PATHS_MAX {
        return Err(ValueProblem::Because(format!("at most {PATHS_MAX} paths")));
    }
    let path = |(place, item): (usize, &Value)| {
        let text = as_text(item).ok_or_else(|| wanted("a list of paths"))?;
        let refused =
            |reason| ValueProblem::Because(format!("path {}, {}: {reason}", place + 1, describe(item)));
        Path::parse(text).map_err(refused)
    };
    list.iter().enumerate().map(path).collect()
}
