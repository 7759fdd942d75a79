//! `.index` with the cluster of an Elasticsearch sink as its target: a fake one that fails on demand, and a real node.

use std::fs;

use ccfd::{
    config::{Config, Environment},
    connectors::{
        Caller, ConnectorId, ConnectorSecrets, NewConnector, Registry, Retry, RunFailure, RunOutput,
    },
};
use collectors::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::object;
use crate::support::{fake::Reply, fake_elastic::Elastic, opensearch::Node};

/// A registry whose `.index` writes into a cluster.
struct Bench {
    registry: Registry,
    _dir: TempDir,
}

impl Bench {
    /// The cluster at this address, which also gets audit logs, in an index of its own name.
    fn of(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ccfd.toml");
        let text = format!(
            "[state]\ndir = {:?}\n[collector.acme]\nsource = \"audit_logs\"\napi_key = {{ env = \"KEY\" }}\nsinks = [\"es\"]\n\
             [sink.es]\ntype = \"elasticsearch\"\nurls = [\"{url}\"]\nindex = {{ audit_logs = \"evidence\" }}\n\
             [connectors]\nindex_sink = \"es\"\n",
            dir.path().join("state")
        );
        fs::write(&file, text).unwrap();
        let environment = Environment::default();
        let config = Config::load(Some(&file), &environment, &[]).unwrap();
        Self { registry: Registry::of(&config, &environment, Clock::system()), _dir: dir }
    }

    async fn made(&self, config: Value) -> Result<String, String> {
        let new = NewConnector {
            id: None,
            name: "Notes".to_owned(),
            type_id: ".index".to_owned(),
            config: object(config),
            secrets: ConnectorSecrets::default(),
        };
        let made = self.registry.create("default", new).await;
        made.map(|made| made.id.to_string()).map_err(|error| error.to_string())
    }

    /// What a run with these settings and documents returns.
    async fn run(&self, config: Value, documents: Value) -> Result<Value, RunFailure> {
        let id = self.made(config).await.unwrap();
        assert!(ConnectorId::parse(&id).is_ok());
        let params = object(json!({ "documents": documents }));
        let caller = Caller::Operator("ana".to_owned());
        match self.registry.run("default", &id, params, caller, None).await.unwrap()? {
            RunOutput::Data { data, .. } => Ok(data),
            other => panic!("{other:?}"),
        }
    }
}

fn failure(run: Result<Value, RunFailure>) -> (String, String, Retry) {
    let failure = run.unwrap_err();
    (failure.message, failure.service_message.unwrap_or_default(), failure.retry)
}

