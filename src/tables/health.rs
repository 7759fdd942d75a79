//! `CcfdHealth_CL`: one row a route and hour, of what ccfd itself has done.

use super::Kind::{DateTime, Dynamic, Long, String};
use super::Origin::{Constant, Field, Time};
use super::{Column, Source, Table};

const OPERATION: Column = Column::new(
    "OperationName",
    String,
    Constant("Data fetch status change"),
    "Sentinel's name for it; also used for the hourly row while nothing changes",
);
const RESOURCE_TYPE: Column =
    Column::new("SentinelResourceType", String, Constant("Data connector"), "Sentinel's name for it");

/// What each route has done, with the columns of Sentinel's own table `SentinelHealth`.
pub static HEALTH: Table = Table {
    name: "CcfdHealth_CL",
    source: Source::Health,
    key: "RecordId",
    omitted: &[],
    columns: &[
        Column::new("TimeGenerated", DateTime, Time("at"), "When the row was created"),
        OPERATION,
        Column::new("SentinelResourceId", String, Field("route"), "The route: collector and sink"),
        Column::new("SentinelResourceName", String, Field("collector"), "The collector"),
        RESOURCE_TYPE,
        Column::new("SentinelResourceKind", String, Field("kind"), "The list that the collector reads"),
        Column::new(
            "Status",
            String,
            Field("status"),
            "`Success`, `Failure`, or `Informational` for a paused route",
        ),
        Column::new(
            "Description",
            String,
            Field("description"),
            "What the route is doing, what is wrong, and what to do",
        ),
        Column::new("Reason", String, Field("reason"), "What is wrong, as a fixed word"),
        Column::new(
            "WorkspaceId",
            String,
            Field("workspace_id"),
            "Always empty: ccfd does not know the workspace",
        ),
        Column::new("RecordId", String, Field("id"), "Id of the row, unique"),
        Column::new(
            "ExtendedProperties",
            Dynamic,
            Field("details"),
            "The table written to, counts since the previous row, how far the route is behind",
        ),
    ],
    stream: &[
        Column::new("at", Long, Time("at"), "When the row was created, in Unix seconds"),
        Column { name: "operation", ..OPERATION },
        Column::new("route", String, Field("route"), "The route: collector and sink"),
        Column::new("collector", String, Field("collector"), "The collector"),
        Column { name: "resource_type", ..RESOURCE_TYPE },
        Column::new("kind", String, Field("kind"), "The list that the collector reads"),
        Column::new("status", String, Field("status"), "`Success`, `Failure` or `Informational`"),
        Column::new("description", String, Field("description"), "What the route is doing"),
        Column::new("reason", String, Field("reason"), "What is wrong, as a fixed word"),
        Column::new("workspace_id", String, Field("workspace_id"), "Always empty"),
        Column::new("id", String, Field("id"), "Id of the row, unique"),
        Column::new("details", Dynamic, Field("details"), "Counts since the previous row"),
    ],
    stream_asim: &[],
};
