//! `.slack`: a message to the channel of an incoming webhook. Its address is the secret.

mod send;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use url::Url;

use super::{
    connector::ConnectorSecrets,
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    fields::{StrictFields, only, required},
    outgoing::{NotAllowed, Outgoing},
    param_language::ParamLanguage,
    run::{RunContext, RunFailure, RunOutput},
};

const INFO: TypeInfo = TypeInfo {
    id: ".slack",
    name: "Slack",
    licence: Licence::Gold,
    features: &[Feature::Alerting, Feature::Uptime, Feature::Siem],
    is_system: false,
};

/// `.slack`
pub struct SlackType;

#[async_trait]
impl ConnectorType for SlackType {
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
        outgoing: &Outgoing,
    ) -> Result<(), String> {
        let url = webhook_url(secrets)?;
        // Only the host: the rest of the address is the secret.
        let host = url.host_str().unwrap_or_default();
        let refused = |error| match error {
            NotAllowed::Host { .. } => format!(
                "error configuring slack action: target hostname \"{host}\" is not added to the Kibana config \
                 xpack.actions.allowedHosts"
            ),
            NotAllowed::Credentials { .. } => format!("error configuring slack action: {error}"),
        };
        outgoing.check(&url).map_err(refused)
    }

    fn address<'a>(&self, _config: &'a Map<String, Value>, secrets: &'a ConnectorSecrets) -> &'a str {
        secrets.get("webhookUrl").map(ExposeSecret::expose_secret).unwrap_or_default()
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        message(params).map(drop)
    }

    fn language(&self, _config: &Map<String, Value>, _path: &str) -> ParamLanguage {
        ParamLanguage::Slack
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        send::run(run).await
    }

    fn test_params(&self, _config: &Map<String, Value>) -> Map<String, Value> {
        let text = "This is a test of a connector of ccfd.";
        [("message".to_owned(), Value::from(text))].into_iter().collect()
    }
}

fn webhook_url(secrets: &ConnectorSecrets) -> Result<Url, String> {
    only(secrets, &["webhookUrl"])?;
    let text = required(secrets, "webhookUrl")?.expose_secret();
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| "error configuring slack action: unable to parse host name from webhookUrl".to_owned())
}

fn message(params: &Map<String, Value>) -> Result<&str, String> {
    let mut fields = StrictFields::new(params);
    let message = fields.required_text("message")?;
    if message.is_empty() {
        let why = "value has length [0] but it must have a minimum length of [1].";
        return Err(fields.refused("message", why));
    }
    fields.finish()?;
    Ok(message)
}
