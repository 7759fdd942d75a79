//! A case there, and what is attached to it, as Kibana's API shows them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::text::ending;
use crate::cases::{Assignee, CaseSeverity, CaseStatus, SentFields, SentItem};

/// A case there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteCase {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) fields: SentFields,
}

/// What is attached to a case there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RemoteAttachments {
    /// The ids of alerts.
    pub(super) alerts: BTreeSet<String>,
    /// What was attached together: the id of the attachment, and those of its alerts.
    pub(super) lists: Vec<(String, Vec<String>)>,
    /// The comments, by their ids.
    pub(super) comments: BTreeMap<String, RemoteComment>,
    /// The ids of those with a name at their end; of several with one name, the oldest.
    pub(super) named: BTreeMap<String, String>,
}

/// A comment there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteComment {
    pub(super) id: String,
    pub(super) version: String,
    /// Empty if it has no name at its end.
    pub(super) text: String,
}

#[derive(Deserialize)]
pub(super) struct CasesPage {
    pub(super) cases: Vec<WireCase>,
}

#[derive(Deserialize)]
pub(super) struct CasesCount {
    pub(super) total: u64,
}

/// A case, as Kibana shows it. Only what is needed must be there.
#[derive(Deserialize)]
pub(super) struct WireCase {
    id: String,
    version: String,
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    severity: CaseSeverity,
    #[serde(default)]
    category: Option<String>,
    status: CaseStatus,
    #[serde(default)]
    assignees: BTreeSet<Assignee>,
    #[serde(default, rename = "customFields")]
    custom_fields: Vec<Value>,
    /// What is attached, if that was to be shown: unread, because what was written is there whatever it looks like.
    #[serde(default)]
    comments: Option<Box<RawValue>>,
}

impl WireCase {
    /// The id of the newest comment with this name at its end.
    pub(super) fn newest_with(&self, name: &str) -> Option<String> {
        let all: Vec<WireAttachment> = serde_json::from_str(self.comments.as_ref()?.get()).ok()?;
        let is_it = |one: &WireAttachment| {
            one.comment.as_deref().and_then(ending).is_some_and(|ending| ending == name)
        };
        all.into_iter().rfind(is_it).map(|one| one.id)
    }
}

impl From<WireCase> for RemoteCase {
    fn from(case: WireCase) -> Self {
        let fields = SentFields {
            title: case.title,
            description: case.description,
            tags: case.tags.into_iter().collect(),
            severity: case.severity,
            category: case.category,
            status: case.status,
            assignees: case.assignees,
            custom_fields: case.custom_fields,
        };
        Self { id: case.id, version: case.version, fields }
    }
}

impl RemoteAttachments {
    pub(super) fn take(&mut self, attachment: WireAttachment) {
        let WireAttachment { id, version, comment, alert_id } = attachment;
        if let Some(alerts) = alert_id.map(OneOrMore::all) {
            self.alerts.extend(alerts.iter().cloned());
            self.lists.push((id, alerts));
        } else if let Some(text) = comment {
            self.add(RemoteComment { id, version, text });
        }
    }

    /// Adds a comment; those that are older come first.
    pub(super) fn add(&mut self, mut comment: RemoteComment) {
        match ending(&comment.text) {
            Some(name) => _ = self.named.entry(name).or_insert_with(|| comment.id.clone()),
            // It is large, and nobody reads it.
            None => comment.text = String::new(),
        }
        self.comments.insert(comment.id.clone(), comment);
    }

    /// The comment that was sent with this name: if its id is known, whatever people have made of it; otherwise by its end.
    pub(super) fn comment(&self, name: &str, sent: Option<&SentItem>) -> Option<&RemoteComment> {
        let id = sent.and_then(|sent| sent.attachment.as_ref()).or_else(|| self.named.get(name))?;
        self.comments.get(id)
    }
}

#[derive(Deserialize)]
pub(super) struct AttachmentsPage {
    pub(super) total: u64,
    pub(super) comments: Vec<WireAttachment>,
}

#[derive(Deserialize)]
pub(super) struct WireAlert {
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct WireAttachment {
    pub(super) id: String,
    version: String,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default, rename = "alertId")]
    alert_id: Option<OneOrMore>,
}

/// Kibana has stored both.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn all(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(comments: &Value) -> WireCase {
        let case = json!({ "id": "c", "version": "1", "title": "t", "status": "open", "comments": comments });
        serde_json::from_str(&case.to_string()).unwrap()
    }

    #[test]
    fn an_answer_names_the_comment_that_was_just_added() {
        let comment =
            |id: &str, text: &str| json!({ "id": id, "version": "1", "type": "user", "comment": text });
        let all = json!([
            comment("theirs", "copied `ccfd:1`"),
            comment("ours", "text `ccfd:1`"),
            comment("other", "text `ccfd:2`"),
            { "id": "alert", "version": "1", "alertId": "a" },
        ]);
        assert_eq!(answer(&all).newest_with("ccfd:1").as_deref(), Some("ours"));
        for unknown in [json!([]), json!(null), json!([{ "type": "of a later version" }])] {
            assert_eq!(answer(&unknown).newest_with("ccfd:1"), None, "{unknown}");
        }
    }
}
