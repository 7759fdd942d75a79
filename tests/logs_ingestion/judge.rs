//! Microsoft's own client sends the same rows to the same endpoint.

use std::fs;

use ccfd::{sinks::Sink, tables::CHAT_COMPLETIONS};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{AUDIT, CHAT, Rig, batch, event};
use crate::support::{fake::Request, fake_azure::DCR, python::Python};

/// What calls mean: where they go, what they say of themselves, and all rows of theirs.
fn meaning(requests: &[Request]) -> Value {
    let rows: Vec<Value> =
        requests.iter().flat_map(|request| request.json().as_array().cloned().unwrap()).collect();
    let first = &requests[0];
    let scheme =
        first.header("authorization").and_then(|value| value.split_once(' ')).map(|(scheme, _)| scheme);
    json!({
        "method": first.method, "path": first.path, "query": first.query, "authorization": scheme,
        "content-type": first.header("content-type"), "content-encoding": first.header("content-encoding"),
        "rows": rows,
    })
}

#[tokio::test]
async fn our_calls_mean_what_those_of_microsofts_client_mean() {
    let Some(python) = Python::shared() else { return };
    let rig = Rig::new();
    // Above a mebibyte before compression, where that client cuts.
    let events =
        (0..1_500).map(|number| event(&format!("audit_log-{number}"), rig.now(), &"wörd \\\" ".repeat(100)));
    let completions = (0..3).map(|number| {
        let json = format!(
            r#"{{"id":"chatcmpl-{number}","created":{},"temperature":0.1,"seed":-9007199254740993,"choices":[{{"message":{{"content":"\ud83d\ude00"}}}}],"metadata":null}}"#,
            rig.now()
        );
        (json, rig.now())
    });
    for (stream, batch) in
        [(AUDIT, batch(&ccfd::tables::AUDIT_LOGS, events)), (CHAT, batch(&CHAT_COMPLETIONS, completions))]
    {
        rig.azure.ingestion.server.forget();
        rig.sink.write(batch.clone()).await.unwrap();
        let ours = meaning(&rig.azure.ingestion.server.requests());
        rig.azure.ingestion.server.forget();

        let dir = TempDir::new().unwrap();
        let file = dir.path().join("records.json");
        fs::write(&file, in_stream_shape(&batch.records).to_string()).unwrap();
        let token = rig.azure.entra.token("https://monitor.azure.com");
        let (url, ca) = (rig.azure.ingestion.server.url(), rig.azure.ca.path());
        let arguments = [url, ca.to_str().unwrap(), &token, DCR, stream, file.to_str().unwrap()];
        let said = python.run("logs_ingestion.py", &arguments);
        assert_eq!(said["errors"], json!([]), "{said}");
        assert_eq!(ours, meaning(&rig.azure.ingestion.server.requests()));
    }
}

/// The rows that the records are, by other code than the sink's.
fn in_stream_shape(records: &[collectors::Record]) -> Value {
    let row = |record: &collectors::Record| {
        let mut row: Value = serde_json::from_slice(&record.raw).unwrap();
        let members = row.as_object_mut().unwrap();
        if let Some(Value::String(kind)) = members.get("type").cloned() {
            let details = members.remove(&kind).unwrap();
            members.insert("EventDetails".to_owned(), details);
            members.remove("object");
        }
        members.retain(|_, value| !value.is_null());
        members.insert("friendlyName".to_owned(), json!("acme"));
        row
    };
    records.iter().map(row).collect()
}
