//! The rules of a set while it is put together: each document compiled, not yet linked with the others.

use std::{fmt::Write as _, sync::Arc};

use super::{
    check::Check,
    correlation::{self, WrittenCorrelation},
    detection,
    document::{Document, DocumentKind},
    error::Problems,
    expressions::ExpressionBudget,
    extension::{Special, SpecialKind},
    field::{FieldId, Fields},
    filter::{self, RuleFilter},
    item::ItemContext,
    placeholder::Placeholders,
    section::DocumentSection,
    source::RuleFile,
};
use crate::detect::model::{Comparison, CorrelationKind};

/// Changes with the meaning of rules, so that their old matches are not mixed with new ones.
const LANGUAGE: u32 = 3;

/// What is added to the name of a rule that is not of Sigma, for the matches that it is about.
const EVENTS: &str = "__events";

/// A rule in the making.
#[derive(Debug)]
pub(super) struct RuleDraft {
    pub document: usize,
    pub slug: Arc<str>,
    pub kind: DraftKind,
    /// Placeholders that it uses and that are not set.
    pub unset: Vec<String>,
    /// What decides what it matches, without its inputs.
    pub definition: String,
    /// Whether it is only there for the rule of its document.
    pub is_part: bool,
}

#[derive(Debug)]
pub(super) enum DraftKind {
    Detection(DraftDetection),
    Correlation(DraftCorrelation),
}

/// A compiled detection.
#[derive(Debug)]
pub(super) struct DraftDetection {
    pub table: usize,
    pub check: Check,
    pub group_by: Vec<(Arc<str>, FieldId)>,
    /// Fields that alerts show besides those that it reads.
    pub shown: Vec<FieldId>,
}

/// A correlation; its inputs are known once it is linked.
#[derive(Debug)]
pub(super) struct DraftCorrelation {
    pub kind: CorrelationKind,
    pub group_by: Vec<Arc<str>>,
    pub timespan: i64,
    pub condition: Vec<(Comparison, f64)>,
    pub inputs: Vec<DraftInput>,
    pub generate: bool,
    /// As written; `None` for a rule that is not of Sigma.
    pub written: Option<WrittenCorrelation>,
}

/// A rule that a correlation is about.
#[derive(Debug)]
pub(super) struct DraftInput {
    pub draft: usize,
    pub group: DraftGroup,
    pub values: Vec<FieldId>,
}

/// Where the group is found.
#[derive(Debug)]
pub(super) enum DraftGroup {
    /// In fields of the record.
    Fields(Vec<FieldId>),
    /// In the group of the other correlation.
    Of(Vec<usize>),
}

/// Compiles every document.
pub(super) fn drafts(
    documents: &[Document],
    files: &[RuleFile],
    fields: &mut Fields,
    placeholders: &Placeholders,
    problems: &mut Problems,
) -> (Vec<RuleDraft>, Vec<(usize, RuleFilter)>) {
    let mut making =
        Making { fields, placeholders, problems, budget: ExpressionBudget::default(), drafts: Vec::new() };
    let mut filters = Vec::new();
    for (place, document) in documents.iter().enumerate() {
        making.problems.enter(&files[document.file].name);
        match document.body {
            DocumentKind::Detection { table } => {
                making.detection(place, document, table);
            }
            DocumentKind::Correlation => making.correlation(place, document),
            DocumentKind::Filter { table } => {
                filters.extend(making.filter(document, table).map(|filter| (place, filter)))
            }
        }
    }
    (making.drafts, filters)
}

struct Making<'m> {
    fields: &'m mut Fields,
    placeholders: &'m Placeholders,
    problems: &'m mut Problems,
    budget: ExpressionBudget,
    drafts: Vec<RuleDraft>,
}

