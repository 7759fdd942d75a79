//! `CcfdHealth_CL`: one row per route and hour, about what ccfd itself has done.

use std::sync::{Arc, LazyLock};

use super::{
    Column,
    ColumnKind::{DateTime, Dynamic, Long, String},
    Origin::{Constant, Field, Time},
    Table,
    render::TIME,
};

fn operation(name: &'static str) -> Column {
    Column::new(
        name,
        String,
        Constant("Data fetch status change".into()),
        "Sentinel's name for it; also used for the hourly row while nothing changes",
    )
}

fn resource_type(name: &'static str) -> Column {
    Column::new(name, String, Constant("Data connector".into()), "Sentinel's name for it")
}

/// What each route has done, with the columns of Sentinel's own table `SentinelHealth`.
pub static HEALTH: LazyLock<Arc<Table>> = LazyLock::new(|| {
    Arc::new(Table {
        name: "CcfdHealth_CL".into(),
        settings_key: "health".into(),
        of_records: false,
        key: "RecordId".into(),
        time: TIME.into(),
        newest_wins: false,
        documents: vec![],
        findings: vec![],
        index: "openai-collector-health".into(),
        connector: "OpenAI collector health".into(),
        stream_name: "Custom-CcfdHealth_CL".into(),
        function: "CcfdHealth".into(),
        symbol: "health".into(),
        has_asim: false,
        omitted: vec![],
        columns: vec![
            Column::new("TimeGenerated", DateTime, Time("at".into()), "When the row was created"),
            operation("OperationName"),
            Column::new("SentinelResourceId", String, Field("route".into()), "The route: collector and sink"),
            Column::new("SentinelResourceName", String, Field("collector".into()), "The collector"),
            resource_type("SentinelResourceType"),
            Column::new(
                "SentinelResourceKind",
                String,
                Field("kind".into()),
                "The list that the collector reads",
            ),
            Column::new(
                "Status",
                String,
                Field("status".into()),
                "`Success`, `Failure`, or `Informational` for a paused route",
            ),
            Column::new(
                "Description",
                String,
                Field("description".into()),
                "What the route is doing, what is wrong, and what to do",
            ),
            Column::new("Reason", String, Field("reason".into()), "What is wrong, as a fixed word"),
            Column::new(
                "WorkspaceId",
                String,
                Field("workspace_id".into()),
                "Always empty: ccfd does not know the workspace",
            ),
            Column::new("RecordId", String, Field("id".into()), "Id of the row, unique"),
            Column::new(
                "ExtendedProperties",
                Dynamic,
                Field("details".into()),
                "The table written to, counts since the previous row, how far the route is behind",
            ),
        ],
        stream: vec![
            Column::new("at", Long, Time("at".into()), "When the row was created, in Unix seconds"),
            operation("operation"),
            Column::new("route", String, Field("route".into()), "The route: collector and sink"),
            Column::new("collector", String, Field("collector".into()), "The collector"),
            resource_type("resource_type"),
            Column::new("kind", String, Field("kind".into()), "The list that the collector reads"),
            Column::new("status", String, Field("status".into()), "`Success`, `Failure` or `Informational`"),
            Column::new("description", String, Field("description".into()), "What the route is doing"),
            Column::new("reason", String, Field("reason".into()), "What is wrong, as a fixed word"),
            Column::new("workspace_id", String, Field("workspace_id".into()), "Always empty"),
            Column::new("id", String, Field("id".into()), "Id of the row, unique"),
            Column::new("details", Dynamic, Field("details".into()), "Counts since the previous row"),
        ],
        stream_asim: vec![],
    })
});
