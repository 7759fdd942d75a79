//! `type = "ndjson"`

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;

use super::{SinkPlace, SinkType};
use crate::{
    config::{
        Environment,
        section::Section,
        values::{MINUTE, YEAR, duration, one_of, path, size},
    },
    sinks::disk,
    tables::{Table, Tables},
};

const STDOUT: &str = "-";

/// Lines of JSON, in files or on standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NdjsonSettings {
    /// Where the lines go.
    pub dir: NdjsonDir,
    /// What a line is.
    pub shape: LineShape,
    /// What a line is that holds an alert.
    pub alerts_shape: AlertShape,
    /// Bytes after which a new file begins.
    pub file_size_max: u64,
    /// How long files are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// The most bytes of all files, the oldest of which are removed first; `None` without limit.
    pub size_max: Option<u64>,
    /// Bytes of disk that stay free.
    pub free_min: u64,
    /// The tables that it holds.
    pub tables: Tables,
}

/// Where the lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NdjsonDir {
    /// Standard output, written `-`.
    Stdout,
    /// Files in this directory.
    Dir(PathBuf),
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineShape {
    /// The record as received, without its line breaks.
    Record,
    /// The columns of the table.
    Table,
}

/// What a line is that holds an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertShape {
    /// The columns of the table.
    Table,
    /// A Detection Finding of OCSF.
    Ocsf,
}

const ALERT_SHAPES: &[(&str, AlertShape)] = &[("table", AlertShape::Table), ("ocsf", AlertShape::Ocsf)];
const SHAPES: &[(&str, LineShape)] = &[("record", LineShape::Record), ("table", LineShape::Table)];

impl SinkType for NdjsonSettings {
    const NAME: &'static str = "ndjson";

    fn read(section: &mut Section<'_>, tables: &Tables) -> Option<Self> {
        let dir = section.required_place("dir", |value| path(value).map(NdjsonDir::from));
        let shape = section.required("shape", one_of(SHAPES));
        let alerts_shape = section.required("alerts_shape", one_of(ALERT_SHAPES));
        let file_size_max = section.size("file_size_max", ByteSize::kib(1)..=ByteSize::tib(1));
        let retention = section.optional("retention", duration(MINUTE..=100 * YEAR));
        let size_max = section.optional("size_max", size(ByteSize::kib(1)..=ByteSize::pib(1)));
        let free_min = section.size("free_min", ByteSize::b(0)..=ByteSize::tib(1));
        if dir == Some(NdjsonDir::Stdout) {
            for key in ["file_size_max", "retention", "size_max", "free_min"] {
                if section.gives(key) {
                    section.problem(key, "standard output has no files to limit");
                }
            }
        } else if section.is_complete() && size_max.is_some_and(|size_max| size_max < file_size_max) {
            section.problem("size_max", "must not be less than `file_size_max`: whole files are removed");
        }
        Some(Self {
            dir: dir?,
            shape: shape?,
            alerts_shape: alerts_shape?,
            file_size_max,
            retention,
            size_max,
            free_min,
            tables: tables.clone(),
        })
    }

    fn place(&self) -> SinkPlace<'_> {
        match &self.dir {
            NdjsonDir::Stdout => SinkPlace::StandardOutput,
            NdjsonDir::Dir(dir) => SinkPlace::Dir(dir),
        }
    }

    fn files(&self, _: &Environment) -> Vec<PathBuf> {
        Vec::new()
    }
}

impl NdjsonSettings {
    /// Which destination the rows of a table go to: a checkpoint counts for no other.
    pub fn destination(&self, _: &Table) -> String {
        match &self.dir {
            NdjsonDir::Dir(path) => format!("ndjson {}", disk::absolute(path)),
            NdjsonDir::Stdout => "ndjson -".to_owned(),
        }
    }
}

impl From<PathBuf> for NdjsonDir {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == STDOUT { NdjsonDir::Stdout } else { NdjsonDir::Dir(path) }
    }
}
