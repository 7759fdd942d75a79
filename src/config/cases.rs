//! `[cases]`: where cases are kept beside the database of alerts.

use std::time::Duration;

use super::{
    section::Section,
    values::{HOUR, SECOND, one_of, text},
};

/// Cases are also sent to a Kibana.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KibanaCasesSettings {
    /// The name of the sink of type `kibana_index` by whose connection they are sent.
    pub sink: String,
    /// The space here whose cases are sent.
    pub space: String,
    /// How long a search there may not show what was written.
    pub search_lag: Duration,
}

/// Where cases are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CaseTargetWord {
    Local,
    Kibana,
}

const TARGETS: &[(&str, CaseTargetWord)] =
    &[("local", CaseTargetWord::Local), ("kibana", CaseTargetWord::Kibana)];

impl KibanaCasesSettings {
    /// `None` if cases are kept here only.
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let target = section.required("target", one_of(TARGETS));
        let sink = section.optional("sink", text);
        let space = section.required("space", text);
        let search_lag = section.duration("search_lag", SECOND..=HOUR);
        if target == Some(CaseTargetWord::Kibana) && sink.is_none() && section.is_sound() {
            section.problem("target", "with \"kibana\", `sink` has to name a sink of type kibana_index");
        }
        section.finish();
        let is_sent = target? == CaseTargetWord::Kibana;
        Some(Self { sink: sink?, space: space?, search_lag }).filter(|_| is_sent)
    }
}
