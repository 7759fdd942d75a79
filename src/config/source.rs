//! What a collector reads, with the filters that the API offers there.

use std::collections::BTreeMap;
use std::fmt;

use config::{Value, ValueKind};

use super::section::Section;
use super::values::{Refusal, one_of, text, texts, wanted};

/// OpenAI's limits on the metadata of a completion; a filter beyond them finds nothing.
const METADATA_PAIRS_MAX: usize = 16;
const METADATA_KEY_CHARS_MAX: usize = 64;
const METADATA_VALUE_CHARS_MAX: usize = 512;

/// Which list a collector reads, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The audit logs of an organization.
    AuditLogs {
        /// Whether tenant events are read as well.
        tenant_walk: TenantWalk,
        /// Which events are read.
        filters: AuditLogFilters,
    },
    /// The stored chat completions of a project.
    ChatCompletions {
        /// Which completions are read.
        filters: CompletionFilters,
    },
}

/// Whether the audit logs are read a second time for the events of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantWalk {
    /// When the API tells them apart; found out at start and daily.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// Only events that match every filter given are read; an empty list filters nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuditLogFilters {
    /// Ids of projects.
    pub project_ids: Vec<String>,
    /// Event types, such as `api_key.created`. Any text: the set is open.
    pub event_types: Vec<String>,
    /// Ids of the users or service accounts that acted.
    pub actor_ids: Vec<String>,
    /// E-mail addresses of the users that acted. `Debug` shows only how many.
    pub actor_emails: Vec<String>,
    /// Ids of the things acted on.
    pub resource_ids: Vec<String>,
}

/// Only completions that match every filter given are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompletionFilters {
    /// The model's name.
    pub model: Option<String>,
    /// Metadata that a completion must carry.
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    AuditLogs,
    ChatCompletions,
}

const LISTS: &[(&str, List)] =
    &[("audit_logs", List::AuditLogs), ("chat_completions", List::ChatCompletions)];

const TENANT_WALKS: &[(&str, TenantWalk)] =
    &[("auto", TenantWalk::Auto), ("on", TenantWalk::On), ("off", TenantWalk::Off)];

const AUDIT_LOG_KEYS: &[&str] =
    &["tenant_walk", "project_ids", "event_types", "actor_ids", "actor_emails", "resource_ids"];
const COMPLETION_KEYS: &[&str] = &["model", "metadata"];

impl Source {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let list = section.required("source", one_of(LISTS));
        let tenant_walk = section.required("tenant_walk", one_of(TENANT_WALKS));
        let audit_logs = AuditLogFilters::read(section);
        let completions = CompletionFilters::read(section);
        match list? {
            List::AuditLogs => {
                refuse(section, COMPLETION_KEYS, "only collectors of chat_completions have this key");
                Some(Source::AuditLogs { tenant_walk: tenant_walk?, filters: audit_logs })
            }
            List::ChatCompletions => {
                refuse(section, AUDIT_LOG_KEYS, "only collectors of audit_logs have this key");
                Some(Source::ChatCompletions { filters: completions })
            }
        }
    }

    /// The word that stands for it in the settings: `audit_logs` or `chat_completions`.
    pub fn name(&self) -> &'static str {
        match self {
            Source::AuditLogs { .. } => "audit_logs",
            Source::ChatCompletions { .. } => "chat_completions",
        }
    }
}

impl AuditLogFilters {
    fn read(section: &mut Section<'_>) -> Self {
        let mut list = |key| section.optional(key, texts).unwrap_or_default();
        Self {
            project_ids: list("project_ids"),
            event_types: list("event_types"),
            actor_ids: list("actor_ids"),
            actor_emails: list("actor_emails"),
            resource_ids: list("resource_ids"),
        }
    }
}

impl fmt::Debug for AuditLogFilters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project_ids, event_types, actor_ids, actor_emails, resource_ids } = self;
        f.debug_struct("AuditLogFilters")
            .field("project_ids", project_ids)
            .field("event_types", event_types)
            .field("actor_ids", actor_ids)
            .field("actor_emails", &actor_emails.len())
            .field("resource_ids", resource_ids)
            .finish()
    }
}

impl CompletionFilters {
    fn read(section: &mut Section<'_>) -> Self {
        let model = section.optional("model", text);
        let metadata = section.optional("metadata", metadata).unwrap_or_default();
        Self { model, metadata }
    }
}

fn metadata(value: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let pair = |(key, value): (&String, &Value)| {
        let value = text(value).ok()?;
        let fits = (1..=METADATA_KEY_CHARS_MAX).contains(&key.chars().count())
            && value.chars().count() <= METADATA_VALUE_CHARS_MAX;
        fits.then(|| (key.clone(), value))
    };
    let pairs: Option<BTreeMap<_, _>> = match &value.kind {
        ValueKind::Table(table) if table.len() <= METADATA_PAIRS_MAX => table.iter().map(pair).collect(),
        _ => None,
    };
    pairs.ok_or_else(|| {
        wanted(format!(
            "a table of at most {METADATA_PAIRS_MAX} texts, keys up to {METADATA_KEY_CHARS_MAX} and values up to \
             {METADATA_VALUE_CHARS_MAX} characters"
        ))
    })
}

/// A filter that would have no effect is an error where the collector itself names it; in `[default.collector]` it
/// holds for the collectors of the other list.
fn refuse(section: &mut Section<'_>, keys: &[&str], reason: &str) {
    for key in keys {
        if section.gives(key) {
            section.problem(key, reason);
        }
    }
}
