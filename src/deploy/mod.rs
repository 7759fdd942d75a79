//! The resources a destination needs before rows can arrive: tables and rules of Azure Monitor, templates of
//! Elasticsearch and OpenSearch. Rendered from the tables' columns, so that they cannot differ; reads and
//! sends nothing. `deploy/` in the repository contains them with the default names.

pub mod elastic;
pub mod sentinel;

use serde_json::Value;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployFile {
    /// Its path below the directory of its target, parts separated by `/`.
    pub path: String,
    /// Its text; ends with a line break.
    pub content: String,
}

impl DeployFile {
    /// A file of JSON, indented for readers.
    fn json(path: impl Into<String>, value: &Value) -> Self {
        Self { path: path.into(), content: format!("{value:#}\n") }
    }
}
