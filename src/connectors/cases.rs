//! `.cases`: the type of the system's own connector. Only an action of an alert makes cases; `daemon/actions/` does it.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{
    connector::ConnectorSecrets,
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    error::ConnectorError,
    outgoing::Outgoing,
    run::{Retry, RunContext, RunFailure, RunOutput},
};

/// The type's id, and the connector of `[[detect.action]]` that makes cases.
pub const CASES_TYPE_ID: &str = ".cases";

const INFO: TypeInfo = TypeInfo {
    id: CASES_TYPE_ID,
    name: "Cases",
    licence: Licence::Platinum,
    features: &[Feature::Uptime, Feature::Alerting, Feature::Siem],
    is_system: true,
};

/// `.cases`
pub struct SystemCasesType;

fn refused() -> String {
    ConnectorError::RunSystem.to_string()
}

#[async_trait]
impl ConnectorType for SystemCasesType {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(&self, _: &Map<String, Value>, _: &Outgoing) -> Result<Map<String, Value>, String> {
        Err(ConnectorError::CreateSystem(CASES_TYPE_ID.to_owned()).to_string())
    }

    fn check_secrets(
        &self,
        _: &Map<String, Value>,
        _: &ConnectorSecrets,
        _: &Outgoing,
    ) -> Result<(), String> {
        Err(ConnectorError::CreateSystem(CASES_TYPE_ID.to_owned()).to_string())
    }

    fn check_params(&self, _: &Map<String, Value>) -> Result<(), String> {
        Err(refused())
    }

    async fn execute(&self, _: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        Err(RunFailure::returned(refused(), None, Retry::No))
    }

    fn test_params(&self, _: &Map<String, Value>) -> Map<String, Value> {
        Map::new()
    }
}
