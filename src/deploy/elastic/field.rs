//! How each column is indexed: the one place where that is chosen.

use serde_json::{Map, Value, json};

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
pub(super) enum Use {
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
    /// The tokens used, of which [`TOKENS`] are summed up and the rest is kept.
    Tokens,
    /// Kept and shown: text of a model or a schema, too long and too varied to be looked for by exact value.
    Kept,
}

/// The members of `Usage` that are summed up.
pub(super) const TOKENS: [&str; 3] = ["completion_tokens", "prompt_tokens", "total_tokens"];

/// The dynamic columns that are not an object of any shape.
const DYNAMIC: [(&str, Use); 4] =
    [("Choices", Use::Kept), ("Tools", Use::Kept), ("ResponseFormat", Use::Kept), ("Usage", Use::Tokens)];

pub(super) fn use_of(column: &Column) -> Use {
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
            let sums = TOKENS.iter().map(|name| ((*name).to_owned(), sum.clone()));
            json!({ "properties": sums.collect::<Map<String, Value>>() })
        }
        Use::Kept => json!({ "type": "object", "enabled": false }),
    }
}

/// The mapping of `@timestamp`, and of the column that says the same.
pub(super) fn time() -> Value {
    json!({ "type": "date", "format": TIME_FORMAT })
}
