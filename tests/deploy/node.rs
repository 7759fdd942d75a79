//! The templates on a real node.

use ccfd::{
    deploy::elastic::{Product, TargetShape, installs, set_aside},
    tables::{
        AUDIT_LOGS, CHAT_COMPLETIONS, SchemaDrift, Table,
        object::{Nulls, Objects},
    },
};
use serde_json::{Value, json};

use crate::support::opensearch::Node;

fn install(node: &Node, shape: TargetShape, indices: &[(&Table, &str)]) {
    for install in installs(Product::OpenSearch, shape, indices) {
        node.put(&format!("/{}", install.path), &install.body);
    }
}

fn document(table: &Table, record: &Value) -> Value {
    let mut out = Vec::new();
    let objects = Objects::new([table.columns.as_slice()], "acme", Nulls::Written);
    objects.write_with(record.to_string().as_bytes(), &mut SchemaDrift::default(), &mut out, set_aside);
    let mut document: Value = serde_json::from_slice(&out).unwrap();
    document["@timestamp"] = document["TimeGenerated"].clone();
    document
}

#[test]
fn a_value_of_any_shape_is_taken_by_the_index() {
    let Some(node) = Node::shared() else { return };
    install(node, TargetShape::Index, &[(&AUDIT_LOGS, "deploy-audit"), (&CHAT_COMPLETIONS, "deploy-chat")]);
    let long = json!({ "text": "x".repeat(40_000), "y".repeat(40_000): 1 });
    let odd = [
        json!(null),
        json!("text"),
        json!(7),
        json!(true),
        json!([1, "x", null, {"a": 1}]),
        json!({}),
        long,
        json!({"a..b": {"": [{}]}, "": null, "dotted.name": {"a": null}}),
        json!({"nul\u{0}": "nul\u{0}"}),
        json!({"id": {"id": []}, "user": [[]], "name": {}, "total_tokens": [{}], "ip_address": {}}),
        json!({"id": [1], "ip_address": "nowhere", "total_tokens": "many", "name": 1.5}),
    ];
    for (number, value) in odd.iter().enumerate() {
        let event = json!({"type": "odd", "effective_at": number, "id": number.to_string(), "odd": value,
            "project": value, "actor": {"type": value, "session": value, "api_key": value}});
        node.put(&format!("/deploy-audit/_create/{number}"), &document(&AUDIT_LOGS, &event));
        let completion = json!({"id": value, "created": number, "choices": value, "usage": value, "tools": value,
            "metadata": value, "tool_choice": value, "response_format": value, "model": value});
        node.put(&format!("/deploy-chat/_create/{number}"), &document(&CHAT_COMPLETIONS, &completion));
    }
    assert_eq!((node.count("deploy-audit"), node.count("deploy-chat")), (11, 11));
}

#[test]
fn who_acted_from_where_and_on_what_is_found() {
    let Some(node) = Node::shared() else { return };
    install(node, TargetShape::DataStream, &[(&AUDIT_LOGS, "deploy-found")]);
    let event = json!({"type": "a.b", "effective_at": 7, "id": "1", "a.b": {"data": {"scopes": ["api.read"]}},
        "actor": {"session": {"user": {"email": "user@example.com"}, "ip_address": "192.0.2.7"}}});
    node.put("/deploy-found/_create/1", &document(&AUDIT_LOGS, &event));
    node.refresh("deploy-found");
    let asked = [
        ("EventType", "a.b"),
        ("ActorSession.user.email", "user@example.com"),
        ("ActorSession.ip_address", "192.0.2.0/24"),
        ("EventDetails.data.scopes", "api.read"),
    ];
    for (field, value) in asked {
        let query = json!({ "query": { "term": { field: value } } });
        let found = node.post("/deploy-found/_search", &query);
        assert_eq!(found["hits"]["total"]["value"], 1, "{field}");
    }
}
