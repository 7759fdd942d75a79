//! The deployment as Bicep: `main.bicep` beside this file, with what comes from the tables put in.

use super::resources::{
    CATEGORY, DESCRIPTION, ENDPOINT, FUNCTION, PUBLISHER_ROLE, ROLE_ASSIGNMENT, RULE, TABLE, column_type,
    fields, output_stream, stream, symbol, tables,
};
use super::{Profile, functions, transform::transform};
use crate::tables::{ALL, Table};

const TEMPLATE: &str = include_str!("main.bicep");

/// The Bicep file.
pub(super) fn template(profile: Profile) -> String {
    let place = match profile {
        Profile::Table => "",
        Profile::Asim => ", chat completions to its table ASimAgentEventLogs",
    };
    let all = |part: &dyn Fn(&'static Table) -> String| ALL.map(part).join("\n");
    let depends: Vec<String> = tables(profile).map(|table| format!("    {}", symbol(table.source))).collect();
    TEMPLATE
        .replace("{{where}}", place)
        .replace("{{role}}", PUBLISHER_ROLE)
        .replace("{{workspace_version}}", TABLE.version)
        .replace("{{tables}}", &tables(profile).map(table).collect::<String>())
        .replace("{{endpoint}}", &ENDPOINT.at_version())
        .replace("{{rule}}", &RULE.at_version())
        .replace("{{description}}", DESCRIPTION)
        .replace("{{streams}}", &all(&|table| declaration(profile, table)))
        .replace("{{flows}}", &all(&|table| flow(profile, table)))
        .replace("{{depends}}", &depends.join("\n"))
        .replace("{{role_assignment}}", &ROLE_ASSIGNMENT.at_version())
        .replace("{{functions}}", &ALL.map(|table| function(profile, table)).concat())
}

fn table(table: &Table) -> String {
    let line = |(name, kind, about): (&str, &str, &str)| {
        format!("        {{ name: '{name}', type: '{kind}', description: {} }}", quoted(about))
    };
    let columns =
        table.columns.iter().map(|column| line((column.name, column_type(column.kind), column.about)));
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
        symbol = symbol(table.source),
        kind = TABLE.at_version(),
        name = table.name,
        columns = columns.collect::<Vec<_>>().join("\n"),
    )
}

fn declaration(profile: Profile, table: &Table) -> String {
    let line = |(name, kind): (&str, &str)| format!("          {{ name: '{name}', type: '{kind}' }}");
    let fields = fields(profile, table).map(|field| line((field.name, field.kind.name())));
    format!(
        "      '{}': {{\n        columns: [\n{}\n        ]\n      }}",
        stream(table),
        fields.collect::<Vec<_>>().join("\n"),
    )
}

fn flow(profile: Profile, table: &Table) -> String {
    format!(
        "      {{
        streams: ['{stream}']
        destinations: ['workspace']
        outputStream: '{output}'
        transformKql: '''
{transform}'''
      }}",
        stream = stream(table),
        output = output_stream(profile, table),
        transform = transform(table, profile),
    )
}

fn function(profile: Profile, table: &Table) -> String {
    let depends = match tables(profile).any(|own| own.name == table.name) {
        true => format!("\n  dependsOn: [\n    {}\n  ]", symbol(table.source)),
        false => String::new(),
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
        symbol = symbol(table.source),
        kind = FUNCTION.at_version(),
        alias = functions::alias(table.source),
        query = functions::query(table, profile.output(table)),
    )
}

/// A text as Bicep writes it.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\'', "\\'").replace("${", "\\${");
    format!("'{text}'")
}
