//! The privileges of the key that writes: it may only add documents to these indices, and read them back for `ccfd verify`;
//! where a new version of a row replaces the earlier one, it may do that.

use serde_json::{Value, json};

use super::TargetShape;

/// The body of `PUT _security/api_key` on Elasticsearch. `create_doc` cannot change or remove a document,
/// `auto_configure` lets the first document create its index from the template, `monitor` is for `ccfd
/// check`, and `read` and `maintenance` (a refresh) for `ccfd verify`; `read` on alerts also for cases, which name the index
/// that an alert is in. For Kibana, which cannot read documents back, the key
/// may also create and run connectors in every space.
pub fn api_key(shape: TargetShape, added: &[&str], replaced: &[&str]) -> Value {
    let mut privileges = vec!["auto_configure", "create_doc"];
    // Kibana's connector only adds.
    let mut replacing = privileges.clone();
    match shape {
        TargetShape::Index | TargetShape::DataStream => {
            privileges.extend(["maintenance", "read"]);
            replacing = vec!["auto_configure", "index", "read"];
        }
        TargetShape::KibanaIndex => {}
    }
    let of = |(names, privileges): (&[&str], Vec<&str>)| {
        (!names.is_empty()).then(|| json!({ "names": names, "privileges": privileges }))
    };
    let indices: Vec<Value> =
        [(added, privileges), (replaced, replacing)].into_iter().filter_map(of).collect();
    let mut role = json!({ "cluster": ["monitor"], "indices": indices });
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
            "allowed_actions": [
                "create_index", "indices:data/write/bulk*", "indices:data/write/index",
                "read", "indices:admin/refresh*",
            ],
        }],
    })
}
