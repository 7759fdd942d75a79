//! The types of connectors that ccfd has, and those that only Kibana has.

use super::{
    cases::SystemCasesType,
    connector_type::{ConnectorType, TypeInfo},
    email::EmailType,
    gen_ai::GenAi,
    index::IndexType,
    other_types::OTHER_TYPES,
    pagerduty::PagerDutyType,
    server_log::ServerLogType,
    servicenow::ServiceNowType,
    slack::SlackType,
    webhook::WebhookType,
};

/// Every type, one line each.
pub const TYPES: &[&dyn ConnectorType] = &[
    &SystemCasesType,
    &EmailType,
    &GenAi,
    &IndexType,
    &PagerDutyType,
    &ServerLogType,
    &ServiceNowType,
    &SlackType,
    &WebhookType,
];

/// The type with this id.
pub fn connector_type(id: &str) -> Option<&'static dyn ConnectorType> {
    TYPES.iter().copied().find(|known| known.info().id == id)
}

/// Types that are listed, and refused when somebody makes a connector of one.
pub fn other_types() -> &'static [TypeInfo] {
    OTHER_TYPES
}
