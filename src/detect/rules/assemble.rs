//! Makes a set of linked rules.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use super::{
    builtin::BUILTIN,
    document::Document,
    draft::{DraftCorrelation, DraftGroup, DraftInput, DraftKind, RuleDraft, unset_problem},
    error::Problems,
    extension::RuleTest,
    field::{FieldId, Fields},
    index::{CompiledDetection, MatchView, TableIndex, ViewedValues},
    presence::sights,
    set::{FieldRead, RuleAbout, RuleSet, TestEvents, UnusableRule},
    source::RuleFile,
};
use crate::detect::model::{
    Correlation, CorrelationInput, CorrelationKind, Rule, RuleIndex, RuleKind, RuleState,
};

/// Fields that every alert shows where its records have them.
pub const ENTITIES: [&str; 7] = [
    "Actor",
    "ActorAddress",
    "ActorSession.user.id",
    "ActorApiKey.id",
    "ActorApiKey.service_account.id",
    "Project.id",
    "InputUser",
];

/// What becomes of rules that are off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffRules {
    Rest,
    Judge,
}

/// Makes the set. A rule of a file that needs a missing setting is an error, a built-in one is unusable.
pub(super) fn assemble(
    drafts: Vec<RuleDraft>,
    documents: &[Document],
    files: &[RuleFile],
    fields: Fields,
    off: OffRules,
    problems: &mut Problems,
) -> RuleSet {
    let parts = Parts { drafts: &drafts, documents, files, off };
    let reasons = parts.unusable(problems);
    let indices = indices(&reasons);
    let definitions = parts.definitions();
    let alerting = parts.alerting();
    let needed = parts.needed(&alerting);
    let unusable = reasons
        .iter()
        .enumerate()
        .filter_map(|(place, reason)| reason.as_ref().map(|reason| parts.unusable_rule(place, reason)));
    let unusable: Vec<_> = unusable.collect();
    let mut rules = Vec::new();
    let mut about = Vec::new();
    for (place, draft) in drafts.iter().enumerate().filter(|(place, _)| reasons[*place].is_none()) {
        rules.push(parts.rule(place, draft, &indices, definitions[place], alerting[place]));
        about.push(parts.about(place, &fields));
    }
    let mut fields = fields;
    let mut compiled: BTreeMap<usize, Vec<CompiledDetection>> = BTreeMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        let (DraftKind::Detection(detection), Some(rule)) = (&draft.kind, indices[place]) else { continue };
        if !needed[place] {
            continue;
        }
        let views = parts.views(place, rule, &indices, &needed, alerting[place]);
        let (mut shown, mut hidden) = (Vec::new(), Vec::new());
        detection.check.items(&mut |item| {
            if fields.get(item.field).hidden {
                hidden.push(Arc::clone(item));
            } else {
                shown.push(item.field);
            }
        });
        shown.extend(detection.shown.iter().filter(|field| !fields.get(**field).hidden));
        // A table without such a field has no such entity.
        shown.extend(ENTITIES.iter().filter_map(|name| fields.named(detection.table, name).ok()));
        let mut once = HashSet::new();
        shown.retain(|field| once.insert(*field));
        // The values of a field follow each other.
        hidden.sort_by_key(|item| item.field);
        let check = detection.check.clone();
        let of_table = compiled.entry(detection.table).or_default();
        let sights = sights(&check, &views);
        of_table.push(CompiledDetection { rule, check, type_entries: 0, shown, hidden, views, sights });
    }
    let tables = compiled.into_iter().map(|(table, detections)| TableIndex::of(table, detections, &fields));
    let tables = tables.collect();
    let warnings = std::mem::take(&mut problems.warnings);
    let (cut_values, not_looked_at, not_counted) = (0.into(), 0.into(), 0.into());
    RuleSet { rules, unusable, warnings, about, fields, tables, cut_values, not_looked_at, not_counted }
}

/// The place of each usable rule in the set.
fn indices(reasons: &[Option<String>]) -> Vec<Option<RuleIndex>> {
    let mut next = 0;
    let mut index = |reason: &Option<String>| {
        reason.is_none().then(|| {
            next += 1;
            RuleIndex(next - 1)
        })
    };
    reasons.iter().map(&mut index).collect()
}

struct Parts<'p> {
    drafts: &'p [RuleDraft],
    documents: &'p [Document],
    files: &'p [RuleFile],
    off: OffRules,
}

