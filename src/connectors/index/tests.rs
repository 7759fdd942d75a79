use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use serde_json::json;

use super::*;
use crate::connectors::{Caller, Connector, ConnectorId, RunProgress};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-01-31T12:00:00.120Z".parse().unwrap()
}

async fn run(target: &dyn IndexTarget, config: Value, params: Value) -> Result<Value, RunFailure> {
    let connector = Connector {
        id: ConnectorId::parse("c").unwrap(),
        space: None,
        name: "c".to_owned(),
        type_id: ".index".into(),
        config: IndexType.check_config(&object(config), &Outgoing::default()).unwrap(),
        is_preconfigured: false,
        is_missing_secrets: false,
    };
    let params = object(params);
    IndexType.check_params(&params).unwrap();
    let context = RunContext {
        connector: &connector,
        secrets: &ConnectorSecrets::default(),
        params: &params,
        space: "default",
        caller: &Caller::Operator("ana".to_owned()),
        idempotency_key: None,
        progress: &RunProgress::forgotten(),
        now: now(),
        outgoing: &Outgoing::default(),
        index: target,
    };
    match IndexType.execute(context).await? {
        RunOutput::Data { data, .. } => Ok(data),
        RunOutput::Nothing | RunOutput::Stream { .. } => panic!("no data"),
    }
}

fn tables(dir: &Path) -> IndexTables {
    IndexTables::new(dir.join(INDEX_FILE), 1 << 30, ReservedNames::built_in())
}