impl Making<'_> {
    fn detection(&mut self, place: usize, document: &Document, table: usize) -> Option<()> {
        let section = DocumentSection::of(&document.node, "", self.problems)?;
        let node = section.get("detection")?;
        let inner = DocumentSection::of(node, "detection", self.problems)?;
        let (mut unset, mut expanded) = (Vec::new(), Placeholders::new());
        let mut context = ItemContext {
            fields: self.fields,
            table,
            placeholders: self.placeholders,
            unset: &mut unset,
            expanded: &mut expanded,
            budget: &mut self.budget,
        };
        let check = detection::compile(&inner, &[], &mut context, self.problems);
        let extension = &document.extension;
        let group_by = self.named(table, &extension.group_by, "ccfd.group_by");
        let shown = self.named(table, &document.header.fields, "fields");
        let special = extension.special.as_ref().map(|special| self.special(table, special));
        if extension.special.is_some() && !extension.group_by.is_empty() {
            let line = extension.group_by.first().map_or(document.line, |(_, line)| *line);
            self.problems.error(line, "ccfd.group_by", "belongs into `first_seen` or `spike` here");
        }
        let grouped = !extension.group_by.is_empty()
            || extension.special.as_ref().is_some_and(|special| !special.group_by.is_empty());
        if extension.skips_missing_group.is_some() && !grouped {
            self.problems.error(document.line, "ccfd.missing_group", "has no effect without `group_by`");
        }
        let mut definition = format!("{LANGUAGE} {} ", self.fields.tables[table].name);
        node.write(&mut definition);
        // Writing to memory cannot fail.
        let groups: Vec<&str> = extension.group_by.iter().map(|(name, _)| name.as_str()).collect();
        _ = write!(definition, " {expanded:?} {groups:?} {:?}", extension.skips_missing_group);
        let is_part = special.is_some();
        let slug: Arc<str> = match is_part {
            true => format!("{}{EVENTS}", document.header.slug).into(),
            false => Arc::clone(&document.header.slug),
        };
        let kind = DraftKind::Detection(DraftDetection {
            table,
            check: check?,
            group_by,
            shown: shown.into_iter().map(|(_, id)| id).collect(),
        });
        self.drafts.push(RuleDraft { document: place, slug, kind, unset, definition, is_part });
        if let Some(mut correlation) = special {
            let draft = self.drafts.len() - 1;
            correlation.inputs.iter_mut().for_each(|input| input.draft = draft);
            let definition = format!(
                "{LANGUAGE} {:?} {:?} {} {:?} {:?}",
                correlation.kind,
                correlation.group_by,
                correlation.timespan,
                extension.special.as_ref().map(|special| &special.field.0),
                extension.skips_missing_group
            );
            self.drafts.push(RuleDraft {
                document: place,
                slug: Arc::clone(&document.header.slug),
                kind: DraftKind::Correlation(correlation),
                unset: Vec::new(),
                definition,
                is_part: false,
            });
        }
        Some(())
    }

    /// The fields of these names; those that are unknown are noted.
    fn named(&mut self, table: usize, names: &[(String, u32)], place: &str) -> Vec<(Arc<str>, FieldId)> {
        let mut found = Vec::with_capacity(names.len());
        for (name, line) in names {
            match self.fields.named(table, name) {
                Ok(id) => found.push((name.as_str().into(), id)),
                Err(problem) => self.problems.error(*line, place, problem),
            }
        }
        found
    }

    /// The correlation that a condition outside of Sigma is.
    fn special(&mut self, table: usize, special: &Special) -> DraftCorrelation {
        let (place, kind, timespan) = match special.kind {
            SpecialKind::FirstSeen { window, learn } => {
                ("ccfd.first_seen", CorrelationKind::FirstSeen { window, learn }, window)
            }
            SpecialKind::Spike { timespan, factor, baseline, at_least } => {
                ("ccfd.spike", CorrelationKind::Spike { factor, baseline, at_least }, timespan)
            }
        };
        let groups = self.named(table, &special.group_by, &format!("{place}.group_by"));
        let values = self.named(table, std::slice::from_ref(&special.field), &format!("{place}.field"));
        let group = DraftGroup::Fields(groups.iter().map(|(_, id)| *id).collect());
        let values = values.into_iter().map(|(_, id)| id).collect();
        DraftCorrelation {
            kind,
            group_by: groups.into_iter().map(|(name, _)| name).collect(),
            timespan,
            condition: Vec::new(),
            inputs: vec![DraftInput { draft: 0, group, values }],
            generate: false,
            written: None,
        }
    }

    fn correlation(&mut self, place: usize, document: &Document) {
        let Some(section) = DocumentSection::of(&document.node, "", self.problems) else { return };
        let Some(written) = correlation::read(&section, self.problems) else { return };
        let extension = &document.extension;
        if extension.skips_missing_group.is_some() && written.group_by.is_empty() {
            self.problems.error(document.line, "ccfd.missing_group", "has no effect without `group-by`");
        }
        let mut definition = format!("{LANGUAGE} {:?} ", extension.skips_missing_group);
        if let Some(node) = section.get("correlation") {
            node.write(&mut definition);
        }
        let kind = DraftKind::Correlation(DraftCorrelation {
            kind: written.kind.clone(),
            group_by: written.group_by.iter().map(|(name, _)| name.as_str().into()).collect(),
            timespan: written.timespan,
            condition: written.condition.clone(),
            inputs: Vec::new(),
            generate: written.generate,
            written: Some(written),
        });
        let slug = Arc::clone(&document.header.slug);
        self.drafts.push(RuleDraft {
            document: place,
            slug,
            kind,
            unset: Vec::new(),
            definition,
            is_part: false,
        });
    }

    fn filter(&mut self, document: &Document, table: usize) -> Option<RuleFilter> {
        let (mut unset, mut expanded) = (Vec::new(), Placeholders::new());
        let mut context = ItemContext {
            fields: self.fields,
            table,
            placeholders: self.placeholders,
            unset: &mut unset,
            expanded: &mut expanded,
            budget: &mut self.budget,
        };
        let filter = filter::compile(document, &mut context, self.problems)?;
        for name in &filter.unset {
            self.problems.error(document.line, "filter", unset_problem(name));
        }
        Some(filter)
    }
}

/// What is wrong with a placeholder that is not set.
pub(super) fn unset_problem(name: &str) -> String {
    format!("`%{name}%` is not set; give its values in the setting `placeholders`")
}
