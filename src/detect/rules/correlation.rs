//! The `correlation` of a document, before the rules that it is about are known.

use super::{
    error::{Problems, excerpt, unknown},
    extension::seconds,
    possible::NumberRange,
    section::{DocumentSection, expected},
    yaml::{NodeValue, YamlNode},
};
use crate::detect::model::{Comparison, CorrelationKind};

/// Rules that one correlation is about, and fields by which it groups.
const RULES_MAX: usize = 100;
const GROUP_MAX: usize = 10;

/// A correlation as written.
#[derive(Clone, Debug)]
pub(super) struct WrittenCorrelation {
    pub line: u32,
    pub kind: CorrelationKind,
    pub rules: Vec<(String, u32)>,
    pub group_by: Vec<(String, u32)>,
    pub timespan: i64,
    pub condition: Vec<(Comparison, f64)>,
    /// The fields whose values are counted or added, together.
    pub fields: Vec<(String, u32)>,
    pub aliases: Vec<Alias>,
    pub generate: bool,
}

/// A name for fields that differ between rules.
#[derive(Clone, Debug)]
pub(super) struct Alias {
    pub name: String,
    /// The rule, its field, and the line.
    pub fields: Vec<(String, String, u32)>,
}

const TYPES: [&str; 7] = [
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
];

const COMPARISONS: [(&str, Comparison); 6] = [
    ("lt", Comparison::Less),
    ("lte", Comparison::AtMost),
    ("gt", Comparison::Greater),
    ("gte", Comparison::AtLeast),
    ("eq", Comparison::Equal),
    ("neq", Comparison::NotEqual),
];

/// Reads a correlation.
pub(super) fn read(document: &DocumentSection<'_>, problems: &mut Problems) -> Option<WrittenCorrelation> {
    let node = document.get("correlation")?;
    let section = DocumentSection::of(node, document.at("correlation"), problems)?;
    let keys = ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];
    section.only(&keys, problems);
    section.required("timespan", problems);
    let timespan = seconds(&section, "timespan", problems);
    let rules = section.texts("rules", problems);
    let group_by = section.texts("group-by", problems);
    let generate = section.flag("generate", problems).unwrap_or(false);
    let aliases = aliases(&section, problems);
    if section.required("rules", problems).is_some() && rules.is_empty() {
        problems.error(section.line_of("rules"), section.at("rules"), "names no rule");
    }
    for (texts, most, name) in [(&rules, RULES_MAX, "rules"), (&group_by, GROUP_MAX, "group-by")] {
        if texts.len() > most {
            problems.error(section.line_of(name), section.at(name), format!("more than {most} entries"));
        }
        for (place, (text, line)) in texts.iter().enumerate() {
            if texts.iter().take(place).any(|(other, _)| other == text) {
                problems.error(*line, section.at(name), format!("`{}` is there twice", excerpt(text)));
            }
        }
    }
    let node = section.required("type", problems)?;
    let kind = node.text().unwrap_or_default();
    let condition = condition(&section, kind, rules.len(), problems);
    let Some(kind) = kind_of(kind, condition.percentile) else {
        let problem = match kind {
            "value_median" => "not of Sigma 2.1; use `value_percentile` with `percentile: 50`".to_owned(),
            kind => unknown("type of correlation", kind, &TYPES),
        };
        problems.error(node.line, section.at("type"), problem);
        return None;
    };
    let is_alias_used = |alias: &Alias| group_by.iter().any(|(name, _)| *name == alias.name);
    for alias in aliases.iter().filter(|alias| !is_alias_used(alias)) {
        let line = section.line_of("aliases");
        problems.warn(
            line,
            section.at("aliases"),
            format!("`{}` is not in `group-by`", excerpt(&alias.name)),
        );
    }
    Some(WrittenCorrelation {
        line: section.line,
        kind,
        rules,
        group_by,
        timespan: timespan?,
        condition: condition.comparisons,
        fields: condition.fields,
        aliases,
        generate,
    })
}

fn kind_of(name: &str, percentile: Option<f64>) -> Option<CorrelationKind> {
    Some(match name {
        "event_count" => CorrelationKind::EventCount,
        "value_count" => CorrelationKind::ValueCount,
        "temporal" => CorrelationKind::Temporal,
        "temporal_ordered" => CorrelationKind::TemporalOrdered,
        "value_sum" => CorrelationKind::ValueSum,
        "value_avg" => CorrelationKind::ValueAvg,
        "value_percentile" => CorrelationKind::ValuePercentile(percentile.unwrap_or(50.0)),
        _ => return None,
    })
}

