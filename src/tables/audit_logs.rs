//! `OpenAIAuditLogs_CL`: one row per event of the organization's audit log.

use std::sync::{Arc, LazyLock};

use super::{
    Column,
    ColumnKind::{DateTime, Dynamic, Long, String},
    Origin::{Connector, Constant, Details, Field, Inner, Time},
    Table,
    render::TIME,
};

/// The audit log, with the columns of the published Sentinel table.
pub static AUDIT_LOGS: LazyLock<Arc<Table>> = LazyLock::new(|| {
    Arc::new(Table {
        name: "OpenAIAuditLogs_CL".into(),
        settings_key: "audit_logs".into(),
        of_records: true,
        key: "Id".into(),
        time: TIME.into(),
        newest_wins: false,
        documents: vec![],
        findings: vec![],
        index: "openai-audit-logs".into(),
        connector: "OpenAI audit logs".into(),
        stream_name: "Custom-OpenAIAuditLogs_CL".into(),
        function: "OpenAIAuditLogs".into(),
        symbol: "auditLogs".into(),
        has_asim: false,
        omitted: vec!["object".into()],
        columns: vec![
            Column::new("TimeGenerated", DateTime, Time("effective_at".into()), "When the event took effect"),
            Column::new("Id", String, Field("id".into()), "Id of the event, unique"),
            Column::new(
                "EventType",
                String,
                Field("type".into()),
                "What happened, such as `api_key.created`",
            ),
            Column::new("EffectiveAt", DateTime, Time("effective_at".into()), "When the event took effect"),
            Column::new(
                "ActorType",
                String,
                Inner("actor".into(), "type".into()),
                "Who acted: `session` or `api_key`",
            ),
            Column::new(
                "ActorApiKey",
                Dynamic,
                Inner("actor".into(), "api_key".into()),
                "The API key that acted, and its owner",
            ),
            Column::new(
                "ActorSession",
                Dynamic,
                Inner("actor".into(), "session".into()),
                "The user that acted, with address and client",
            ),
            Column::new("Project", Dynamic, Field("project".into()), "Id and name of the project concerned"),
            Column::new("EventDetails", Dynamic, Details, "Payload of the event, by its type"),
            Column::new("ConnectorName", String, Connector, "Name of the collector that read the event"),
        ],
        stream: vec![
            Column::new("id", String, Field("id".into()), "Id of the event, unique"),
            Column::new("type", String, Field("type".into()), "What happened, such as `api_key.created`"),
            Column::new(
                "effective_at",
                Long,
                Time("effective_at".into()),
                "When the event took effect, in Unix seconds",
            ),
            Column::new("project", Dynamic, Field("project".into()), "Id and name of the project concerned"),
            Column::new("EventDetails", Dynamic, Details, "Payload of the event, by its type"),
            Column::new("friendlyName", String, Connector, "Name of the collector that read the event"),
            Column::new("actor", Dynamic, Field("actor".into()), "Who acted, by session or API key"),
        ],
        stream_asim: vec![Column::new(
            "aliasName",
            String,
            Constant("OpenAIAuditLogs".into()),
            "Name of the function that queries the table",
        )],
    })
});
