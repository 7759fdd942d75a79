//! How each column is indexed: the one place where that is chosen. A node spends more on indexing than on all else, so
//! what nobody looks for is only kept.

use serde_json::{Map, Value, json};

use super::Product;
use crate::tables::{Column, ColumnKind};

/// Text beyond this many characters is kept and not indexed. Four bytes a character stay far below the longest term
/// that an index takes (32,766 bytes), beyond which the whole document would be refused.
const TEXT_CHARS_MAX: u32 = 1024;

/// Objects nested deeper than the default of 20 would have their document refused. OpenAI sends five levels at most.
const DEPTH_MAX: u32 = 100;

/// Times come as whole seconds; Kibana's connector stamps milliseconds.
const TIME_FORMAT: &str = "strict_date_time_no_millis||strict_date_optional_time";

/// What of a value can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Text, found by its exact value and counted by it.
    Text,
    /// A network address, found by itself and by its network.
    Address,
    /// The time by which rows are looked for.
    Time,
    /// A time that says the same again: shown and sorted by, without a search tree.
    Moment,
    /// A number of this type: shown, summed up and sorted by, without a search tree.
    Number(&'static str),
    /// An object of which these members are indexed, and the others kept.
    Object(FieldMembers),
    /// An object whose members nobody knows beforehand: each value is found by its path, at several times the cost.
    Flat,
    /// Anything, kept and shown: text of a model or a schema, too long and too varied to be found by its exact value.
    Kept,
}

/// Members of an object by their names.
pub(super) type FieldMembers = &'static [(&'static str, Field)];

/// A count of tokens.
const TOKENS: Field = Field::Number("long");
/// A user, as an actor has it.
const USER: Field = Field::Object(&[("id", Field::Text), ("email", Field::Text)]);

/// Seconds, or things that were counted.
const NUMBER: Field = Field::Number("long");
/// What is said of a route's hour.
pub(super) const HEALTH: FieldMembers = &[
    ("DestinationTable", Field::Text),
    ("Sink", Field::Text),
    ("SinkType", Field::Text),
    ("State", Field::Text),
    ("From", Field::Moment),
    ("To", Field::Moment),
    ("Fetched", NUMBER),
    ("Delivered", NUMBER),
    ("AlreadyThere", NUMBER),
    ("Rejected", NUMBER),
    ("Late", NUMBER),
    ("Requests", NUMBER),
    ("Retries", NUMBER),
    ("Parks", NUMBER),
    ("ReadLagSeconds", NUMBER),
    ("WatermarkLagSeconds", NUMBER),
    ("Version", Field::Text),
];

/// The dynamic columns; one that is not listed is an object of any shape.
const DYNAMIC: [(&str, Field); 10] = [
    ("ActorSession", Field::Object(&[("user", USER), ("ip_address", Field::Address)])),
    (
        "ActorApiKey",
        Field::Object(&[
            ("id", Field::Text),
            ("type", Field::Text),
            ("user", USER),
            ("service_account", Field::Object(&[("id", Field::Text)])),
        ]),
    ),
    ("Project", Field::Object(&[("id", Field::Text), ("name", Field::Text)])),
    (
        "Usage",
        Field::Object(&[("prompt_tokens", TOKENS), ("completion_tokens", TOKENS), ("total_tokens", TOKENS)]),
    ),
    ("Metadata", Field::Flat),
    ("Choices", Field::Kept),
    ("Tools", Field::Kept),
    ("ResponseFormat", Field::Kept),
    ("Messages", Field::Kept),
    ("ExtendedProperties", Field::Object(HEALTH)),
];

/// How a column is indexed. Which of its times is the one by which rows are looked for, the table says.
pub(super) fn field(column: &Column) -> Field {
    match column.kind {
        ColumnKind::String => Field::Text,
        ColumnKind::DateTime => Field::Moment,
        ColumnKind::Long => Field::Number("long"),
        ColumnKind::Real => Field::Number("double"),
        ColumnKind::Dynamic => {
            let listed = DYNAMIC.iter().find(|(name, _)| *name == column.name);
            listed.map_or(Field::Flat, |(_, field)| *field)
        }
    }
}

/// The field's mapping.
pub(super) fn mapping(product: Product, field: Field) -> Value {
    match field {
        Field::Text => json!({ "type": "keyword", "ignore_above": TEXT_CHARS_MAX }),
        Field::Address => json!({ "type": "ip", "ignore_malformed": true }),
        Field::Time => json!({ "type": "date", "format": TIME_FORMAT }),
        Field::Moment => json!({ "type": "date", "format": TIME_FORMAT, "index": false }),
        Field::Number(kind) => json!({ "type": kind, "index": false, "ignore_malformed": true }),
        Field::Object(members) => {
            let members = members.iter().map(|(name, field)| ((*name).to_owned(), mapping(product, *field)));
            json!({ "properties": members.collect::<Map<String, Value>>() })
        }
        Field::Flat => match product {
            Product::Elasticsearch => {
                json!({ "type": "flattened", "ignore_above": TEXT_CHARS_MAX, "depth_limit": DEPTH_MAX })
            }
            Product::OpenSearch => json!({ "type": "flat_object" }),
        },
        Field::Kept => json!({ "type": "object", "enabled": false }),
    }
}