#[derive(Default)]
struct WrittenCondition {
    comparisons: Vec<(Comparison, f64)>,
    fields: Vec<(String, u32)>,
    percentile: Option<f64>,
}

fn condition(
    section: &DocumentSection<'_>,
    kind: &str,
    rules: usize,
    problems: &mut Problems,
) -> WrittenCondition {
    let temporal = matches!(kind, "temporal" | "temporal_ordered");
    let mut written = WrittenCondition::default();
    if temporal {
        if let Some(node) = section.get("condition") {
            only_all(node, section, rules, problems);
        }
        return written;
    }
    let Some(node) = section.required("condition", problems) else { return written };
    let Some(inner) = DocumentSection::of(node, section.at("condition"), problems) else { return written };
    let of_values = kind.starts_with("value_");
    let of_percentile = kind == "value_percentile";
    let mut keys: Vec<&str> = COMPARISONS.iter().map(|(name, _)| *name).collect();
    keys.extend(of_values.then_some("field"));
    keys.extend(of_percentile.then_some("percentile"));
    inner.only(&keys, problems);
    for (name, comparison) in COMPARISONS {
        if let Some(number) = inner.number(name, problems) {
            written.comparisons.push((comparison, number));
        }
    }
    if !COMPARISONS.iter().any(|(name, _)| inner.get(name).is_some()) {
        let problem = "a comparison such as `gte: 5` is missing";
        problems.error(inner.line, inner.path.clone(), problem);
    }
    let range = match kind {
        // A window ends at a match.
        "event_count" => NumberRange::Count(1),
        // Of records without a value there are none.
        "value_count" => NumberRange::Count(0),
        _ => NumberRange::Any,
    };
    if !range.has(&written.comparisons) && !written.comparisons.is_empty() {
        problems.error(inner.line, inner.path.clone(), "can never hold: no number satisfies all of it");
    }
    if of_values {
        inner.required("field", problems);
        written.fields = inner.texts("field", problems);
        if kind != "value_count" && written.fields.len() > 1 {
            problems.error(
                inner.line_of("field"),
                inner.at("field"),
                "only `value_count` can count several fields",
            );
        }
    }
    if of_percentile {
        inner.required("percentile", problems);
        written.percentile = inner.number("percentile", problems);
        if written.percentile.is_some_and(|percentile| !(0.0..=100.0).contains(&percentile)) {
            let problem = "a percentile is between 0 and 100";
            problems.error(inner.line_of("percentile"), inner.at("percentile"), problem);
        }
    }
    written
}

/// Of a temporal correlation only "every rule" is supported, however it is written.
fn only_all(node: &YamlNode, section: &DocumentSection<'_>, rules: usize, problems: &mut Problems) {
    let means_all = match &node.value {
        NodeValue::Map(members) => members.iter().all(|(name, _, node)| {
            matches!(name.as_str(), "gte" | "eq") && node.number() == Some(rules as f64)
        }),
        NodeValue::Text(text) => {
            let words: Vec<&str> = text.split_whitespace().collect();
            let is_joined = words.iter().skip(1).step_by(2).all(|word| word.eq_ignore_ascii_case("and"));
            let mut named: Vec<&str> = words.iter().step_by(2).copied().collect();
            named.sort_unstable();
            let texts = section.texts("rules", problems);
            let mut wanted: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
            wanted.sort_unstable();
            is_joined && named == wanted
        }
        NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Integer(_)
        | NodeValue::Float(_)
        | NodeValue::List(_) => {
            problems.error(node.line, section.at("condition"), expected("a map", node));
            return;
        }
    };
    if !means_all {
        let problem =
            "not supported here: each of the rules must match; remove the condition, or split the rule";
        problems.error(node.line, section.at("condition"), problem);
    }
}

fn aliases(section: &DocumentSection<'_>, problems: &mut Problems) -> Vec<Alias> {
    let Some(node) = section.get("aliases") else { return Vec::new() };
    let Some(all) = DocumentSection::of(node, section.at("aliases"), problems) else { return Vec::new() };
    let mut aliases = Vec::new();
    for (name, _, node) in all.members {
        let Some(one) = DocumentSection::of(node, all.at(name), problems) else { continue };
        let mut fields = Vec::new();
        for (rule, line, node) in one.members {
            match node.text() {
                Some(field) => fields.push((rule.clone(), field.to_owned(), *line)),
                None => problems.error(*line, one.at(rule), expected("the name of a field", node)),
            }
        }
        aliases.push(Alias { name: name.clone(), fields });
    }
    aliases
}
