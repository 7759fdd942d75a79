//! From files to a set.

use super::{
    assemble::{OffRules, assemble},
    document::{self, Document},
    draft::drafts,
    error::{Problems, RuleError},
    field::Fields,
    link::link,
    placeholder::Placeholders,
    set::RuleSet,
    source::{RuleFile, RuleSource, gather},
    yaml,
};
use crate::tables::Tables;

/// Rules of a set.
const RULES_MAX: usize = 5000;

impl RuleSet {
    /// Reads, checks and compiles the rules of these sources, over these tables of records.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in all of the files, by file and line.
    pub fn load(
        sources: &[RuleSource],
        tables: &Tables,
        placeholders: &Placeholders,
    ) -> Result<Self, Vec<RuleError>> {
        Self::load_as(sources, tables, placeholders, OffRules::Rest)
    }

    /// Like `load`, but rules that are off judge, too, so that each can be tried.
    ///
    /// # Errors
    ///
    /// As of `load`.
    pub fn load_to_try(
        sources: &[RuleSource],
        tables: &Tables,
        placeholders: &Placeholders,
    ) -> Result<Self, Vec<RuleError>> {
        Self::load_as(sources, tables, placeholders, OffRules::Judge)
    }

    fn load_as(
        sources: &[RuleSource],
        tables: &Tables,
        placeholders: &Placeholders,
        off: OffRules,
    ) -> Result<Self, Vec<RuleError>> {
        let mut problems = Problems::default();
        let mut fields = Fields::of(tables.of_records());
        let files = gather(sources, &mut problems);
        let documents = documents(&files, &fields, &mut problems);
        let (mut drafts, filters) = drafts(&documents, &files, &mut fields, placeholders, &mut problems);
        // Of documents that are left out, others would say that they do not exist.
        if problems.errors.is_empty() {
            link(&mut drafts, &filters, &documents, &files, &mut fields, &mut problems);
        }
        if problems.errors.is_empty() {
            let set = assemble(drafts, &documents, &files, fields, off, &mut problems);
            if problems.errors.is_empty() {
                return Ok(set);
            }
        }
        let mut errors = problems.errors;
        errors.sort();
        errors.dedup();
        Err(errors)
    }
}

fn documents(files: &[RuleFile], fields: &Fields, problems: &mut Problems) -> Vec<Document> {
    let keys: Vec<String> = fields.tables.iter().map(|table| table.settings_key.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut documents = Vec::new();
    for (place, file) in files.iter().enumerate() {
        problems.enter(&file.name);
        let nodes = match yaml::documents(&file.text) {
            Ok(nodes) => nodes,
            Err(unreadable) => {
                problems.error(unreadable.line, "", unreadable.reason);
                continue;
            }
        };
        if nodes.is_empty() {
            problems.error(0, "", "has no rule");
        }
        for (number, node) in (1..).zip(nodes) {
            let slug = if number == 1 { file.stem.clone() } else { format!("{}_{number}", file.stem) };
            documents.extend(document::read(node, place, &slug, &keys, problems));
        }
        if documents.len() > RULES_MAX {
            problems.error(0, "", format!("more than {RULES_MAX} rules in all files"));
            break;
        }
    }
    documents
}
