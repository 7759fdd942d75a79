//! One document of a file: a detection, a correlation or a filter.

use super::{
    error::{Problems, excerpt, list},
    extension::Extension,
    header::Header,
    section::DocumentSection,
    yaml::{NodeValue, YamlNode},
};

/// A document, checked as far as that is possible without the others.
#[derive(Debug)]
pub(super) struct Document {
    /// The file, by its place among those of the set.
    pub file: usize,
    pub line: u32,
    pub header: Header,
    pub extension: Extension,
    pub body: DocumentKind,
    pub node: YamlNode,
}

impl Document {
    /// The line of a key, or that of the document.
    pub fn line_of(&self, name: &str) -> u32 {
        let NodeValue::Map(members) = &self.node.value else { return self.line };
        members.iter().find(|(key, ..)| key == name).map_or(self.line, |(_, line, _)| *line)
    }
}

/// Which kind of document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentKind {
    /// Looks at single records of a table.
    Detection { table: usize },
    /// Counts the matches of others.
    Correlation,
    /// Takes matches away from detections of a table.
    Filter { table: usize },
}

/// The names of tables in `logsource`, each with the key of the table in settings.
const SERVICES: [(&str, &str); 2] = [("audit", "audit_logs"), ("completions", "chat_completions")];

/// The kinds of documents, by the key that they have.
const KINDS: [&str; 3] = ["detection", "correlation", "filter"];

/// Reads a document. `slug` is its name if it gives none; `tables` are the settings keys of the tables.
pub(super) fn read(
    node: YamlNode,
    file: usize,
    slug: &str,
    tables: &[&str],
    problems: &mut Problems,
) -> Option<Document> {
    let section = DocumentSection::of(&node, "", problems)?;
    if let Some((_, line, _)) = section.members.iter().find(|(name, ..)| name == "action") {
        let problem = "of Sigma 1, and not supported; write each document whole";
        problems.error(*line, "action", problem);
        return None;
    }
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| section.get(kind).is_some()).collect();
    let [kind] = kinds.as_slice() else {
        let problem = match kinds.as_slice() {
            [] => "a document has `detection`, `correlation` or `filter`".to_owned(),
            several => format!("a document has only one of {}", list(several)),
        };
        problems.error(section.line, "", problem);
        return None;
    };
    let part: &[&str] = match *kind {
        "correlation" => &["correlation"],
        "filter" => &["filter", "logsource"],
        _ => &["detection", "logsource"],
    };
    let header = Header::read(&section, part, slug, problems);
    let extension = Extension::read(&section, *kind == "detection", problems);
    let body = match *kind {
        "correlation" => DocumentKind::Correlation,
        "filter" => DocumentKind::Filter { table: table(&section, tables, problems)? },
        _ => DocumentKind::Detection { table: table(&section, tables, problems)? },
    };
    if let (DocumentKind::Filter { .. }, Some(node)) = (body, section.get("ccfd")) {
        problems.error(node.line, "ccfd", "a filter has no `ccfd`");
    }
    let line = section.line;
    Some(Document { file, line, header, extension, body, node })
}

/// The table that `logsource` means.
fn table(section: &DocumentSection<'_>, tables: &[&str], problems: &mut Problems) -> Option<usize> {
    let node = section.required("logsource", problems)?;
    let source = DocumentSection::of(node, section.at("logsource"), problems)?;
    source.only(&["product", "service", "definition"], problems);
    let product = source.text("product", 100, problems);
    if product.as_deref() != Some("openai") {
        let shown = product.map(|product| format!(", not `{}`", excerpt(&product))).unwrap_or_default();
        let problem = format!("must be `openai`{shown}: no other records are collected");
        problems.error(source.line_of("product"), source.at("product"), problem);
    }
    source.required("service", problems)?;
    let service = source.text("service", 100, problems)?;
    let key = SERVICES.iter().find(|(name, _)| *name == service).map_or(service.as_str(), |(_, key)| key);
    let found = tables.iter().position(|table| *table == key);
    if found.is_none() {
        let names = SERVICES.iter().map(|(name, _)| *name);
        let known: Vec<&str> = tables.iter().copied().chain(names).collect();
        let problem = super::error::unknown("service", &service, &known);
        problems.error(source.line_of("service"), source.at("service"), problem);
    }
    found
}
