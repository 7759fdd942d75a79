//! Templates for Elasticsearch and OpenSearch, and the privileges of a key. The templates decide how much a
//! row costs: few fields are indexed, and none is added automatically.

mod access;
mod ecs;
mod field;
mod life_cycle;
mod template;
mod unindexable;

pub use access::{api_key, opensearch_role};
pub use life_cycle::Retention;
use serde_json::Value;
pub use unindexable::{set_aside, set_aside_in};

use super::DeployFile;
use crate::tables::{Table, Tables};

/// The product: each refuses the other's type for objects with unknown members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Elasticsearch 8 or later, hosted and serverless included.
    Elasticsearch,
    /// OpenSearch 2.7 or later.
    OpenSearch,
}

impl Product {
    /// The word for it in paths.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::OpenSearch => "opensearch",
        }
    }
}

/// What the documents are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetShape {
    /// An index: an id can be there once.
    Index,
    /// A data stream: an id is unique within each backing index.
    DataStream,
    /// An index that Kibana's index connector writes to: a pipeline sets each document's id, because the
    /// connector does not.
    KibanaIndex,
}

impl TargetShape {
    /// The word for it in paths.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::DataStream => "data-stream",
            Self::KibanaIndex => "kibana-index",
        }
    }
}

/// One `PUT` to the cluster. Repeating it changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Install {
    /// The path, without a leading `/`, such as `_index_template/ccfd-openai-audit-logs`.
    pub path: String,
    /// The JSON body.
    pub body: Value,
}

/// What must be installed before the first row is written, in this order: the columns of each table (a
/// component template), the pipeline if the shape has one, and for each name an index template. `indices`
/// gives the name of each table's index or data stream; several tables may share one. Requires the cluster
/// privileges `manage_index_templates` and, for [`TargetShape::KibanaIndex`], `manage_ingest_pipelines`,
/// which the key that writes does not have. An existing index keeps its mapping.
pub fn installs(product: Product, shape: TargetShape, indices: &[(&Table, &str)]) -> Vec<Install> {
    let mut tables: Vec<&Table> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (table, name) in indices {
        if !tables.iter().any(|known| known.name == table.name) {
            tables.push(table);
        }
        if !names.contains(name) {
            names.push(name);
        }
    }
    let mut installs: Vec<Install> = tables.iter().map(|table| template::columns(product, table)).collect();
    installs.extend(template::pipeline(shape, &tables));
    installs.extend(names.into_iter().map(|name| {
        let tables = indices.iter().filter(|(_, of)| *of == name).map(|(table, _)| *table);
        template::index(product, shape, name, tables)
    }));
    installs
}

/// The files of `deploy/elastic`, for the default names: `<product>/<shape>/<path of the PUT>.json`, and next
/// to the shape of a data stream the ways to give it a life cycle.
pub fn files(tables: &Tables, retention: Retention) -> Vec<DeployFile> {
    let indices: Vec<(&Table, &str)> = tables.iter().map(|table| (&**table, &*table.index)).collect();
    // Rows that replace others need an index, and a privilege more.
    let (replaced, names): (Vec<_>, Vec<_>) =
        indices.iter().copied().partition(|(table, _)| table.newest_wins);
    let names: Vec<&str> = names.into_iter().map(|(_, name)| name).collect();
    let replaced: Vec<&str> = replaced.into_iter().map(|(_, name)| name).collect();
    let uses = [
        (Product::Elasticsearch, TargetShape::Index),
        (Product::Elasticsearch, TargetShape::DataStream),
        (Product::Elasticsearch, TargetShape::KibanaIndex),
        (Product::OpenSearch, TargetShape::Index),
        (Product::OpenSearch, TargetShape::DataStream),
    ];
    let mut files = Vec::new();
    for (product, shape) in uses {
        let put = |install: Install| {
            let path = format!("{}/{}/{}.json", product.key(), shape.key(), install.path);
            DeployFile::json(path, &install.body)
        };
        files.extend(installs(product, shape, &indices).into_iter().map(put));
        files.push(match product {
            Product::Elasticsearch => DeployFile::json(
                format!("{}/{}/api_key.json", product.key(), shape.key()),
                &api_key(shape, &names, &replaced),
            ),
            Product::OpenSearch => DeployFile::json(
                format!("{}/{}/role.json", product.key(), shape.key()),
                &opensearch_role(&[&names[..], &replaced[..]].concat()),
            ),
        });
    }
    files.extend(life_cycle::files(retention, &names));
    files
}

#[cfg(test)]
mod tests;
