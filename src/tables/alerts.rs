//! `CcfdAlerts_CL`: one row per alert that rules raise. Its documents follow the Elastic Common Schema, its findings OCSF;
//! `daemon/alerts/` makes a record for each of the three forms.

use std::sync::{Arc, LazyLock};

use super::{
    Column,
    ColumnKind::{self, DateTime, Dynamic, Long, String},
    Origin::{Field, Time},
    Table, Text,
};

/// The id of an alert in a document.
pub(super) const KEY_IN_DOCUMENTS: &str = "event.id";

/// A column with the field of this name.
fn of(name: &'static str, kind: ColumnKind, field: &'static str, about: impl Into<Text>) -> Column {
    Column::new(name, kind, if kind == DateTime { Time(field.into()) } else { Field(field.into()) }, about)
}

/// A member that is passed on under its own name.
fn member(name: &'static str, kind: ColumnKind) -> Column {
    of(name, kind, name, "")
}

/// What rules have found. `TimeGenerated` of an alert never changes, because it is part of its primary key.
pub static ALERTS: LazyLock<Arc<Table>> = LazyLock::new(|| {
    Arc::new(Table {
        settings_key: "alerts".into(),
        of_records: false,
        newest_wins: true,
        index: "logs-ccfd.alerts-default".into(),
        connector: "OpenAI alerts".into(),
        symbol: "alerts".into(),
        documents: vec![
            member("message", String),
            member("event", Dynamic),
            member("rule", Dynamic),
            member("threat", Dynamic),
            member("user", Dynamic),
            member("source", Dynamic),
            member("related", Dynamic),
            member("observer", Dynamic),
            member("tags", Dynamic),
            member("ecs", Dynamic),
            member("ccfd", Dynamic),
        ],
        findings: vec![
            member("activity_id", Long),
            member("category_uid", Long),
            member("class_uid", Long),
            member("type_uid", Long),
            member("severity_id", Long),
            member("severity", String),
            member("status_id", Long),
            member("status", String),
            member("time", Long),
            member("start_time", Long),
            member("end_time", Long),
            member("count", Long),
            member("message", String),
            member("risk_score", Long),
            member("is_alert", Dynamic),
            member("comment", String),
            member("verdict_id", Long),
            member("metadata", Dynamic),
            member("finding_info", Dynamic),
            member("evidences", Dynamic),
            member("resources", Dynamic),
            member("observables", Dynamic),
            member("unmapped", Dynamic),
        ],
        ..Table::new(
            "CcfdAlerts_CL",
            "AlertId",
            vec![
                of("TimeGenerated", DateTime, "at", "When the alert was raised"),
                of("AlertId", String, "id", "Id of the alert, the same in each of its versions"),
                of("RuleSlug", String, "rule", "The rule, as settings and commands name it"),
                of("RuleId", String, "rule_id", "`id` of the rule"),
                of("Title", String, "title", "`title` of the rule"),
                of("Description", String, "description", "`description` of the rule"),
                of("Reason", String, "reason", "What was found, in one sentence"),
                of(
                    "Severity",
                    String,
                    "severity",
                    "`Informational`, `Low`, `Medium` or `High`, as Sentinel has it",
                ),
                of("Level", String, "level", "`level` of the rule, up to `critical`"),
                of("RiskScore", Long, "risk_score", "21, 47, 73 or 99, as Elastic scores it"),
                of("Status", String, "status", "`open`, `acknowledged` or `closed`"),
                of(
                    "Disposition",
                    String,
                    "disposition",
                    "The verdict: `true-positive`, `false-positive` or `benign`",
                ),
                of("JudgedBy", String, "judged_by", "Who gave the status"),
                of("JudgedAt", DateTime, "judged_at", "When they gave it"),
                of("Note", String, "note", "What they wrote"),
                of("StartTime", DateTime, "start", "Time of the first record"),
                of("EndTime", DateTime, "end", "Time of the last record"),
                of("EventCount", Long, "event_count", "How many records it is about"),
                of(
                    "GroupKey",
                    Dynamic,
                    "group",
                    "Fields by which the rule groups records, with their values",
                ),
                of("Entities", Dynamic, "entities", "Who and what is concerned, by kind"),
                of(
                    "FieldValues",
                    Dynamic,
                    "shown",
                    "What the rule looked at in the first records, cut to 256 characters",
                ),
                of(
                    "UserName",
                    String,
                    "user_name",
                    "E-mail address of the first user concerned, or another name",
                ),
                of("UserId", String, "user_id", "Id of the first user concerned"),
                of("Address", String, "address", "The first address concerned"),
                of("RecordIds", Dynamic, "record_ids", "Ids of the first 100 records"),
                of("Tactics", Dynamic, "tactics", "ATT&CK tactics, by the names that Sentinel has for them"),
                of("Techniques", Dynamic, "techniques", "Ids of ATT&CK techniques"),
                of("Tags", Dynamic, "tags", "`tags` of the rule"),
                of("References", Dynamic, "references", "`references` of the rule"),
                of("FalsePositives", Dynamic, "falsepositives", "`falsepositives` of the rule"),
                of("ConnectorNames", Dynamic, "connectors", "The collectors that read the first records"),
                of("SourceTables", Dynamic, "tables", "The tables of the first records"),
                of("Historical", Long, "historical", "1 if its records are older than the rule, otherwise 0"),
                of("Staging", Long, "staging", "1 if the rule was in staging, otherwise 0"),
                of("Notify", Long, "notify", "1 if it is to notify somebody, otherwise 0"),
                of("NotifyReason", String, "notify_reason", "Why it notifies nobody"),
                of(
                    "SuppressedCount",
                    Long,
                    "suppressed_count",
                    "How many later alerts it kept from notifying",
                ),
                of("MergedInto", String, "merged_into", "The alert that it became part of"),
                of("Withdrawn", Long, "withdrawn", "1 if later records show that it was wrong, otherwise 0"),
                of("ChangedTime", DateTime, "changed", "When it last changed"),
                of("Change", Long, "change", "Grows with each change of any alert"),
                of(
                    "IsUpdate",
                    Long,
                    "is_update",
                    "1 if an earlier version of it was delivered (and notified, if it does), otherwise 0",
                ),
            ],
        )
    })
});
