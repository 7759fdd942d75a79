//! Reads one table of the merged settings, key by key, and notes everything that is wrong with it.
//!
//! A problem does not end the reading, so that all of them are reported together.

use std::{ops::RangeInclusive, time::Duration};

use bytesize::ByteSize;
use config::{Map, Value, ValueKind};

use super::{
    located::Located,
    report::ConfigReport,
    tree::{as_table, dotted, expect_table, origin, refuse_unknown, table_at},
    values::{ValueProblem, describe, duration, number, size},
};

/// A table, and the one with its defaults.
pub(super) struct Section<'a> {
    path: String,
    table: Option<&'a Value>,
    defaults: Option<(String, &'a Map<String, Value>)>,
    /// Whether a missing key is a problem: not in a section of defaults, nor if there is no table for it.
    complete: bool,
    /// No value was refused so far.
    sound: bool,
    report: &'a mut ConfigReport,
}

impl<'a> Section<'a> {
    /// The table at `path`, which must hold every required key.
    pub(super) fn open(root: &'a Map<String, Value>, path: &[&str], report: &'a mut ConfigReport) -> Self {
        let table = expect_table(root, path, report);
        let path = dotted(path);
        Self {
            path,
            table,
            defaults: None,
            complete: table.is_none_or(|table| as_table(table).is_some()),
            sound: true,
            report,
        }
    }

    /// The table at `path` as a set of defaults, in which a required key may be missing.
    pub(super) fn open_defaults(
        root: &'a Map<String, Value>,
        path: &[&str],
        report: &'a mut ConfigReport,
    ) -> Self {
        Self { complete: false, ..Self::open(root, path, report) }
    }

    /// Takes missing keys from the table at `path`.
    pub(super) fn over(mut self, root: &'a Map<String, Value>, path: &[&str]) -> Self {
        self.defaults = table_at(root, path).map(|table| (dotted(path), table));
        self
    }

