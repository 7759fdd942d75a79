//! A case, with the members and names that Kibana gives it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CaseAttachment;
use crate::detect_db::AlertStatus;

/// What an enum is called in JSON and in the database.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$each])* #[serde(rename = $word)] $variant),* }

        impl $name {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The one with this word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}
pub(super) use words;

words! {
    /// What has been done about a case.
    CaseStatus {
        /// Nothing yet.
        #[default]
        Open = "open",
        /// Someone works on it.
        InProgress = "in-progress",
        /// It is done.
        Closed = "closed",
    }
}

words! {
    /// How bad it is.
    CaseSeverity {
        /// A little.
        #[default]
        Low = "low",
        /// More.
        Medium = "medium",
        /// Much.
        High = "high",
        /// As much as can be.
        Critical = "critical",
    }
}

words! {
    /// The application that a case belongs to, as Kibana distinguishes them.
    CaseOwner {
        /// Stack Management.
        #[default]
        Cases = "cases",
        /// Observability.
        Observability = "observability",
        /// Security.
        SecuritySolution = "securitySolution",
    }
}

impl CaseStatus {
    /// What the alerts of a case are that synchronises them.
    pub(super) fn of_alerts(self) -> AlertStatus {
        match self {
            Self::Open => AlertStatus::Open,
            Self::InProgress => AlertStatus::Acknowledged,
            Self::Closed => AlertStatus::Closed,
        }
    }
}

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CasePerson {
    /// The name of an account or of a key.
    pub username: String,
    /// The name of a person.
    #[serde(default)]
    pub full_name: Option<String>,
    /// An address.
    #[serde(default)]
    pub email: Option<String>,
}

impl CasePerson {
    /// Someone known by one name.
    pub fn named(name: &str) -> Self {
        Self { username: super::limits::cut(name, super::limits::NAME_CHARS_MAX), ..Self::default() }
    }
}

/// Who does something, and when.
#[derive(Clone, Copy, Debug)]
pub struct CaseStamp<'a> {
    /// Who.
    pub by: &'a CasePerson,
    /// The second.
    pub now: i64,
}

/// The connector by which a case is sent elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseConnector {
    /// Its id, or `none`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its type, or `.none`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What its service wants to know.
    #[serde(default)]
    pub fields: Value,
}

impl Default for CaseConnector {
    fn default() -> Self {
        let none = "none".to_owned();
        Self { id: none.clone(), name: none, kind: ".none".to_owned(), fields: Value::Null }
    }
}

/// How a case behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseSettings {
    /// Whether its alerts follow its status.
    #[serde(rename = "syncAlerts")]
    pub sync_alerts: bool,
}

/// Somebody who is to work on a case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Assignee {
    /// The name of an account.
    pub uid: String,
}

/// The value of a custom field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomFieldValue {
    /// The field's key in the configuration.
    pub key: String,
    /// What the value is.
    #[serde(rename = "type")]
    pub kind: CustomFieldKind,
    /// The value; null while it has none.
    #[serde(default)]
    pub value: Value,
}

words! {
    /// What the value of a custom field is.
    CustomFieldKind {
        /// A text.
        #[default]
        Text = "text",
        /// Yes or no.
        Toggle = "toggle",
        /// A whole number.
        Number = "number",
    }
}

/// A case. Its texts may be others' words: what shows them must make them harmless.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// Names it for ever.
    pub id: String,
    /// Changes with each change.
    pub version: String,
    /// Its number in its space, for people.
    #[serde(rename = "incremental_id")]
    pub number: i64,
    /// What it is about.
    pub title: String,
    /// The same at length.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What has been done about it.
    pub status: CaseStatus,
    /// How bad it is.
    pub severity: CaseSeverity,
    /// The application that it belongs to.
    pub owner: CaseOwner,
    /// One more word to find it by.
    pub category: Option<String>,
    /// Who is to work on it.
    pub assignees: Vec<Assignee>,
    /// Values of the fields that its owner's configuration names.
    #[serde(rename = "customFields")]
    pub custom_fields: Vec<CustomFieldValue>,
    /// How it is sent elsewhere.
    pub connector: CaseConnector,
    /// How it behaves.
    pub settings: CaseSettings,
    /// Always empty.
    pub observables: Vec<Value>,
    /// Where it was sent.
    pub external_service: Option<Value>,
    /// The verdict with which it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// Seconds from its creation until it was closed.
    pub duration: Option<i64>,
    /// When it was created.
    pub created_at: String,
    /// By whom.
    pub created_by: CasePerson,
    /// When it was last changed.
    pub updated_at: Option<String>,
    /// By whom.
    pub updated_by: Option<CasePerson>,
    /// When somebody first worked on it.
    pub in_progress_at: Option<String>,
    /// When it was closed.
    pub closed_at: Option<String>,
    /// By whom.
    pub closed_by: Option<CasePerson>,
    /// Seconds until somebody worked on it.
    pub time_to_acknowledge: Option<i64>,
    /// Seconds from then until it was closed.
    pub time_to_investigate: Option<i64>,
    /// Seconds until it was closed.
    pub time_to_resolve: Option<i64>,
    /// How many comments and files it has.
    #[serde(rename = "totalComment")]
    pub total_comment: i64,
    /// How many alerts it has.
    #[serde(rename = "totalAlerts")]
    pub total_alerts: i64,
    /// Always 0.
    #[serde(rename = "totalEvents")]
    pub total_events: i64,
    /// Its comments, alerts and files, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<Vec<CaseAttachment>>,
}
