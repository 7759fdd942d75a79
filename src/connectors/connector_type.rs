//! What a type of connector must say and do.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{
    connector::ConnectorSecrets,
    outgoing::Outgoing,
    param_language::ParamLanguage,
    receiver::address_in,
    run::{RunContext, RunFailure, RunOutput},
};

/// Where Kibana offers a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Actions of rules.
    Alerting,
    /// Uptime monitoring.
    Uptime,
    /// Security.
    Siem,
    /// AI for security.
    GenerativeAiForSecurity,
    /// AI for observability.
    GenerativeAiForObservability,
    /// AI for the search playground.
    GenerativeAiForSearchPlayground,
    /// Cases.
    Cases,
    /// Protection of endpoints.
    EndpointSecurity,
}

/// The licence that Kibana requires for a type. ccfd requires none; it is shown because scripts read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Licence {
    /// `basic`
    Basic,
    /// `gold`
    Gold,
    /// `platinum`
    Platinum,
    /// `enterprise`
    Enterprise,
}

/// What a type says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeInfo {
    /// Names it in requests, such as `.index`.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The licence that Kibana requires.
    pub licence: Licence,
    /// Where Kibana offers it.
    pub features: &'static [Feature],
    /// Whether it belongs to the system: nobody creates, changes or runs such a connector.
    pub is_system: bool,
}

/// A type of connector. Settings, secrets and parameters are strict: a key that is unknown is an error.
#[async_trait]
pub trait ConnectorType: Send + Sync {
    /// What it says of itself.
    fn info(&self) -> &'static TypeInfo;

    /// Checks settings and secrets when a connector is made or changed, and returns the settings with defaults filled in.
    /// Addresses are checked against `outgoing`.
    ///
    /// # Errors
    ///
    /// A sentence for the person who makes the connector. It never contains a secret.
    fn check_config(
        &self,
        config: &Map<String, Value>,
        outgoing: &Outgoing,
    ) -> Result<Map<String, Value>, String>;

    /// Checks secrets, for settings that were checked. An address may be a secret, as that of a Slack channel.
    ///
    /// # Errors
    ///
    /// The same.
    fn check_secrets(
        &self,
        config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        outgoing: &Outgoing,
    ) -> Result<(), String>;

    /// Checks that settings and secrets fit together, after each of them was found sound.
    ///
    /// # Errors
    ///
    /// The same.
    fn check_pair(&self, _config: &Map<String, Value>, _secrets: &ConnectorSecrets) -> Result<(), String> {
        Ok(())
    }

    /// Checks the parameters of a run, before anything is sent.
    ///
    /// # Errors
    ///
    /// A sentence for the person who runs the connector.
    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String>;

    /// The address to which runs lead; empty without one. It may be a secret.
    fn address<'a>(&self, config: &'a Map<String, Value>, _secrets: &'a ConnectorSecrets) -> &'a str {
        address_in(config)
    }

    /// Whether it only carries what it sends to others: who has it then, has it, whichever connector of the type has carried it.
    fn is_carrier(&self) -> bool {
        false
    }

    /// In which language a text of the parameters is, by its path, such as `links.0.href`.
    fn language(&self, _config: &Map<String, Value>, _path: &str) -> ParamLanguage {
        ParamLanguage::Line
    }

    /// Runs a connector with parameters that were checked.
    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure>;

    /// The parameters of a run that only shows whether a connector with these settings works.
    fn test_params(&self, config: &Map<String, Value>) -> Map<String, Value>;
}
