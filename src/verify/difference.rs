//! A difference with its class, and the reason where one is known.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::compare::{DifferenceKind, FoundDifference};
use crate::sinks::{Redelivery, comparable::Shows};

/// The class of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Listed by the source, not in the sink, and nothing says why.
    Missing,
    /// Listed by the source, not in the sink but in the rejects.
    InRejects,
    /// More than once in the sink.
    Doubled,
    /// In the sink, not listed by the source.
    OnlyInSink,
    /// In the sink, of a crowded second that the source did not show whole.
    Unreadable,
    /// On both sides, with another record or second.
    Altered,
    /// On both sides; the present redaction makes the two equal.
    Redacted,
    /// In the sink as a row of another collector, where an id has one row.
    OfAnother,
}

impl Class {
    /// Every variant.
    pub const ALL: [Self; 8] = [
        Self::Missing,
        Self::InRejects,
        Self::Doubled,
        Self::OnlyInSink,
        Self::Unreadable,
        Self::Altered,
        Self::Redacted,
        Self::OfAnother,
    ];

    /// Its words in a report.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::InRejects => "in rejects",
            Self::Doubled => "doubled",
            Self::OnlyInSink => "only in sink",
            Self::Unreadable => "unreadable second",
            Self::Altered => "altered",
            Self::Redacted => "redacted by rule",
            Self::OfAnother => "of another collector",
        }
    }
}

/// A difference as reported: ids only, no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The id of the record.
    pub id: String,
    /// Its time in UTC.
    pub time: String,
    /// Its class.
    pub class: Class,
    /// Whether the reason explains it: then it is no fault of the sink's rows.
    pub explained: bool,
    /// Why, as far as ccfd can tell.
    pub reason: String,
}

/// What is known beside the two sides.
#[derive(Debug, Default)]
pub struct KnownReasons {
    /// The fixed word for the reason of each reject of the route, by id.
    pub rejects: BTreeMap<String, String>,
    /// Crowded seconds that the source may not have shown whole.
    pub unsure_seconds: BTreeSet<i64>,
    /// Whether records disappear from the list by themselves: stored completions expire and can be deleted.
    pub expires: bool,
    /// Other collectors of the same list that write to the same sink.
    pub sharing: BTreeSet<String>,
    /// Missing ids whose row in the sink names another collector, with its name.
    pub of_others: BTreeMap<String, String>,
}

impl KnownReasons {
    /// Whether a missing record must not be delivered: it was refused, or its row is that of another collector.
    pub fn keeps_out(&self) -> impl Iterator<Item = &String> {
        self.rejects.keys().chain(self.of_others.keys())
    }

    /// The class of a missing record.
    fn of_missing(&self, id: &str) -> (Class, bool, String) {
        if let Some(other) = self.of_others.get(id) {
            // Anybody can change a name in the sink: only that of a configured collector explains it.
            let is_known = self.sharing.contains(other);
            let why = match is_known {
                true => "which reads the same list",
                false => {
                    "which is not configured for this list and this sink: renamed, or changed in the sink"
                }
            };
            return (
                Class::OfAnother,
                is_known,
                format!("in the sink as a row of collector `{other}`, {why}"),
            );
        }
        match self.rejects.get(id) {
            Some(kind) => {
                (Class::InRejects, true, format!("in the rejects as `{kind}`; see `ccfd rejects list`"))
            }
            None => (Class::Missing, false, "listed by the source, not in the sink".to_owned()),
        }
    }
}