impl<'p> Parts<'p> {
    fn inputs(&self, place: usize) -> &'p [DraftInput] {
        match &self.drafts[place].kind {
            DraftKind::Detection(_) => &[],
            DraftKind::Correlation(correlation) => &correlation.inputs,
        }
    }

    fn document(&self, place: usize) -> &'p Document {
        &self.documents[self.drafts[place].document]
    }

    fn place(&self, place: usize) -> String {
        let document = self.document(place);
        format!("{}:{}", self.files[document.file].name, document.line)
    }

    /// Why each rule cannot be used, if so.
    fn unusable(&self, problems: &mut Problems) -> Vec<Option<String>> {
        let mut reasons = Vec::with_capacity(self.drafts.len());
        for (place, draft) in self.drafts.iter().enumerate() {
            let document = self.document(place);
            let file = &self.files[document.file];
            let reason = draft.unset.first().map(|name| unset_problem(name));
            // A copy of a built-in rule must not stop those that were copied with it.
            let is_ours = file.builtin || BUILTIN.iter().any(|rule| rule.stem == file.stem);
            if !is_ours && let Some(reason) = &reason {
                problems.enter(&file.name);
                problems.error(document.line, "detection", reason.clone());
            }
            reasons.push(reason);
        }
        // A rule needs its inputs, and these theirs; chains have an end.
        loop {
            let mut changed = false;
            for place in 0..self.drafts.len() {
                let broken = self.inputs(place).iter().find(|input| reasons[input.draft].is_some());
                if let (None, Some(input)) = (&reasons[place], broken) {
                    let why = reasons[input.draft].clone().unwrap_or_default();
                    reasons[place] = Some(format!("needs `{}`: {why}", self.drafts[input.draft].slug));
                    changed = true;
                }
            }
            if !changed {
                return reasons;
            }
        }
    }

    fn unusable_rule(&self, place: usize, reason: &str) -> UnusableRule {
        UnusableRule {
            slug: Arc::clone(&self.drafts[place].slug),
            title: self.document(place).header.title.clone(),
            place: self.place(place),
            reason: reason.to_owned(),
        }
    }

    /// A hash for each rule of what decides what it matches.
    fn definitions(&self) -> Vec<u64> {
        let mut known = vec![None; self.drafts.len()];
        (0..self.drafts.len()).map(|place| self.definition(place, &mut known)).collect()
    }

    fn definition(&self, place: usize, known: &mut [Option<u64>]) -> u64 {
        if let Some(known) = known[place] {
            return known;
        }
        let mut text = self.drafts[place].definition.clone();
        for input in self.inputs(place) {
            text.push_str(&format!(" {:016x}", self.definition(input.draft, known)));
        }
        let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        known[place] = Some(hash);
        hash
    }

    /// Which rules raise alerts of their own: those that no correlation uses, or one that says so.
    fn alerting(&self) -> Vec<bool> {
        let mut alerting: Vec<bool> = self.drafts.iter().map(|draft| !draft.is_part).collect();
        let mut generated = HashSet::new();
        for draft in self.drafts {
            let DraftKind::Correlation(correlation) = &draft.kind else { continue };
            for input in &correlation.inputs {
                alerting[input.draft] = false;
                if correlation.generate {
                    generated.insert(input.draft);
                }
            }
        }
        generated.into_iter().for_each(|place| alerting[place] = true);
        alerting
    }

    fn state(&self, place: usize) -> RuleState {
        let document = self.document(place);
        document.extension.state.unwrap_or(document.header.state)
    }

    fn judges(&self, place: usize) -> bool {
        self.state(place) != RuleState::Off || self.off == OffRules::Judge
    }

    /// Which rules have to judge: those that alert and are not off, and what they need.
    fn needed(&self, alerting: &[bool]) -> Vec<bool> {
        let mut needed = vec![false; self.drafts.len()];
        let mut open: Vec<usize> =
            (0..self.drafts.len()).filter(|place| alerting[*place] && self.judges(*place)).collect();
        while let Some(place) = open.pop() {
            if !std::mem::replace(&mut needed[place], true) {
                open.extend(self.inputs(place).iter().map(|input| input.draft));
            }
        }
        needed
    }

    fn rule(
        &self,
        place: usize,
        draft: &RuleDraft,
        indices: &[Option<RuleIndex>],
        definition: u64,
        alerts: bool,
    ) -> Rule {
        let document = self.document(place);
        let header = &document.header;
        let (kind, group_by) = match &draft.kind {
            DraftKind::Detection(detection) => {
                let group_by = detection.group_by.iter().map(|(name, _)| Arc::clone(name)).collect();
                (RuleKind::Detection, group_by)
            }
            DraftKind::Correlation(correlation) => {
                (RuleKind::Correlation(linked(correlation, indices)), Vec::new())
            }
        };
        Rule {
            slug: Arc::clone(&draft.slug),
            id: if draft.is_part { String::new() } else { header.id.clone() },
            title: header.title.clone(),
            description: header.description.clone(),
            level: header.level,
            tags: header.tags.clone(),
            references: header.references.clone(),
            falsepositives: header.falsepositives.clone(),
            state: self.state(place),
            alerts,
            group_by,
            suppress: document.extension.suppress,
            definition,
            place: self.place(place),
            kind,
        }
    }

    fn about(&self, place: usize, fields: &Fields) -> RuleAbout {
        let file = &self.files[self.document(place).file];
        let events = match &file.directory {
            Some(directory) => TestEvents::Directory(directory.clone()),
            None if file.builtin => TestEvents::Builtin,
            None => TestEvents::None,
        };
        let reads = self.reads(place, fields);
        let tests: &[RuleTest] =
            if self.drafts[place].is_part { &[] } else { &self.document(place).extension.tests };
        RuleAbout { reads, tests: tests.to_vec(), events }
    }

    fn reads(&self, place: usize, fields: &Fields) -> BTreeSet<FieldRead> {
        let mut ids: BTreeSet<FieldId> = BTreeSet::new();
        let (mut open, mut known) = (vec![place], HashSet::new());
        while let Some(place) = open.pop() {
            if !known.insert(place) {
                continue;
            }
            match &self.drafts[place].kind {
                DraftKind::Detection(detection) => {
                    detection.check.items(&mut |item| {
                        ids.insert(item.field);
                        ids.extend(super::item::referenced(&item.matchers));
                    });
                    ids.extend(detection.group_by.iter().map(|(_, field)| *field));
                }
                DraftKind::Correlation(correlation) => {
                    for input in &correlation.inputs {
                        ids.extend(group_fields(&input.group));
                        ids.extend(&input.values);
                        open.push(input.draft);
                    }
                }
            }
        }
        let read = |id: FieldId| {
            let field = fields.get(id);
            let table = fields.tables[field.table].name.to_string();
            FieldRead { table, field: field.name.to_string(), paths: fields.record_paths(id) }
        };
        ids.into_iter().map(read).collect()
    }

    /// What each rule takes from the matches of a detection.
    fn views(
        &self,
        place: usize,
        own: RuleIndex,
        indices: &[Option<RuleIndex>],
        needed: &[bool],
        alerts: bool,
    ) -> Vec<MatchView> {
        let mut views = Vec::new();
        if let DraftKind::Detection(detection) = &self.drafts[place].kind
            && alerts
            && self.judges(place)
        {
            views.push(MatchView {
                by: own,
                input: 0,
                group: detection.group_by.iter().map(|(_, field)| *field).collect(),
                values: ViewedValues::None,
                skips_missing_group: self.document(place).extension.skips_missing_group.unwrap_or(false),
            });
        }
        for (other, draft) in self.drafts.iter().enumerate().filter(|(other, _)| needed[*other]) {
            let (DraftKind::Correlation(correlation), Some(by)) = (&draft.kind, indices[other]) else {
                continue;
            };
            for (input, used) in (0..).zip(&correlation.inputs).filter(|(_, used)| used.draft == place) {
                views.push(MatchView {
                    by,
                    input,
                    group: group_fields(&used.group).to_vec(),
                    values: viewed(&correlation.kind, used),
                    skips_missing_group: self.document(other).extension.skips_missing_group.unwrap_or(true),
                });
            }
        }
        views
    }
}

