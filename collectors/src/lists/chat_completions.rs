//! `GET /chat/completions`: has no time filter, and may ignore `order=asc`.

use std::{borrow::Cow, time::Duration};

use super::{FilterField, List, Paging};
use crate::page::head::TimeField;

/// Path of the list, relative to the base URL.
pub(crate) const PATH: &str = "/chat/completions";
/// The scope that errors of the inference endpoints name; unverified for this list.
pub(crate) const SCOPE: &str = "api.model.read, model.request";
/// Users report that stored completions are kept for 30 days; OpenAI does not say.
const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);

/// Which completions to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatCompletions {
    /// `model`: the full name of a snapshot.
    pub model: Option<String>,
    /// `metadata[key]=value`.
    pub metadata: Vec<(String, String)>,
}

impl ChatCompletions {
    /// The list of stored completions.
    pub fn list(&self) -> List {
        let model = self.model.iter().map(|model| (Cow::Borrowed("model"), model.clone()));
        let metadata =
            self.metadata.iter().map(|(key, value)| (Cow::Owned(format!("metadata[{key}]")), value.clone()));
        List {
            name: "chat_completions",
            path: PATH,
            scope: SCOPE,
            time: TimeField::Created,
            paging: Paging::ByAnchor { order: "order" },
            kind: FilterField { member: "model", parameter: "model", is_listed: None },
            filters: model.chain(metadata).collect(),
            kept_for: Some(KEPT_FOR),
        }
    }
}
