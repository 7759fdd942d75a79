//! The report of a verification, for an auditor: what was compared, what was found, and how to find it again.

mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    compare::ComparedHour,
    difference::{Class, Difference},
    verdict::Verdict,
};
use crate::{digest::hash_hex, tables::format_utc};

/// The version of this format.
pub const FORMAT: u32 = 1;
/// In place of a name that the API did not send.
pub const NOT_NAMED: &str = "not named";

/// A report. It holds ids, and no content of any record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this format.
    pub format: u32,
    /// The run, unique.
    pub run: String,
    /// The version of ccfd.
    pub version: String,
    /// Who asked for it: a name, or the user of the machine; the schedule of the daemon is one too.
    #[serde(default)]
    pub operator: String,
    /// SHA-256 of the settings of collector and sink, as this version understands them.
    pub configuration: String,
    /// The collector.
    pub collector: String,
    /// The list that it reads.
    pub list: String,
    /// The sink.
    pub sink: String,
    /// The source, as it named itself.
    pub source: SourceSide,
    /// The sink's file, index or table.
    pub destination: SinkSide,
    /// First time of the window, in UTC.
    pub from: String,
    /// The time before which it ends.
    pub to: String,
    /// What the times were compared with.
    pub clock: ReportClock,
    /// The result.
    pub verdict: Verdict,
    /// Why it is not provable, a sentence each; empty otherwise.
    pub why: Vec<String>,
    /// All rows, ids and differences.
    pub totals: Totals,
    /// How the digests are made.
    pub algorithm: String,
    /// Each hour with records on one side.
    pub hours: Vec<ReportHour>,
    /// The differences that are left, by time.
    pub differences: Vec<Difference>,
    /// What was repaired; `None` without `--repair`, or if nothing was missing.
    pub repair: Option<Repaired>,
    /// Queries that give the sink's figures, to copy.
    pub statements: Vec<ReportStatement>,
    /// What this report cannot show.
    pub limits: Vec<String>,
    /// SHA-256 of the report before this one in the same state directory.
    pub before: Option<String>,
    /// SHA-256 of this report: of its JSON without this field, with sorted keys and no white space.
    pub sha256: String,
}

/// The source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSide {
    /// The base URL.
    pub base_url: String,
    /// The header `openai-organization` of its answers.
    pub organization: String,
    /// The header `openai-project`.
    pub project: String,
    /// When its reading began and ended, in UTC.
    pub read_from: Option<String>,
    /// When it ended.
    pub read_to: Option<String>,
    /// How many requests were sent.
    pub requests: u64,
    /// `x-request-id` of the first answer that had one.
    pub first_request_id: Option<String>,
    /// And of the last.
    pub last_request_id: Option<String>,
}

/// The sink.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkSide {
    /// Its type.
    pub type_name: String,
    /// What was read.
    pub identity: String,
    /// The table.
    pub table: String,
    /// When its reading began and ended, in UTC.
    pub read_from: Option<String>,
    /// When it ended.
    pub read_to: Option<String>,
    /// What is compared: `ids and records`, or `ids only`.
    pub compares: String,
}

/// The clocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportClock {
    /// The time of the report by the local clock.
    pub local: String,
    /// The server's clock (header `Date`) minus the local one, in seconds.
    pub server_difference_seconds: Option<i64>,
    /// Everything earlier was delivered by the route, by its watermark and its last sweep.
    pub delivered_before: Option<String>,
}

/// Sums over the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Records that the source lists.
    pub source_rows: u64,
    /// Rows in the sink.
    pub sink_rows: u64,
    /// Hours that differ.
    pub hours_differing: u64,
    /// Differences that nothing explains.
    pub unexplained: u64,
    /// Differences with a known reason.
    pub explained: u64,
    /// Of all differences, how many are not listed because there are too many.
    pub not_listed: u64,
    /// Crowded seconds of the window that the source may not have shown whole. What neither side has cannot be seen there, so
    /// they are no full agreement.
    #[serde(default)]
    pub unreadable_seconds: u64,
    /// Listed differences by class.
    pub by_class: BTreeMap<Class, u64>,
}

/// An hour on both sides. Digests are 16 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportHour {
    /// Its first second, in UTC.
    pub hour: String,
    /// Whether both sides are equal.
    pub agrees: bool,
    /// The source.
    pub source: ReportDigest,
    /// The sink.
    pub sink: ReportDigest,
}

/// What an hour holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDigest {
    /// Rows.
    pub rows: u64,
    /// Distinct ids.
    pub ids: u64,
    /// XOR of the hashes of the distinct ids.
    pub id_digest: String,
    /// XOR of the hashes of the records; `None` where only ids are compared.
    pub record_digest: Option<String>,
}

/// What `--repair` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    /// How many were missing.
    pub missing: u64,
    /// How many the sink took.
    pub delivered: u64,
    /// How many it refused; they are in the rejects.
    pub rejected: u64,
    /// Why it ended early.
    pub failed: Option<String>,
}

/// A query to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportStatement {
    /// What it gives.
    pub about: String,
    /// Its language.
    pub language: String,
    /// Its text.
    pub text: String,
}

/// The name of the algorithm.
pub const ALGORITHM: &str = "id_digest: XOR of XXH64 (seed 0) over the UTF-8 text of each distinct id; record_digest: XOR of XXH64 over \
                             each record's JSON without white space between tokens, with the XXH64 of its id and the time of its row (as \
                             2026-11-24T02:42:13Z), joined, as the seed";

impl From<ComparedHour> for ReportHour {
    fn from(compared: ComparedHour) -> Self {
        let compares_records =
            compared.source.record_digest.is_some() && compared.sink.record_digest.is_some();
        let digest = |one: crate::sinks::comparable::HourDigest| ReportDigest {
            rows: one.rows,
            ids: one.ids,
            id_digest: format!("{:016x}", one.id_digest),
            record_digest: one
                .record_digest
                .filter(|_| compares_records)
                .map(|digest| format!("{digest:016x}")),
        };
        Self {
            hour: format_utc(compared.source.hour),
            agrees: compared.agrees(),
            source: digest(compared.source),
            sink: digest(compared.sink),
        }
    }
}

impl Report {
    /// Counts the classes of the listed differences.
    pub fn count(&mut self) {
        self.totals.by_class.clear();
        for difference in &self.differences {
            *self.totals.by_class.entry(difference.class).or_default() += 1;
        }
    }

    /// How many listed differences have this class.
    pub fn of_class(&self, class: Class) -> u64 {
        self.totals.by_class.get(&class).copied().unwrap_or(0)
    }

    /// Sets the hash of the report before, and then its own.
    pub fn seal(&mut self, before: Option<String>) -> serde_json::Result<()> {
        self.before = before;
        self.sha256 = self.hash()?;
        Ok(())
    }

    /// SHA-256 over the JSON without `sha256`, with sorted keys and no white space:
    /// `jq -cSj 'del(.sha256)' report.json | sha256sum`.
    pub fn hash(&self) -> serde_json::Result<String> {
        // A map of values has its keys sorted.
        let mut value = serde_json::to_value(self)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("sha256");
        }
        Ok(hash_hex(value.to_string().as_bytes()))
    }

    /// One page for people.
    pub fn text(&self) -> String {
        text::text(self)
    }
}
