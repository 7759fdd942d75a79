//! The names of the files: `<table>-<day>.ndjson`, then `<table>-<day>.1.ndjson` and so on.

use std::{fs, path::Path, sync::Arc};

use chrono::NaiveDate;

use crate::{
    sinks::{SinkError, disk},
    tables::{Table, Tables},
};

/// What a file's name says. Ordered by age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileName {
    /// The UTC day of writing.
    pub(super) day: NaiveDate,
    /// Which of that day's files.
    pub(super) number: u32,
    /// The name of the table.
    pub(super) table: Arc<str>,
}

impl FileName {
    /// The first file of a day.
    pub(super) fn first(table: &Table, day: NaiveDate) -> Self {
        Self { day, number: 0, table: (&*table.name).into() }
    }

    /// The file after this one on the same day.
    pub(super) fn next(&self) -> Self {
        Self { number: self.number.saturating_add(1), ..self.clone() }
    }

    /// The name itself.
    pub(super) fn text(&self) -> String {
        let Self { day, number, table } = self;
        match number {
            0 => format!("{table}-{day}.ndjson"),
            _ => format!("{table}-{day}.{number}.ndjson"),
        }
    }

    /// Reads a name; `None` for any file that is not ours.
    pub(super) fn parse(text: &str, tables: &Tables) -> Option<Self> {
        let (table, rest) = text.strip_suffix(".ndjson")?.split_once('-')?;
        let table = Arc::from(&*tables.named(table)?.name);
        let (day, number) = match rest.split_once('.') {
            Some((day, number)) => (day, number.parse().ok()?),
            None => (rest, 0),
        };
        let name = Self { day: day.parse().ok()?, number, table };
        // Only names that we write are ours: no `+1`, no `01`, no other spelling of a day.
        (name.text() == text).then_some(name)
    }
}

/// The names of all our files in a directory.
pub(super) fn all(path: &Path, tables: &Tables) -> Result<Vec<FileName>, SinkError> {
    let failed = |error| disk::failed(path, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.extend(name.to_str().and_then(|name| FileName::parse(name, tables)));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::AUDIT_LOGS;

    #[test]
    fn names_are_read_as_they_are_written() {
        let first = FileName::first(&AUDIT_LOGS, "2026-02-13".parse().unwrap());
        assert_eq!(first.text(), "OpenAIAuditLogs_CL-2026-02-13.ndjson");
        assert_eq!(first.next().text(), "OpenAIAuditLogs_CL-2026-02-13.1.ndjson");
        for name in [first.clone(), first.next(), first.next().next()] {
            assert_eq!(FileName::parse(&name.text(), &Tables::built_in()), Some(name));
        }
        assert!(first < first.next());
    }

    #[test]
    fn files_of_others_are_not_ours() {
        for text in [
            "OpenAIAuditLogs_CL-2026-02-13.0.ndjson",
            "OpenAIAuditLogs_CL-2026-02-13.01.ndjson",
            "OpenAIAuditLogs_CL-2026-2-13.ndjson",
            "OpenAIAuditLogs_CL-2026-02-13.ndjson.gz",
            "OpenAIAuditLogs_CL.ndjson",
            "Other_CL-2026-02-13.ndjson",
            "",
        ] {
            assert_eq!(FileName::parse(text, &Tables::built_in()), None, "{text}");
        }
    }
}
