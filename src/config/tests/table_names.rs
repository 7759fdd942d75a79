//! Names by table: of the built-in tables, and of one that came at run time.

use super::{
    super::{Config, ConfigFile, DEFAULTS, SinkSettings},
    *,
};
use crate::tables::{AUDIT_LOGS, Column, ColumnKind, HEALTH, Origin, Table, Tables};

const SINKS: &str = r#"
[collector.acme]
source = "audit_logs"
api_key = { env = "A" }
sinks = ["es"]

[sink.es]
type = "elasticsearch"
urls = ["https://es.example:9200"]

[sink.kibana]
type = "kibana_index"
url = "https://kibana.example:5601"
"#;

fn tables() -> Tables {
    let columns = vec![
        Column::new("TimeGenerated", ColumnKind::DateTime, Origin::Time("seen".into()), "When it was seen"),
        Column::new("Id", ColumnKind::String, Origin::Field("id".into()), "Id, unique"),
    ];
    Tables::built_in().with(Table::new("VendorAlerts_CL", "Id", columns)).unwrap()
}

fn load_with_tables(text: &str, tables: &Tables) -> Result<Config, ConfigError> {
    let (_directory, path) = file(text);
    Config::load_with(Some(&ConfigFile::named(&path)), &environment(&[]), &[], tables)
}

#[test]
fn the_names_in_the_manual_are_those_that_the_tables_bring() {
    let manual: toml::Table = DEFAULTS.parse().unwrap();
    for table in &Tables::built_in() {
        for (kind, key, own) in [
            ("elasticsearch", "index", &table.index),
            ("kibana_index", "index", &table.index),
            ("kibana_index", "connectors", &table.connector),
            ("logs_ingestion", "streams", &table.stream_name),
        ] {
            let name = &manual["default"]["sink"][kind][key][&*table.settings_key];
            assert_eq!(name.as_str(), Some(&**own), "{kind}.{key}");
        }
    }
}

#[test]
fn a_table_that_no_key_names_brings_its_own_names() {
    let config = load_with_tables(SINKS, &tables()).unwrap();
    let vendor = config.tables.named("VendorAlerts_CL").unwrap();
    let SinkSettings::Elasticsearch(settings) = &config.sinks["es"] else { panic!("another type") };
    assert_eq!(settings.index.of(vendor), "vendor-alerts");
    let SinkSettings::KibanaIndex(settings) = &config.sinks["kibana"] else { panic!("another type") };
    assert_eq!(settings.connectors.of(vendor), "Vendor Alerts");
}

#[test]
fn a_table_that_came_at_run_time_has_a_key_beside_those_of_the_lists() {
    let text = SINKS.replace("urls", "index = { vendor_alerts = \"alerts\", audit_logs = \"audit\" }\nurls");
    let config = load_with_tables(&text, &tables()).unwrap();
    let SinkSettings::Elasticsearch(settings) = &config.sinks["es"] else { panic!("another type") };
    let vendor = config.tables.named("VendorAlerts_CL").unwrap();
    assert_eq!(
        [vendor, &*AUDIT_LOGS, &*HEALTH].map(|table| settings.index.of(table)),
        ["alerts", "audit", "openai-collector-health"]
    );
    assert!(config.tables_of("es").contains(vendor));
}

#[test]
fn the_key_of_a_table_that_is_not_there_is_refused() {
    let text = SINKS.replace("urls", "index = { vendor_alerts = \"alerts\" }\nurls");
    let Err(ConfigError::Invalid(problems)) = load_with_tables(&text, &Tables::built_in()) else {
        panic!("taken")
    };
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = without_directory(&problems[0]);
    assert!(problem.starts_with("unknown key `sink.es.index.vendor_alerts` in ccfd.toml"), "{problem}");
}
