//! `OpenAIChatCompletions_CL`: one row a stored chat completion.

use super::Kind::{DateTime, Dynamic, Long, Real, String};
use super::Origin::{Connector, Field, Time};
use super::{Column, Source, Table};

/// Stored chat completions, with the columns of the published Sentinel table. Prompts are not among them.
pub static CHAT_COMPLETIONS: Table = Table {
    name: "OpenAIChatCompletions_CL",
    source: Source::ChatCompletions,
    omitted: &[],
    columns: &[
        Column::new("TimeGenerated", DateTime, Time("created"), "When the request began"),
        Column::new("Id", String, Field("id"), "Id of the completion, unique"),
        Column::new("ObjectType", String, Field("object"), "Always `chat.completion`"),
        Column::new("CreatedAt", DateTime, Time("created"), "When the request began"),
        Column::new("Model", String, Field("model"), "The model snapshot that answered"),
        Column::new("RequestId", String, Field("request_id"), "Id of the HTTP request"),
        Column::new("ServiceTier", String, Field("service_tier"), "The service tier that was used"),
        Column::new("SystemFingerprint", String, Field("system_fingerprint"), "The backend that answered"),
        Column::new("Choices", Dynamic, Field("choices"), "What the model answered"),
        Column::new("Usage", Dynamic, Field("usage"), "Tokens used"),
        Column::new("Metadata", Dynamic, Field("metadata"), "Key-value pairs that the caller attached"),
        Column::new(
            "ToolChoice",
            String,
            Field("tool_choice"),
            "How tools were chosen; an object as JSON text",
        ),
        Column::new("Tools", Dynamic, Field("tools"), "The tools on offer"),
        Column::new("Temperature", Real, Field("temperature"), "Sampling temperature"),
        Column::new("TopProbability", Real, Field("top_p"), "Nucleus sampling mass (`top_p`)"),
        Column::new("FrequencyPenalty", Real, Field("frequency_penalty"), "Penalty on frequent tokens"),
        Column::new("PresencePenalty", Real, Field("presence_penalty"), "Penalty on tokens already present"),
        Column::new("Seed", Long, Field("seed"), "Sampling seed, all 64 bits of it"),
        Column::new("InputUser", String, Field("input_user"), "The end user named by the caller"),
        Column::new("ResponseFormat", Dynamic, Field("response_format"), "The format that was asked for"),
        Column::new("ConnectorName", String, Connector, "Name of the collector that read the completion"),
    ],
};
