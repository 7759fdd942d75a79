//! The settings: default.toml, overridden by the file, the environment and the flags; read into types and
//! checked.
//!
//! Nothing here opens what the settings name, so a configuration is equally valid on every machine.

mod action;
mod admin;
mod auth;
mod cases;
mod checks;
mod collector;
mod connection;
mod connector;
mod connectors;
mod detect;
mod effective;
mod encoding;
mod environment;
mod error;
mod files;
mod find;
mod health_table;
mod layer;
mod layers;
mod located;
mod log;
mod messages;
mod no_secret;
mod pipeline;
mod readable;
mod redact;
mod report;
mod retry;
mod secret;
mod section;
mod sink;
mod source;
mod start;
mod state;
mod table_names;
mod target_host;
mod telemetry;
#[cfg(test)]
mod tests;
mod tree;
mod unknown;
mod urls;
mod values;
mod verify;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use ::config::{Map, Value};
pub use action::{ActionDoes, ActionSettings};
pub use admin::{AdminSettings, Listen};
pub use auth::HttpAuth;
pub use cases::KibanaCasesSettings;
pub use collector::CollectorSettings;
pub use connection::ConnectionSettings;
pub use connector::{ConnectorSecretPlace, ConnectorSettings};
pub use connectors::{AllowedHosts, ConnectorsSettings, HostSettings, OutgoingSettings, ProxyHeader};
pub use detect::AlertSettings;
pub use effective::{EffectiveSection, EffectiveSetting, effective};
pub use environment::{Environment, StoredSecrets};
pub use error::ConfigError;
pub use find::{ConfigFile, find_file};
pub use health_table::HealthTableSettings;
pub use layers::DEFAULTS;
pub use log::{LogFormat, LogSettings};
pub use messages::MessagesSettings;
pub use no_secret::NoSecret;
pub use pipeline::PipelineSettings;
pub use readable::Readable;
pub use redact::RedactSettings;
use report::ConfigReport;
pub use retry::RetrySettings;
pub use secret::{SecretError, SecretSource, SettingError, check_secret_file};
use section::Section;
pub use sink::{
    AlertShape, AzureAuth, AzureIdentity, Cloud, DetectSettings, ElasticsearchSettings, KibanaIndexSettings,
    LineShape, LogsIngestionSettings, NdjsonDir, NdjsonSettings, OldRecords, OpType, Profile, QuerySettings,
    Refresh, RulesPlace, SinkPlace, SinkSettings, SqliteSettings, Workspace,
};
pub use source::ListSource;
pub use start::{FIRST, Start};
pub use state::StateSettings;
pub use table_names::TableNames;
pub use target_host::TargetHost;
pub use telemetry::TelemetrySettings;
use tree::{names, refuse_unknown, table_at};
pub(crate) use unknown::proposal;
pub use urls::Proxy;
use values::one_of;
pub use verify::VerifySettings;

use crate::tables::{ALERTS, CONNECTOR_RUNS, HEALTH, Table, Tables};

/// All settings. There is at least one collector, and each has a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where progress is kept.
    pub state: StateSettings,
    /// What holds for every route.
    pub pipeline: PipelineSettings,
    /// What the daemon says.
    pub log: LogSettings,
    /// How to query and control the daemon.
    pub admin: AdminSettings,
    /// Where traces and metrics go.
    pub telemetry: TelemetrySettings,
    /// The table of the routes' state; `None` for no such table.
    pub health_table: Option<HealthTableSettings>,
    /// Where alerts go.
    pub alerts: AlertSettings,
    /// Where cases are sent; `None` for nowhere.
    pub cases: Option<KibanaCasesSettings>,
    /// What holds for all connectors.
    pub connectors: ConnectorsSettings,
    /// The connectors that stand in the settings, by their ids.
    pub preconfigured: BTreeMap<String, ConnectorSettings>,
    /// When the daemon verifies what was delivered.
    pub verify: VerifySettings,
    /// The collectors, by name. The name is the records' `ConnectorName`.
    pub collectors: BTreeMap<String, CollectorSettings>,
    /// The sinks, by name.
    pub sinks: BTreeMap<String, SinkSettings>,
    /// How long failed writes to each sink wait, by the sink's name.
    pub retries: BTreeMap<String, RetrySettings>,
    /// The tables that sinks are written to.
    pub tables: Tables,
}

const SECTIONS: [&str; 14] = [
    "state",
    "pipeline",
    "log",
    "admin",
    "telemetry",
    "health_table",
    "detect",
    "cases",
    "connectors",
    "connector",
    "verify",
    "collector",
    "sink",
    "default",
];

/// What the names of the routes of alerts begin with, where those of records have the name of a collector.
pub const ALERT_ROUTES: &str = "alerts";

