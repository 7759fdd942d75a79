//! `.email`: messages through an SMTP server.
//!
//! | file | what it has |
//! | --- | --- |
//! | `config`, `services` | the settings, and the servers of well-known services |
//! | `params` | the parameters |
//! | `mailbox` | one address |
//! | `message` | the message that parameters become |
//! | `connection` | a connection, encrypted if the server offers that |
//! | `greeting` | what is said before the encryption |
//! | `stream` | the bytes of a connection, counted |
//! | `undelivered` | why a message was not accepted |
//! | `send` | one run |
//!
//! The messages and most of the dialogue are those of the crate `lettre`. Addresses and certificates are checked here, by the
//! rules for all connectors.

mod config;
mod connection;
mod greeting;
mod mailbox;
mod message;
mod params;
mod send;
mod services;
mod stream;
mod undelivered;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use self::{config::EmailConfig, params::EmailParams};
use super::{
    connector::ConnectorSecrets,
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    fields::only,
    outgoing::Outgoing,
    param_language::ParamLanguage,
    run::{RunContext, RunFailure, RunOutput},
};

const INFO: TypeInfo = TypeInfo {
    id: ".email",
    name: "Email",
    licence: Licence::Gold,
    features: &[Feature::Alerting, Feature::Uptime, Feature::Siem],
    is_system: false,
};

/// `.email`
pub struct EmailType;

#[async_trait]
impl ConnectorType for EmailType {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(
        &self,
        config: &Map<String, Value>,
        outgoing: &Outgoing,
    ) -> Result<Map<String, Value>, String> {
        let read = EmailConfig::read(config)?;
        outgoing.check(&read.url).map_err(|_| read.host_refused())?;
        Ok(read.shown)
    }

    fn check_secrets(
        &self,
        _config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        _outgoing: &Outgoing,
    ) -> Result<(), String> {
        only(secrets, &["user", "password", "clientSecret"])?;
        if secrets.get("clientSecret").is_some() {
            return Err("[clientSecret]: OAuth authentication is not supported".to_owned());
        }
        Ok(())
    }

    fn check_pair(&self, config: &Map<String, Value>, secrets: &ConnectorSecrets) -> Result<(), String> {
        let has_auth = EmailConfig::read(config)?.has_auth;
        match ["user", "password"].into_iter().find(|name| has_auth && secrets.get(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(format!("[{name}] is required")),
        }
    }

    /// Recipients get a message once, whichever server brings it.
    fn is_carrier(&self) -> bool {
        true
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        EmailParams::read(params).map(drop)
    }

    fn language(&self, _config: &Map<String, Value>, path: &str) -> ParamLanguage {
        if path == "messageHTML" { ParamLanguage::Markup } else { ParamLanguage::Line }
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        send::run(run).await
    }

    fn test_params(&self, config: &Map<String, Value>) -> Map<String, Value> {
        let params = json!({
            "to": [config.get("from")], "subject": "Test of a connector of ccfd",
            "message": "This is a test of a connector of ccfd.",
        });
        params.as_object().cloned().unwrap_or_default()
    }
}
