// What ccfd needs in Azure to deliver to Microsoft Sentinel{{where}}.
// Written by `ccfd deploy render sentinel` from ccfd's tables; azuredeploy.json beside it deploys the same.
targetScope = 'resourceGroup'

@description('Name of the Log Analytics workspace. It is in this resource group.')
param workspaceName string

@description('Object id of the service principal or managed identity that ccfd signs in as.')
param principalId string

@description('Region of the workspace.')
param location string = resourceGroup().location

@description('Name of the data collection rule.')
param ruleName string = 'ccfd-openai'

@description('Creates a data collection endpoint, which private links need. Without it the rule has its own.')
param withEndpoint bool = false

@description('Creates the functions. Set false if the OpenAI solution of Sentinel has created functions of the same names.')
param withFunctions bool = true

@description('Lets the identity read the tables of the workspace, which ccfd verify needs.')
param withVerify bool = false

@description('Days to keep rows of the custom tables, 4 to 730; -1 for the retention of the workspace.')
param retentionInDays int = -1

// Monitoring Metrics Publisher: may write through the rule, and read nothing.
var publisherRole = '{{role}}'

// Log Analytics Reader: may read every table of the workspace, and change nothing.
var readerRole = '{{reader_role}}'

resource workspace 'Microsoft.OperationalInsights/workspaces@{{workspace_version}}' existing = {
  name: workspaceName
}
{{tables}}
resource collectionEndpoint '{{endpoint}}' = if (withEndpoint) {
  name: ruleName
  location: location
  properties: {
    networkAcls: {
      publicNetworkAccess: 'Enabled'
    }
  }
}

resource rule '{{rule}}' = {
  name: ruleName
  location: location
  kind: 'Direct'
  properties: {
    description: '{{description}}'
    dataCollectionEndpointId: withEndpoint ? collectionEndpoint.id : null
    streamDeclarations: {
{{streams}}
    }
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspace.id
        }
      ]
    }
    dataFlows: [
{{flows}}
    ]
  }
  dependsOn: [
{{depends}}
  ]
}

resource mayPublish '{{role_assignment}}' = {
  scope: rule
  name: guid(rule.id, principalId, publisherRole)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisherRole)
  }
}

resource mayRead '{{role_assignment}}' = if (withVerify) {
  scope: workspace
  name: guid(workspace.id, principalId, readerRole)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readerRole)
  }
}
{{functions}}
@description('For `endpoint` in ccfd.toml.')
output endpoint string = withEndpoint ? collectionEndpoint!.properties.logsIngestion.endpoint : rule.properties.endpoints.logsIngestion

@description('For `dcr_immutable_id` in ccfd.toml.')
output dcrImmutableId string = rule.properties.immutableId
