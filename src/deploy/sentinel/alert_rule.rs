//! A scheduled rule that makes an alert of Sentinel of each alert that notifies: with its entities, its severity and its
//! tactics, and one incident for those of one rule and user.

use serde_json::{Value, json};

use super::resources::{ALERT_RULE, WORKSPACE};
use crate::{deploy::DeployFile, tables::ALERTS};

/// The time between two runs of the rule.
const FREQUENCY: &str = "PT5M";
/// How far a run looks back for an earlier delivery of the same alert.
const PERIOD: &str = "P1D";

const WORKSPACE_ABOUT: &str =
    "Name of the Log Analytics workspace with Sentinel. It is in this resource group.";
const ENABLED_ABOUT: &str = "Whether the rule runs.";

/// The rule as Bicep and as an ARM template.
pub(super) fn files() -> [DeployFile; 2] {
    let path = |name: &str| format!("alert-rule/{name}");
    [
        DeployFile { path: path("main.bicep"), content: bicep() },
        DeployFile::json(path("azuredeploy.json"), &arm()),
    ]
}

/// The query. It goes by the time of arrival: `TimeGenerated` is when the alert was raised, which may be long ago if this
/// workspace was out of reach. A version that arrived twice counts once.
fn query() -> String {
    format!(
        "{}
| where IsUpdate == 0 and Notify == 1
| extend ArrivedTime = ingestion_time()
| summarize arg_min(ArrivedTime, *) by AlertId
| where ArrivedTime > ago(5m)
",
        ALERTS.name
    )
}

/// What the rule is, without its query and whether it is enabled.
fn properties() -> Value {
    let entity = |kind: &str, identifier: &str, column: &str| {
        json!({
            "entityType": kind,
            "fieldMappings": [{ "identifier": identifier, "columnName": column }],
        })
    };
    json!({
        "displayName": "ccfd: alert on OpenAI records",
        "description": "Each alert that the rules of ccfd raise over OpenAI audit logs and chat completions.",
        "severity": "Medium",
        "queryFrequency": FREQUENCY,
        "queryPeriod": PERIOD,
        "triggerOperator": "GreaterThan",
        "triggerThreshold": 0,
        "suppressionEnabled": false,
        "suppressionDuration": PERIOD,
        "eventGroupingSettings": { "aggregationKind": "AlertPerResult" },
        "entityMappings": [entity("Account", "FullName", "UserName"), entity("IP", "Address", "Address")],
        "customDetails": {
            "AlertId": "AlertId",
            "Rule": "RuleSlug",
            "Level": "Level",
            "RiskScore": "RiskScore",
            "Records": "EventCount",
            "Techniques": "Techniques",
            "Collectors": "ConnectorNames",
        },
        "alertDetailsOverride": {
            "alertDisplayNameFormat": "{{Title}}",
            "alertDescriptionFormat": "{{Description}} {{Reason}}",
            "alertSeverityColumnName": "Severity",
            "alertTacticsColumnName": "Tactics",
            "alertDynamicProperties": [{ "alertProperty": "Techniques", "value": "Techniques" }],
        },
        "incidentConfiguration": {
            "createIncident": true,
            "groupingConfiguration": {
                "enabled": true,
                "reopenClosedIncident": false,
                "lookbackDuration": PERIOD,
                "matchingMethod": "Selected",
                "groupByEntities": ["Account", "IP"],
                "groupByAlertDetails": [],
                "groupByCustomDetails": ["Rule"],
            },
        },
    })
}

fn arm() -> Value {
    let mut properties = properties();
    properties["enabled"] = json!("[parameters('enabled')]");
    properties["query"] = json!(query());
    let workspace = format!("resourceId('{}', parameters('workspaceName'))", WORKSPACE.name);
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "workspaceName": { "type": "string", "metadata": { "description": WORKSPACE_ABOUT } },
            "enabled": { "type": "bool", "defaultValue": true, "metadata": { "description": ENABLED_ABOUT } },
        },
        "resources": [{
            "type": ALERT_RULE.name,
            "apiVersion": ALERT_RULE.version,
            "name": format!("[guid({workspace}, 'ccfd-alerts')]"),
            "scope": format!("[format('{}/{{0}}', parameters('workspaceName'))]", WORKSPACE.name),
            "kind": "Scheduled",
            "properties": properties,
        }],
    })
}

fn bicep() -> String {
    let Value::Object(properties) = properties() else { return String::new() };
    let members: Vec<String> =
        properties.iter().map(|(name, value)| format!("    {name}: {}", text(value, 4))).collect();
    format!(
        "// A scheduled rule of Microsoft Sentinel for the alerts that ccfd delivers to {table}.
// Written by `ccfd deploy render sentinel`; azuredeploy.json beside it deploys the same. Deploy it once the table is there.
targetScope = 'resourceGroup'

@description('{WORKSPACE_ABOUT}')
param workspaceName string

@description('{ENABLED_ABOUT}')
param enabled bool = true

resource workspace '{workspace}' existing = {{
  name: workspaceName
}}

resource alertRule '{rule}' = {{
  scope: workspace
  name: guid(workspace.id, 'ccfd-alerts')
  kind: 'Scheduled'
  properties: {{
    enabled: enabled
    query: '''
{query}'''
{members}
  }}
}}
",
        table = ALERTS.name,
        workspace = WORKSPACE.at_version(),
        rule = ALERT_RULE.at_version(),
        query = query(),
        members = members.join("\n"),
    )
}

/// A value as Bicep writes it, in a line that begins with this many blanks.
fn text(value: &Value, indent: usize) -> String {
    let lines = |open: char, parts: Vec<String>, close: char| {
        if parts.is_empty() {
            return format!("{open}{close}");
        }
        let parts: Vec<String> = parts.iter().map(|part| format!("\n{:indent$}  {part}", "")).collect();
        format!("{open}{}\n{:indent$}{close}", parts.concat(), "")
    };
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name}: {}", text(value, indent + 2));
            lines('{', members.iter().map(member).collect(), '}')
        }
        Value::Array(values) => lines('[', values.iter().map(|value| text(value, indent + 2)).collect(), ']'),
        Value::String(text) => format!("'{text}'"),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_names_only_columns_that_the_table_has() {
        let properties = properties();
        let mut columns: Vec<String> = properties["customDetails"]
            .as_object()
            .unwrap()
            .values()
            .map(|column| column.as_str().unwrap().to_owned())
            .collect();
        for mapping in properties["entityMappings"].as_array().unwrap() {
            columns.push(mapping["fieldMappings"][0]["columnName"].as_str().unwrap().to_owned());
        }
        let details = &properties["alertDetailsOverride"];
        for key in ["alertSeverityColumnName", "alertTacticsColumnName"] {
            columns.push(details[key].as_str().unwrap().to_owned());
        }
        columns.extend(
            ["Title", "Description", "Reason", "Techniques", "IsUpdate", "Notify", "AlertId"]
                .map(str::to_owned),
        );
        for column in columns {
            assert!(ALERTS.columns.iter().any(|own| own.name == column), "{column}");
        }
        // More custom details are refused.
        assert!(properties["customDetails"].as_object().unwrap().len() <= 20);
    }
}
