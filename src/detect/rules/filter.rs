//! Filters: documents that take matches away from detections.

use super::{
    check::Check,
    detection,
    document::{Document, DocumentKind},
    error::{Problems, excerpt},
    header::canonical,
    item::ItemContext,
    section::DocumentSection,
    yaml::YamlNode,
};

/// A filter, and the detections that it is for.
#[derive(Debug)]
pub(super) struct RuleFilter {
    pub table: usize,
    pub check: Check,
    pub rules: FilteredRules,
    /// What decides what it takes away.
    pub node: YamlNode,
    pub unset: Vec<String>,
}

/// The detections that a filter is for.
#[derive(Debug)]
pub(super) enum FilteredRules {
    /// All of its table.
    Any,
    /// Those of these ids or names, with their lines.
    Named(Vec<(String, u32)>),
}

/// Compiles a filter.
pub(super) fn compile(
    document: &Document,
    context: &mut ItemContext<'_>,
    problems: &mut Problems,
) -> Option<RuleFilter> {
    let DocumentKind::Filter { table } = document.body else { return None };
    let section = DocumentSection::of(&document.node, "", problems)?;
    let node = section.get("filter")?;
    let inner = DocumentSection::of(node, "filter", problems)?;
    let check = detection::compile(&inner, &["rules"], context, problems);
    inner.required("rules", problems)?;
    let names = inner.texts("rules", problems);
    if names.is_empty() {
        problems.error(inner.line_of("rules"), inner.at("rules"), "names no rule");
    }
    let names: Vec<_> = names.into_iter().map(|(name, line)| (canonical(name), line)).collect();
    let any = names.iter().any(|(name, _)| name == "any");
    if any && names.len() > 1 {
        problems.error(inner.line_of("rules"), inner.at("rules"), "`any` is all of them; remove the others");
    }
    let rules = if any { FilteredRules::Any } else { FilteredRules::Named(names) };
    let unset = std::mem::take(context.unset);
    let check = check?;
    warn_of_not(&inner, problems);
    Some(RuleFilter { table, check, rules, node: node.clone(), unset })
}

/// Notes conditions that begin with `not`: other programs add the condition of a filter with `and`, ccfd with `and not`.
fn warn_of_not(section: &DocumentSection<'_>, problems: &mut Problems) {
    for (condition, line) in section.texts("condition", problems) {
        let words = condition.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
        if words
            .split(|c: char| c == '(' || c.is_whitespace())
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("not"))
        {
            let problem = "a filter takes away what its condition matches: this one leaves only what the rest of \
                           it matches; without `not` it takes that away";
            problems.warn(line, section.at("condition"), problem);
        }
    }
}

impl RuleFilter {
    /// Whether it is for a detection of this table, id and name.
    pub fn is_for(&self, table: usize, id: &str, slug: &str) -> bool {
        match &self.rules {
            FilteredRules::Any => self.table == table,
            FilteredRules::Named(names) => {
                names.iter().any(|(name, _)| name == slug || (name == id && !id.is_empty()))
            }
        }
    }

    /// Notes names of rules that do not exist, that match no single records, or that are of another table.
    pub fn check_names(&self, find: impl Fn(&str) -> Option<Option<usize>>, problems: &mut Problems) {
        let FilteredRules::Named(names) = &self.rules else { return };
        for (name, line) in names {
            let problem = match find(name) {
                None => "is no rule of this set",
                Some(None) => "is a correlation; filter the rules that it is about",
                Some(Some(table)) if table != self.table => "is about another table than `logsource` says",
                Some(Some(_)) => continue,
            };
            problems.error(*line, "filter.rules", format!("`{}` {problem}", excerpt(name)));
        }
    }
}
