// What ccfd needs in Azure to deliver to Microsoft Sentinel, chat completions to its table ASimAgentEventLogs.
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
var publisherRole = '3913510d-42f4-4e42-8a64-420c390055eb'

// Log Analytics Reader: may read every table of the workspace, and change nothing.
var readerRole = '73c42c96-874c-492b-ab04-ab87d138a893'

resource workspace 'Microsoft.OperationalInsights/workspaces@2022-10-01' existing = {
  name: workspaceName
}

resource auditLogs 'Microsoft.OperationalInsights/workspaces/tables@2022-10-01' = {
  parent: workspace
  name: 'OpenAIAuditLogs_CL'
  properties: {
    retentionInDays: retentionInDays
    schema: {
      name: 'OpenAIAuditLogs_CL'
      columns: [
        { name: 'TimeGenerated', type: 'dateTime', description: 'When the event took effect' }
        { name: 'Id', type: 'string', description: 'Id of the event, unique' }
        { name: 'EventType', type: 'string', description: 'What happened, such as `api_key.created`' }
        { name: 'EffectiveAt', type: 'dateTime', description: 'When the event took effect' }
        { name: 'ActorType', type: 'string', description: 'Who acted: `session` or `api_key`' }
        { name: 'ActorApiKey', type: 'dynamic', description: 'The API key that acted, and its owner' }
        { name: 'ActorSession', type: 'dynamic', description: 'The user that acted, with address and client' }
        { name: 'Project', type: 'dynamic', description: 'Id and name of the project concerned' }
        { name: 'EventDetails', type: 'dynamic', description: 'Payload of the event, by its type' }
        { name: 'ConnectorName', type: 'string', description: 'Name of the collector that read the event' }
      ]
    }
  }
}

resource health 'Microsoft.OperationalInsights/workspaces/tables@2022-10-01' = {
  parent: workspace
  name: 'CcfdHealth_CL'
  properties: {
    retentionInDays: retentionInDays
    schema: {
      name: 'CcfdHealth_CL'
      columns: [
        { name: 'TimeGenerated', type: 'dateTime', description: 'When the row was created' }
        { name: 'OperationName', type: 'string', description: 'Sentinel\'s name for it; also used for the hourly row while nothing changes' }
        { name: 'SentinelResourceId', type: 'string', description: 'The route: collector and sink' }
        { name: 'SentinelResourceName', type: 'string', description: 'The collector' }
        { name: 'SentinelResourceType', type: 'string', description: 'Sentinel\'s name for it' }
        { name: 'SentinelResourceKind', type: 'string', description: 'The list that the collector reads' }
        { name: 'Status', type: 'string', description: '`Success`, `Failure`, or `Informational` for a paused route' }
        { name: 'Description', type: 'string', description: 'What the route is doing, what is wrong, and what to do' }
        { name: 'Reason', type: 'string', description: 'What is wrong, as a fixed word' }
        { name: 'WorkspaceId', type: 'string', description: 'Always empty: ccfd does not know the workspace' }
        { name: 'RecordId', type: 'string', description: 'Id of the row, unique' }
        { name: 'ExtendedProperties', type: 'dynamic', description: 'The table written to, counts since the previous row, how far the route is behind' }
      ]
    }
  }
}

