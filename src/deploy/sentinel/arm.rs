//! The deployment as an ARM template, for those who do not have Bicep: the portal accepts it as it is.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Output, SentinelProfile, functions,
    resources::{
        CATEGORY, DESCRIPTION, ENDPOINT, FUNCTION, PUBLISHER_ROLE, READER_ROLE, ROLE_ASSIGNMENT, RULE, TABLE,
        Type, column_type, fields, made, output_stream,
    },
    transform::transform,
};
use crate::tables::{Table, Tables};

const WORKSPACE_ID: &str =
    "[resourceId('Microsoft.OperationalInsights/workspaces', parameters('workspaceName'))]";
const ENDPOINT_ID: &str = "resourceId('Microsoft.Insights/dataCollectionEndpoints', parameters('ruleName'))";
const RULE_ID: &str = "resourceId('Microsoft.Insights/dataCollectionRules', parameters('ruleName'))";

/// The template.
pub(super) fn template(profile: SentinelProfile, tables: &Tables) -> Value {
    let mut resources: Vec<Value> = made(profile, tables).map(|of| table(of)).collect();
    resources.extend([endpoint(), rule(profile, tables), may_publish(), may_read()]);
    resources.extend(tables.iter().map(|table| function(profile, table)));
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": parameters(),
        "variables": { "publisherRole": PUBLISHER_ROLE, "readerRole": READER_ROLE },
        "resources": resources,
        "outputs": outputs(),
    })
}

fn parameters() -> Value {
    let about =
        |kind: &str, description: &str| json!({ "type": kind, "metadata": { "description": description } });
    let or = |mut parameter: Value, default: Value| {
        parameter["defaultValue"] = default;
        parameter
    };
    json!({
        "workspaceName": about("string", "Name of the Log Analytics workspace. It is in this resource group."),
        "principalId":
            about("string", "Object id of the service principal or managed identity that ccfd signs in as."),
        "location": or(about("string", "Region of the workspace."), json!("[resourceGroup().location]")),
        "ruleName": or(about("string", "Name of the data collection rule."), json!("ccfd-openai")),
        "withEndpoint": or(
            about(
                "bool",
                "Creates a data collection endpoint, which private links need. Without it the rule has its \
                 own.",
            ),
            json!(false),
        ),
        "withFunctions": or(
            about(
                "bool",
                "Creates the functions. Set false if the OpenAI solution of Sentinel has created functions \
                 of the same names.",
            ),
            json!(true),
        ),
        "withVerify": or(
            about("bool", "Lets the identity read the tables of the workspace, which ccfd verify needs."),
            json!(false),
        ),
        "retentionInDays": or(
            about("int", "Days to keep rows of the custom tables, 4 to 730; -1 for the retention of the \
                          workspace."),
            json!(-1),
        ),
    })
}

/// A resource of this type and name.
fn resource(kind: &Type, name: &str, members: Value) -> Value {
    let mut resource = json!({ "type": kind.name, "apiVersion": kind.version, "name": name });
    if let (Some(resource), Value::Object(members)) = (resource.as_object_mut(), members) {
        resource.extend(members);
    }
    resource
}

/// The name of a resource in the workspace.
fn in_workspace(name: &str) -> String {
    format!("[format('{{0}}/{{1}}', parameters('workspaceName'), '{name}')]")
}

fn table_id(table: &Table) -> String {
    format!("[resourceId('{}', parameters('workspaceName'), '{}')]", TABLE.name, table.name)
}

fn table(table: &Table) -> Value {
    let column =
        |name: &str, kind: &str, about: &str| json!({ "name": name, "type": kind, "description": about });
    let columns = table.columns.iter().map(|of| column(&of.name, column_type(of.kind), &of.about));
    resource(
        &TABLE,
        &in_workspace(&table.name),
        json!({
            "properties": {
                "retentionInDays": "[parameters('retentionInDays')]",
                "schema": { "name": table.name, "columns": columns.collect::<Vec<_>>() },
            },
        }),
    )
}