/// The rows of an index, as id, time and document.
fn rows(dir: &Path, index: &str) -> Vec<(String, String, Value)> {
    let connection = Connection::open(dir.join(INDEX_FILE)).unwrap();
    let mut query = connection.prepare(&format!("SELECT * FROM \"{index}\" ORDER BY rowid")).unwrap();
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<_> {
        let document: String = row.get(2)?;
        Ok((row.get(0)?, row.get(1)?, serde_json::from_str(&document).unwrap()))
    };
    query.query_map([], read).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn documents_are_rows_of_a_table_and_the_answer_is_a_bulk_response() {
    let dir = tempfile::tempdir().unwrap();
    let target = tables(dir.path());
    let documents = json!([{ "a": 1, "@timestamp": "2026-01-01T00:00:00Z" }, { "b": { "c": "d" } }]);
    let params = json!({ "documents": documents });
    let answer = run(&target, json!({ "index": "my-index", "refresh": true }), params.clone()).await.unwrap();
    assert_eq!(answer["errors"], false);
    let items = answer["items"].as_array().unwrap();
    let rows_now = rows(dir.path(), "my-index");
    assert_eq!((items.len(), rows_now.len()), (2, 2));
    for (item, row) in items.iter().zip(&rows_now) {
        let item = &item["create"];
        assert_eq!((item["_id"].as_str(), item["status"].as_u64()), (Some(&*row.0), Some(201)));
        assert_eq!(
            (&item["_index"], &item["result"], &item["forced_refresh"]),
            (&json!("my-index"), &json!("created"), &json!(true))
        );
    }
    assert_eq!((&*rows_now[0].1, &rows_now[0].2), ("2026-01-01T00:00:00Z", &documents[0]));
    assert_eq!(rows_now[1].2, documents[1]);
    run(&target, json!({ "index": "my-index" }), params).await.unwrap();
    assert_eq!(rows(dir.path(), "my-index").len(), 4, "as in Kibana, a run again adds documents again");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(dir.path().join(INDEX_FILE)).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_time_of_the_run_is_a_flat_field_that_replaces_an_earlier_one() {
    let dir = tempfile::tempdir().unwrap();
    let config = json!({ "index": "x", "executionTimeField": " event.ingested " });
    let params = json!({ "documents": [{ "event.ingested": "old", "event": { "ingested": 1 } }] });
    run(&tables(dir.path()), config, params).await.unwrap();
    let document = rows(dir.path(), "x").remove(0).2;
    assert_eq!(document, json!({ "event.ingested": "2026-01-31T12:00:00.120Z", "event": { "ingested": 1 } }));
}

#[tokio::test]
async fn a_run_may_name_only_an_index_of_the_alert_history() {
    let dir = tempfile::tempdir().unwrap();
    let params = json!({ "documents": [{}], "indexOverride": "kibana-alert-history-default" });
    run(&tables(dir.path()), json!({ "index": "x" }), params).await.unwrap();
    assert_eq!(rows(dir.path(), "kibana-alert-history-default").len(), 1);
    let other = object(json!({ "documents": [], "indexOverride": "OpenAIAuditLogs_CL" }));
    assert_eq!(
        IndexType.check_params(&other),
        Err("[indexOverride]: index must start with \"kibana-alert-history-\"".to_owned())
    );
}

#[tokio::test]
async fn nobody_forges_records() {
    let dir = tempfile::tempdir().unwrap();
    let outgoing = Outgoing::default();
    for index in ["OpenAIAuditLogs_CL", "ccfdalerts_cl", "CcfdHealth_CL", "Ccfd-x"] {
        let checked = IndexType.check_config(&object(json!({ "index": index })), &outgoing);
        assert!(checked.is_err_and(|why| why.starts_with("[index]: ")), "{index}");
    }
    let reserved = ReservedNames::built_in();
    let target = IndexTables::new(dir.path().join(INDEX_FILE), 1 << 30, reserved);
    for index in ["openaiauditlogs_cl", "x\" (a); DROP TABLE \"y", "sqlite_master"] {
        let write = IndexWrite { index, documents: &[Map::new()], refresh: false };
        assert!(target.write(write).await.is_err(), "{index}");
    }
    assert!(!dir.path().join(INDEX_FILE).exists());
}

#[tokio::test]
async fn the_tables_grow_only_as_far_as_the_settings_allow() {
    let dir = tempfile::tempdir().unwrap();
    let target = IndexTables::new(dir.path().join(INDEX_FILE), 1 << 16, ReservedNames::built_in());
    let params = json!({ "documents": [{ "text": "x".repeat(1 << 17) }] });
    run(&target, json!({ "index": "x" }), params.clone()).await.unwrap();
    let failed = run(&target, json!({ "index": "x" }), params).await.unwrap_err();
    assert_eq!((failed.message.as_str(), failed.retry), ("error indexing documents", Retry::Yes));
    assert!(failed.service_message.unwrap().contains("index_size_max"));
}

struct Answering(Value);

#[async_trait]
impl IndexTarget for Answering {
    async fn write(&self, _: IndexWrite<'_>) -> Result<Value, IndexFailure> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn one_refused_document_fails_the_run_with_all_reasons() {
    let error = |reason: &str, cause: Option<&str>| match cause {
        Some(cause) => {
            json!({ "create": { "error": { "reason": reason, "caused_by": { "reason": cause } } } })
        }
        None => json!({ "create": { "error": { "reason": reason } } }),
    };
    let accepted = json!({ "create": { "status": 201 } });
    for (items, said) in [
        (vec![accepted.clone(), error("one", None), error("two", None)], "one;two"),
        (vec![error("one", Some("deep")), error("two", Some("deeper"))], "one;two (deep;deeper)"),
        (vec![accepted], "Indexing error but no reason returned."),
    ] {
        let target = Answering(json!({ "errors": true, "items": items }));
        let failed = run(&target, json!({ "index": "x" }), json!({ "documents": [{}] })).await.unwrap_err();
        assert_eq!(
            failed,
            RunFailure::returned("error indexing documents", Some(said.to_owned()), Retry::No)
        );
    }
}

#[test]
fn settings_are_strict_and_have_defaults() {
    let check = |config: Value| IndexType.check_config(&object(config), &Outgoing::default());
    assert_eq!(
        check(json!({ "index": "x" })),
        Ok(object(json!({ "index": "x", "refresh": false, "executionTimeField": null })))
    );
    assert_eq!(
        check(json!({})),
        Err("[index]: expected value of type [string] but got [undefined]".to_owned())
    );
    for wrong in
        [json!({ "index": 7 }), json!({ "index": "x", "refresh": 1 }), json!({ "index": "x", "more": 1 })]
    {
        assert!(check(wrong.clone()).is_err(), "{wrong}");
    }
    for wrong in [
        json!({}),
        json!({ "documents": {} }),
        json!({ "documents": [1] }),
        json!({ "documents": [], "x": 1 }),
    ] {
        assert!(IndexType.check_params(&object(wrong.clone())).is_err(), "{wrong}");
    }
}