resource alerts 'Microsoft.OperationalInsights/workspaces/tables@2022-10-01' = {
  parent: workspace
  name: 'CcfdAlerts_CL'
  properties: {
    retentionInDays: retentionInDays
    schema: {
      name: 'CcfdAlerts_CL'
      columns: [
        { name: 'TimeGenerated', type: 'dateTime', description: 'When the alert was raised' }
        { name: 'AlertId', type: 'string', description: 'Id of the alert, the same in each of its versions' }
        { name: 'RuleSlug', type: 'string', description: 'The rule, as settings and commands name it' }
        { name: 'RuleId', type: 'string', description: '`id` of the rule' }
        { name: 'Title', type: 'string', description: '`title` of the rule' }
        { name: 'Description', type: 'string', description: '`description` of the rule' }
        { name: 'Reason', type: 'string', description: 'What was found, in one sentence' }
        { name: 'Severity', type: 'string', description: '`Informational`, `Low`, `Medium` or `High`, as Sentinel has it' }
        { name: 'Level', type: 'string', description: '`level` of the rule, up to `critical`' }
        { name: 'RiskScore', type: 'long', description: '21, 47, 73 or 99, as Elastic scores it' }
        { name: 'Status', type: 'string', description: '`open`, `acknowledged` or `closed`' }
        { name: 'Disposition', type: 'string', description: 'The verdict: `true-positive`, `false-positive` or `benign`' }
        { name: 'JudgedBy', type: 'string', description: 'Who gave the status' }
        { name: 'JudgedAt', type: 'dateTime', description: 'When they gave it' }
        { name: 'Note', type: 'string', description: 'What they wrote' }
        { name: 'StartTime', type: 'dateTime', description: 'Time of the first record' }
        { name: 'EndTime', type: 'dateTime', description: 'Time of the last record' }
        { name: 'EventCount', type: 'long', description: 'How many records it is about' }
        { name: 'GroupKey', type: 'dynamic', description: 'Fields by which the rule groups records, with their values' }
        { name: 'Entities', type: 'dynamic', description: 'Who and what is concerned, by kind' }
        { name: 'FieldValues', type: 'dynamic', description: 'What the rule looked at in the first records, cut to 256 characters' }
        { name: 'UserName', type: 'string', description: 'E-mail address of the first user concerned, or another name' }
        { name: 'UserId', type: 'string', description: 'Id of the first user concerned' }
        { name: 'Address', type: 'string', description: 'The first address concerned' }
        { name: 'RecordIds', type: 'dynamic', description: 'Ids of the first 100 records' }
        { name: 'Tactics', type: 'dynamic', description: 'ATT&CK tactics, by the names that Sentinel has for them' }
        { name: 'Techniques', type: 'dynamic', description: 'Ids of ATT&CK techniques' }
        { name: 'Tags', type: 'dynamic', description: '`tags` of the rule' }
        { name: 'References', type: 'dynamic', description: '`references` of the rule' }
        { name: 'FalsePositives', type: 'dynamic', description: '`falsepositives` of the rule' }
        { name: 'ConnectorNames', type: 'dynamic', description: 'The collectors that read the first records' }
        { name: 'SourceTables', type: 'dynamic', description: 'The tables of the first records' }
        { name: 'Historical', type: 'long', description: '1 if its records are older than the rule, otherwise 0' }
        { name: 'Staging', type: 'long', description: '1 if the rule was in staging, otherwise 0' }
        { name: 'Notify', type: 'long', description: '1 if it is to notify somebody, otherwise 0' }
        { name: 'NotifyReason', type: 'string', description: 'Why it notifies nobody' }
        { name: 'SuppressedCount', type: 'long', description: 'How many later alerts it kept from notifying' }
        { name: 'MergedInto', type: 'string', description: 'The alert that it became part of' }
        { name: 'Withdrawn', type: 'long', description: '1 if later records show that it was wrong, otherwise 0' }
        { name: 'ChangedTime', type: 'dateTime', description: 'When it last changed' }
        { name: 'Change', type: 'long', description: 'Grows with each change of any alert' }
        { name: 'IsUpdate', type: 'long', description: '1 if an earlier version of it was delivered (and notified, if it does), otherwise 0' }
      ]
    }
  }
}

resource connectorRuns 'Microsoft.OperationalInsights/workspaces/tables@2022-10-01' = {
  parent: workspace
  name: 'CcfdConnectorRuns_CL'
  properties: {
    retentionInDays: retentionInDays
    schema: {
      name: 'CcfdConnectorRuns_CL'
      columns: [
        { name: 'TimeGenerated', type: 'dateTime', description: 'When the run began' }
        { name: 'RunId', type: 'string', description: 'Id of the run, unique' }
        { name: 'ConnectorId', type: 'string', description: 'The connector, as requests and settings name it' }
        { name: 'ConnectorType', type: 'string', description: 'Its type, such as `.gen-ai`' }
        { name: 'SpaceId', type: 'string', description: 'The space in which it ran' }
        { name: 'CallerKind', type: 'string', description: '`operator`, `api_key` or `rule`' }
        { name: 'CallerName', type: 'string', description: 'The operator, the API key or the rule' }
        { name: 'Outcome', type: 'string', description: '`done`, `failed`, `cut`, `caller_left`; `unknown` if ccfd ended during it' }
        { name: 'Sent', type: 'string', description: 'Whether it sent anything: `yes`, `no` or `unknown`' }
        { name: 'DurationMs', type: 'long', description: 'How long it took, in milliseconds; empty if unknown' }
        { name: 'Model', type: 'string', description: 'The model, as its answer names it' }
        { name: 'PromptTokens', type: 'long', description: 'Tokens of the prompt; empty if unknown' }
        { name: 'CompletionTokens', type: 'long', description: 'Tokens of the answer; empty if unknown' }
        { name: 'TotalTokens', type: 'long', description: 'All tokens; empty if unknown' }
      ]
    }
  }
}

