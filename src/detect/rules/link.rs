//! Links rules with each other: correlations with what they are about, filters with what they filter.

use std::collections::HashMap;

use super::{
    check::Check,
    correlation::WrittenCorrelation,
    document::{Document, DocumentKind},
    draft::{DraftGroup, DraftInput, DraftKind, RuleDraft},
    error::{Problems, excerpt, unknown},
    field::{FieldId, Fields},
    filter::RuleFilter,
    header::canonical,
    source::RuleFile,
};
use crate::detect::model::CorrelationKind;

/// Correlations of correlations. Nobody understands longer chains, and each costs an evaluation.
const CHAIN_MAX: usize = 8;

/// Finds rules by name or id.
#[derive(Default)]
pub(super) struct RuleNames {
    places: HashMap<String, usize>,
    all: Vec<String>,
}

impl RuleNames {
    /// The names of all rules. Two rules of one name or id are an error.
    pub fn of(
        drafts: &[RuleDraft],
        documents: &[Document],
        files: &[RuleFile],
        problems: &mut Problems,
    ) -> Self {
        let mut names = Self::default();
        for (place, draft) in drafts.iter().enumerate() {
            let document = &documents[draft.document];
            problems.enter(&files[document.file].name);
            let id = Some(&document.header.id).filter(|id| !id.is_empty() && !draft.is_part);
            let own = [Some(("name", draft.slug.as_ref())), id.map(|id| ("id", id.as_str()))];
            for (key, name) in own.into_iter().flatten() {
                names.all.push(name.to_owned());
                let Some(earlier) = names.places.insert(name.to_owned(), place) else { continue };
                repeated(key, name, document, &documents[drafts[earlier].document], files, problems);
            }
        }
        // Nothing can name a filter, but its id is its own as well.
        let mut filters: HashMap<&str, &Document> = HashMap::new();
        for document in documents.iter().filter(|document| !document.header.id.is_empty()) {
            let DocumentKind::Filter { .. } = document.body else { continue };
            let id = document.header.id.as_str();
            let rule = names.places.get(id).map(|place| &documents[drafts[*place].document]);
            if let Some(earlier) = filters.insert(id, document).or(rule) {
                problems.enter(&files[document.file].name);
                repeated("id", id, document, earlier, files, problems);
            }
        }
        names
    }

    /// The rule of this name or id.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.places.get(&canonical(name.to_owned())).copied()
    }
}

fn repeated(
    key: &str,
    name: &str,
    document: &Document,
    earlier: &Document,
    files: &[RuleFile],
    problems: &mut Problems,
) {
    let (shown, file) = (excerpt(name), &files[earlier.file].name);
    let problem = format!("`{shown}` is the name or id of another rule: {file}:{}", earlier.line);
    problems.error(document.line_of(key), key, problem);
}

/// Links everything.
pub(super) fn link(
    drafts: &mut [RuleDraft],
    filters: &[(usize, RuleFilter)],
    documents: &[Document],
    files: &[RuleFile],
    fields: &mut Fields,
    problems: &mut Problems,
) {
    let names = RuleNames::of(drafts, documents, files, problems);
    check_filters(filters, drafts, &names, documents, files, problems);
    apply_filters(drafts, filters, documents);
    let written: Vec<Option<WrittenCorrelation>> = drafts
        .iter_mut()
        .map(|draft| match &mut draft.kind {
            DraftKind::Correlation(correlation) => correlation.written.take(),
            DraftKind::Detection(_) => None,
        })
        .collect();
    let mut references: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (place, written) in written.iter().enumerate() {
        let Some(written) = written else { continue };
        problems.enter(&files[documents[drafts[place].document].file].name);
        let inputs = inputs(written, drafts, &names, fields, problems);
        references[place] = inputs.iter().map(|input| input.draft).collect();
        if let DraftKind::Correlation(correlation) = &mut drafts[place].kind {
            correlation.inputs = inputs;
        }
    }
    let mut chains = vec![ChainLength::Unknown; drafts.len()];
    for (place, written) in written.iter().enumerate() {
        let Some(written) = written else { continue };
        problems.enter(&files[documents[drafts[place].document].file].name);
        let problem = match chain(place, &references, &mut chains) {
            ChainLength::Length(0..=CHAIN_MAX) => continue,
            ChainLength::Length(_) => format!("a chain of more than {CHAIN_MAX} correlations"),
            ChainLength::Unknown | ChainLength::Open | ChainLength::Cycle => {
                "is about itself, or about a correlation that is".to_owned()
            }
        };
        problems.error(written.line, "correlation.rules", problem);
    }
}

