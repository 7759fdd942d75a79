//! A run as a record.

use bytes::Bytes;
use collectors::{IdHash, Record};
use serde::Serialize;

use crate::detect_db::DueRun;

/// What the columns of `CcfdConnectorRuns_CL` name, and a record has. The time of a record is its `created`.
#[derive(Serialize)]
struct ConnectorRunFields<'a> {
    id: &'a str,
    created: i64,
    connector_id: &'a str,
    connector_type: &'a str,
    space_id: &'a str,
    caller_kind: &'static str,
    caller_name: &'a str,
    outcome: &'static str,
    sent: &'static str,
    duration_ms: Option<u64>,
    model: Option<&'a str>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

/// The record of a run, dated when it began.
pub(super) fn record(due: &DueRun) -> serde_json::Result<Record> {
    let run = &due.run;
    let created = (run.at / 1000).max(0);
    let fields = ConnectorRunFields {
        id: &run.id,
        created,
        connector_id: &run.connector,
        connector_type: &run.type_id,
        space_id: &run.space,
        caller_kind: run.caller_kind.word(),
        caller_name: &run.caller,
        outcome: run.outcome.word(),
        sent: run.sent.word(),
        duration_ms: run.duration.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        model: run.usage.model.as_deref(),
        prompt_tokens: run.usage.prompt,
        completion_tokens: run.usage.completion,
        total_tokens: run.usage.total,
    };
    Ok(Record::new(Bytes::from(serde_json::to_vec(&fields)?), created, IdHash::of(&run.id), None))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        connectors::TokenUsage,
        detect_db::{CallerKind, ConnectorRunOutcome, RunRecord, RunSent},
        tables::{CONNECTOR_RUNS, ColumnValue, SchemaDrift, row},
    };

    #[test]
    fn a_run_fills_every_column_of_its_table() {
        let run = RunRecord {
            id: "r-1".to_owned(),
            at: 1_770_000_000_500,
            connector: "advice".to_owned(),
            type_id: ".gen-ai".to_owned(),
            space: "soc".to_owned(),
            caller_kind: CallerKind::ApiKey,
            caller: "ci".to_owned(),
            usage: TokenUsage {
                model: Some("m".to_owned()),
                prompt: Some(3),
                completion: Some(4),
                total: Some(7),
            },
            sent: RunSent::Yes,
            duration: Some(Duration::from_millis(1500)),
            outcome: ConnectorRunOutcome::Done,
        };
        let record = record(&DueRun { number: 1, run }).unwrap();
        let again = Record::read(&record.raw, collectors::TimeField::Created).unwrap();
        assert_eq!((again.second, again.id), (1_770_000_000, record.id), "it can be read from the rejects");
        let mut drift = SchemaDrift::default();
        let row = row::map(&CONNECTOR_RUNS, "ccfd", &record.raw, &mut drift);
        let empty = CONNECTOR_RUNS.columns.iter().zip(&row).filter(|(_, value)| **value == ColumnValue::Null);
        let empty: Vec<&str> = empty.map(|(column, _)| &*column.name).collect();
        assert!(empty.is_empty(), "{empty:?}");
    }
}