resource collectionEndpoint 'Microsoft.Insights/dataCollectionEndpoints@2023-03-11' = if (withEndpoint) {
  name: ruleName
  location: location
  properties: {
    networkAcls: {
      publicNetworkAccess: 'Enabled'
    }
  }
}

resource rule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: ruleName
  location: location
  kind: 'Direct'
  properties: {
    description: 'OpenAI audit logs and stored chat completions, sent by ccfd'
    dataCollectionEndpointId: withEndpoint ? collectionEndpoint.id : null
    streamDeclarations: {
      'Custom-OpenAIAuditLogs_CL': {
        columns: [
          { name: 'id', type: 'string' }
          { name: 'type', type: 'string' }
          { name: 'effective_at', type: 'long' }
          { name: 'project', type: 'dynamic' }
          { name: 'EventDetails', type: 'dynamic' }
          { name: 'friendlyName', type: 'string' }
          { name: 'actor', type: 'dynamic' }
          { name: 'aliasName', type: 'string' }
        ]
      }
      'Custom-OpenAIChatCompletions_CL': {
        columns: [
          { name: 'id', type: 'string' }
          { name: 'object', type: 'string' }
          { name: 'created', type: 'long' }
          { name: 'model', type: 'string' }
          { name: 'request_id', type: 'string' }
          { name: 'service_tier', type: 'string' }
          { name: 'system_fingerprint', type: 'string' }
          { name: 'choices', type: 'dynamic' }
          { name: 'usage', type: 'dynamic' }
          { name: 'metadata', type: 'dynamic' }
          { name: 'tool_choice', type: 'string' }
          { name: 'tools', type: 'dynamic' }
          { name: 'temperature', type: 'real' }
          { name: 'top_p', type: 'real' }
          { name: 'frequency_penalty', type: 'real' }
          { name: 'presence_penalty', type: 'real' }
          { name: 'seed', type: 'long' }
          { name: 'input_user', type: 'string' }
          { name: 'response_format', type: 'dynamic' }
          { name: 'friendlyName', type: 'string' }
          { name: 'ccfd_messages', type: 'dynamic' }
          { name: 'eventVendor', type: 'string' }
          { name: 'eventProduct', type: 'string' }
          { name: 'eventSchema', type: 'string' }
          { name: 'eventSchemaVersion', type: 'string' }
          { name: 'eventCount', type: 'string' }
          { name: 'eventType', type: 'string' }
          { name: 'modelProviderName', type: 'string' }
          { name: 'aliasName', type: 'string' }
        ]
      }
      'Custom-CcfdHealth_CL': {
        columns: [
          { name: 'at', type: 'long' }
          { name: 'operation', type: 'string' }
          { name: 'route', type: 'string' }
          { name: 'collector', type: 'string' }
          { name: 'resource_type', type: 'string' }
          { name: 'kind', type: 'string' }
          { name: 'status', type: 'string' }
          { name: 'description', type: 'string' }
          { name: 'reason', type: 'string' }
          { name: 'workspace_id', type: 'string' }
          { name: 'id', type: 'string' }
          { name: 'details', type: 'dynamic' }
        ]
      }
      'Custom-CcfdAlerts_CL': {
        columns: [
          { name: 'at', type: 'long' }
          { name: 'id', type: 'string' }
          { name: 'rule', type: 'string' }
          { name: 'rule_id', type: 'string' }
          { name: 'title', type: 'string' }
          { name: 'description', type: 'string' }
          { name: 'reason', type: 'string' }
          { name: 'severity', type: 'string' }
          { name: 'level', type: 'string' }
          { name: 'risk_score', type: 'long' }
          { name: 'status', type: 'string' }
          { name: 'disposition', type: 'string' }
          { name: 'judged_by', type: 'string' }
          { name: 'judged_at', type: 'long' }
          { name: 'note', type: 'string' }
          { name: 'start', type: 'long' }
          { name: 'end', type: 'long' }
          { name: 'event_count', type: 'long' }
          { name: 'group', type: 'dynamic' }
          { name: 'entities', type: 'dynamic' }
          { name: 'shown', type: 'dynamic' }
          { name: 'user_name', type: 'string' }
          { name: 'user_id', type: 'string' }
          { name: 'address', type: 'string' }
          { name: 'record_ids', type: 'dynamic' }
          { name: 'tactics', type: 'dynamic' }
          { name: 'techniques', type: 'dynamic' }
          { name: 'tags', type: 'dynamic' }
          { name: 'references', type: 'dynamic' }
          { name: 'falsepositives', type: 'dynamic' }
          { name: 'connectors', type: 'dynamic' }
          { name: 'tables', type: 'dynamic' }
          { name: 'historical', type: 'long' }
          { name: 'staging', type: 'long' }
          { name: 'notify', type: 'long' }
          { name: 'notify_reason', type: 'string' }
          { name: 'suppressed_count', type: 'long' }
          { name: 'merged_into', type: 'string' }
          { name: 'withdrawn', type: 'long' }
          { name: 'changed', type: 'long' }
          { name: 'change', type: 'long' }
          { name: 'is_update', type: 'long' }
        ]
      }
      'Custom-CcfdConnectorRuns_CL': {
        columns: [
          { name: 'created', type: 'long' }
          { name: 'id', type: 'string' }
          { name: 'connector_id', type: 'string' }
          { name: 'connector_type', type: 'string' }
          { name: 'space_id', type: 'string' }
          { name: 'caller_kind', type: 'string' }
          { name: 'caller_name', type: 'string' }
          { name: 'outcome', type: 'string' }
          { name: 'sent', type: 'string' }
          { name: 'duration_ms', type: 'long' }
          { name: 'model', type: 'string' }
          { name: 'prompt_tokens', type: 'long' }
          { name: 'completion_tokens', type: 'long' }
          { name: 'total_tokens', type: 'long' }
        ]
      }
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
      {
        streams: ['Custom-OpenAIAuditLogs_CL']
        destinations: ['workspace']
        outputStream: 'Custom-OpenAIAuditLogs_CL'
        transformKql: '''
source
| project
    TimeGenerated = iff(isnull(effective_at), now(), datetime(1970-01-01) + effective_at * 1s),
    Id = id,
    EventType = type,
    EffectiveAt = datetime(1970-01-01) + effective_at * 1s,
    ActorType = tostring(actor.type),
    ActorApiKey = actor.api_key,
    ActorSession = actor.session,
    Project = ['project'],
    EventDetails = EventDetails,
    ConnectorName = friendlyName'''
      }
      {
        streams: ['Custom-OpenAIChatCompletions_CL']
        destinations: ['workspace']
        outputStream: 'Microsoft-ASimAgentEventLogs'
        transformKql: '''
source
| project
    TimeGenerated = iff(isnull(created), now(), datetime(1970-01-01) + created * 1s),
    EventStartTime = iff(isnull(created), now(), datetime(1970-01-01) + created * 1s),
    EventEndTime = iff(isnull(created), now(), datetime(1970-01-01) + created * 1s),
    EventVendor = eventVendor,
    EventProduct = eventProduct,
    EventSchema = eventSchema,
    EventSchemaVersion = eventSchemaVersion,
    EventCount = toint(eventCount),
    EventType = eventType,
    ModelProviderName = modelProviderName,
    EventUid = id,
    EventOriginalType = object,
    EventRequestId = request_id,
    ModelName = model,
    EventRequestTemperature = temperature,
    EventRequestTopP = top_p,
    EventRequestFrequencyPenalty = frequency_penalty,
    EventRequestPresencePenalty = presence_penalty,
    EventRequestSeed = seed,
    ToolName = tool_choice,
    InputTokensUsed = tolong(usage.prompt_tokens),
    OutputTokensUsed = tolong(usage.completion_tokens),
    EventFinishReasons = pack_array(choices[0].finish_reason),
    EventOriginalResultDetails = tostring(choices),
    AdditionalFields = bag_pack("service_tier", service_tier, "system_fingerprint", system_fingerprint, "response_format", response_format, "tools", tools, "metadata", metadata, "input_user", input_user, "connector_name", friendlyName)'''
      }
      {
        streams: ['Custom-CcfdHealth_CL']
        destinations: ['workspace']
        outputStream: 'Custom-CcfdHealth_CL'
        transformKql: '''
source
| project
    TimeGenerated = iff(isnull(at), now(), datetime(1970-01-01) + at * 1s),
    OperationName = operation,
    SentinelResourceId = route,
    SentinelResourceName = collector,
    SentinelResourceType = resource_type,
    SentinelResourceKind = kind,
    Status = status,
    Description = description,
    Reason = reason,
    WorkspaceId = workspace_id,
    RecordId = id,
    ExtendedProperties = details'''
      }
      {
        streams: ['Custom-CcfdAlerts_CL']
        destinations: ['workspace']
        outputStream: 'Custom-CcfdAlerts_CL'
        transformKql: '''
source
| project
    TimeGenerated = iff(isnull(at), now(), datetime(1970-01-01) + at * 1s),
    AlertId = id,
    RuleSlug = rule,
    RuleId = rule_id,
    Title = ['title'],
    Description = description,
    Reason = reason,
    Severity = severity,
    Level = level,
    RiskScore = risk_score,
    Status = status,
    Disposition = disposition,
    JudgedBy = judged_by,
    JudgedAt = datetime(1970-01-01) + judged_at * 1s,
    Note = note,
    StartTime = datetime(1970-01-01) + start * 1s,
    EndTime = datetime(1970-01-01) + end * 1s,
    EventCount = event_count,
    GroupKey = group,
    Entities = entities,
    FieldValues = shown,
    UserName = user_name,
    UserId = user_id,
    Address = address,
    RecordIds = record_ids,
    Tactics = tactics,
    Techniques = techniques,
    Tags = tags,
    References = references,
    FalsePositives = falsepositives,
    ConnectorNames = connectors,
    SourceTables = tables,
    Historical = historical,
    Staging = staging,
    Notify = notify,
    NotifyReason = notify_reason,
    SuppressedCount = suppressed_count,
    MergedInto = merged_into,
    Withdrawn = withdrawn,
    ChangedTime = datetime(1970-01-01) + changed * 1s,
    Change = change,
    IsUpdate = is_update'''
      }
      {
        streams: ['Custom-CcfdConnectorRuns_CL']
        destinations: ['workspace']
        outputStream: 'Custom-CcfdConnectorRuns_CL'
        transformKql: '''
source
| project
    TimeGenerated = iff(isnull(created), now(), datetime(1970-01-01) + created * 1s),
    RunId = id,
    ConnectorId = connector_id,
    ConnectorType = connector_type,
    SpaceId = space_id,
    CallerKind = caller_kind,
    CallerName = caller_name,
    Outcome = outcome,
    Sent = sent,
    DurationMs = duration_ms,
    Model = model,
    PromptTokens = prompt_tokens,
    CompletionTokens = completion_tokens,
    TotalTokens = total_tokens'''
      }
    ]
  }
  dependsOn: [
    auditLogs
    health
    alerts
    connectorRuns
  ]
}

