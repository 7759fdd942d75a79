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
    /// The attachments with alerts. Kibana since 8.7 does not show them among the comments.
    pub(super) lists: Vec<AttachmentThere>,
    /// The comments, by their ids.
    pub(super) comments: BTreeMap<String, RemoteComment>,
    /// The ids of those with a name at their end; of several with one name, the oldest.
    pub(super) named: BTreeMap<String, String>,
}

/// An attachment there, and the ids of the alerts in it: none if it is a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttachmentThere {
    pub(super) id: String,
    pub(super) alerts: Vec<String>,
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
    /// The newest comment with the name that is at the end of `sent`, or the newest attachment with no alerts but those in `sent`:
    /// Kibana leaves out what another attachment has.
    pub(super) fn newest(&self, sent: &Value) -> Option<AttachmentThere> {
        let all: Vec<WireAttachment> = serde_json::from_str(self.comments.as_ref()?.get()).ok()?;
        let mut newest_first = all.into_iter().rev();
        if let Some(name) = sent["comment"].as_str().and_then(ending) {
            let is_it =
                |one: &WireAttachment| one.comment.as_deref().and_then(ending).as_ref() == Some(&name);
            return newest_first.find(is_it).map(|one| AttachmentThere { id: one.id, alerts: Vec::new() });
        }
        let sent: Vec<String> = serde_json::from_value(sent["alertId"].clone()).ok()?;
        newest_first
            .filter_map(WireAttachment::list)
            .find(|list| !list.alerts.is_empty() && list.alerts.iter().all(|alert| sent.contains(alert)))
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
        // Kibana did not always trim them.
        Self { id: case.id, version: case.version, fields: fields.trimmed() }
    }
}

impl RemoteAttachments {
    pub(super) fn take(&mut self, attachment: WireAttachment) {
        let WireAttachment { id, version, comment, alert_id } = attachment;
        if let Some(alerts) = alert_id.map(OneOrMore::all) {
            self.alerts.extend(alerts.iter().cloned());
            self.lists.push(AttachmentThere { id, alerts });
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

impl WireAttachment {
    /// The alerts that are attached together; `None` if it is something else.
    fn list(self) -> Option<AttachmentThere> {
        Some(AttachmentThere { id: self.id, alerts: self.alert_id?.all() })
    }
}

/// A part of the history of a case: what was done with attachments.
#[derive(Deserialize)]
pub(super) struct ActionsPage {
    #[serde(rename = "userActions")]
    pub(super) actions: Vec<WireAction>,
}

#[derive(Deserialize)]
pub(super) struct WireAction {
    #[serde(default)]
    action: String,
    #[serde(default)]
    comment_id: Option<String>,
    #[serde(default)]
    payload: WireActionPayload,
}

#[derive(Default, Deserialize)]
struct WireActionPayload {
    #[serde(default)]
    comment: Option<WireActionAlerts>,
}

#[derive(Deserialize)]
struct WireActionAlerts {
    #[serde(default, rename = "alertId")]
    alert_id: Option<OneOrMore>,
}

impl WireAction {
    /// The attachments with alerts that were added by these and not removed.
    pub(super) fn lists(all: Vec<Self>) -> Vec<AttachmentThere> {
        let removals = all.iter().filter(|one| one.action == "delete");
        let removed: BTreeSet<String> = removals.filter_map(|one| one.comment_id.clone()).collect();
        let list = |one: Self| {
            let id = one.comment_id.filter(|id| !removed.contains(id))?;
            Some(AttachmentThere { id, alerts: one.payload.comment?.alert_id?.all() })
        };
        all.into_iter().filter_map(list).collect()
    }
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
        let sent = json!({ "comment": "text `ccfd:1`" });
        assert_eq!(answer(&all).newest(&sent).map(|found| found.id).as_deref(), Some("ours"));
        for unknown in [json!([]), json!(null), json!([{ "type": "of a later version" }])] {
            assert_eq!(answer(&unknown).newest(&sent), None, "{unknown}");
        }
    }

    #[test]
    fn an_answer_names_the_alerts_that_were_just_attached_together() {
        let list = |id: &str, alerts: &[&str]| json!({ "id": id, "version": "1", "alertId": alerts });
        let all = json!([list("theirs", &["a", "x"]), list("ours", &["a"]), list("empty", &[])]);
        let found = answer(&all).newest(&json!({ "alertId": ["a", "b"] }));
        assert_eq!(found, Some(AttachmentThere { id: "ours".into(), alerts: vec!["a".into()] }));
        assert_eq!(answer(&all).newest(&json!({ "alertId": ["b"] })), None);
    }

    #[test]
    fn the_history_of_a_case_names_its_alerts_in_the_forms_that_kibana_has() {
        let done = |action: &str, id: &str, comment: Value| json!({ "action": action, "comment_id": id, "type": "comment", "payload": { "comment": comment } });
        let page = json!({ "total": 6, "userActions": [
            done("delete", "gone", json!({ "type": "alert", "alertId": "d" })),
            done("create", "list", json!({ "type": "alert", "alertId": ["a", "b"] })),
            done("create", "one", json!({ "type": "alert", "alertId": "c" })),
            done("create", "gone", json!({ "type": "alert", "alertId": "d" })),
            done("create", "text", json!({ "type": "user", "comment": "text" })),
            { "type": "status", "comment_id": null, "payload": { "status": "closed" } },
        ] });
        let page: ActionsPage = serde_json::from_value(page).unwrap();
        let found: Vec<_> = WireAction::lists(page.actions)
            .into_iter()
            .map(|list| (list.id, list.alerts.join(" ")))
            .collect();
        assert_eq!(found, [("list".to_owned(), "a b".to_owned()), ("one".to_owned(), "c".to_owned())]);
    }
}
