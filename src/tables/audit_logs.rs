//! `OpenAIAuditLogs_CL`: one row an event of the organization's audit log.

use super::Kind::{DateTime, Dynamic, Long, String};
use super::Origin::{Connector, Constant, Details, Field, Inner, Time};
use super::{Column, Source, Table};

/// The audit log, with the columns of the published Sentinel table.
pub static AUDIT_LOGS: Table = Table {
    name: "OpenAIAuditLogs_CL",
    source: Source::AuditLogs,
    key: "Id",
    omitted: &["object"],
    columns: &[
        Column::new("TimeGenerated", DateTime, Time("effective_at"), "When the event took effect"),
        Column::new("Id", String, Field("id"), "Id of the event, unique"),
        Column::new("EventType", String, Field("type"), "What happened, such as `api_key.created`"),
        Column::new("EffectiveAt", DateTime, Time("effective_at"), "When the event took effect"),
        Column::new("ActorType", String, Inner("actor", "type"), "Who acted: `session` or `api_key`"),
        Column::new(
            "ActorApiKey",
            Dynamic,
            Inner("actor", "api_key"),
            "The API key that acted, and its owner",
        ),
        Column::new(
            "ActorSession",
            Dynamic,
            Inner("actor", "session"),
            "The user that acted, with address and client",
        ),
        Column::new("Project", Dynamic, Field("project"), "Id and name of the project concerned"),
        Column::new("EventDetails", Dynamic, Details, "Payload of the event, by its type"),
        Column::new("ConnectorName", String, Connector, "Name of the collector that read the event"),
    ],
    stream: &[
        Column::new("id", String, Field("id"), "Id of the event, unique"),
        Column::new("type", String, Field("type"), "What happened, such as `api_key.created`"),
        Column::new(
            "effective_at",
            Long,
            Time("effective_at"),
            "When the event took effect, in Unix seconds",
        ),
        Column::new("project", Dynamic, Field("project"), "Id and name of the project concerned"),
        Column::new("EventDetails", Dynamic, Details, "Payload of the event, by its type"),
        Column::new("friendlyName", String, Connector, "Name of the collector that read the event"),
        Column::new("actor", Dynamic, Field("actor"), "Who acted, by session or API key"),
    ],
    stream_asim: &[Column::new(
        "aliasName",
        String,
        Constant("OpenAIAuditLogs"),
        "Name of the function that queries the table",
    )],
};