resource mayPublish 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: rule
  name: guid(rule.id, principalId, publisherRole)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisherRole)
  }
}

resource mayRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (withVerify) {
  scope: workspace
  name: guid(workspace.id, principalId, readerRole)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readerRole)
  }
}

resource auditLogsFunction 'Microsoft.OperationalInsights/workspaces/savedSearches@2020-08-01' = if (withFunctions) {
  parent: workspace
  name: 'OpenAIAuditLogs'
  etag: '*'
  properties: {
    category: 'OpenAI'
    displayName: 'OpenAIAuditLogs'
    functionAlias: 'OpenAIAuditLogs'
    version: 2
    query: '''
// Logs Ingestion delivers at least once: after a crash or a lost response a record can be here twice, identical except for
// TimeGenerated, which Azure replaces by the time of receipt when it is older than two days. So the earliest copy is the
// true one: arg_min finds it in one pass and keeps one row per id. (take_any would be slightly cheaper, and would
// sometimes return an old record as a new one.)
OpenAIAuditLogs_CL
| summarize arg_min(TimeGenerated, *) by Id
'''
  }
  dependsOn: [
    auditLogs
  ]
}

resource chatCompletionsFunction 'Microsoft.OperationalInsights/workspaces/savedSearches@2020-08-01' = if (withFunctions) {
  parent: workspace
  name: 'OpenAIChatCompletions'
  etag: '*'
  properties: {
    category: 'OpenAI'
    displayName: 'OpenAIChatCompletions'
    functionAlias: 'OpenAIChatCompletions'
    version: 2
    query: '''
// Logs Ingestion delivers at least once: after a crash or a lost response a record can be here twice, identical except for
// TimeGenerated, which Azure replaces by the time of receipt when it is older than two days. So the earliest copy is the
// true one: arg_min finds it in one pass and keeps one row per id. (take_any would be slightly cheaper, and would
// sometimes return an old record as a new one.)
ASimAgentEventLogs
| where EventVendor == "OpenAI" and EventProduct == "OpenAI API Platform" and EventType == "ChatCompletion"
| summarize arg_min(TimeGenerated, *) by EventUid
'''
  }
}

