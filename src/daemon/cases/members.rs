//! What some Kibanas refuse of a case: assignees without the licence for them, custom fields that they do not have. The case is
//! sent without them then; its next change sends them again.

use std::{collections::BTreeSet, sync::Mutex};

use serde_json::Value;

use super::{kibana::CasesApiError, outcome::SAID_MAX, send::SendTurn};
use crate::cases::{SentFields, cut_text};

/// A member, what Kibana's answers call it, and what to do.
struct OptionalMember {
    name: &'static str,
    /// In lower case.
    words: &'static [&'static str],
    advice: &'static str,
}

const MEMBERS: [OptionalMember; 2] = [
    OptionalMember {
        name: "assignees",
        words: &["assignee", "assign users"],
        advice: "Kibana takes who is to work on a case only with the licence for that",
    },
    OptionalMember {
        name: "customFields",
        words: &["customfield", "custom field"],
        advice: "give Kibana the same custom fields, with the same keys, in the settings of its cases",
    },
];

/// Which members were refused, so that it is said once.
#[derive(Debug, Default)]
pub(super) struct RefusedMembers(Mutex<BTreeSet<&'static str>>);

impl RefusedMembers {
    fn is_new(&self, member: &'static str) -> bool {
        self.0.lock().is_ok_and(|mut known| known.insert(member))
    }
}

/// Whether this is the name of a member, not of something attached.
pub(super) fn is_member(item: &str) -> bool {
    MEMBERS.iter().any(|member| member.name == item)
}

impl SendTurn<'_> {
    /// Leaves out of a case or a change what Kibana refuses of it and can be left out. Returns whether there is such.
    pub(super) fn leave_out(&mut self, body: &mut Value, error: &CasesApiError) -> bool {
        let CasesApiError::Refused(_, said) = error else { return false };
        let lower = said.to_lowercase();
        let is_it = |member: &&OptionalMember| {
            body.get(member.name).is_some() && member.words.iter().any(|word| lower.contains(word))
        };
        let Some(member) = MEMBERS.iter().find(is_it) else { return false };
        if self.with.members.is_new(member.name) {
            let (member, advice) = (member.name, member.advice);
            tracing::warn!(member, advice, "Kibana refuses a member of cases, which are sent without it");
        }
        self.left_out.insert(member.name.to_owned(), cut_text(said, SAID_MAX));
        self.strip(body);
        true
    }

    /// A case or a change without what is left out of it.
    pub(super) fn strip(&self, body: &mut Value) {
        if let Some(members) = body.as_object_mut() {
            members.retain(|name, _| !self.left_out.contains_key(name));
        }
    }

    /// What is there once this is sent without what is left out.
    pub(super) fn as_sent(&self, wanted: &SentFields) -> SentFields {
        let (mut sent, before) = (wanted.clone(), self.base.first().cloned().unwrap_or_default());
        if self.left_out.contains_key("assignees") {
            sent.assignees = before.assignees;
        }
        if self.left_out.contains_key("customFields") {
            sent.custom_fields = before.custom_fields;
        }
        sent
    }
}
