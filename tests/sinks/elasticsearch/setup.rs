//! `check` and `install`.

use ccfd::{
    sinks::{Sink, SinkError},
    tables::Tables,
};
use serde_json::json;

use super::{KEY, sink, sink_at};
use crate::support::{
    fake::Reply,
    fake_elastic::{Elastic, elastic_error},
};

#[tokio::test]
async fn a_check_says_who_answers_and_what_is_there_and_writes_nothing() {
    let elastic = Elastic::plain();
    let text =
        sink_at(elastic.server.url()).check(&Tables::built_in().of_records()).await.unwrap().to_string();
    assert!(
        text.starts_with(&format!("{}: Elasticsearch 9.1.0, cluster fake", elastic.server.url())),
        "{text}"
    );
    assert!(text.contains("the key has the privilege create_doc"), "{text}");
    assert!(elastic.server.requests_to("_bulk").is_empty());
}

#[tokio::test]
async fn an_index_without_a_template_and_a_key_that_creates_none_are_concerns() {
    let elastic = Elastic::plain();
    let missing = || Reply::json(404, &json!({}));
    elastic.server.script_for("_resolve", [missing().into(), missing().into()]);
    elastic.server.script_for("_index_template", [missing().into(), missing().into()]);
    let lacking =
        json!({ "index": { "openai-audit-logs": { "create_doc": true, "auto_configure": false } } });
    elastic.server.script_for("_has_privileges", [Reply::json(200, &lacking).into()]);
    let found = sink_at(elastic.server.url()).check(&Tables::built_in().of_records()).await.unwrap();
    let concerns: Vec<&str> = found.concerns.iter().map(|concern| concern.text.as_str()).collect();
    assert_eq!(
        concerns,
        [
            "openai-audit-logs: does not exist yet, and has no template",
            "openai-chat-completions: does not exist yet, and has no template",
            "the key may not create an index (auto_configure)"
        ]
    );
    assert!(found.concerns[0].advice.contains("ccfd check --install"));
    assert_eq!(found.text.lines().count(), 1, "{}", found.text);
}

#[tokio::test]
async fn a_check_tells_wrong_credentials_and_missing_privileges() {
    let elastic = Elastic::plain();
    let problem =
        async |sink: &dyn Sink| sink.check(&Tables::built_in().of_records()).await.unwrap_err().to_string();
    let lacking =
        json!({ "index": { "openai-audit-logs": { "create_doc": false, "auto_configure": true } } });
    elastic.server.script_for("_has_privileges", [Reply::json(200, &lacking).into()]);
    let with_key =
        format!("urls = [\"{}\"]\nauth = {{ api_key = {{ env = \"ES_KEY\" }} }}", elastic.server.url());
    assert!(problem(&sink(&with_key)).await.contains("the key lacks create_doc"));
    elastic.require("ApiKey other");
    let text = problem(&sink(&with_key)).await;
    assert!(text.contains("not authenticated") && !text.contains(KEY), "{text}");
}

#[tokio::test]
async fn a_check_knows_a_closed_index_and_a_data_stream_that_cannot_be_overwritten() {
    let elastic = Elastic::plain();
    let resolved = |indices, streams| {
        Reply::json(200, &json!({ "indices": indices, "aliases": [], "data_streams": streams }))
    };
    elastic
        .server
        .script_for("_resolve", [resolved(json!([{ "attributes": ["closed"] }]), json!([])).into()]);
    let error =
        sink_at(elastic.server.url()).check(&Tables::built_in().of_records()).await.unwrap_err().to_string();
    assert!(error.contains("accepts no rows: closed"), "{error}");
    elastic.server.script_for("_resolve", [resolved(json!([]), json!([{ "name": "x" }])).into()]);
    let overwriting = sink(&format!("urls = [\"{}\"]\nop_type = \"index\"", elastic.server.url()));
    let error = overwriting.check(&Tables::built_in().of_records()).await.unwrap_err().to_string();
    assert!(error.contains("is a data stream"), "{error}");
}

#[tokio::test]
async fn an_install_puts_the_templates_of_the_product_that_answers() {
    let elastic = Elastic::plain();
    let text =
        sink_at(elastic.server.url()).install(&Tables::built_in().of_records()).await.unwrap().unwrap();
    assert!(text.contains("_index_template/ccfd-openai-audit-logs: put"), "{text}");
    let columns = elastic.template("_component_template/ccfd-openai-audit-logs-columns").unwrap();
    assert!(columns.to_string().contains("\"flattened\""), "{columns}");
    assert!(elastic.template("_index_template/ccfd-openai-chat-completions").is_some());
}

#[tokio::test]
async fn names_of_elastics_scheme_are_made_data_streams() {
    let elastic = Elastic::plain();
    let keys = "index = { audit_logs = \"logs-openai.audit-default\" }";
    sink(&format!("urls = [\"{}\"]\n{keys}", elastic.server.url()))
        .install(&Tables::built_in().of_records())
        .await
        .unwrap();
    let template = elastic.template("_index_template/ccfd-logs-openai.audit-default").unwrap();
    assert!(template["data_stream"].is_object());
    let other = elastic.template("_index_template/ccfd-openai-chat-completions").unwrap();
    assert!(other.get("data_stream").is_none());
}

#[tokio::test]
async fn an_install_that_is_not_allowed_is_an_error() {
    let elastic = Elastic::plain();
    let refusal = elastic_error(403, "security_exception", "secret");
    elastic.server.script_for("_component_template", [refusal.into()]);
    let error = sink_at(elastic.server.url())
        .install(&Tables::built_in().of_records())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("not allowed") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_page_of_a_proxy_is_neither_a_finding_nor_a_template_that_was_put() {
    let page =
        || Reply::status(200).with_header("content-type", "text/html").with_body("<html>log in</html>");
    let not_understood = |error: SinkError| {
        let text = error.to_string();
        assert!(text.contains("unreadable response") && !text.contains("log in"), "{text}");
    };
    for path in ["_component_template", "_index_template", "_resolve"] {
        let elastic = Elastic::plain();
        elastic.server.script_for(path, [page().into()]);
        not_understood(
            sink_at(elastic.server.url()).install(&Tables::built_in().of_records()).await.unwrap_err(),
        );
    }
    let nothing = || Reply::json(200, &json!({ "indices": [], "aliases": [], "data_streams": [] }));
    for path in ["_resolve", "_index_template", "_has_privileges"] {
        let elastic = Elastic::plain();
        if path == "_index_template" {
            elastic.server.script_for("_resolve", [nothing().into()]);
        }
        elastic.server.script_for(path, [page().into()]);
        not_understood(
            sink_at(elastic.server.url()).check(&Tables::built_in().of_records()).await.unwrap_err(),
        );
    }
}
