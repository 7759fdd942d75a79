//! `OpenAIChatCompletions_CL`: one row per stored chat completion.

use std::sync::{Arc, LazyLock};

use super::{
    Column,
    ColumnKind::{DateTime, Dynamic, Long, Real, String},
    MESSAGES,
    Origin::{Connector, Constant, Field, Time},
    Table,
    render::TIME,
};

const ABOUT_MESSAGES: &str = "Input messages, with `include_messages`; an object says why they are missing";

/// Stored chat completions, with the columns of the published Sentinel table and, last, their input messages.
pub static CHAT_COMPLETIONS: LazyLock<Arc<Table>> = LazyLock::new(|| {
    Arc::new(Table {
        name: "OpenAIChatCompletions_CL".into(),
        settings_key: "chat_completions".into(),
        of_records: true,
        key: "Id".into(),
        time: TIME.into(),
        newest_wins: false,
        documents: vec![],
        findings: vec![],
        index: "openai-chat-completions".into(),
        connector: "OpenAI chat completions".into(),
        stream_name: "Custom-OpenAIChatCompletions_CL".into(),
        function: "OpenAIChatCompletions".into(),
        symbol: "chatCompletions".into(),
        has_asim: true,
        omitted: vec![],
        columns: vec![
            Column::new("TimeGenerated", DateTime, Time("created".into()), "When the request began"),
            Column::new("Id", String, Field("id".into()), "Id of the completion, unique"),
            Column::new("ObjectType", String, Field("object".into()), "Always `chat.completion`"),
            Column::new("CreatedAt", DateTime, Time("created".into()), "When the request began"),
            Column::new("Model", String, Field("model".into()), "Model snapshot that answered"),
            Column::new("RequestId", String, Field("request_id".into()), "Id of the HTTP request"),
            Column::new("ServiceTier", String, Field("service_tier".into()), "Service tier used"),
            Column::new(
                "SystemFingerprint",
                String,
                Field("system_fingerprint".into()),
                "The backend that answered",
            ),
            Column::new("Choices", Dynamic, Field("choices".into()), "What the model answered"),
            Column::new("Usage", Dynamic, Field("usage".into()), "Tokens used"),
            Column::new(
                "Metadata",
                Dynamic,
                Field("metadata".into()),
                "Key-value pairs attached by the caller",
            ),
            Column::new(
                "ToolChoice",
                String,
                Field("tool_choice".into()),
                "How tools were chosen; an object as JSON text",
            ),
            Column::new("Tools", Dynamic, Field("tools".into()), "Tools offered to the model"),
            Column::new("Temperature", Real, Field("temperature".into()), "Sampling temperature"),
            Column::new("TopProbability", Real, Field("top_p".into()), "Nucleus sampling mass (`top_p`)"),
            Column::new(
                "FrequencyPenalty",
                Real,
                Field("frequency_penalty".into()),
                "Penalty on frequent tokens",
            ),
            Column::new(
                "PresencePenalty",
                Real,
                Field("presence_penalty".into()),
                "Penalty on tokens already present",
            ),
            Column::new("Seed", Long, Field("seed".into()), "Sampling seed, 64 bits"),
            Column::new("InputUser", String, Field("input_user".into()), "The end user named by the caller"),
            Column::new(
                "ResponseFormat",
                Dynamic,
                Field("response_format".into()),
                "Response format requested",
            ),
            Column::new("ConnectorName", String, Connector, "Name of the collector that read the completion"),
            Column::new("Messages", Dynamic, Field(MESSAGES.into()), ABOUT_MESSAGES),
        ],
        stream: vec![
            Column::new("id", String, Field("id".into()), "Id of the completion, unique"),
            Column::new("object", String, Field("object".into()), "Always `chat.completion`"),
            Column::new("created", Long, Time("created".into()), "When the request began, in Unix seconds"),
            Column::new("model", String, Field("model".into()), "Model snapshot that answered"),
            Column::new("request_id", String, Field("request_id".into()), "Id of the HTTP request"),
            Column::new("service_tier", String, Field("service_tier".into()), "Service tier used"),
            Column::new(
                "system_fingerprint",
                String,
                Field("system_fingerprint".into()),
                "The backend that answered",
            ),
            Column::new("choices", Dynamic, Field("choices".into()), "What the model answered"),
            Column::new("usage", Dynamic, Field("usage".into()), "Tokens used"),
            Column::new(
                "metadata",
                Dynamic,
                Field("metadata".into()),
                "Key-value pairs attached by the caller",
            ),
            Column::new(
                "tool_choice",
                String,
                Field("tool_choice".into()),
                "How tools were chosen; an object as JSON text",
            ),
            Column::new("tools", Dynamic, Field("tools".into()), "Tools offered to the model"),
            Column::new("temperature", Real, Field("temperature".into()), "Sampling temperature"),
            Column::new("top_p", Real, Field("top_p".into()), "Nucleus sampling mass"),
            Column::new(
                "frequency_penalty",
                Real,
                Field("frequency_penalty".into()),
                "Penalty on frequent tokens",
            ),
            Column::new(
                "presence_penalty",
                Real,
                Field("presence_penalty".into()),
                "Penalty on tokens already present",
            ),
            Column::new("seed", Long, Field("seed".into()), "Sampling seed, 64 bits"),
            Column::new("input_user", String, Field("input_user".into()), "The end user named by the caller"),
            Column::new(
                "response_format",
                Dynamic,
                Field("response_format".into()),
                "Response format requested",
            ),
            Column::new("friendlyName", String, Connector, "Name of the collector that read the completion"),
            // The published rule does not have it, and Azure drops what a rule does not have.
            Column::new(MESSAGES, Dynamic, Field(MESSAGES.into()), ABOUT_MESSAGES),
        ],
        stream_asim: vec![
            Column::new("eventVendor", String, Constant("OpenAI".into()), "Vendor of the product"),
            Column::new("eventProduct", String, Constant("OpenAI API Platform".into()), "The product"),
            Column::new("eventSchema", String, Constant("AgentEvent".into()), "The ASIM schema"),
            Column::new("eventSchemaVersion", String, Constant("0.1.0".into()), "Its version"),
            Column::new(
                "eventCount",
                String,
                Constant("1".into()),
                "Number of events in the row, as text: the rule converts it to a number",
            ),
            Column::new("eventType", String, Constant("ChatCompletion".into()), "What happened"),
            Column::new("modelProviderName", String, Constant("OpenAI".into()), "Who runs the model"),
            Column::new(
                "aliasName",
                String,
                Constant("OpenAIChatCompletions".into()),
                "Name of the function that queries the table",
            ),
        ],
    })
});
