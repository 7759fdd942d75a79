//! How each column is indexed: the one place where that is chosen.

use serde_json::{Value, json};

use super::Product;
use crate::tables::{Column, Kind, render::TIME};

/// Text beyond this many characters is kept and not indexed. Four bytes a character stay far below the longest term
/// that an index takes (32,766 bytes), beyond which the whole document would be refused.
const TEXT_CHARS_MAX: u32 = 1024;

/// Objects nested deeper than the default of 20 would have their document refused. OpenAI sends five levels at most.
const DEPTH_MAX: u32 = 100;

/// Times come as whole seconds; Kibana's connector stamps milliseconds.
const TIME_FORMAT: &str = "strict_date_time_no_millis||strict_date_optional_time";

/// What of a column can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Found by its exact value, and counted by it.
    Exact,
    /// The time by which rows are looked for.
    Time,
    /// The same time under the table's own name for it.
    Moment,
    /// Of this type; shown, sorted and aggregated, and hardly ever looked for: that needs no search tree.
    Figure(&'static str),
    /// An object of any shape; each of its values is found by its path.
    Flat,
    /// The number of tokens used: the three sums that are asked for, and the rest kept.
    Tokens,
    /// Kept and shown: text of a model or a schema, too long and too varied to be looked for by exact value.
    Kept,
}

/// The dynamic columns that are not an object of any shape.
const DYNAMIC: [(&str, Use); 4] =
    [("Choices", Use::Kept), ("Tools", Use::Kept), ("ResponseFormat", Use::Kept), ("Usage", Use::Tokens)];

fn use_of(column: &Column) -> Use {
    match column.kind {
        Kind::String => Use::Exact,
        Kind::DateTime if column.name == TIME => Use::Time,
        Kind::DateTime => Use::Moment,
        Kind::Long => Use::Figure("long"),
        Kind::Real => Use::Figure("double"),
        Kind::Dynamic => {
            let stated = DYNAMIC.iter().find(|(name, _)| *name == column.name);
            stated.map_or(Use::Flat, |(_, stated)| *stated)
        }
    }
}

/// Whether the templates let this column hold nothing but an object or null. The writer must give any other value as
/// `{"value": …}`: a document with an array or a text there would be refused, and a record is worth more than its shape.
pub fn needs_object(column: &Column) -> bool {
    match use_of(column) {
        Use::Flat | Use::Tokens => true,
        Use::Exact | Use::Time | Use::Moment | Use::Figure(_) | Use::Kept => false,
    }
}

/// The column's mapping.
pub(super) fn mapping(product: Product, column: &Column) -> Value {
    match use_of(column) {
        Use::Exact => json!({ "type": "keyword", "ignore_above": TEXT_CHARS_MAX }),
        Use::Time => time(),
        Use::Moment => json!({ "type": "date", "format": TIME_FORMAT, "index": false }),
        Use::Figure(kind) => json!({ "type": kind, "index": false }),
        Use::Flat => match product {
            Product::Elasticsearch => {
                json!({ "type": "flattened", "ignore_above": TEXT_CHARS_MAX, "depth_limit": DEPTH_MAX })
            }
            Product::OpenSearch => json!({ "type": "flat_object" }),
        },
        Use::Tokens => {
            let sum = json!({ "type": "long", "index": false, "ignore_malformed": true });
            json!({ "properties": { "prompt_tokens": sum, "completion_tokens": sum, "total_tokens": sum } })
        }
        Use::Kept => json!({ "type": "object", "enabled": false }),
    }
}

/// The mapping of `@timestamp`, and of the column that says the same.
pub(super) fn time() -> Value {
    json!({ "type": "date", "format": TIME_FORMAT })
}
