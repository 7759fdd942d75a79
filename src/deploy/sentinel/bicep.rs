//! The deployment as Bicep: `main.bicep` next to this file, with the parts that depend on the tables.

use std::sync::Arc;

use super::{
    Output, SentinelProfile, functions,
    resources::{
        CATEGORY, DESCRIPTION, ENDPOINT, FUNCTION, PUBLISHER_ROLE, READER_ROLE, ROLE_ASSIGNMENT, RULE, TABLE,
        column_type, fields, made, output_stream,
    },
    transform::transform,
};
use crate::tables::{Table, Tables};

const TEMPLATE: &str = include_str!("main.bicep");

/// The Bicep file.
pub(super) fn template(profile: SentinelProfile, tables: &Tables) -> String {
    let place = match profile {
        SentinelProfile::Table => "",
        SentinelProfile::Asim => ", chat completions to its table ASimAgentEventLogs",
    };
    let all = |part: &dyn Fn(&Arc<Table>) -> String| tables.iter().map(part).collect::<Vec<_>>().join("\n");
    let depends: Vec<String> = made(profile, tables).map(|table| format!("    {}", table.symbol)).collect();
    TEMPLATE
        .replace("{{where}}", place)
        .replace("{{role}}", PUBLISHER_ROLE)
        .replace("{{reader_role}}", READER_ROLE)
        .replace("{{workspace_version}}", TABLE.version)
        .replace("{{tables}}", &made(profile, tables).map(|of| table(of)).collect::<String>())
        .replace("{{endpoint}}", &ENDPOINT.at_version())
        .replace("{{rule}}", &RULE.at_version())
        .replace("{{description}}", DESCRIPTION)
        .replace("{{streams}}", &all(&|table| declaration(profile, table)))
        .replace("{{flows}}", &all(&|table| flow(profile, table)))
        .replace("{{depends}}", &depends.join("\n"))
        .replace("{{role_assignment}}", &ROLE_ASSIGNMENT.at_version())
        .replace("{{functions}}", &tables.iter().map(|table| function(profile, table)).collect::<String>())
}

fn table(table: &Table) -> String {
    let line = |(name, kind, about): (&str, &str, &str)| {
        format!("        {{ name: '{name}', type: '{kind}', description: {} }}", quoted(about))
    };
    let columns =
        table.columns.iter().map(|column| line((&column.name, column_type(column.kind), &column.about)));
    format!(
        "
resource {symbol} '{kind}' = {{
  parent: workspace
  name: '{name}'
  properties: {{
    retentionInDays: retentionInDays
    schema: {{
      name: '{name}'
      columns: [
{columns}
      ]
    }}
  }}
}}
",
        symbol = table.symbol,
        kind = TABLE.at_version(),
        name = table.name,
        columns = columns.collect::<Vec<_>>().join("\n"),
    )
}

fn declaration(profile: SentinelProfile, table: &Table) -> String {
    let line = |(name, kind): (&str, &str)| format!("          {{ name: '{name}', type: '{kind}' }}");
    let fields = fields(profile, table).map(|field| line((&field.name, field.kind.name())));
    format!(
        "      '{}': {{\n        columns: [\n{}\n        ]\n      }}",
        table.stream_name,
        fields.collect::<Vec<_>>().join("\n"),
    )
}

fn flow(profile: SentinelProfile, table: &Table) -> String {
    format!(
        "      {{
        streams: ['{stream}']
        destinations: ['workspace']
        outputStream: '{output}'
        transformKql: '''
{transform}'''
      }}",
        stream = table.stream_name,
        output = output_stream(profile, table),
        transform = transform(table, profile),
    )
}

fn function(profile: SentinelProfile, table: &Table) -> String {
    let depends = match profile.output(table) {
        Output::Own => format!("\n  dependsOn: [\n    {}\n  ]", table.symbol),
        Output::Asim => String::new(),
    };
    format!(
        "
resource {symbol}Function '{kind}' = if (withFunctions) {{
  parent: workspace
  name: '{alias}'
  etag: '*'
  properties: {{
    category: '{CATEGORY}'
    displayName: '{alias}'
    functionAlias: '{alias}'
    version: 2
    query: '''
{query}'''
  }}{depends}
}}
",
        symbol = table.symbol,
        kind = FUNCTION.at_version(),
        alias = table.function,
        query = functions::query(table, profile.output(table)),
    )
}

/// A text as Bicep writes it.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\'', "\\'").replace("${", "\\${");
    format!("'{text}'")
}