resource healthFunction 'Microsoft.OperationalInsights/workspaces/savedSearches@2020-08-01' = if (withFunctions) {
  parent: workspace
  name: 'CcfdHealth'
  etag: '*'
  properties: {
    category: 'OpenAI'
    displayName: 'CcfdHealth'
    functionAlias: 'CcfdHealth'
    version: 2
    query: '''
// Logs Ingestion delivers at least once: after a crash or a lost response a record can be here twice, identical except for
// TimeGenerated, which Azure replaces by the time of receipt when it is older than two days. So the earliest copy is the
// true one: arg_min finds it in one pass and keeps one row per id. (take_any would be slightly cheaper, and would
// sometimes return an old record as a new one.)
CcfdHealth_CL
| summarize arg_min(TimeGenerated, *) by RecordId
'''
  }
  dependsOn: [
    health
  ]
}

resource alertsFunction 'Microsoft.OperationalInsights/workspaces/savedSearches@2020-08-01' = if (withFunctions) {
  parent: workspace
  name: 'CcfdAlerts'
  etag: '*'
  properties: {
    category: 'OpenAI'
    displayName: 'CcfdAlerts'
    functionAlias: 'CcfdAlerts'
    version: 2
    query: '''
// Logs Ingestion only adds: an alert that changes is here once for each version, and after a crash or a lost response a
// version can be here twice. arg_max keeps the newest one.
CcfdAlerts_CL
| summarize arg_max(Change, *) by AlertId
'''
  }
  dependsOn: [
    alerts
  ]
}

resource connectorRunsFunction 'Microsoft.OperationalInsights/workspaces/savedSearches@2020-08-01' = if (withFunctions) {
  parent: workspace
  name: 'CcfdConnectorRuns'
  etag: '*'
  properties: {
    category: 'OpenAI'
    displayName: 'CcfdConnectorRuns'
    functionAlias: 'CcfdConnectorRuns'
    version: 2
    query: '''
// Logs Ingestion delivers at least once: after a crash or a lost response a record can be here twice, identical except for
// TimeGenerated, which Azure replaces by the time of receipt when it is older than two days. So the earliest copy is the
// true one: arg_min finds it in one pass and keeps one row per id. (take_any would be slightly cheaper, and would
// sometimes return an old record as a new one.)
CcfdConnectorRuns_CL
| summarize arg_min(TimeGenerated, *) by RunId
'''
  }
  dependsOn: [
    connectorRuns
  ]
}

@description('For `endpoint` in ccfd.toml.')
output endpoint string = withEndpoint ? collectionEndpoint!.properties.logsIngestion.endpoint : rule.properties.endpoints.logsIngestion

@description('For `dcr_immutable_id` in ccfd.toml.')
output dcrImmutableId string = rule.properties.immutableId
