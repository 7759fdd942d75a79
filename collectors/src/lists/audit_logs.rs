//! `GET /organization/audit_logs`: has a time filter and no `order`. It answers newest first, which is
//! undocumented.

use std::borrow::Cow;

use super::{FilterField, List, Paging};
use crate::page::head::TimeField;

/// Which events to list. Each non-empty filter narrows the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditLogs {
    /// `project_ids[]`.
    pub project_ids: Vec<String>,
    /// `event_types[]`.
    pub event_types: Vec<String>,
    /// `actor_ids[]`.
    pub actor_ids: Vec<String>,
    /// `actor_emails[]`.
    pub actor_emails: Vec<String>,
    /// `resource_ids[]`.
    pub resource_ids: Vec<String>,
}

impl AuditLogs {
    /// The list of all events except the tenant-scoped ones.
    pub fn list(&self) -> List {
        let values = |name: &'static str, values: &[String]| -> Vec<(Cow<'static, str>, String)> {
            values.iter().map(|value| (Cow::Borrowed(name), value.clone())).collect()
        };
        List {
            name: "audit_logs",
            path: "/organization/audit_logs",
            scope: "api.audit_logs.read",
            time: TimeField::EffectiveAt,
            paging: Paging::ByTime { from: "effective_at[gte]", to: "effective_at[lte]" },
            kind: FilterField { member: "type", parameter: "event_types[]", is_listed: None },
            filters: [
                values("event_types[]", &self.event_types),
                values("project_ids[]", &self.project_ids),
                values("actor_ids[]", &self.actor_ids),
                values("actor_emails[]", &self.actor_emails),
                values("resource_ids[]", &self.resource_ids),
            ]
            .concat(),
            kept_for: None,
        }
    }

    /// The list of tenant-scoped events, which [`Self::list`] excludes. `None` if none of the configured
    /// event types is tenant-scoped. Other types are left out of the request, because the API refuses a mix.
    pub fn tenant_list(&self) -> Option<List> {
        let event_types: Vec<String> =
            self.event_types.iter().filter(|name| is_tenant_scoped(name)).cloned().collect();
        if event_types.is_empty() && !self.event_types.is_empty() {
            return None;
        }
        let mut list = Self { event_types, ..self.clone() }.list();
        list.filters.insert(0, (Cow::Borrowed("tenant_only"), "true".to_owned()));
        list.kind.is_listed = Some(is_tenant_scoped);
        Some(list)
    }
}

/// Whether events of this type are listed only with `tenant_only=true`.
fn is_tenant_scoped(event_type: &str) -> bool {
    event_type.starts_with("tenant.")
        || matches!(event_type, "role.bound_to_resource" | "role.unbound_from_resource")
}
