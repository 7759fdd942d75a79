//! How each column is indexed, chosen only here. A node spends more on indexing than on anything else, so
//! what nobody searches for is only stored.

use serde_json::{Map, Value, json};

use super::Product;
use crate::tables::{Column, ColumnKind};

/// Text longer than this, in characters, is stored and not indexed. With four bytes per character it stays
/// far below the longest term of an index (32,766 bytes), beyond which the whole document would be refused.
const TEXT_CHARS_MAX: u32 = 1024;

/// A document with objects nested deeper than the default of 20 would be refused. OpenAI sends at most five
/// levels.
const DEPTH_MAX: u32 = 100;

/// Times are whole seconds; Kibana's connector adds milliseconds.
const TIME_FORMAT: &str = "strict_date_time_no_millis||strict_date_optional_time";

/// What of a value can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Text, searched and counted by its exact value.
    Text,
    /// A network address, searched by itself and by its network.
    Address,
    /// The time by which rows are looked for.
    Time,
    /// A time that repeats another: for display and sorting, without a search tree.
    Moment,
    /// A number of this type: for display, sums and sorting, without a search tree.
    Number(&'static str),
    /// A number that is searched for.
    Count,
    /// True or false.
    Flag,
    /// An object of which these members are indexed, and the others stored.
    Object(FieldMembers),
    /// An object with unknown members: each value can be searched by its path, at several times the cost.
    Flat,
    /// Only stored and shown: text of a model or a schema, too long and too varied to be searched by its
    /// exact value.
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

/// How a column is indexed. The table says which of its times is the one for searches.
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
        Field::Count => json!({ "type": "long", "ignore_malformed": true }),
        Field::Flag => json!({ "type": "boolean" }),
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