fn apply_filters(drafts: &mut [RuleDraft], filters: &[(usize, RuleFilter)], documents: &[Document]) {
    for draft in drafts {
        let id = &documents[draft.document].header.id;
        let slug = &documents[draft.document].header.slug;
        let DraftKind::Detection(detection) = &mut draft.kind else { continue };
        for (_, filter) in filters.iter().filter(|(_, filter)| filter.is_for(detection.table, id, slug)) {
            let own = std::mem::replace(&mut detection.check, Check::All(Vec::new()));
            // Filters come last: they are only asked about what matches.
            detection.check = Check::All(vec![own, Check::Not(Box::new(filter.check.clone()))]);
            draft.definition.push_str(" filter ");
            filter.node.write(&mut draft.definition);
        }
    }
}

/// Notes what filters name that cannot be filtered.
fn check_filters(
    filters: &[(usize, RuleFilter)],
    drafts: &[RuleDraft],
    names: &RuleNames,
    documents: &[Document],
    files: &[RuleFile],
    problems: &mut Problems,
) {
    for (document, filter) in filters {
        problems.enter(&files[documents[*document].file].name);
        filter.check_names(
            |name| {
                let place = names.find(name)?;
                // A rule that is not of Sigma is filtered by the events that it is about.
                let part = drafts.iter().find(|other| {
                    other.document == drafts[place].document && matches!(other.kind, DraftKind::Detection(_))
                });
                Some(match (&drafts[place].kind, part.map(|part| &part.kind)) {
                    (DraftKind::Detection(detection), _)
                    | (DraftKind::Correlation(_), Some(DraftKind::Detection(detection))) => {
                        Some(detection.table)
                    }
                    (DraftKind::Correlation(_), Some(DraftKind::Correlation(_)) | None) => None,
                })
            },
            problems,
        );
    }
}

/// The inputs of a correlation.
fn inputs(
    written: &WrittenCorrelation,
    drafts: &[RuleDraft],
    names: &RuleNames,
    fields: &mut Fields,
    problems: &mut Problems,
) -> Vec<DraftInput> {
    check_aliases(written, drafts, names, problems);
    let mut inputs = Vec::with_capacity(written.rules.len());
    for (name, line) in &written.rules {
        let Some(draft) = names.find(name) else {
            let known: Vec<&str> = names.all.iter().map(String::as_str).collect();
            problems.error(*line, "correlation.rules", unknown("rule of this set", name, &known));
            continue;
        };
        if inputs.iter().any(|input: &DraftInput| input.draft == draft) {
            let problem = format!("`{}` is there twice, by its name and its id", excerpt(name));
            problems.error(*line, "correlation.rules", problem);
        }
        let input = match &drafts[draft].kind {
            DraftKind::Detection(detection) => {
                let group = written.group_by.iter().map(|(group, line)| {
                    (aliased(written, group, draft, names).unwrap_or(group).to_owned(), *line)
                });
                let group: Vec<_> = group.collect();
                let place = "correlation.group-by";
                let found = fields_of(detection.table, &group, place, name, fields, problems);
                let place = "correlation.condition.field";
                let values = fields_of(detection.table, &written.fields, place, name, fields, problems);
                DraftInput { draft, group: DraftGroup::Fields(found), values }
            }
            DraftKind::Correlation(child) => {
                if !counts_matches(&written.kind) {
                    let problem =
                        format!("`{}` is a correlation, whose matches have no values", excerpt(name));
                    problems.error(*line, "correlation.rules", problem);
                }
                let mut of = Vec::with_capacity(written.group_by.len());
                for (group, line) in &written.group_by {
                    let own = aliased(written, group, draft, names).unwrap_or(group);
                    match child.group_by.iter().position(|other| **other == *own) {
                        Some(place) => of.push(place),
                        None => {
                            let known: Vec<&str> = child.group_by.iter().map(|name| &**name).collect();
                            let of = format!("field by which `{}` groups", excerpt(name));
                            problems.error(*line, "correlation.group-by", unknown(&of, own, &known));
                        }
                    }
                }
                DraftInput { draft, group: DraftGroup::Of(of), values: Vec::new() }
            }
        };
        inputs.push(input);
    }
    inputs
}

