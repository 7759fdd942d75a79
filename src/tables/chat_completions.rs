//! `OpenAIChatCompletions_CL`: one row a stored chat completion.

use super::Kind::{DateTime, Dynamic, Long, Real, String};
use super::Origin::{Connector, Constant, Field, Time};
use super::{Column, MESSAGES, Source, Table};

const ABOUT_MESSAGES: &str = "Input messages, with `include_messages`; an object says why they are missing";

/// Stored chat completions, with the columns of the published Sentinel table and, last, what was asked.
pub static CHAT_COMPLETIONS: Table = Table {
    name: "OpenAIChatCompletions_CL",
    source: Source::ChatCompletions,
    key: "Id",
    omitted: &[],
    columns: &[
        Column::new("TimeGenerated", DateTime, Time("created"), "When the request began"),
        Column::new("Id", String, Field("id"), "Id of the completion, unique"),
        Column::new("ObjectType", String, Field("object"), "Always `chat.completion`"),
        Column::new("CreatedAt", DateTime, Time("created"), "When the request began"),
        Column::new("Model", String, Field("model"), "Model snapshot that answered"),
        Column::new("RequestId", String, Field("request_id"), "Id of the HTTP request"),
        Column::new("ServiceTier", String, Field("service_tier"), "Service tier used"),
        Column::new("SystemFingerprint", String, Field("system_fingerprint"), "The backend that answered"),
        Column::new("Choices", Dynamic, Field("choices"), "What the model answered"),
        Column::new("Usage", Dynamic, Field("usage"), "Tokens used"),
        Column::new("Metadata", Dynamic, Field("metadata"), "Key-value pairs attached by the caller"),
        Column::new(
            "ToolChoice",
            String,
            Field("tool_choice"),
            "How tools were chosen; an object as JSON text",
        ),
        Column::new("Tools", Dynamic, Field("tools"), "Tools offered to the model"),
        Column::new("Temperature", Real, Field("temperature"), "Sampling temperature"),
        Column::new("TopProbability", Real, Field("top_p"), "Nucleus sampling mass (`top_p`)"),
        Column::new("FrequencyPenalty", Real, Field("frequency_penalty"), "Penalty on frequent tokens"),
        Column::new("PresencePenalty", Real, Field("presence_penalty"), "Penalty on tokens already present"),
        Column::new("Seed", Long, Field("seed"), "Sampling seed, 64 bits"),
        Column::new("InputUser", String, Field("input_user"), "The end user named by the caller"),
        Column::new("ResponseFormat", Dynamic, Field("response_format"), "Response format requested"),
        Column::new("ConnectorName", String, Connector, "Name of the collector that read the completion"),
        Column::new("Messages", Dynamic, Field(MESSAGES), ABOUT_MESSAGES),
    ],
    stream: &[
        Column::new("id", String, Field("id"), "Id of the completion, unique"),
        Column::new("object", String, Field("object"), "Always `chat.completion`"),
        Column::new("created", Long, Time("created"), "When the request began, in Unix seconds"),
        Column::new("model", String, Field("model"), "Model snapshot that answered"),
        Column::new("request_id", String, Field("request_id"), "Id of the HTTP request"),
        Column::new("service_tier", String, Field("service_tier"), "Service tier used"),
        Column::new("system_fingerprint", String, Field("system_fingerprint"), "The backend that answered"),
        Column::new("choices", Dynamic, Field("choices"), "What the model answered"),
        Column::new("usage", Dynamic, Field("usage"), "Tokens used"),
        Column::new("metadata", Dynamic, Field("metadata"), "Key-value pairs attached by the caller"),
        Column::new(
            "tool_choice",
            String,
            Field("tool_choice"),
            "How tools were chosen; an object as JSON text",
        ),
        Column::new("tools", Dynamic, Field("tools"), "Tools offered to the model"),
        Column::new("temperature", Real, Field("temperature"), "Sampling temperature"),
        Column::new("top_p", Real, Field("top_p"), "Nucleus sampling mass"),
        Column::new("frequency_penalty", Real, Field("frequency_penalty"), "Penalty on frequent tokens"),
        Column::new("presence_penalty", Real, Field("presence_penalty"), "Penalty on tokens already present"),
        Column::new("seed", Long, Field("seed"), "Sampling seed, 64 bits"),
        Column::new("input_user", String, Field("input_user"), "The end user named by the caller"),
        Column::new("response_format", Dynamic, Field("response_format"), "Response format requested"),
        Column::new("friendlyName", String, Connector, "Name of the collector that read the completion"),
        // The published rule does not know it, and Azure drops what a rule does not know.
        Column::new(MESSAGES, Dynamic, Field(MESSAGES), ABOUT_MESSAGES),
    ],
    stream_asim: &[
        Column::new("eventVendor", String, Constant("OpenAI"), "Vendor of the product"),
        Column::new("eventProduct", String, Constant("OpenAI API Platform"), "The product"),
        Column::new("eventSchema", String, Constant("AgentEvent"), "The ASIM schema"),
        Column::new("eventSchemaVersion", String, Constant("0.1.0"), "Its version"),
        Column::new(
            "eventCount",
            String,
            Constant("1"),
            "Number of events in the row, as text: the rule converts it to a number",
        ),
        Column::new("eventType", String, Constant("ChatCompletion"), "What happened"),
        Column::new("modelProviderName", String, Constant("OpenAI"), "Who runs the model"),
        Column::new(
            "aliasName",
            String,
            Constant("OpenAIChatCompletions"),
            "Name of the function that queries the table",
        ),
    ],
};
