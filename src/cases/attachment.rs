//! What is attached to a case: comments, alerts, files.

use serde::Serialize;
use serde_json::{Value, json};

use super::{CaseError, CaseOwner, CasePerson, limits};
use crate::detect_db::Alert;

/// Records whose ids the summary of an alert names.
const RECORDS_SHOWN: usize = 20;

/// Something attached to a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseAttachment {
    /// Names it for ever.
    pub id: String,
    /// Changes with each change.
    pub version: String,
    /// What it is.
    #[serde(flatten)]
    pub content: AttachedContent,
    /// The application that its case belongs to.
    pub owner: CaseOwner,
    /// When it was attached.
    pub created_at: String,
    /// By whom.
    pub created_by: CasePerson,
    /// When its case was sent elsewhere with it.
    pub pushed_at: Option<String>,
    /// By whom.
    pub pushed_by: Option<CasePerson>,
    /// When it was last changed.
    pub updated_at: Option<String>,
    /// By whom.
    pub updated_by: Option<CasePerson>,
}

/// What an attachment is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum AttachedContent {
    /// A comment.
    #[serde(rename = "user")]
    Comment {
        /// What it says.
        comment: String,
    },
    /// Alerts, in parallel lists.
    #[serde(rename = "alert")]
    Alerts {
        /// Their ids.
        #[serde(rename = "alertId")]
        ids: Vec<String>,
        /// Where they are.
        #[serde(rename = "index")]
        indices: Vec<String>,
        /// The rule that raised them.
        rule: AttachedRule,
    },
    /// A file, of which this is not the content.
    #[serde(rename = "externalReference")]
    File {
        /// Names the file.
        #[serde(rename = "externalReferenceId")]
        id: String,
        /// Where it is.
        #[serde(rename = "externalReferenceStorage")]
        storage: Value,
        /// What it is.
        #[serde(rename = "externalReferenceAttachmentTypeId")]
        kind: &'static str,
        /// Its name.
        #[serde(rename = "externalReferenceMetadata")]
        about: Value,
    },
}

impl AttachedContent {
    /// Its type's word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Comment { .. } => "user",
            Self::Alerts { .. } => "alert",
            Self::File { .. } => "externalReference",
        }
    }

    /// What is attached as a file.
    pub(super) fn file(id: String, name: &str, extension: &str, mime: &str, created: &str) -> Self {
        let file = json!({ "name": name, "extension": extension, "mimeType": mime, "created": created });
        Self::File {
            id,
            storage: json!({ "type": "savedObject", "soType": "file" }),
            kind: ".files",
            about: json!({ "files": [file] }),
        }
    }
}

/// The rule that raised attached alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AttachedRule {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// An alert to attach.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertToAttach {
    /// Its id.
    pub id: String,
    /// Where it is: an index, or a table.
    pub index: String,
    /// What is kept of it with the case, so that the case can be read when the alert is not kept any more. Null for an alert of
    /// somebody else.
    pub summary: Value,
}

impl AlertToAttach {
    /// Fails if it cannot be one.
    pub(super) fn check(&self) -> Result<(), CaseError> {
        limits::text("alertId", &self.id, limits::NAME_CHARS_MAX)?;
        limits::text("index", &self.index, limits::NAME_CHARS_MAX)
    }

    /// What is kept of an alert of ours.
    pub fn summary_of(alert: &Alert) -> Value {
        let records: Vec<&String> = alert.record_ids.iter().take(RECORDS_SHOWN).collect();
        let mut summary = json!({
            "title": limits::cut(&alert.title, limits::NAME_CHARS_MAX),
            "rule": limits::cut(&alert.rule, limits::NAME_CHARS_MAX),
            "level": alert.level,
            "first_event_at": alert.first_event_at,
            "last_event_at": alert.last_event_at,
            "event_count": alert.event_count,
            "group": alert.group,
            "shown": alert.shown,
            "record_ids": records,
        });
        // What identifies it is kept, even if what its records say is too long.
        for member in ["shown", "record_ids", "group"] {
            if summary.to_string().len() > limits::JSON_BYTES_MAX {
                summary[member] = Value::Null;
            }
        }
        summary
    }
}

/// An alert that is attached to a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttachedAlert {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub index: String,
    /// When it was attached.
    pub attached_at: String,
    /// What is kept of it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub summary: Value,
}

/// A file to attach.
#[derive(Clone, Copy, Debug)]
pub struct FileToAttach<'a> {
    /// Its name, which is shown and never used as a path.
    pub name: &'a str,
    /// Its type, if its sender named one.
    pub mime: Option<&'a str>,
    /// What is in it.
    pub content: &'a [u8],
}
