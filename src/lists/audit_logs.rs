//! `audit_logs`: the audit log of an organization.

use collectors::{AuditLogs, Source, TenantWalk};

use super::{Filters, KeyClass, ListDescriptor, MessagesSupport, Setting, SettingKind};
use crate::tables::AUDIT_LOGS;

/// `GET /organization/audit_logs`.
pub(super) static LIST: ListDescriptor = ListDescriptor {
    name: "audit_logs",
    records: "audit events",
    table: &AUDIT_LOGS,
    key: KeyClass::Admin,
    settings: &[
        // Whether the log is read a second time for the events of the tenant; `auto` checks that at start and
        // daily.
        Setting { key: "tenant_walk", kind: SettingKind::Word(&["auto", "on", "off"]) },
        Setting { key: "project_ids", kind: SettingKind::Texts },
        // Any text: the set of types is open.
        Setting { key: "event_types", kind: SettingKind::Texts },
        Setting { key: "actor_ids", kind: SettingKind::Texts },
        Setting { key: "actor_emails", kind: SettingKind::PersonalTexts },
        Setting { key: "resource_ids", kind: SettingKind::Texts },
    ],
    messages: MessagesSupport::None("audit events have no messages"),
    presets: &[],
    why_empty: "is audit logging enabled? (Settings, Organization, Data controls; nothing is logged before) or do the filters \
                exclude everything?",
    source,
};

fn source(filters: &Filters) -> (Source, TenantWalk) {
    let texts = |key| filters.texts(key).to_vec();
    let list = AuditLogs {
        project_ids: texts("project_ids"),
        event_types: texts("event_types"),
        actor_ids: texts("actor_ids"),
        actor_emails: texts("actor_emails"),
        resource_ids: texts("resource_ids"),
    };
    let tenant_walk = match filters.word("tenant_walk") {
        "on" => TenantWalk::On,
        "off" => TenantWalk::Off,
        _ => TenantWalk::Auto,
    };
    (list.into(), tenant_walk)
}
