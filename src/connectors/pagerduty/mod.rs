//! `.pagerduty`: an event to PagerDuty's Events API v2, which opens, acknowledges or resolves an alert there.
//!
//! | file | what it has |
//! | --- | --- |
//! | `event` | the parameters, and the event that they become |
//! | `send` | one run |

mod event;
mod send;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use url::Url;

use self::event::Event;
use super::{
    connector::ConnectorSecrets,
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    fields::{StrictFields, only, required},
    outgoing::Outgoing,
    param_language::ParamLanguage,
    run::{RunContext, RunFailure, RunOutput},
};

const INFO: TypeInfo = TypeInfo {
    id: ".pagerduty",
    name: "PagerDuty",
    licence: Licence::Gold,
    features: &[Feature::Alerting, Feature::Uptime, Feature::Siem],
    is_system: false,
};

/// Where events go if the settings name no address.
const API_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// `.pagerduty`
pub struct PagerDutyType;

#[async_trait]
impl ConnectorType for PagerDutyType {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(
        &self,
        config: &Map<String, Value>,
        outgoing: &Outgoing,
    ) -> Result<Map<String, Value>, String> {
        let refused = |error| format!("error configuring pagerduty action: {error}");
        outgoing.check(&api_url(config)?).map_err(refused)?;
        let mut shown = config.clone();
        shown.entry("apiUrl").or_insert(Value::Null);
        Ok(shown)
    }

    fn check_secrets(
        &self,
        _config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        _outgoing: &Outgoing,
    ) -> Result<(), String> {
        only(secrets, &["routingKey"])?;
        required(secrets, "routingKey").map(drop)
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        Event::read(params).map(drop)
    }

    fn language(&self, _config: &Map<String, Value>, path: &str) -> ParamLanguage {
        match path {
            "customDetails" => ParamLanguage::Json,
            _ if path.starts_with("customDetails.") => ParamLanguage::Data,
            _ if path.starts_with("links.") && path.ends_with(".href") => ParamLanguage::Address,
            _ => ParamLanguage::Line,
        }
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        send::run(run).await
    }

    fn test_params(&self, _config: &Map<String, Value>) -> Map<String, Value> {
        // Nobody is woken: there is no alert of this name to resolve.
        let params = json!({ "eventAction": "resolve", "dedupKey": "test-of-a-connector-of-ccfd" });
        params.as_object().cloned().unwrap_or_default()
    }
}

/// The one setting.
fn api_url(config: &Map<String, Value>) -> Result<Url, String> {
    let mut fields = StrictFields::new(config);
    let text = fields.text("apiUrl")?.unwrap_or(API_URL);
    fields.finish()?;
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| "error configuring pagerduty action: unable to parse apiUrl".to_owned())
}
