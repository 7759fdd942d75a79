// A scheduled rule of Microsoft Sentinel for the alerts that ccfd delivers to CcfdAlerts_CL.
// Written by `ccfd deploy render sentinel`; azuredeploy.json beside it deploys the same. Deploy it once the table is there.
targetScope = 'resourceGroup'

@description('Name of the Log Analytics workspace with Sentinel. It is in this resource group.')
param workspaceName string

@description('Whether the rule runs.')
param enabled bool = true

resource workspace 'Microsoft.OperationalInsights/workspaces@2022-10-01' existing = {
  name: workspaceName
}

resource alertRule 'Microsoft.SecurityInsights/alertRules@2025-09-01' = {
  scope: workspace
  name: guid(workspace.id, 'ccfd-alerts')
  kind: 'Scheduled'
  properties: {
    enabled: enabled
    query: '''
CcfdAlerts_CL
| where IsUpdate == 0 and Notify == 1
| extend ArrivedTime = ingestion_time()
| summarize arg_min(ArrivedTime, *) by AlertId
| where ArrivedTime > ago(5m)
'''
    alertDetailsOverride: {
      alertDescriptionFormat: '{{Description}} {{Reason}}'
      alertDisplayNameFormat: '{{Title}}'
      alertDynamicProperties: [
        {
          alertProperty: 'Techniques'
          value: 'Techniques'
        }
      ]
      alertSeverityColumnName: 'Severity'
      alertTacticsColumnName: 'Tactics'
    }
    customDetails: {
      AlertId: 'AlertId'
      Collectors: 'ConnectorNames'
      Level: 'Level'
      Records: 'EventCount'
      RiskScore: 'RiskScore'
      Rule: 'RuleSlug'
      Techniques: 'Techniques'
    }
    description: 'Each alert that the rules of ccfd raise over OpenAI audit logs and chat completions.'
    displayName: 'ccfd: alert on OpenAI records'
    entityMappings: [
      {
        entityType: 'Account'
        fieldMappings: [
          {
            columnName: 'UserName'
            identifier: 'FullName'
          }
        ]
      }
      {
        entityType: 'IP'
        fieldMappings: [
          {
            columnName: 'Address'
            identifier: 'Address'
          }
        ]
      }
    ]
    eventGroupingSettings: {
      aggregationKind: 'AlertPerResult'
    }
    incidentConfiguration: {
      createIncident: true
      groupingConfiguration: {
        enabled: true
        groupByAlertDetails: []
        groupByCustomDetails: [
          'Rule'
        ]
        groupByEntities: [
          'Account'
          'IP'
        ]
        lookbackDuration: 'P1D'
        matchingMethod: 'Selected'
        reopenClosedIncident: false
      }
    }
    queryFrequency: 'PT5M'
    queryPeriod: 'P1D'
    severity: 'Medium'
    suppressionDuration: 'P1D'
    suppressionEnabled: false
    triggerOperator: 'GreaterThan'
    triggerThreshold: 0
  }
}
