//! The templates and the pipeline.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Install, Product, TargetShape, ecs, field, life_cycle};
use crate::tables::{Column, Table};

/// Above the built-in templates of both products (at most 200), below what an operator uses to override
/// everything.
pub(super) const PRIORITY: u32 = 500;

/// The pipeline that sets a document's id.
const PIPELINE: &str = "ccfd-openai-id";

/// The columns of a table as a component template. `dynamic: false`: fields that are not listed are stored,
/// never indexed, and never refused.
pub(super) fn columns(product: Product, table: &Table) -> Install {
    let own = table
        .members_of_documents()
        .iter()
        .map(|column| (column.name.to_string(), field::mapping(product, indexed(table, column))));
    let properties: Map<String, Value> =
        [("@timestamp".to_owned(), field::mapping(product, field::Field::Time))]
            .into_iter()
            .chain(own)
            .collect();
    Install {
        path: format!("_component_template/{}", columns_name(table)),
        body: json!({
            "template": { "mappings": { "dynamic": false, "properties": properties } },
            "_meta": meta(&format!("the columns of {}", table.name)),
        }),
    }
}

/// How a column is indexed. One time of a table is the one for searches.
fn indexed(table: &Table, column: &Column) -> field::Field {
    if !table.documents.is_empty() {
        return ecs::field(&column.name);
    }
    match field::field(column) {
        field::Field::Moment if column.name == table.time => field::Field::Time,
        other => other,
    }
}

/// The template of the index or data stream of this name, which contains the rows of these tables.
pub(super) fn index<'t>(
    product: Product,
    shape: TargetShape,
    name: &str,
    tables: impl Iterator<Item = &'t Table>,
) -> Install {
    let tables: Vec<&Table> = tables.collect();
    let composed_of: Vec<String> = tables.iter().map(|table| columns_name(table)).collect();
    // A data stream cannot replace a document.
    let shape = match shape {
        TargetShape::DataStream if tables.iter().any(|table| table.newest_wins) => TargetShape::Index,
        TargetShape::Index | TargetShape::DataStream | TargetShape::KibanaIndex => shape,
    };
    let mut body = json!({
        "index_patterns": [name],
        "composed_of": composed_of,
        "priority": PRIORITY,
        "_meta": meta(&format!("contents of {name}")),
    });
    match shape {
        TargetShape::Index => {}
        TargetShape::DataStream => {
            body["data_stream"] = json!({});
            match product {
                // Not required to exist: installing the template again changes no life cycle.
                Product::Elasticsearch => {
                    if let Some(parts) = body["composed_of"].as_array_mut() {
                        parts.push(json!(life_cycle::COMPONENT));
                    }
                    body["ignore_missing_component_templates"] = json!([life_cycle::COMPONENT]);
                }
                // Its policy names the streams.
                Product::OpenSearch => {}
            }
        }
        TargetShape::KibanaIndex => {
            body["template"] = json!({ "settings": { "index.default_pipeline": PIPELINE } })
        }
    }
    Install { path: format!("_index_template/ccfd-{name}"), body }
}

/// The pipeline of a shape that has one.
pub(super) fn pipeline(shape: TargetShape, tables: &[&Table]) -> Option<Install> {
    match shape {
        TargetShape::Index | TargetShape::DataStream => None,
        TargetShape::KibanaIndex => Some(Install {
            path: format!("_ingest/pipeline/{PIPELINE}"),
            body: json!({
                "description": "uses the id that OpenAI gave a record as the id of its document",
                "processors": keys(tables).into_iter().map(set_id).collect::<Vec<_>>(),
            }),
        }),
    }
}

/// The columns that identify rows of these tables, each once.
fn keys<'t>(tables: &[&'t Table]) -> BTreeSet<&'t str> {
    tables.iter().map(|table| table.key_in_documents()).collect()
}

/// A document without this column keeps its id.
fn set_id(column: &str) -> Value {
    json!({ "set": { "field": "_id", "value": format!("{{{{{{{column}}}}}}}"), "ignore_empty_value": true } })
}

/// Template names must be lower case, so the table's own name cannot be used.
fn columns_name(table: &Table) -> String {
    format!("ccfd-{}-columns", table.index)
}

pub(super) fn meta(description: &str) -> Value {
    json!({ "managed_by": "ccfd", "description": description })
}