/// Gives a difference its class.
pub fn classify(
    found: FoundDifference,
    known: &KnownReasons,
    shows: Shows,
    redelivery: Redelivery,
) -> Difference {
    let FoundDifference { id, second, finding } = found;
    let (class, explained, reason) = match finding {
        DifferenceKind::Missing => known.of_missing(&id),
        DifferenceKind::Doubled { copies } => {
            let explained = redelivery == Redelivery::Repeats;
            let why = match redelivery {
                Redelivery::Repeats => "; a batch that is delivered again repeats its rows in this sink",
                Redelivery::Harmless => "",
            };
            (Class::Doubled, explained, format!("{copies} times in the sink{why}"))
        }
        DifferenceKind::OnlyInSink if known.unsure_seconds.contains(&second) => {
            let reason =
                "its second has more records than a page, and the source may not have shown all of them";
            (Class::Unreadable, true, reason.to_owned())
        }
        DifferenceKind::OnlyInSink if known.expires => {
            let reason = "not listed now: deleted or expired at OpenAI";
            (Class::OnlyInSink, true, reason.to_owned())
        }
        DifferenceKind::OnlyInSink if !known.sharing.is_empty() && !shows.collectors => {
            let reason = "another collector writes to this sink, whose rows do not name their collector";
            (Class::OnlyInSink, true, reason.to_owned())
        }
        DifferenceKind::OnlyInSink => {
            let reason = "not listed by the source: removed at OpenAI, written under an earlier filter, or added to the sink";
            (Class::OnlyInSink, false, reason.to_owned())
        }
        DifferenceKind::Altered { by_redaction: true } => {
            let reason = "written before a rule of [redact] that now changes it";
            (Class::Redacted, true, reason.to_owned())
        }
        DifferenceKind::Altered { by_redaction: false } => {
            let changed = "record or time is not that of the source: changed in the sink, or at OpenAI since";
            (Class::Altered, false, changed.to_owned())
        }
    };
    Difference { id, time: crate::tables::format_utc(second), class, explained, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(finding: DifferenceKind, known: &KnownReasons, redelivery: Redelivery) -> (Class, bool) {
        let shows = Shows { records: true, doubled: true, collectors: false };
        let found = FoundDifference { id: "a".to_owned(), second: 5, finding };
        let difference = classify(found, known, shows, redelivery);
        (difference.class, difference.explained)
    }

    #[test]
    fn each_finding_has_a_class_and_only_a_known_reason_explains_it() {
        let nothing = KnownReasons::default();
        let rejects = KnownReasons {
            rejects: [("a".to_owned(), "too_large".to_owned())].into(),
            ..KnownReasons::default()
        };
        let unsure = KnownReasons { unsure_seconds: [5].into(), ..KnownReasons::default() };
        let expires = KnownReasons { expires: true, ..KnownReasons::default() };
        let shared = KnownReasons { sharing: ["other".to_owned()].into(), ..KnownReasons::default() };
        let of_others: BTreeMap<_, _> = [("a".to_owned(), "other".to_owned())].into();
        let renamed = KnownReasons { of_others: of_others.clone(), ..KnownReasons::default() };
        let held = KnownReasons { sharing: shared.sharing.clone(), of_others, ..KnownReasons::default() };
        let doubled = DifferenceKind::Doubled { copies: 2 };
        for (finding, known, redelivery, wanted) in [
            (DifferenceKind::Missing, &nothing, Redelivery::Harmless, (Class::Missing, false)),
            (DifferenceKind::Missing, &rejects, Redelivery::Harmless, (Class::InRejects, true)),
            (DifferenceKind::Missing, &expires, Redelivery::Harmless, (Class::Missing, false)),
            (DifferenceKind::Missing, &shared, Redelivery::Harmless, (Class::Missing, false)),
            (DifferenceKind::Missing, &renamed, Redelivery::Harmless, (Class::OfAnother, false)),
            (DifferenceKind::Missing, &held, Redelivery::Harmless, (Class::OfAnother, true)),
            (doubled, &nothing, Redelivery::Harmless, (Class::Doubled, false)),
            (doubled, &nothing, Redelivery::Repeats, (Class::Doubled, true)),
            (DifferenceKind::OnlyInSink, &nothing, Redelivery::Harmless, (Class::OnlyInSink, false)),
            (DifferenceKind::OnlyInSink, &unsure, Redelivery::Harmless, (Class::Unreadable, true)),
            (DifferenceKind::OnlyInSink, &expires, Redelivery::Harmless, (Class::OnlyInSink, true)),
            (DifferenceKind::OnlyInSink, &shared, Redelivery::Harmless, (Class::OnlyInSink, true)),
            (
                DifferenceKind::Altered { by_redaction: false },
                &nothing,
                Redelivery::Harmless,
                (Class::Altered, false),
            ),
            (
                DifferenceKind::Altered { by_redaction: true },
                &nothing,
                Redelivery::Harmless,
                (Class::Redacted, true),
            ),
        ] {
            assert_eq!(class(finding, known, redelivery), wanted, "{finding:?} {known:?}");
        }
    }
}
