//! The privileges of the key that writes: it may only add documents to these indices.

use serde_json::{Value, json};

use super::TargetShape;

/// The body of `PUT _security/api_key` on Elasticsearch. `create_doc` cannot change or remove a document,
/// `auto_configure` lets the first document create its index from the template, `monitor` is for `ccfd
/// check`. For Kibana the key may also create and run connectors in every space.
pub fn api_key(shape: TargetShape, indices: &[&str]) -> Value {
    let mut role = json!({
        "cluster": ["monitor"],
        "indices": [{ "names": indices, "privileges": ["auto_configure", "create_doc"] }],
    });
    match shape {
        TargetShape::Index | TargetShape::DataStream => {}
        TargetShape::KibanaIndex => {
            role["applications"] = json!([
                { "application": "kibana-.kibana", "privileges": ["feature_actions.all"], "resources": ["*"] }
            ]);
        }
    }
    json!({ "name": "ccfd", "role_descriptors": { "ccfd": role } })
}

/// The body of `PUT _plugins/_security/api/roles/ccfd` on OpenSearch, which has no privilege only for adding.
pub fn opensearch_role(indices: &[&str]) -> Value {
    json!({
        "cluster_permissions": ["cluster_monitor", "indices:data/write/bulk"],
        "index_permissions": [{
            "index_patterns": indices,
            "allowed_actions": ["create_index", "indices:data/write/bulk*", "indices:data/write/index"],
        }],
    })
}
