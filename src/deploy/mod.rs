//! What must stand at a destination before rows can arrive there: tables and rules of Azure Monitor, templates of
//! Elasticsearch and OpenSearch. Rendered from the tables' columns, so that nothing can drift; nothing is read or sent
//! here. `deploy/` in the repository holds what is rendered with the default names.

pub mod elastic;
pub mod sentinel;

use serde_json::Value;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployFile {
    /// Its place below the directory of its target, parts separated by `/`.
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
