//! Short views on the tables, for people: they are part of the connection that runs a query, not of the database.

use std::borrow::Cow;

use rusqlite::Connection;

use crate::tables::{AUDIT_LOGS, CHAT_COMPLETIONS, ColumnKind, Table};

/// A view.
pub struct View {
    /// Its name in a query.
    pub name: &'static str,
    /// Its columns, in order.
    pub columns: Vec<ViewColumn>,
    table: &'static Table,
}

/// A column of a view.
pub struct ViewColumn {
    /// Its name.
    pub name: &'static str,
    /// The type of its values.
    pub kind: ColumnKind,
    /// What it holds.
    pub about: &'static str,
    sql: Cow<'static, str>,
}

/// The views that every query may use.
pub fn views() -> [View; 2] {
    let column = |name, kind, sql: &'static str, about| ViewColumn { name, kind, about, sql: sql.into() };
    let inner = |name, kind, of: &str, path: &str, about| {
        let sql = inner_of(of, path).into();
        ViewColumn { name, kind, about, sql }
    };
    let actor = [
        inner_of("ActorSession", "user.email"),
        inner_of("ActorApiKey", "user.email"),
        inner_of("ActorApiKey", "service_account.id"),
        inner_of("ActorApiKey", "id"),
        "ActorType".to_owned(),
    ];
    let project = [inner_of("Project", "name"), inner_of("Project", "id")];
    let first_of = |name, among: &[String], about| {
        let sql = format!("coalesce({})", among.join(", ")).into();
        ViewColumn { name, kind: ColumnKind::String, about, sql }
    };
    let audit = vec![
        column("time", ColumnKind::DateTime, "TimeGenerated", "When the event took effect"),
        column("type", ColumnKind::String, "EventType", "What happened"),
        first_of("actor", &actor, "Who acted: an address, a service account or a key"),
        inner("ip", ColumnKind::String, "ActorSession", "ip_address", "From where, in a session"),
        first_of("project", &project, "Project concerned"),
        inner("target", ColumnKind::String, "EventDetails", "id", "Id of what the event is about"),
        column("collector", ColumnKind::String, "ConnectorName", "Collector that read it"),
        column("id", ColumnKind::String, "Id", "Id of the event"),
    ];
    let completions = vec![
        column("created", ColumnKind::DateTime, "TimeGenerated", "When the request began"),
        column("model", ColumnKind::String, "Model", "Model that answered"),
        inner("prompt_tokens", ColumnKind::Long, "Usage", "prompt_tokens", "Tokens of the input"),
        inner("completion_tokens", ColumnKind::Long, "Usage", "completion_tokens", "Tokens of the answer"),
        inner("tokens", ColumnKind::Long, "Usage", "total_tokens", "All tokens"),
        inner("finish", ColumnKind::String, "Choices", "[0].finish_reason", "Why the answer ended"),
        column("user", ColumnKind::String, "InputUser", "The end user named by the caller"),
        column("collector", ColumnKind::String, "ConnectorName", "Collector that read it"),
        column("id", ColumnKind::String, "Id", "Id of the completion"),
    ];
    [
        View { name: "audit", columns: audit, table: &AUDIT_LOGS },
        View { name: "completions", columns: completions, table: &CHAT_COMPLETIONS },
    ]
}

/// Adds the views to a connection: of tables that are there, and under names that the database itself does not use.
pub(super) fn add(connection: &Connection) -> rusqlite::Result<()> {
    let is_there = |name: &str| {
        let sql = "SELECT count(*) FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE";
        connection.query_row(sql, [name], |row| row.get::<_, i64>(0)).map(|found| found > 0)
    };
    for View { name, columns, table } in views() {
        if !is_there(&table.name)? || is_there(name)? {
            continue;
        }
        let columns: Vec<String> =
            columns.iter().map(|ViewColumn { name, sql, .. }| format!("{sql} AS \"{name}\"")).collect();
        let sql = format!(
            "CREATE TEMP VIEW \"{name}\" AS SELECT {} FROM main.\"{}\"",
            columns.join(", "),
            table.name
        );
        connection.execute_batch(&sql)?;
    }
    Ok(())
}

/// A value in a column of JSON; NULL where that is JSON that SQLite refuses, such as too deep: one row must not fail all.
fn inner_of(column: &str, path: &str) -> String {
    let separator = if path.starts_with('[') { "" } else { "." };
    format!("CASE WHEN json_valid({column}) THEN {column} ->> '${separator}{path}' END")
}