/// What an alias means for a rule.
fn aliased<'w>(
    written: &'w WrittenCorrelation,
    group: &str,
    draft: usize,
    names: &RuleNames,
) -> Option<&'w str> {
    let alias = written.aliases.iter().find(|alias| alias.name == group)?;
    let (_, field, _) = alias.fields.iter().find(|(rule, ..)| names.find(rule) == Some(draft))?;
    Some(field)
}

/// Notes aliases that say nothing about a rule of the correlation, or something about another one.
fn check_aliases(
    written: &WrittenCorrelation,
    drafts: &[RuleDraft],
    names: &RuleNames,
    problems: &mut Problems,
) {
    let own: Vec<usize> = written.rules.iter().filter_map(|(name, _)| names.find(name)).collect();
    for alias in &written.aliases {
        let construct = format!("correlation.aliases.{}", excerpt(&alias.name));
        for (rule, _, line) in &alias.fields {
            if !names.find(rule).is_some_and(|draft| own.contains(&draft)) {
                let problem = format!("`{}` is not among the rules of the correlation", excerpt(rule));
                problems.error(*line, construct.clone(), problem);
            }
        }
        for draft in &own {
            if !alias.fields.iter().any(|(rule, ..)| names.find(rule) == Some(*draft)) {
                let problem = format!("says nothing about `{}`", drafts[*draft].slug);
                problems.error(written.line, construct.clone(), problem);
            }
        }
    }
}

fn fields_of(
    table: usize,
    wanted: &[(String, u32)],
    place: &str,
    rule: &str,
    fields: &mut Fields,
    problems: &mut Problems,
) -> Vec<FieldId> {
    let mut found = Vec::with_capacity(wanted.len());
    for (name, line) in wanted {
        match fields.named(table, name) {
            Ok(id) => found.push(id),
            Err(problem) => problems.error(*line, place, format!("for `{}`: {problem}", excerpt(rule))),
        }
    }
    found
}

/// Whether matches count without a value.
fn counts_matches(kind: &CorrelationKind) -> bool {
    match kind {
        CorrelationKind::EventCount | CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => true,
        CorrelationKind::ValueCount
        | CorrelationKind::ValueSum
        | CorrelationKind::ValueAvg
        | CorrelationKind::ValuePercentile(_)
        | CorrelationKind::FirstSeen { .. }
        | CorrelationKind::Spike { .. } => false,
    }
}

/// How many correlations are below a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ChainLength {
    Unknown,
    /// Being followed.
    Open,
    Length(usize),
    Cycle,
}

fn chain(place: usize, references: &[Vec<usize>], chains: &mut [ChainLength]) -> ChainLength {
    match chains[place] {
        ChainLength::Unknown => {}
        ChainLength::Open => return ChainLength::Cycle,
        known @ (ChainLength::Length(_) | ChainLength::Cycle) => return known,
    }
    chains[place] = ChainLength::Open;
    let mut longest = ChainLength::Length(0);
    for next in &references[place] {
        longest = match (longest, chain(*next, references, chains)) {
            (ChainLength::Length(own), ChainLength::Length(next)) => ChainLength::Length(own.max(next + 1)),
            _ => ChainLength::Cycle,
        };
    }
    chains[place] = longest;
    longest
}
