//! `.webhook`: a request with any body to any address that is allowed.
//!
//! | file | what it has |
//! | --- | --- |
//! | `config` | the settings |
//! | `auth` | the secrets, and what of them goes into a request |
//! | `signature` | the signature of a body, for receivers that verify it |
//! | `send` | one run |

mod auth;
mod config;
mod send;
mod signature;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use self::{auth::WebhookAuth, config::WebhookConfig};
use super::{
    connector::ConnectorSecrets,
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    fields::StrictFields,
    outgoing::Outgoing,
    param_language::ParamLanguage,
    run::{RunContext, RunFailure, RunOutput},
};

const INFO: TypeInfo = TypeInfo {
    id: ".webhook",
    name: "Webhook",
    licence: Licence::Gold,
    features: &[Feature::Alerting, Feature::Uptime, Feature::Siem],
    is_system: false,
};

/// `.webhook`
pub struct WebhookType;

#[async_trait]
impl ConnectorType for WebhookType {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(
        &self,
        config: &Map<String, Value>,
        outgoing: &Outgoing,
    ) -> Result<Map<String, Value>, String> {
        let read = WebhookConfig::read(config)?;
        let refused = |error| format!("error validation webhook action config: {error}");
        outgoing.check(&read.url).map_err(refused)?;
        Ok(read.shown())
    }

    fn check_secrets(
        &self,
        config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        _outgoing: &Outgoing,
    ) -> Result<(), String> {
        WebhookAuth::read(&WebhookConfig::read(config)?, secrets).map(drop)
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        body(params).map(drop)
    }

    fn language(&self, config: &Map<String, Value>, path: &str) -> ParamLanguage {
        match path {
            "body" => ParamLanguage::of_content_type(config::content_type(config)),
            _ if path.starts_with("body.") => ParamLanguage::Data,
            _ => ParamLanguage::Line,
        }
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        send::run(run).await
    }

    fn test_params(&self, _config: &Map<String, Value>) -> Map<String, Value> {
        let body = json!({ "message": "This is a test of a connector of ccfd." }).to_string();
        [("body".to_owned(), Value::from(body))].into_iter().collect()
    }
}

/// The one parameter.
fn body(params: &Map<String, Value>) -> Result<Option<&str>, String> {
    let mut fields = StrictFields::new(params);
    let body = fields.text("body")?;
    fields.finish()?;
    Ok(body)
}
