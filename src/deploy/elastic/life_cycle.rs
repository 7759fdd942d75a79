//! How long data streams keep their documents, in the three ways that clusters offer. `ccfd check --install`
//! installs none of them: the owner of the documents decides when they are removed.

use serde_json::{Value, json};

use super::{Install, Product, TargetShape, template::meta};
use crate::deploy::DeployFile;

/// The name of the policy.
const POLICY: &str = "ccfd-openai";

/// The component that the templates of data streams refer to, whether it exists or not.
pub(super) const COMPONENT: &str = "ccfd-openai-life-cycle";

/// When a backing index is followed by the next one: the size and age of Elastic's own policy for logs.
const INDEX_SIZE: &str = "50gb";
const INDEX_DAYS: u32 = 30;

/// A year: the minimum in most rules on audit trails.
const DAYS: u32 = 365;

/// How long documents are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// At least this many days; a backing index is removed as a whole.
    Days(u32),
    /// For good.
    Forever,
}

impl Default for Retention {
    fn default() -> Self {
        Self::Days(DAYS)
    }
}

impl Retention {
    fn age(self) -> Option<String> {
        match self {
            Self::Days(days) => Some(format!("{days}d")),
            Self::Forever => None,
        }
    }
}

/// The files that give data streams of these names a life cycle, one folder for each way: `ilm` for
/// Elasticsearch, `lifecycle` for Elasticsearch 8.14 or later and serverless, which has no policies, `ism`
/// for OpenSearch.
pub(super) fn files(retention: Retention, names: &[&str]) -> Vec<DeployFile> {
    let folder =
        |product: Product, way: &str| format!("{}/{}-{way}", product.key(), TargetShape::DataStream.key());
    let (ilm, lifecycle, ism) = (
        folder(Product::Elasticsearch, "ilm"),
        folder(Product::Elasticsearch, "lifecycle"),
        folder(Product::OpenSearch, "ism"),
    );
    [
        (&ilm, index_policy(retention)),
        (&ilm, component(json!({ "settings": { "index.lifecycle.name": POLICY } }))),
        (&lifecycle, component(json!({ "lifecycle": own(retention) }))),
        (&ism, state_policy(retention, names)),
    ]
    .map(|(folder, put)| DeployFile::json(format!("{folder}/{}.json", put.path), &put.body))
    .into()
}

/// The policy of index life cycle management.
fn index_policy(retention: Retention) -> Install {
    let rollover = json!({ "max_primary_shard_size": INDEX_SIZE, "max_age": format!("{INDEX_DAYS}d") });
    let mut phases = json!({ "hot": { "actions": { "rollover": rollover } } });
    if let Some(age) = retention.age() {
        phases["delete"] = json!({ "min_age": age, "actions": { "delete": {} } });
    }
    let meta = meta("retention of documents of OpenAI records");
    Install {
        path: format!("_ilm/policy/{POLICY}"),
        body: json!({ "policy": { "phases": phases, "_meta": meta } }),
    }
}

/// The data stream's own life cycle; the cluster decides when the next backing index begins.
fn own(retention: Retention) -> Value {
    retention.age().map_or_else(|| json!({}), |age| json!({ "data_retention": age }))
}

fn component(template: Value) -> Install {
    Install {
        path: format!("_component_template/{COMPONENT}"),
        body: json!({ "template": template, "_meta": meta("retention of documents") }),
    }
}

/// The policy of index state management; it names the streams itself.
fn state_policy(retention: Retention, names: &[&str]) -> Install {
    let rollover = json!({ "min_primary_shard_size": INDEX_SIZE, "min_index_age": format!("{INDEX_DAYS}d") });
    let mut states =
        vec![json!({ "name": "kept", "actions": [{ "rollover": rollover }], "transitions": [] })];
    if let Some(age) = retention.age() {
        states[0]["transitions"] =
            json!([{ "state_name": "gone", "conditions": { "min_rollover_age": age } }]);
        states.push(json!({ "name": "gone", "actions": [{ "delete": {} }], "transitions": [] }));
    }
    Install {
        path: format!("_plugins/_ism/policies/{POLICY}"),
        body: json!({ "policy": {
            "description": "managed by ccfd: retention of documents of OpenAI records",
            "default_state": "kept",
            "states": states,
            "ism_template": [{ "index_patterns": names, "priority": super::template::PRIORITY }],
        } }),
    }
}
