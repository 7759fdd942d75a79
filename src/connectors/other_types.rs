//! Types of Kibana that ccfd does not have. They are listed, because scripts read the list, and refused when somebody makes a
//! connector of one.

use super::connector_type::{
    Feature::{
        self, Alerting, Cases, EndpointSecurity, GenerativeAiForObservability,
        GenerativeAiForSearchPlayground, GenerativeAiForSecurity, Siem, Uptime,
    },
    Licence::{self, Enterprise, Gold, Platinum},
    TypeInfo,
};

const RULES: &[Feature] = &[Alerting, Uptime, Siem];
const SECURITY_RULES: &[Feature] = &[Alerting, Siem];
const INCIDENTS: &[Feature] = &[Alerting, Cases, Siem];
const MODELS: &[Feature] =
    &[GenerativeAiForSecurity, GenerativeAiForObservability, GenerativeAiForSearchPlayground];

/// By their ids.
pub const OTHER_TYPES: &[TypeInfo] = &[
    other(".bedrock", "Amazon Bedrock", Enterprise, MODELS),
    other(".cases-webhook", "Webhook - Case Management", Gold, &[Cases]),
    other(".crowdstrike", "CrowdStrike", Enterprise, &[EndpointSecurity]),
    other(".d3security", "D3 Security", Gold, SECURITY_RULES),
    other(".gemini", "Google Gemini", Enterprise, MODELS),
    other(".inference", "AI Connector", Enterprise, MODELS),
    other(".jira", "Jira", Gold, &[Alerting, Cases, Uptime, Siem]),
    other(".jira-service-management", "Jira Service Management", Platinum, RULES),
    other(".microsoft_defender_endpoint", "Microsoft Defender for Endpoint", Enterprise, &[EndpointSecurity]),
    TypeInfo {
        is_system: true,
        ..other(".observability-ai-assistant", "Observability AI Assistant", Enterprise, &[Alerting])
    },
    other(".opsgenie", "Opsgenie", Platinum, RULES),
    other(".resilient", "IBM Resilient", Platinum, INCIDENTS),
    other(".sentinelone", "Sentinel One", Enterprise, &[EndpointSecurity]),
    other(".servicenow-itom", "ServiceNow ITOM", Platinum, SECURITY_RULES),
    other(".servicenow-sir", "ServiceNow SecOps", Platinum, INCIDENTS),
    other(".slack_api", "Slack API", Gold, RULES),
    other(".swimlane", "Swimlane", Gold, INCIDENTS),
    other(".teams", "Microsoft Teams", Gold, RULES),
    other(".thehive", "TheHive", Platinum, &[Alerting, Cases, Uptime, Siem]),
    other(".tines", "Tines", Gold, &[Siem]),
    other(".torq", "Torq", Gold, RULES),
    other(".xmatters", "xMatters", Gold, SECURITY_RULES),
    other(".xsoar", "XSOAR", Platinum, &[Siem]),
];

const fn other(
    id: &'static str,
    name: &'static str,
    licence: Licence,
    features: &'static [Feature],
) -> TypeInfo {
    TypeInfo { id, name, licence, features, is_system: false }
}

#[cfg(test)]
mod tests {
    use super::{super::catalogue::connector_type, *};

    #[test]
    fn a_type_is_listed_once() {
        for pair in OTHER_TYPES.windows(2) {
            assert!(pair[0].id < pair[1].id, "{}", pair[1].id);
        }
        for other in OTHER_TYPES {
            assert!(connector_type(other.id).is_none(), "{}", other.id);
        }
    }
}
