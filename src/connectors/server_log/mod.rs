//! `.server-log`: a line in the log of ccfd.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{
    connector::ConnectorSecrets,
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    fields::{StrictFields, only},
    outgoing::Outgoing,
    run::{RunContext, RunFailure, RunOutput},
};

/// The most characters of a line.
const CHARS_MAX: usize = 4_096;
const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

const INFO: TypeInfo = TypeInfo {
    id: ".server-log",
    name: "Server log",
    licence: Licence::Basic,
    features: &[Feature::Alerting, Feature::Uptime],
    is_system: false,
};

/// `.server-log`
pub struct ServerLogType;

#[async_trait]
impl ConnectorType for ServerLogType {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(
        &self,
        config: &Map<String, Value>,
        _outgoing: &Outgoing,
    ) -> Result<Map<String, Value>, String> {
        StrictFields::new(config).finish()?;
        Ok(Map::new())
    }

    fn check_secrets(
        &self,
        _config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        _outgoing: &Outgoing,
    ) -> Result<(), String> {
        only(secrets, &[])
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        read(params).map(drop)
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        // The parameters were checked.
        if let Ok((message, level)) = read(run.params) {
            let (connector, message) = (run.connector.id.as_str(), tamed(message));
            match level {
                "trace" => tracing::trace!(connector, message, "server log"),
                "debug" => tracing::debug!(connector, message, "server log"),
                "warn" => tracing::warn!(connector, message, "server log"),
                "error" | "fatal" => tracing::error!(connector, message, level, "server log"),
                _ => tracing::info!(connector, message, "server log"),
            }
        }
        Ok(RunOutput::data(Value::Null))
    }

    fn test_params(&self, _config: &Map<String, Value>) -> Map<String, Value> {
        let text = "This is a test of a connector of ccfd.";
        [("message".to_owned(), Value::from(text))].into_iter().collect()
    }
}

fn read(params: &Map<String, Value>) -> Result<(&str, &'static str), String> {
    let mut fields = StrictFields::new(params);
    let message = fields.required_text("message")?;
    let level = fields.one_of("level", &LEVELS)?.unwrap_or("info");
    fields.finish()?;
    Ok((message, level))
}

/// One line, whatever it says: without control characters and line ends, and not longer than others.
fn tamed(message: &str) -> String {
    let mut line = String::new();
    for (at, c) in message.chars().enumerate() {
        if at == CHARS_MAX {
            line.push('…');
            break;
        }
        match c {
            // Unicode's own line ends, and what changes the direction of what follows.
            '\u{2028}'
            | '\u{2029}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                line.extend(c.escape_unicode());
            }
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_limited_length() {
        assert_eq!(tamed("a\nb\r\u{1b}[31m\u{202e}c\u{2028}"), "a\\nb\\r\\u{1b}[31m\\u{202e}c\\u{2028}");
        assert_eq!(tamed(&"x".repeat(CHARS_MAX + 1)).chars().count(), CHARS_MAX + 1);
        assert_eq!(tamed("ünïcode ✓"), "ünïcode ✓");
    }

    #[test]
    fn parameters_are_strict() {
        let read = |value: Value| {
            let map = value.as_object().cloned().unwrap_or_default();
            super::read(&map).map(|(message, level)| (message.to_owned(), level))
        };
        assert_eq!(read(serde_json::json!({ "message": "x" })), Ok(("x".to_owned(), "info")));
        assert_eq!(
            read(serde_json::json!({ "message": "x", "level": "fatal" })),
            Ok(("x".to_owned(), "fatal"))
        );
        for wrong in [
            serde_json::json!({}),
            serde_json::json!({ "message": 7 }),
            serde_json::json!({ "message": "x", "level": "loud" }),
            serde_json::json!({ "message": "x", "more": 1 }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