/// The same of runs of connectors.
pub const RUN_ROUTES: &str = "runs";

/// The same of actions, one for each.
pub const ACTION_ROUTES: &str = "actions";

/// The same of cases that are sent to a Kibana.
pub const CASE_ROUTES: &str = "cases";

const NO_COLLECTOR: &str = "no collector is configured: add a section [collector.NAME]";
const NOTHING_TO_DO: &str = "no configuration file, and neither OPENAI_ADMIN_KEY nor OPENAI_API_KEY is set: nothing to collect\n\
                             set one of the two, or write ./ccfd.toml (see README), or try it without an account: ccfd demo";

impl Config {
    /// Loads the settings as [`Config::load_found`] does, from a file that was named.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn load(
        file: Option<&Path>,
        environment: &Environment,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        Self::load_found(file.map(ConfigFile::named).as_ref(), environment, flags)
    }

    /// Loads the settings: default.toml, then `file` (from `find_file`; without one, a collector for each
    /// OpenAI key in the environment), then the environment's `CCFD__…`, then `flags`, pairs of a dotted path
    /// and a value.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, may be someone else's or is not TOML; otherwise every problem of the
    /// settings at once.
    pub fn load_found(
        file: Option<&ConfigFile>,
        environment: &Environment,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        Self::load_with(file, environment, flags, &Tables::built_in())
    }

    /// As [`Config::load_found`], with these tables instead of the built-in ones.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn load_with(
        file: Option<&ConfigFile>,
        environment: &Environment,
        flags: &[(String, String)],
        tables: &Tables,
    ) -> Result<Self, ConfigError> {
        let mut report = ConfigReport { base: file.and_then(ConfigFile::base), ..ConfigReport::default() };
        let merged = layers::merge(file, environment, flags, &mut report)?;
        if table_at(&merged, &["collector"]).is_none_or(Map::is_empty) {
            let advice = file.map_or(NOTHING_TO_DO, |_| NO_COLLECTOR);
            report.problem(advice.to_owned());
        }
        match Self::read(&merged, tables, &mut report) {
            Some(config) if report.problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Invalid(report.problems)),
        }
    }

    /// The tables that a sink may be given.
    pub fn tables_of(&self, sink: &str) -> Vec<Arc<Table>> {
        let with_health = self.health_table.as_ref().is_some_and(|settings| settings.sink == sink);
        let with_alerts = self.alerts.sinks.iter().any(|name| name == sink);
        let with_runs = self.connectors.run_sinks.iter().any(|name| name == sink);
        let others =
            [(with_health, &HEALTH), (with_alerts, &ALERTS), (with_runs, &CONNECTOR_RUNS)].into_iter();
        let others = others.filter(|(is_wanted, _)| *is_wanted).map(|(_, table)| Arc::clone(table));
        self.tables.of_records().into_iter().chain(others).collect()
    }

    fn read(root: &Map<String, Value>, tables: &Tables, report: &mut ConfigReport) -> Option<Self> {
        refuse_unknown("", root, SECTIONS, report);
        let state = StateSettings::read(Section::open(root, &["state"], report));
        let pipeline = PipelineSettings::read(Section::open(root, &["pipeline"], report));
        let log = LogSettings::read(Section::open(root, &["log"], report));
        let admin = AdminSettings::read(Section::open(root, &["admin"], report));
        let telemetry = TelemetrySettings::read(Section::open(root, &["telemetry"], report));
        let health_table = HealthTableSettings::read(Section::open(root, &["health_table"], report));
        let alerts = AlertSettings::read(Section::open(root, &["detect"], report));
        let cases = KibanaCasesSettings::read(Section::open(root, &["cases"], report));
        let connectors = ConnectorsSettings::read(Section::open(root, &["connectors"], report));
        let preconfigured = read_connectors(root, report);
        let verify = VerifySettings::read(Section::open(root, &["verify"], report));
        read_defaults(root, tables, report);
        let (mut sinks, retries) = read_sinks(root, tables, report);
        if let Some(state) = &state {
            sinks.values_mut().for_each(|sink| sink.keep_below(&state.dir));
        }
        let routes = alerts.routes(&sinks);
        sinks.values_mut().for_each(|sink| sink.act(&alerts, &routes));
        let collectors = read_collectors(root, report);
        checks::places(state.as_ref(), &sinks, report);
        checks::health_table(health_table.as_ref(), &names(root, &["sink"], report), report);
        checks::index_sink(connectors.as_ref(), &sinks, &names(root, &["sink"], report), report);
        checks::cases(cases.as_ref(), &sinks, &names(root, &["sink"], report), report);
        checks::runs(connectors.as_ref(), &sinks, &names(root, &["sink"], report), report);
        checks::alerts(&alerts, &sinks, &names(root, &["sink"], report), report);
        checks::actions(&alerts, &preconfigured, &names(root, &["connector"], report), report);
        if !alerts.sinks.is_empty() && collectors.contains_key(ALERT_ROUTES) {
            report.problem(format!(
                "`collector.{ALERT_ROUTES}`: with `detect.alerts`, the routes of alerts have this name: choose another one"
            ));
        }
        let has_runs = connectors.as_ref().is_some_and(|connectors| !connectors.run_sinks.is_empty());
        if has_runs && collectors.contains_key(RUN_ROUTES) {
            report.problem(format!(
                "`collector.{RUN_ROUTES}`: with `connectors.runs`, the routes of runs have this name: choose another one"
            ));
        }
        if !alerts.actions.is_empty() && collectors.contains_key(ACTION_ROUTES) {
            report.problem(format!(
                "`collector.{ACTION_ROUTES}`: with [[detect.action]], what shows the actions has this name: choose another one"
            ));
        }
        if cases.is_some() && collectors.contains_key(CASE_ROUTES) {
            report.problem(format!(
                "`collector.{CASE_ROUTES}`: with `cases.target`, what shows the cases has this name: choose another one"
            ));
        }
        Some(Self {
            state: state?,
            pipeline,
            log: log?,
            admin,
            telemetry,
            health_table,
            alerts,
            cases,
            connectors: connectors?,
            preconfigured,
            verify,
            collectors,
            sinks,
            retries,
            tables: tables.clone(),
        })
    }
}

