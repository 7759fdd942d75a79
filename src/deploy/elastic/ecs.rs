//! How the members of documents of the Elastic Common Schema are indexed.

use super::field::{Field, FieldMembers};

const NAME: Field = Field::Object(&[("id", Field::Text), ("name", Field::Text)]);

/// Those that rules and dashboards search for.
const EVENT: FieldMembers = &[
    ("kind", Field::Text),
    ("category", Field::Text),
    ("type", Field::Text),
    ("severity", Field::Count),
    ("risk_score", Field::Count),
    ("id", Field::Text),
    ("module", Field::Text),
    ("dataset", Field::Text),
    ("action", Field::Text),
    ("reason", Field::Text),
    ("created", Field::Time),
    ("start", Field::Time),
    ("end", Field::Time),
    ("ingested", Field::Time),
];

const RULE: FieldMembers = &[
    ("id", Field::Text),
    ("uuid", Field::Text),
    ("name", Field::Text),
    ("description", Field::Text),
    ("reference", Field::Text),
    ("ruleset", Field::Text),
    ("version", Field::Text),
];

const THREAT: FieldMembers = &[
    ("framework", Field::Text),
    ("tactic", NAME),
    ("technique", Field::Object(&[("id", Field::Text), ("subtechnique", NAME)])),
];

const USER: FieldMembers =
    &[("id", Field::Text), ("name", Field::Text), ("email", Field::Text), ("domain", Field::Text)];

const ALERT: FieldMembers = &[
    ("status", Field::Text),
    ("disposition", Field::Text),
    ("judged_by", Field::Text),
    ("judged_at", Field::Moment),
    ("level", Field::Text),
    ("event_count", Field::Count),
    ("group", Field::Text),
    ("record_ids", Field::Text),
    ("connectors", Field::Text),
    ("tables", Field::Text),
    ("historical", Field::Flag),
    ("staging", Field::Flag),
    ("notify", Field::Flag),
    ("notify_reason", Field::Text),
    ("suppressed_count", Field::Number("long")),
    ("merged_into", Field::Text),
    ("withdrawn", Field::Flag),
    ("changed_at", Field::Moment),
    ("change", Field::Number("long")),
];

const FIELDS: [(&str, Field); 11] = [
    ("message", Field::Text),
    ("event", Field::Object(EVENT)),
    ("rule", Field::Object(RULE)),
    ("threat", Field::Object(THREAT)),
    ("user", Field::Object(USER)),
    ("source", Field::Object(&[("ip", Field::Address), ("address", Field::Text)])),
    ("related", Field::Object(&[("user", Field::Text), ("ip", Field::Address)])),
    (
        "observer",
        Field::Object(&[("vendor", Field::Text), ("product", Field::Text), ("version", Field::Text)]),
    ),
    ("tags", Field::Text),
    ("ecs", Field::Object(&[("version", Field::Text)])),
    ("ccfd", Field::Object(&[("alert", Field::Object(ALERT))])),
];

/// How the member of this name is indexed; one that is not listed is only stored.
pub(super) fn field(name: &str) -> Field {
    FIELDS.iter().find(|(own, _)| *own == name).map_or(Field::Kept, |(_, field)| *field)
}
