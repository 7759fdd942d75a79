//! `type = "sqlite"`

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;

use super::{SinkPlace, SinkType};
use crate::{
    config::{
        Environment,
        section::Section,
        values::{MINUTE, YEAR, duration, path, size},
    },
    sinks::disk,
    tables::{Table, Tables},
};

/// A SQLite database with one table for each kind of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database file.
    pub path: PathBuf,
    /// How long rows are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// The most bytes of the database, whose oldest rows are removed first; `None` without limit.
    pub size_max: Option<u64>,
    /// Bytes of disk that stay free.
    pub free_min: u64,
    /// The tables that it holds.
    pub tables: Tables,
}

impl SinkType for SqliteSettings {
    const NAME: &'static str = "sqlite";

    fn read(section: &mut Section<'_>, tables: &Tables) -> Option<Self> {
        let path = section.required_place("path", path);
        let retention = section.optional("retention", duration(MINUTE..=100 * YEAR));
        let size_max = section.optional("size_max", size(ByteSize::mib(1)..=ByteSize::pib(1)));
        let free_min = section.size("free_min", ByteSize::b(0)..=ByteSize::tib(1));
        Some(Self { path: path?, retention, size_max, free_min, tables: tables.clone() })
    }

    fn place(&self) -> SinkPlace<'_> {
        SinkPlace::Database(&self.path)
    }

    fn files(&self, _: &Environment) -> Vec<PathBuf> {
        Vec::new()
    }
}

impl SqliteSettings {
    /// Which destination the rows of a table go to: a checkpoint counts for no other.
    pub fn destination(&self, _: &Table) -> String {
        format!("sqlite {}", disk::absolute(&self.path))
    }
}