fn group_fields(group: &DraftGroup) -> &[FieldId] {
    match group {
        DraftGroup::Fields(fields) => fields,
        DraftGroup::Of(_) => &[],
    }
}

fn viewed(kind: &CorrelationKind, input: &DraftInput) -> ViewedValues {
    match kind {
        CorrelationKind::EventCount | CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
            ViewedValues::None
        }
        CorrelationKind::ValueCount | CorrelationKind::FirstSeen { .. } => {
            ViewedValues::Texts(input.values.clone())
        }
        CorrelationKind::ValueSum
        | CorrelationKind::ValueAvg
        | CorrelationKind::ValuePercentile(_)
        | CorrelationKind::Spike { .. } => ViewedValues::Numbers(input.values.clone()),
    }
}

fn linked(correlation: &DraftCorrelation, indices: &[Option<RuleIndex>]) -> Correlation {
    let input = |input: &DraftInput| {
        let group_from = match &input.group {
            DraftGroup::Fields(_) => Vec::new(),
            DraftGroup::Of(places) => places.clone(),
        };
        // Only rules whose inputs are usable get here.
        Some(CorrelationInput { rule: indices[input.draft]?, group_from })
    };
    Correlation {
        kind: correlation.kind.clone(),
        inputs: correlation.inputs.iter().filter_map(input).collect(),
        group_by: correlation.group_by.clone(),
        timespan: correlation.timespan,
        condition: correlation.condition.clone(),
    }
}
