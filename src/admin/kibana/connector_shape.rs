//! Connectors and their types, as Kibana shows them.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::connectors::{Connector, Feature, Licence, ListedConnector, ListedType};

/// A connector. One of the settings shows neither its own settings nor whether secrets are missing.
#[derive(Serialize)]
pub(super) struct ConnectorAnswer {
    id: String,
    name: String,
    connector_type_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    is_preconfigured: bool,
    is_deprecated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_missing_secrets: Option<bool>,
    is_system_action: bool,
    is_connector_type_deprecated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced_by_count: Option<u64>,
}

impl From<Connector> for ConnectorAnswer {
    fn from(connector: Connector) -> Self {
        let is_system_action = connector.is_of_system();
        let is_own = !connector.is_preconfigured && !is_system_action;
        Self {
            id: connector.id.as_str().to_owned(),
            name: connector.name,
            connector_type_id: connector.type_id.as_ref().to_owned(),
            config: is_own.then_some(connector.config),
            is_preconfigured: connector.is_preconfigured,
            is_deprecated: false,
            is_missing_secrets: is_own.then_some(connector.is_missing_secrets),
            is_system_action,
            is_connector_type_deprecated: false,
            referenced_by_count: None,
        }
    }
}

impl From<ListedConnector> for ConnectorAnswer {
    fn from(listed: ListedConnector) -> Self {
        Self { referenced_by_count: Some(listed.referenced_by), ..Self::from(listed.connector) }
    }
}

/// A type of connectors.
#[derive(Serialize)]
pub(super) struct TypeAnswer {
    id: &'static str,
    name: &'static str,
    enabled: bool,
    enabled_in_config: bool,
    enabled_in_license: bool,
    minimum_license_required: &'static str,
    supported_feature_ids: Vec<&'static str>,
    is_system_action_type: bool,
    is_deprecated: bool,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_feature: Option<&'static str>,
}

impl From<ListedType> for TypeAnswer {
    fn from(ListedType { info, is_enabled }: ListedType) -> Self {
        Self {
            id: info.id,
            name: info.name,
            enabled: is_enabled,
            enabled_in_config: is_enabled,
            // ccfd needs no licence.
            enabled_in_license: true,
            minimum_license_required: licence(info.licence),
            supported_feature_ids: info.features.iter().copied().map(feature_id).collect(),
            is_system_action_type: info.is_system,
            is_deprecated: false,
            source: "stack",
            sub_feature: info
                .features
                .contains(&Feature::EndpointSecurity)
                .then(|| feature_id(Feature::EndpointSecurity)),
        }
    }
}

fn licence(licence: Licence) -> &'static str {
    match licence {
        Licence::Basic => "basic",
        Licence::Gold => "gold",
        Licence::Platinum => "platinum",
        Licence::Enterprise => "enterprise",
    }
}

/// The name of a feature in requests and responses.
pub(super) fn feature_id(feature: Feature) -> &'static str {
    match feature {
        Feature::Alerting => "alerting",
        Feature::Uptime => "uptime",
        Feature::Siem => "siem",
        Feature::GenerativeAiForSecurity => "generativeAIForSecurity",
        Feature::GenerativeAiForObservability => "generativeAIForObservability",
        Feature::GenerativeAiForSearchPlayground => "generativeAIForSearchPlayground",
        Feature::Cases => "cases",
        Feature::EndpointSecurity => "endpointSecurity",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connectors::{ConnectorId, TypeInfo};

    fn connector(is_preconfigured: bool) -> Connector {
        let Value::Object(config) = json!({ "index": "x" }) else { unreachable!() };
        Connector {
            id: ConnectorId::parse("c-1").unwrap(),
            space: None,
            name: "one".to_owned(),
            type_id: ".index".into(),
            config,
            is_preconfigured,
            is_missing_secrets: false,
        }
    }

    #[test]
    fn a_connector_has_the_fields_of_kibana_and_one_of_the_settings_shows_less() {
        let mut wanted = json!({
            "id": "c-1", "name": "one", "connector_type_id": ".index", "config": { "index": "x" },
            "is_preconfigured": false, "is_deprecated": false, "is_missing_secrets": false, "is_system_action": false,
            "is_connector_type_deprecated": false,
        });
        assert_eq!(json!(ConnectorAnswer::from(connector(false))), wanted);
        let listed = ListedConnector { connector: connector(true), referenced_by: 3 };
        wanted["is_preconfigured"] = true.into();
        wanted["referenced_by_count"] = 3.into();
        wanted.as_object_mut().unwrap().retain(|key, _| key != "config" && key != "is_missing_secrets");
        assert_eq!(json!(ConnectorAnswer::from(listed)), wanted);
    }

    #[test]
    fn a_type_that_ccfd_does_not_have_is_shown_as_not_enabled() {
        static INFO: TypeInfo = TypeInfo {
            id: ".gen-ai",
            name: "OpenAI",
            licence: Licence::Enterprise,
            features: &[Feature::GenerativeAiForSecurity],
            is_system: false,
        };
        let shown = json!(TypeAnswer::from(ListedType { info: &INFO, is_enabled: false }));
        let wanted = json!({
            "id": ".gen-ai", "name": "OpenAI", "enabled": false, "enabled_in_config": false, "enabled_in_license": true,
            "minimum_license_required": "enterprise", "supported_feature_ids": ["generativeAIForSecurity"],
            "is_system_action_type": false, "is_deprecated": false, "source": "stack",
        });
        assert_eq!(shown, wanted);
    }
}