    /// The value of a required key; `None` after a problem (or in a section of defaults).
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        reader: impl Fn(&Value) -> Result<T, ValueProblem>,
    ) -> Option<T> {
        let value = self.optional(key, &reader);
        if value.is_none() && self.complete && self.find(key).is_none() {
            let nothing = Value::new(None, ValueKind::Nil);
            let wanted = reader(&nothing).err().map(|refusal| format!("; {refusal}")).unwrap_or_default();
            let place = self.table.map(origin).filter(|place| !place.is_empty());
            let place = place.map(|place| format!(" (the section is{place})")).unwrap_or_default();
            self.report.problem(format!("`{}.{key}` is missing{place}{wanted}", self.path));
        }
        value
    }

    /// The value of an optional key; `None` also after a problem.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        reader: impl Fn(&Value) -> Result<T, ValueProblem>,
    ) -> Option<T> {
        self.note(key);
        let (path, value) = self.find(key)?;
        let problem = match reader(value) {
            Ok(read) => return Some(read),
            Err(refusal @ ValueProblem::Wanted(_)) => format!("{refusal}, found {}", describe(value)),
            Err(refusal @ ValueProblem::Because(_)) => refusal.to_string(),
        };
        let problem = format!("`{path}.{key}`{}: {problem}", origin(value));
        self.report.problem(problem);
        self.sound = false;
        None
    }

    /// As [`Section::required`], of a value whose relative paths begin at the configuration file.
    pub(super) fn required_place<T: Located>(
        &mut self,
        key: &str,
        reader: impl Fn(&Value) -> Result<T, ValueProblem>,
    ) -> Option<T> {
        self.required(key, reader).map(|value| self.located(value))
    }

    /// As [`Section::optional`], of such a value.
    pub(super) fn optional_place<T: Located>(
        &mut self,
        key: &str,
        reader: impl Fn(&Value) -> Result<T, ValueProblem>,
    ) -> Option<T> {
        self.optional(key, reader).map(|value| self.located(value))
    }

    fn located<T: Located>(&self, value: T) -> T {
        match &self.report.base {
            Some(base) => value.located(base),
            None => value,
        }
    }

    /// Reads the table under `key` key by key, over its defaults. The table may be missing: then each key that it must
    /// hold is missing.
    pub(super) fn nested<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'_>) -> Option<T>,
    ) -> Option<T> {
        self.note(key);
        let table = self.own().and_then(|table| table.get(key));
        let path = format!("{}.{key}", self.path);
        if let Some(value) = table.filter(|value| as_table(value).is_none()) {
            let problem = format!("`{path}`{}: expected a table, found {}", origin(value), describe(value));
            self.report.problem(problem);
            self.sound = false;
            return None;
        }
        let defaults = self
            .defaults
            .as_ref()
            .and_then(|(path, table)| Some((format!("{path}.{key}"), table.get(key).and_then(as_table)?)));
        let (complete, report) = (self.complete, &mut *self.report);
        let mut inner = Section { path, table, defaults, complete, sound: true, report };
        let value = read(&mut inner);
        let sound = inner.sound;
        inner.finish();
        self.sound &= sound;
        value
    }

    /// From now on the key is a known one.
    fn note(&mut self, key: &str) {
        self.report.keys.entry(self.path.clone()).or_default().insert(key.to_owned());
    }

    /// A duration within limits. After a problem it is the lower limit, so that the reading continues;
    /// loading fails anyway.
    pub(super) fn duration(&mut self, key: &'static str, range: RangeInclusive<Duration>) -> Duration {
        self.required(key, duration(range.clone())).unwrap_or(*range.start())
    }

    /// A size in bytes within limits; after a problem as in `duration`.
    pub(super) fn size(&mut self, key: &'static str, range: RangeInclusive<ByteSize>) -> u64 {
        self.required(key, size(range.clone())).unwrap_or(range.start().as_u64())
    }

    /// A whole number within limits; after a problem as in `duration`.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> u32 {
        self.required(key, number(range.clone())).unwrap_or(*range.start())
    }

    /// Whether the table itself has the key. False for a set of defaults, which is not a collector or sink
    /// itself.
    pub(super) fn gives(&self, key: &str) -> bool {
        self.complete && self.own().is_some_and(|table| table.contains_key(key))
    }

    /// Whether no value was refused so far.
    pub(super) fn is_sound(&self) -> bool {
        self.sound
    }

    /// Whether values may be compared with each other: none replaces an invalid one, and none can still be
    /// overridden.
    pub(super) fn is_complete(&self) -> bool {
        self.complete && self.sound
    }

    /// Adds a problem of a key that its own value does not show.
    pub(super) fn problem(&mut self, key: &str, reason: &str) {
        let place = self.own().and_then(|table| table.get(key)).map(origin).unwrap_or_default();
        self.report.problem(format!("`{}.{key}`{place}: {reason}", self.path));
    }

    /// Ends the reading: every key but these is unknown.
    pub(super) fn finish_with(self, known: &[&'static str]) {
        if let Some(table) = self.own() {
            refuse_unknown(&self.path, table, known.iter().copied(), self.report);
        }
    }

    /// Ends the reading: every key that was not read is unknown.
    pub(super) fn finish(self) {
        let known = self.report.keys.get(&self.path).cloned().unwrap_or_default();
        if let Some(table) = self.own() {
            refuse_unknown(&self.path, table, known.iter().map(String::as_str), self.report);
        }
    }

    fn own(&self) -> Option<&'a Map<String, Value>> {
        self.table.and_then(as_table)
    }

    fn find(&self, key: &str) -> Option<(&str, &'a Value)> {
        let own = self.own().and_then(|table| table.get(key)).map(|value| (self.path.as_str(), value));
        own.or_else(|| {
            let (path, table) = self.defaults.as_ref()?;
            table.get(key).map(|value| (path.as_str(), value))
        })
    }
}
