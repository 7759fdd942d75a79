//! An alert as commands show it.

use std::collections::BTreeMap;

use rusqlite::Row;
use serde::Serialize;
use serde_json::Value;

use super::shown::{self, ShownFields};
use crate::{detect::rules::ENTITIES, tables::format_utc};

/// What has been done about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// Nothing yet.
    Open,
    /// Someone looks at it.
    Acknowledged,
    /// Someone has judged it, or it was withdrawn.
    Closed,
}

impl AlertStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Open, Self::Acknowledged, Self::Closed];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }

    fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|one| one.word() == word).unwrap_or(Self::Open)
    }
}

/// A verdict on an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    /// It was right, and something had to be done.
    TruePositive,
    /// It was wrong.
    FalsePositive,
    /// It was right, and nothing had to be done.
    Benign,
}

impl Disposition {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::TruePositive, Self::FalsePositive, Self::Benign];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::TruePositive => "true-positive",
            Self::FalsePositive => "false-positive",
            Self::Benign => "benign",
        }
    }
}

/// One alert. Texts of records are others' words: what shows them on a terminal must make them harmless.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// Names it for ever.
    pub id: String,
    /// The slug of its rule.
    pub rule: String,
    /// The `id` of its rule, or empty.
    pub rule_id: String,
    /// The title of its rule.
    pub title: String,
    /// The description of its rule.
    pub description: String,
    /// The level of its rule, as Sigma has it.
    pub level: String,
    /// The tags of its rule.
    pub tags: Vec<String>,
    /// The references of its rule.
    pub references: Vec<String>,
    /// When the rule is wrong.
    pub falsepositives: Vec<String>,
    /// A hash of what the rule matches.
    pub definition: String,
    /// What has been done about it.
    pub status: AlertStatus,
    /// The verdict.
    pub disposition: Option<String>,
    /// Who gave the status.
    pub judged_by: Option<String>,
    /// When.
    pub judged_at: Option<String>,
    /// What they wrote.
    pub note: Option<String>,
    /// When it was first seen.
    pub created_at: String,
    /// When anything of it last changed.
    pub changed_at: String,
    /// The time of its first record.
    pub first_event_at: String,
    /// The time of its last record.
    pub last_event_at: String,
    /// How many records it is about.
    pub event_count: u64,
    /// The fields of its group, with their values.
    pub group: BTreeMap<String, Option<String>>,
    /// Who and what it is about: those of the shown fields that name people, keys, addresses and projects.
    pub entities: ShownFields,
    /// What its first records show.
    pub shown: ShownFields,
    /// Its first records, at most 100.
    pub record_ids: Vec<String>,
    /// The tables of its first records.
    pub tables: Vec<String>,
    /// The collectors of its first records.
    pub connectors: Vec<String>,
    /// Its events are older than the rule.
    pub historical: bool,
    /// The rule was in staging.
    pub staging: bool,
    /// Whether it notified.
    pub notify: bool,
    /// Why not.
    pub notify_reason: Option<String>,
    /// How many later alerts it kept from notifying.
    pub suppressed_count: u64,
    /// The alert that it became part of.
    pub merged_into: Option<String>,
    /// Records that arrived later show that it was wrong.
    pub withdrawn: bool,
    /// A number that grows with each change of any alert.
    pub seq: i64,
}

/// The columns that [`read`] takes, in its order.
pub(super) const COLUMNS: &str = "alert.uid, edition.slug, edition.about, edition.level, edition.definition, alert.status, \
    alert.disposition, alert.judged_by, alert.judged_at, alert.note, alert.created_at, alert.changed_at, \
    alert.first_event_at, alert.last_event_at, alert.event_count, alert.fields, alert.shown, alert.record_ids, alert.tables, \
    alert.connectors, alert.historical, alert.staging, alert.notify, alert.silence, alert.suppressed_count, \
    (SELECT uid FROM alert AS other WHERE other.id = alert.merged_into), alert.withdrawn, alert.change";

/// Reads a row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let about: Value = serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default();
    let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
    let texts = |name: &str| serde_json::from_value(about[name].clone()).unwrap_or_default();
    let list = |column: usize| {
        row.get::<_, String>(column).map(|json| serde_json::from_str(&json).unwrap_or_default())
    };
    let time = |column: usize| row.get(column).map(format_utc);
    let number = |column: usize| row.get(column).map(i64::unsigned_abs);
    let withdrawn = row.get(26)?;
    let status = AlertStatus::of(&row.get::<_, String>(5)?);
    let shown = shown::parse(&row.get::<_, String>(16)?);
    let owned = |(name, values): (&String, &Vec<String>)| (name.clone(), values.clone());
    Ok(Alert {
        id: row.get(0)?,
        rule: row.get(1)?,
        rule_id: text("id"),
        title: text("title"),
        description: text("description"),
        level: row.get(3)?,
        tags: texts("tags"),
        references: texts("references"),
        falsepositives: texts("falsepositives"),
        definition: format!("{:016x}", row.get::<_, i64>(4)?),
        status: if withdrawn { AlertStatus::Closed } else { status },
        disposition: row.get(6)?,
        judged_by: row.get(7)?,
        judged_at: row.get::<_, Option<i64>>(8)?.map(format_utc),
        note: row.get(9)?,
        created_at: time(10)?,
        changed_at: time(11)?,
        first_event_at: time(12)?,
        last_event_at: time(13)?,
        event_count: number(14)?,
        group: serde_json::from_str(&row.get::<_, String>(15)?).unwrap_or_default(),
        entities: shown.iter().filter(|(name, _)| ENTITIES.contains(&name.as_str())).map(owned).collect(),
        shown,
        record_ids: list(17)?,
        tables: list(18)?,
        connectors: list(19)?,
        historical: row.get(20)?,
        staging: row.get(21)?,
        notify: row.get(22)?,
        notify_reason: row.get(23)?,
        suppressed_count: number(24)?,
        merged_into: row.get(25)?,
        withdrawn,
        seq: row.get(27)?,
    })
}