fn endpoint() -> Value {
    resource(
        &ENDPOINT,
        "[parameters('ruleName')]",
        json!({
            "condition": "[parameters('withEndpoint')]",
            "location": "[parameters('location')]",
            "properties": { "networkAcls": { "publicNetworkAccess": "Enabled" } },
        }),
    )
}

fn rule(profile: SentinelProfile, tables: &Tables) -> Value {
    let declaration = |table: &Arc<Table>| {
        let fields = fields(profile, table);
        let fields = fields.map(|field| json!({ "name": field.name, "type": field.kind.name() }));
        (table.stream_name.to_string(), json!({ "columns": fields.collect::<Vec<_>>() }))
    };
    let flow = |table: &Arc<Table>| {
        json!({
            "streams": [table.stream_name],
            "destinations": ["workspace"],
            "outputStream": output_stream(profile, table),
            "transformKql": transform(table, profile),
        })
    };
    let depends = made(profile, tables).map(|table| table_id(table)).chain([format!("[{ENDPOINT_ID}]")]);
    resource(
        &RULE,
        "[parameters('ruleName')]",
        json!({
            "location": "[parameters('location')]",
            "kind": "Direct",
            "dependsOn": depends.collect::<Vec<_>>(),
            "properties": {
                "description": DESCRIPTION,
                "dataCollectionEndpointId": format!("[if(parameters('withEndpoint'), {ENDPOINT_ID}, null())]"),
                "streamDeclarations": tables.iter().map(declaration).collect::<Map<String, Value>>(),
                "destinations": {
                    "logAnalytics": [{ "name": "workspace", "workspaceResourceId": WORKSPACE_ID }],
                },
                "dataFlows": tables.iter().map(flow).collect::<Vec<_>>(),
            },
        }),
    )
}

fn may_publish() -> Value {
    let mut assignment = assignment(
        RULE_ID,
        &format!("[format('{}/{{0}}', parameters('ruleName'))]", RULE.name),
        "publisherRole",
    );
    assignment["dependsOn"] = json!([format!("[{RULE_ID}]")]);
    assignment
}

fn may_read() -> Value {
    let workspace = WORKSPACE_ID.trim_matches(['[', ']']);
    let scope = "[format('Microsoft.OperationalInsights/workspaces/{0}', parameters('workspaceName'))]";
    let mut assignment = assignment(workspace, scope, "readerRole");
    assignment["condition"] = json!("[parameters('withVerify')]");
    assignment
}

/// A role, named by a variable, on the resource with this id.
fn assignment(on: &str, scope: &str, role: &str) -> Value {
    resource(
        &ROLE_ASSIGNMENT,
        &format!("[guid({on}, parameters('principalId'), variables('{role}'))]"),
        json!({
            "scope": scope,
            "properties": {
                "principalId": "[parameters('principalId')]",
                "principalType": "ServicePrincipal",
                "roleDefinitionId": format!(
                    "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', variables('{role}'))]"
                ),
            },
        }),
    )
}

fn function(profile: SentinelProfile, table: &Table) -> Value {
    let alias = &*table.function;
    let depends = match profile.output(table) {
        Output::Own => vec![table_id(table)],
        Output::Asim => Vec::new(),
    };
    resource(
        &FUNCTION,
        &in_workspace(alias),
        json!({
            "condition": "[parameters('withFunctions')]",
            "etag": "*",
            "dependsOn": depends,
            "properties": {
                "category": CATEGORY,
                "displayName": alias,
                "functionAlias": alias,
                "version": 2,
                "query": functions::query(table, profile.output(table)),
            },
        }),
    )
}

fn outputs() -> Value {
    let version = ENDPOINT.version;
    json!({
        "endpoint": {
            "type": "string",
            "metadata": { "description": "For `endpoint` in ccfd.toml." },
            "value": format!(
                "[if(parameters('withEndpoint'), reference({ENDPOINT_ID}, '{version}').logsIngestion.endpoint, \
                 reference({RULE_ID}, '{version}').endpoints.logsIngestion)]"
            ),
        },
        "dcrImmutableId": {
            "type": "string",
            "metadata": { "description": "For `dcr_immutable_id` in ccfd.toml." },
            "value": format!("[reference({RULE_ID}, '{version}').immutableId]"),
        },
    })
}
