//! The field `ccfd` of a document: what Sigma has no words for.

use std::time::Duration;

use super::{
    clock::span,
    error::Problems,
    section::DocumentSection,
    yaml::{NodeValue, YamlNode},
};
use crate::detect::model::RuleState;

/// History that `first_seen` waits for, unless the rule says otherwise.
const LEARN: i64 = 7 * 24 * 3600;

/// What a rule says in `ccfd`.
#[derive(Clone, Debug, Default)]
pub(super) struct Extension {
    pub state: Option<RuleState>,
    pub suppress: Option<Duration>,
    /// The group of single alerts, with their lines.
    pub group_by: Vec<(String, u32)>,
    /// Whether records without a group are skipped, if the rule says so. Otherwise correlations skip them, as pySigma's
    /// backends do: records of which nobody knows the actor would be the acts of one. A single alert needs no group.
    pub skips_missing_group: Option<bool>,
    pub special: Option<Special>,
    pub tests: Vec<RuleTest>,
}

/// A condition that is not of Sigma.
#[derive(Clone, Debug)]
pub(super) struct Special {
    pub field: (String, u32),
    pub group_by: Vec<(String, u32)>,
    pub kind: SpecialKind,
}

#[derive(Clone, Debug)]
pub(super) enum SpecialKind {
    FirstSeen { window: i64, learn: i64 },
    Spike { timespan: i64, factor: f64, baseline: i64, at_least: f64 },
}

/// Events that a rule is tried on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTest {
    /// A file of records, a line each, beside the rule.
    pub events: String,
    /// How many alerts they raise.
    pub alerts: u64,
    /// Where the test is stated.
    pub line: u32,
}

impl Extension {
    /// Reads `ccfd`. A correlation has its own `group-by`, and a filter has none of it.
    pub fn read(document: &DocumentSection<'_>, is_detection: bool, problems: &mut Problems) -> Self {
        let Some(node) = document.get("ccfd") else { return Self::default() };
        let Some(section) = DocumentSection::of(node, document.at("ccfd"), problems) else {
            return Self::default();
        };
        let of_detections = ["group_by", "first_seen", "spike"];
        let common = ["state", "suppress", "missing_group", "tests"];
        let known: Vec<&str> =
            common.iter().chain(of_detections.iter().filter(|_| is_detection)).copied().collect();
        section.only(&known, problems);
        let states =
            [("active", RuleState::Active), ("staging", RuleState::Staging), ("off", RuleState::Off)];
        let missing = [("shared", false), ("skip", true)];
        let suppress = seconds(&section, "suppress", problems);
        let first_seen = section.get("first_seen").and_then(|node| first_seen(&section, node, problems));
        let spike = section.get("spike").and_then(|node| spike(&section, node, problems));
        if first_seen.is_some() && spike.is_some() {
            let problem = "`first_seen` and `spike` are two rules; write a document for each";
            problems.error(section.line_of("spike"), section.at("spike"), problem);
        }
        Self {
            state: section.word("state", &states, problems),
            suppress: suppress.map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
            group_by: if is_detection { section.texts("group_by", problems) } else { Vec::new() },
            skips_missing_group: section.word("missing_group", &missing, problems),
            special: first_seen.or(spike),
            tests: tests(&section, problems),
        }
    }
}

fn first_seen(section: &DocumentSection<'_>, node: &YamlNode, problems: &mut Problems) -> Option<Special> {
    let inner = DocumentSection::of(node, section.at("first_seen"), problems)?;
    inner.only(&["field", "group_by", "window", "learn"], problems);
    inner.required("window", problems);
    let window = seconds(&inner, "window", problems);
    let learn = seconds(&inner, "learn", problems);
    let field = field(&inner, problems)?;
    let window = window?;
    let learn = if inner.get("learn").is_some() { learn? } else { LEARN.min(window) };
    let group_by = inner.texts("group_by", problems);
    Some(Special { field, group_by, kind: SpecialKind::FirstSeen { window, learn } })
}

fn spike(section: &DocumentSection<'_>, node: &YamlNode, problems: &mut Problems) -> Option<Special> {
    let inner = DocumentSection::of(node, section.at("spike"), problems)?;
    inner.only(&["field", "group_by", "timespan", "factor", "baseline", "at_least"], problems);
    for name in ["timespan", "factor", "baseline"] {
        inner.required(name, problems);
    }
    let timespan = seconds(&inner, "timespan", problems);
    let baseline = seconds(&inner, "baseline", problems);
    let factor = inner.number("factor", problems);
    let at_least = inner.number("at_least", problems).unwrap_or(0.0);
    let field = field(&inner, problems)?;
    let (timespan, baseline, factor) = (timespan?, baseline?, factor?);
    if factor <= 1.0 {
        problems.error(inner.line_of("factor"), inner.at("factor"), "must be more than 1");
    }
    if at_least < 0.0 {
        problems.error(inner.line_of("at_least"), inner.at("at_least"), "must not be negative");
    }
    if baseline % timespan != 0 || baseline < 2 * timespan {
        let problem = "must be a multiple of `timespan`, at least twice as long";
        problems.error(inner.line_of("baseline"), inner.at("baseline"), problem);
    }
    let group_by = inner.texts("group_by", problems);
    Some(Special { field, group_by, kind: SpecialKind::Spike { timespan, factor, baseline, at_least } })
}

fn field(section: &DocumentSection<'_>, problems: &mut Problems) -> Option<(String, u32)> {
    let node = section.required("field", problems)?;
    let fields = section.texts("field", problems);
    match <[_; 1]>::try_from(fields) {
        Ok([field]) => Some(field),
        Err(_) => {
            problems.error(node.line, section.at("field"), "the name of one field is expected here");
            None
        }
    }
}

/// The seconds of a span of time under a key.
pub(super) fn seconds(section: &DocumentSection<'_>, name: &str, problems: &mut Problems) -> Option<i64> {
    let text = section.text(name, 40, problems)?;
    match span(&text) {
        Ok(seconds) => Some(seconds),
        Err(problem) => {
            problems.error(section.line_of(name), section.at(name), problem);
            None
        }
    }
}

fn tests(section: &DocumentSection<'_>, problems: &mut Problems) -> Vec<RuleTest> {
    let Some(node) = section.get("tests") else { return Vec::new() };
    let NodeValue::List(elements) = &node.value else {
        problems.error(
            node.line,
            section.at("tests"),
            format!("a list is expected here, not {}", node.kind()),
        );
        return Vec::new();
    };
    let test = |element: &YamlNode| {
        let inner = DocumentSection::of(element, section.at("tests"), problems)?;
        inner.only(&["events", "alerts"], problems);
        inner.required("events", problems);
        inner.required("alerts", problems);
        let events = inner.text("events", 255, problems)?;
        if events.is_empty() || events.contains(['/', '\\', '\0']) || events.starts_with('.') {
            let problem = "the name of a file beside the rule is expected here";
            problems.error(inner.line_of("events"), inner.at("events"), problem);
        }
        let alerts = inner.number("alerts", problems)?;
        if alerts < 0.0 || alerts.fract() != 0.0 {
            problems.error(
                inner.line_of("alerts"),
                inner.at("alerts"),
                "a number of alerts is expected here",
            );
        }
        Some(RuleTest { events, alerts: alerts as u64, line: element.line })
    };
    elements.iter().filter_map(test).collect()
}