/// Defaults are also read by themselves, so that a problem in them is reported even if nothing uses them.
fn read_defaults(root: &Map<String, Value>, tables: &Tables, report: &mut ConfigReport) {
    Section::open(root, &["default"], report).finish_with(&["collector", "sink"]);
    let mut section = Section::open_defaults(root, &["default", "collector"], report);
    CollectorSettings::read(&mut section);
    section.finish();

    let types: Vec<&str> = sink::TYPES.iter().map(|(name, _)| *name).collect();
    Section::open(root, &["default", "sink"], report).finish_with(&types);
    for (name, read) in sink::TYPES {
        let mut section = Section::open_defaults(root, &["default", "sink", name], report);
        read(&mut section, tables);
        RetrySettings::read(&mut section);
        section.finish();
    }
}

fn read_collectors(
    root: &Map<String, Value>,
    report: &mut ConfigReport,
) -> BTreeMap<String, CollectorSettings> {
    let sinks: BTreeSet<&str> = checked_names(root, "sink", report).into_iter().collect();
    let mut collectors = BTreeMap::new();
    for name in checked_names(root, "collector", report) {
        let mut section =
            Section::open(root, &["collector", name], report).over(root, &["default", "collector"]);
        let settings = CollectorSettings::read(&mut section);
        section.finish();
        if let Some(settings) = settings {
            checks::collector(name, &settings, &sinks, report);
            collectors.insert(name.to_owned(), settings);
        }
    }
    collectors
}

fn read_sinks(
    root: &Map<String, Value>,
    tables: &Tables,
    report: &mut ConfigReport,
) -> (BTreeMap<String, SinkSettings>, BTreeMap<String, RetrySettings>) {
    let (mut sinks, mut retries) = (BTreeMap::new(), BTreeMap::new());
    for name in checked_names(root, "sink", report) {
        let mut section = Section::open(root, &["sink", name], report);
        let kind = section.required("type", |value| Ok((one_of(sink::TYPES)(value)?, values::text(value)?)));
        let Some((read, kind)) = kind else { continue };
        let mut section = section.over(root, &["default", "sink", &kind]);
        let (settings, retry) = (read(&mut section, tables), RetrySettings::read(&mut section));
        section.finish();
        sinks.extend(settings.map(|settings| (name.to_owned(), settings)));
        retries.extend(retry.map(|retry| (name.to_owned(), retry)));
    }
    (sinks, retries)
}

fn read_connectors(
    root: &Map<String, Value>,
    report: &mut ConfigReport,
) -> BTreeMap<String, ConnectorSettings> {
    let mut connectors = BTreeMap::new();
    for name in checked_names(root, "connector", report) {
        let mut section = Section::open(root, &["connector", name], report);
        let settings = ConnectorSettings::read(&mut section);
        section.finish();
        checks::connector_id(name, report);
        connectors.extend(settings.map(|settings| (name.to_owned(), settings)));
    }
    connectors
}

fn checked_names<'a>(root: &'a Map<String, Value>, section: &str, report: &mut ConfigReport) -> Vec<&'a str> {
    let names = names(root, &[section], report);
    for name in &names {
        checks::name(section, name, report);
    }
    names
}
