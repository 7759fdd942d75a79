//! What is wrong in rule files, all of it at once.

use std::fmt;

/// One thing that is wrong in a rule file, or a warning about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct RuleError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 for the whole file.
    pub line: u32,
    /// The part of the document, such as `detection.keys.EventType|re`; empty for the whole file.
    pub construct: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if self.line > 0 {
            write!(out, ":{}", self.line)?;
        }
        if !self.construct.is_empty() {
            write!(out, ": {}", self.construct)?;
        }
        write!(out, ": {}", self.problem)
    }
}

/// Collects what is wrong while a set is loaded.
#[derive(Debug, Default)]
pub(super) struct Problems {
    file: String,
    pub errors: Vec<RuleError>,
    pub warnings: Vec<RuleError>,
}

impl Problems {
    /// What follows is about this file.
    pub fn enter(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    /// Notes an error.
    pub fn error(&mut self, line: u32, construct: impl Into<String>, problem: impl Into<String>) {
        let error = self.about(line, construct.into(), problem.into());
        self.errors.push(error);
    }

    /// Notes something that is no error.
    pub fn warn(&mut self, line: u32, construct: impl Into<String>, problem: impl Into<String>) {
        let warning = self.about(line, construct.into(), problem.into());
        self.warnings.push(warning);
    }

    fn about(&self, line: u32, construct: String, problem: String) -> RuleError {
        RuleError { file: self.file.clone(), line, construct, problem }
    }
}

/// "`x` is not a …", and which one may be meant.
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let shown = excerpt(name);
    match nearest(name, known) {
        Some(near) => format!("`{shown}` is not a {what}; did you mean `{near}`?"),
        None if known.len() <= 24 && !known.is_empty() => {
            format!("`{shown}` is not a {what}; there are {}", list(known))
        }
        None => format!("`{shown}` is not a {what}"),
    }
}

/// The known name that is most like this one, if any is.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    // Comparing costs the product of the lengths.
    if name.len() > 100 {
        return None;
    }
    let lower = name.to_lowercase();
    let likeness = |other: &str| strsim::jaro_winkler(&lower, &other.to_lowercase());
    let scored = known.iter().map(|other| (likeness(other), *other));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= 0.8).then_some(best.1)
}

/// The known name that is most like this one, if any is.
pub fn near_name<'k>(name: &str, known: &'k [String]) -> Option<&'k str> {
    nearest(name, &known.iter().map(String::as_str).collect::<Vec<_>>())
}

/// "`a`, `b` and `c`".
pub(super) fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// A text from a rule file, short enough for a line of an error.
pub(super) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let shown: String = text.chars().take(CHARS_MAX).collect();
    let shown = shown.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(CHARS_MAX).is_some() { shown + "…" } else { shown }
}
