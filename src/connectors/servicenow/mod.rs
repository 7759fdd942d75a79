//! `.servicenow`: incidents of ServiceNow ITSM, made, changed, closed and read.
//!
//! | file | what it has |
//! | --- | --- |
//! | `config` | the settings and the credentials |
//! | `params` | the parameters: what to do, and with which incident |
//! | `client` | one request to an instance, and what went wrong with it |
//! | `incident` | an incident, as requests send it and as runs return it |
//! | `push` | makes or changes an incident, with comments |
//! | `read` | everything else: reads an incident, its fields and choices, closes it |

mod client;
mod config;
mod incident;
mod params;
mod push;
mod read;

pub use self::push::parts_of_gone_incident;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use self::{
    client::Instance,
    config::{ServiceNowConfig, check_secrets, credentials},
    params::IncidentAction,
};
use super::{
    connector::ConnectorSecrets,
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    outgoing::Outgoing,
    param_language::ParamLanguage,
    run::{ErrorSource, RunContext, RunFailure, RunOutput},
};

const INFO: TypeInfo = TypeInfo {
    id: ".servicenow",
    name: "ServiceNow ITSM",
    licence: Licence::Platinum,
    features: &[Feature::Alerting, Feature::Cases, Feature::Uptime, Feature::Siem],
    is_system: false,
};

/// `.servicenow`
pub struct ServiceNowType;

#[async_trait]
impl ConnectorType for ServiceNowType {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(
        &self,
        config: &Map<String, Value>,
        outgoing: &Outgoing,
    ) -> Result<Map<String, Value>, String> {
        let read = ServiceNowConfig::read(config)?;
        let refused = |error| format!("error configuring connector action: {error}");
        outgoing.check(&read.api_url).map_err(refused)?;
        Ok(read.shown)
    }

    fn check_secrets(
        &self,
        _config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        _outgoing: &Outgoing,
    ) -> Result<(), String> {
        check_secrets(secrets)
    }

    fn check_pair(&self, _config: &Map<String, Value>, secrets: &ConnectorSecrets) -> Result<(), String> {
        credentials(secrets).map(drop)
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        IncidentAction::read(params).map(drop)
    }

    fn language(&self, _config: &Map<String, Value>, path: &str) -> ParamLanguage {
        match path.strip_prefix("subActionParams.incident.additional_fields") {
            Some("") => ParamLanguage::Json,
            Some(_) => ParamLanguage::Data,
            None => ParamLanguage::Journal,
        }
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        let unusable = |why| RunFailure::thrown(why, ErrorSource::User);
        let config = ServiceNowConfig::read(&run.connector.config).map_err(unusable)?;
        let client = Instance::new(&run, config).map_err(unusable)?;
        let done = match IncidentAction::read(run.params).map_err(unusable)? {
            IncidentAction::Push(push) => push::push(&client, push, run.idempotency_key, run.progress).await,
            IncidentAction::GetIncident { id } => read::incident(&client, &id).await,
            IncidentAction::GetFields => read::fields(&client).await,
            IncidentAction::GetChoices { fields } => read::choices(&client, &fields).await,
            IncidentAction::Close(close) => read::close(&client, close).await,
        };
        done.map(RunOutput::data)
    }

    fn test_params(&self, _config: &Map<String, Value>) -> Map<String, Value> {
        let params = json!({ "subAction": "getChoices", "subActionParams": { "fields": ["severity"] } });
        params.as_object().cloned().unwrap_or_default()
    }
}
