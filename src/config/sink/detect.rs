//! `type = "detect"`

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use bytesize::ByteSize;
use config::{Value, ValueKind};

use super::{SinkPlace, SinkType};
use crate::{
    config::{
        ActionSettings, Environment,
        section::Section,
        values::{DAY, ValueProblem, YEAR, texts, wanted},
    },
    sinks::disk,
    tables::{Table, Tables},
};

/// The word for the rules that ccfd brings along.
const BUILTIN: &str = "builtin";
/// Names of placeholders, and values of each.
const PLACEHOLDERS_MAX: usize = 1_000;

/// Rules that judge each record, and the alerts that they raise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectSettings {
    /// Where the rules are.
    pub rules: Vec<RulesPlace>,
    /// Values for the placeholders in rules, by name.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// How long matches and alerts are kept.
    pub retention: Duration,
    /// The most bytes of the database.
    pub size_max: u64,
    /// Bytes of disk that stay free.
    pub free_min: u64,
    /// The most alerts of one rule in an hour that notify.
    pub alerts_per_hour_max: u32,
    /// What alerts do in other systems, of `[[detect.action]]`.
    pub actions: Vec<ActionSettings>,
    /// The routes that deliver alerts to other sinks, each with its destination.
    pub alert_routes: Vec<(String, String)>,
    /// The database, in the state directory.
    pub database: PathBuf,
    /// The tables whose records are judged.
    pub tables: Tables,
}

/// Where rules are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesPlace {
    /// Those that ccfd brings along.
    Builtin,
    /// The files of a directory.
    Directory(PathBuf),
}

impl SinkType for DetectSettings {
    const NAME: &'static str = "detect";

    fn read(section: &mut Section<'_>, tables: &Tables) -> Option<Self> {
        let rules = section.required_place("rules", rules);
        let placeholders = section.optional("placeholders", placeholders);
        let retention = section.duration("retention", DAY..=100 * YEAR);
        let size_max = section.size("size_max", ByteSize::mib(1)..=ByteSize::tib(1));
        let free_min = section.size("free_min", ByteSize::b(0)..=ByteSize::tib(1));
        let alerts_per_hour_max = section.number("alerts_per_hour_max", 0..=1_000_000);
        Some(Self {
            rules: rules?,
            placeholders: placeholders.unwrap_or_default(),
            retention,
            size_max,
            free_min,
            alerts_per_hour_max,
            actions: Vec::new(),
            alert_routes: Vec::new(),
            database: PathBuf::new(),
            tables: tables.clone(),
        })
    }

    fn place(&self) -> SinkPlace<'_> {
        SinkPlace::Alerts(&self.database)
    }

    fn files(&self, _: &Environment) -> Vec<PathBuf> {
        // The sink itself looks for changed rules: it continues with the old ones if the new ones are broken.
        Vec::new()
    }
}

impl DetectSettings {
    /// Which destination the rows of a table go to: a checkpoint counts for no other.
    pub fn destination(&self, _: &Table) -> String {
        format!("detect {}", disk::absolute(&self.database))
    }
}

impl DetectSettings {
    /// Puts the database where the state is.
    pub(super) fn keep_below(&mut self, state: &Path) {
        self.database = state.join(crate::detect_db::FILE_NAME);
    }

    /// The directories with rules.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.rules.iter().filter_map(|place| match place {
            RulesPlace::Builtin => None,
            RulesPlace::Directory(path) => Some(path.as_path()),
        })
    }
}

fn rules(value: &Value) -> Result<Vec<RulesPlace>, ValueProblem> {
    let form = || wanted("a list of directories and \"builtin\", each once");
    let mut places = Vec::new();
    for text in texts(value).map_err(|_| form())? {
        let place = if text == BUILTIN { RulesPlace::Builtin } else { RulesPlace::Directory(text.into()) };
        if places.contains(&place) {
            return Err(form());
        }
        places.push(place);
    }
    if places.is_empty() { Err(form()) } else { Ok(places) }
}

fn placeholders(value: &Value) -> Result<BTreeMap<String, Vec<String>>, ValueProblem> {
    let entry = |(name, value): (&String, &Value)| {
        let values = texts(value).ok().filter(|values| values.len() <= PLACEHOLDERS_MAX)?;
        Some((name.clone(), values))
    };
    let entries: Option<BTreeMap<_, _>> = match &value.kind {
        ValueKind::Table(table) if table.len() <= PLACEHOLDERS_MAX => table.iter().map(entry).collect(),
        _ => None,
    };
    entries.ok_or_else(|| wanted(format!("a table of lists of texts, {PLACEHOLDERS_MAX} in each at most")))
}
