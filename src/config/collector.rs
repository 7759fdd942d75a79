//! `[collector.NAME]`: reads one list, with one key.

use std::time::Duration;

use bytesize::ByteSize;
use url::Url;

use super::{
    ConnectionSettings, ListSource, MessagesSettings, RedactSettings, SecretSource, Start,
    section::Section,
    urls::base_url,
    values::{DAY, SECOND, header_text, texts},
};

/// A collector: what it reads, how it connects, and where the records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorSettings {
    /// The list it reads, with its filters.
    pub source: ListSource,
    /// Where the API key is kept.
    pub api_key: SecretSource,
    /// The names of the sinks that get every record. Each is configured, none is named twice.
    pub sinks: Vec<String>,
    /// Where the first run begins.
    pub start: Start,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<String>,
    /// Sent as `OpenAI-Project`.
    pub project: Option<String>,

    /// The time between two polls for new records.
    pub poll_interval: Duration,
    /// The time between two sweeps of the overlap for late records. Not less than `poll_interval`.
    pub sweep_interval: Duration,
    /// How late a record may appear and still be found.
    pub overlap: Duration,
    /// The most ids in the dedup set.
    pub dedup_ids_max: usize,

    /// The base URL of the API, without a slash at its end.
    pub base_url: Url,
    /// Requests per second, shared by all collectors with the same key.
    pub rate_limit_qps: u32,
    /// How the API is reached.
    pub connection: ConnectionSettings,
    /// The most bytes of a response that are read.
    pub body_max: u64,

    /// Whether the input messages of completions are collected, and how much of them.
    pub messages: Option<MessagesSettings>,

    /// What is redacted in its records; `None` if they are passed on as received.
    pub redact: Option<RedactSettings>,
}

impl CollectorSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let source = ListSource::read(section);
        let api_key = section.required_place("api_key", SecretSource::read);
        let sinks = section.required("sinks", texts);
        let start = section.required("start", Start::read);
        let base_url = section.required("base_url", base_url);
        let settings = Self {
            organization: section.optional("organization", header_text),
            project: section.optional("project", header_text),
            poll_interval: section.duration("poll_interval", SECOND / 20..=DAY),
            sweep_interval: section.duration("sweep_interval", SECOND / 20..=DAY),
            overlap: section.duration("overlap", Duration::ZERO..=30 * DAY),
            dedup_ids_max: section.number("dedup_ids_max", 1..=100_000_000) as usize,
            rate_limit_qps: section.number("rate_limit_qps", 1..=1_000_000),
            connection: ConnectionSettings::read(section),
            body_max: section.size("body_max", ByteSize::kib(64)..=ByteSize::gib(4)),
            messages: MessagesSettings::read(section, source.as_ref()),
            redact: RedactSettings::read(section, source.as_ref()),
            // Last, so that every key has been read before a missing one ends the reading.
            source: source?,
            api_key: api_key?,
            sinks: sinks?,
            start: start?,
            base_url: base_url?,
        };
        if section.is_complete() && settings.sweep_interval < settings.poll_interval {
            section.problem(
                "sweep_interval",
                "must not be less than `poll_interval`: a sweep follows the polls",
            );
        }
        Some(settings)
    }
}