#[tokio::test]
async fn documents_arrive_under_ids_of_the_clusters_and_its_answer_is_returned() {
    let elastic = Elastic::plain();
    let bench = Bench::of(elastic.server.url());
    let config = json!({ "index": "notes%41", "refresh": true, "executionTimeField": "event.at" });
    let answer = bench.run(config, json!([{ "a": 1 }, { "event.at": "old" }])).await.unwrap();
    let items = answer["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["create"]["status"] == 201), "{answer}");
    let documents = elastic.documents("notes%41");
    assert_eq!(documents.len(), 2);
    assert!(documents.values().all(|document| document["event.at"].as_str().unwrap().ends_with('Z')));
    let requests = elastic.server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].query_field("refresh").as_deref(), Some("true"));
    let content = String::from_utf8(requests[0].content().unwrap().to_vec()).unwrap();
    assert_eq!(content.lines().next(), Some(r#"{"index":{"op_type":"create"}}"#), "no id: as Kibana");
}

#[tokio::test]
async fn documents_that_the_cluster_refuses_fail_the_run_with_all_reasons_and_the_others_stay() {
    let elastic = Elastic::plain();
    let bench = Bench::of(elastic.server.url());
    let reason = "failed to parse field [n] of type [long]";
    elastic.fail_saying("*", 2, 400, "document_parsing_exception", reason.into());
    let run = bench.run(json!({ "index": "notes" }), json!([{ "n": "x" }, { "n": "y" }, { "n": 1 }])).await;
    let said = ("error indexing documents".to_owned(), format!("{reason};{reason}"), Retry::No);
    assert_eq!(failure(run), said);
    assert_eq!(elastic.documents("notes").len(), 1);
}

#[tokio::test]
async fn a_cluster_that_is_busy_is_asked_again_only_if_it_has_taken_nothing() {
    let elastic = Elastic::plain();
    let bench = Bench::of(elastic.server.url());
    let config = json!({ "index": "notes" });
    let run = || bench.run(config.clone(), json!([{ "a": 1 }, { "a": 2 }]));
    elastic.fail("*", 1, 429, "es_rejected_execution_exception");
    assert_eq!(failure(run().await).2, Retry::No, "one document is there: it would be there twice");
    elastic.fail("*", 2, 429, "es_rejected_execution_exception");
    assert_eq!(failure(run().await).2, Retry::Yes);
    let busy = json!({ "error": { "type": "circuit_breaking_exception", "reason": "Data too large" } });
    elastic.server.script_for("_bulk", [Reply::json(429, &busy).into()]);
    let (_, said, retry) = failure(run().await);
    assert_eq!((said.as_str(), retry), ("Data too large", Retry::Yes));
    elastic.server.script_for("_bulk", [Reply::status(503).into()]);
    let (_, said, retry) = failure(run().await);
    assert_eq!((said.as_str(), retry), ("status 503", Retry::Yes));
    elastic.server.script_for("_bulk", [Reply::json(403, &json!({ "error": "no permission" })).into()]);
    let (_, said, retry) = failure(run().await);
    assert_eq!((said.as_str(), retry), ("no permission", Retry::No));
    assert_eq!(elastic.documents("notes").len(), 1);
}

#[tokio::test]
async fn nobody_writes_records_by_a_connector() {
    let elastic = Elastic::plain();
    let bench = Bench::of(elastic.server.url());
    for index in ["OpenAIAuditLogs_CL", "openaichatcompletions_cl", "CcfdAlerts_CL", "ccfd-notes", ".kibana"]
    {
        let refused = bench.made(json!({ "index": index })).await.unwrap_err();
        assert!(refused.contains("no connector writes to it"), "{refused}");
    }
    for index in [
        "evidence",
        "openai-chat-completions",
        "logs-ccfd.alerts-default",
        "logs-ccfd.connector_runs-default",
    ] {
        let (_, said, retry) =
            failure(bench.run(json!({ "index": index }), json!([{ "id": "forged" }])).await);
        assert!(said.contains("no connector writes to it") && retry == Retry::No, "{said}");
    }
    assert!(elastic.server.requests().is_empty());
}

#[tokio::test]
async fn a_real_node_refuses_what_its_mapping_refuses_and_takes_a_data_stream() {
    let Some(node) = Node::shared() else { return };
    let bench = Bench::of(node.url());
    let mapping = json!({ "mappings": { "properties": { "n": { "type": "long" } } } });
    node.put("/notes-mapped", &mapping);
    let config = json!({ "index": "notes-mapped", "refresh": true });
    let (message, said, retry) = failure(bench.run(config, json!([{ "n": "many" }, { "n": 1 }])).await);
    assert_eq!((message.as_str(), retry), ("error indexing documents", Retry::No));
    assert!(said.contains("failed to parse field [n] of type [long]"), "{said}");
    assert_eq!(node.count("notes-mapped"), 1);
    let template = json!({ "index_patterns": ["notes-stream"], "data_stream": {}, "priority": 500 });
    node.put("/_index_template/notes-stream", &template);
    let config = json!({ "index": "notes-stream", "executionTimeField": "@timestamp" });
    let answer = bench.run(config, json!([{ "a": 1 }])).await.unwrap();
    assert_eq!(answer["items"][0]["create"]["status"], 201, "{answer}");
    assert_eq!(node.count("notes-stream"), 1);
    let unnamed = bench.run(json!({ "index": "notes-stream" }), json!([{ "a": 1 }])).await;
    assert!(failure(unnamed).1.contains("@timestamp"));
}
