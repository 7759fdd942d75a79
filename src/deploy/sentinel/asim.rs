//! Stored chat completions as events of `ASimAgentEventLogs`, as Sentinel's OpenAI solution maps them; the
//! collector's name is kept as well.

use super::kql::{Assignment, time};
use crate::tables::{Origin, Table};

/// Fields without a column in the events: the name in `AdditionalFields`, and the field of the stream.
const PACKED: [(&str, &str); 7] = [
    ("service_tier", "service_tier"),
    ("system_fingerprint", "system_fingerprint"),
    ("response_format", "response_format"),
    ("tools", "tools"),
    ("metadata", "metadata"),
    ("input_user", "input_user"),
    ("connector_name", "friendlyName"),
];

/// Columns of the events, each with its value.
const COLUMNS: [(&str, &str); 14] = [
    ("EventUid", "id"),
    ("EventOriginalType", "object"),
    ("EventRequestId", "request_id"),
    ("ModelName", "model"),
    ("EventRequestTemperature", "temperature"),
    ("EventRequestTopP", "top_p"),
    ("EventRequestFrequencyPenalty", "frequency_penalty"),
    ("EventRequestPresencePenalty", "presence_penalty"),
    ("EventRequestSeed", "seed"),
    ("ToolName", "tool_choice"),
    ("InputTokensUsed", "tolong(usage.prompt_tokens)"),
    ("OutputTokensUsed", "tolong(usage.completion_tokens)"),
    // Transforms cannot loop over an array, so of several choices only the first one is used.
    ("EventFinishReasons", "pack_array(choices[0].finish_reason)"),
    ("EventOriginalResultDetails", "tostring(choices)"),
];

/// Times of the events: all are the time of the request's beginning.
const TIMES: [&str; 3] = ["TimeGenerated", "EventStartTime", "EventEndTime"];

/// Constants of the stream, and the columns of the events that contain them.
const CONSTANTS: [(&str, &str); 7] = [
    ("eventVendor", "EventVendor"),
    ("eventProduct", "EventProduct"),
    ("eventSchema", "EventSchema"),
    ("eventSchemaVersion", "EventSchemaVersion"),
    ("eventCount", "EventCount"),
    ("eventType", "EventType"),
    ("modelProviderName", "ModelProviderName"),
];

/// The columns of an event, and the expression for each.
pub(super) fn assignments(table: &Table) -> Vec<Assignment<'_>> {
    let times = TIMES
        .iter()
        .map(|name| Assignment { name, value: format!("iff(isnull(created), now(), {})", time("created")) });
    let columns = COLUMNS.iter().map(|(name, value)| Assignment { name, value: (*value).to_owned() });
    let constants = table.stream_asim.iter().filter_map(|field| {
        let (_, name) = CONSTANTS.iter().find(|(constant, _)| *constant == field.name)?;
        let value = match *name {
            "EventCount" => format!("toint({})", field.name),
            _ => field.name.to_string(),
        };
        Some(Assignment { name, value })
    });
    times.chain(constants).chain(columns).chain([additional_fields()]).collect()
}

fn additional_fields() -> Assignment<'static> {
    let members = PACKED.map(|(name, field)| format!("\"{name}\", {field}"));
    Assignment { name: "AdditionalFields", value: format!("bag_pack({})", members.join(", ")) }
}

/// The field of the stream itself, if it is packed into one column with others.
pub fn packed(field: &str) -> Option<&'static str> {
    PACKED.iter().map(|(_, packed)| *packed).find(|packed| *packed == field)
}

/// The text that this field of the stream has in every row.
pub(super) fn constant<'t>(table: &'t Table, field: &str) -> Option<&'t str> {
    table.stream_asim.iter().find(|column| column.name == field).and_then(|column| match &column.from {
        Origin::Constant(text) => Some(&**text),
        Origin::Field(_) | Origin::Inner(..) | Origin::Details | Origin::Connector | Origin::Time(_) => None,
    })
}
