//! `CcfdConnectorRuns_CL`: one row per run of a connector.

use std::sync::{Arc, LazyLock};

use super::{
    Column,
    ColumnKind::{self, DateTime, Long, String},
    Origin::{Field, Time},
    Table,
};

fn of(name: &'static str, kind: ColumnKind, field: &'static str, about: &'static str) -> Column {
    Column::new(name, kind, if kind == DateTime { Time(field.into()) } else { Field(field.into()) }, about)
}

/// Who ran which connector, what came of it, and how many tokens it used. Nothing that was sent or answered.
pub static CONNECTOR_RUNS: LazyLock<Arc<Table>> = LazyLock::new(|| {
    Arc::new(Table {
        settings_key: "connector_runs".into(),
        of_records: false,
        index: "logs-ccfd.connector_runs-default".into(),
        connector: "OpenAI connector runs".into(),
        symbol: "connectorRuns".into(),
        ..Table::new(
            "CcfdConnectorRuns_CL",
            "RunId",
            vec![
                of("TimeGenerated", DateTime, "created", "When the run began"),
                of("RunId", String, "id", "Id of the run, unique"),
                of("ConnectorId", String, "connector_id", "The connector, as requests and settings name it"),
                of("ConnectorType", String, "connector_type", "Its type, such as `.gen-ai`"),
                of("SpaceId", String, "space_id", "The space in which it ran"),
                of("CallerKind", String, "caller_kind", "`operator`, `api_key` or `rule`"),
                of("CallerName", String, "caller_name", "The operator, the API key or the rule"),
                of(
                    "Outcome",
                    String,
                    "outcome",
                    "`done`, `failed`, `cut`, `caller_left`; `unknown` if ccfd ended during it",
                ),
                of("Sent", String, "sent", "Whether it sent anything: `yes`, `no` or `unknown`"),
                of("DurationMs", Long, "duration_ms", "How long it took, in milliseconds; empty if unknown"),
                of("Model", String, "model", "The model, as its answer names it"),
                of("PromptTokens", Long, "prompt_tokens", "Tokens of the prompt; empty if unknown"),
                of("CompletionTokens", Long, "completion_tokens", "Tokens of the answer; empty if unknown"),
                of("TotalTokens", Long, "total_tokens", "All tokens; empty if unknown"),
            ],
        )
    })
});
