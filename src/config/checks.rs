//! Checks that involve several sections.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use super::{
    ActionDoes, AlertSettings, CollectorSettings, ConnectorSettings, ConnectorsSettings, HealthTableSettings,
    KibanaCasesSettings, SinkPlace, SinkSettings, StateSettings, report::ConfigReport, tree::dotted,
    unknown::proposal,
};

use crate::{
    actions::advice,
    connectors::{ConnectorId, IdError, SYSTEM_CONNECTOR, connector_type, gen_ai},
};

const NAME_CHARS_MAX: usize = 64;
/// Of a connector, whose name is its id in requests.
const CONNECTOR_CHARS_MAX: usize = 36;

/// Names become file names, column values and parts of variables' names.
pub(super) fn name(section: &str, name: &str, report: &mut ConfigReport) {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !first || name.len() > NAME_CHARS_MAX || !name.chars().all(allowed) {
        report.problem(format!(
            "`{}`: a name has 1 to {NAME_CHARS_MAX} characters of a-z, 0-9, `-`, `_` and `.`, the first a letter or \
             digit",
            dotted(&[section, name])
        ));
    }
}

/// A connector's name is its id, which is shorter.
pub(super) fn connector_id(name: &str, report: &mut ConfigReport) {
    let path = dotted(&["connector", name]);
    if name.starts_with(SYSTEM_CONNECTOR) {
        report.problem(format!("`{path}`: names of the system's connectors begin with {SYSTEM_CONNECTOR:?}"));
    }
    if name.len() > CONNECTOR_CHARS_MAX {
        report.problem(format!(
            "`{path}`: the name of a connector has at most {CONNECTOR_CHARS_MAX} characters"
        ));
    }
}

/// The sink of `.index` is an Elasticsearch.
pub(super) fn index_sink(
    settings: Option<&ConnectorsSettings>,
    sinks: &BTreeMap<String, SinkSettings>,
    names: &[&str],
    report: &mut ConfigReport,
) {
    let Some(sink) = settings.and_then(|settings| settings.index_sink.as_deref()) else { return };
    if !names.contains(&sink) {
        no_such_sink("connectors.index_sink", sink, names.iter().copied(), report);
    } else if sinks.get(sink).is_some_and(|sink| !matches!(sink, SinkSettings::Elasticsearch(_))) {
        report.problem(format!("`connectors.index_sink` names `{sink}`, which is not of type elasticsearch"));
    }
}

/// Cases are sent by the connection of a `kibana_index` sink.
pub(super) fn cases(
    settings: Option<&KibanaCasesSettings>,
    sinks: &BTreeMap<String, SinkSettings>,
    names: &[&str],
    report: &mut ConfigReport,
) {
    let Some(KibanaCasesSettings { sink, .. }) = settings else { return };
    if !names.contains(&sink.as_str()) {
        no_such_sink("cases.sink", sink, names.iter().copied(), report);
    } else if sinks.get(sink).is_some_and(|sink| !matches!(sink, SinkSettings::KibanaIndex(_))) {
        report.problem(format!("`cases.sink` names `{sink}`, which is not of type kibana_index"));
    }
}

/// Checks a collector against the names of all sinks.
pub(super) fn collector(
    name: &str,
    settings: &CollectorSettings,
    sinks: &BTreeSet<&str>,
    report: &mut ConfigReport,
) {
    let path = dotted(&["collector", name]);
    if settings.sinks.is_empty() {
        report.problem(format!("`{path}.sinks` is empty: the records would go nowhere"));
    }
    let mut seen = BTreeSet::new();
    for sink in &settings.sinks {
        if !seen.insert(sink) {
            report.problem(format!("`{path}.sinks` names `{sink}` twice"));
        } else if !sinks.contains(sink.as_str()) {
            no_such_sink(&format!("{path}.sinks"), sink, sinks.iter().copied(), report);
        }
    }
}

/// Checks the health table against the names of all sinks.
pub(super) fn health_table(
    settings: Option<&HealthTableSettings>,
    sinks: &[&str],
    report: &mut ConfigReport,
) {
    let sink = settings.map(|settings| settings.sink.as_str()).filter(|sink| !sinks.contains(sink));
    if let Some(sink) = sink {
        no_such_sink("health_table.sink", sink, sinks.iter().copied(), report);
    }
}

/// Checks the sinks of rows that ccfd itself makes: those that could be read, and the names of all.
fn row_sinks(
    (key, detect): (&str, &str),
    wanted: &[String],
    sinks: &BTreeMap<String, SinkSettings>,
    names: &[&str],
    report: &mut ConfigReport,
) {
    let mut seen = BTreeSet::new();
    for sink in wanted {
        if !seen.insert(sink) {
            report.problem(format!("`{key}` names `{sink}` twice"));
        } else if !names.contains(&sink.as_str()) {
            no_such_sink(key, sink, names.iter().copied(), report);
        } else if sinks.get(sink).is_some_and(SinkSettings::raises_alerts) {
            report.problem(format!("`{key}` names `{sink}`, a sink of type detect, {detect}"));
        }
    }
}

/// Checks the sinks of runs of connectors.
pub(super) fn runs(
    settings: Option<&ConnectorsSettings>,
    sinks: &BTreeMap<String, SinkSettings>,
    names: &[&str],
    report: &mut ConfigReport,
) {
    let wanted = settings.map(|settings| &settings.run_sinks[..]).unwrap_or_default();
    row_sinks(
        ("connectors.runs", "which judges records: name sinks that store rows"),
        wanted,
        sinks,
        names,
        report,
    );
}

/// Checks the sinks of alerts against all sinks: those that could be read, and the names of all.
pub(super) fn alerts(
    settings: &AlertSettings,
    sinks: &BTreeMap<String, SinkSettings>,
    names: &[&str],
    report: &mut ConfigReport,
) {
    let raises = "which raises the alerts itself: name sinks that store them";
    row_sinks(("detect.alerts", raises), &settings.sinks, sinks, names, report);
    let is_whole = names.iter().all(|name| sinks.contains_key(*name));
    let raises_none = is_whole && !sinks.values().any(SinkSettings::raises_alerts);
    let set = [
        ("`detect.alerts` is", !settings.sinks.is_empty()),
        ("`detect.action` is", !settings.actions.is_empty()),
    ];
    for (key, _) in set.into_iter().filter(|(_, is_set)| *is_set && raises_none) {
        report.problem(format!(
            "{key} set, but there is no sink of type detect to raise alerts: add one, and name it in `sinks` of the collectors \
             whose records it is to judge"
        ));
    }
}

/// Checks the connectors of actions, as far as the settings alone show what is wrong: others are made at run time.
pub(super) fn actions(
    settings: &AlertSettings,
    preconfigured: &BTreeMap<String, ConnectorSettings>,
    names: &[&str],
    report: &mut ConfigReport,
) {
    for action in &settings.actions {
        let (name, connector) = (&action.outbox.name, action.connector());
        let ActionDoes::Run { params, fields, .. } = &action.does else { continue };
        let key = format!("detect.action `{name}`");
        if ConnectorId::parse(connector).is_err() {
            report.problem(format!("{key}: `connector` is no id of a connector: {IdError}"));
            continue;
        }
        if !names.contains(&connector) {
            let proposal = proposal(connector, names.iter().copied());
            if !proposal.is_empty() {
                report.problem(format!(
                    "{key}: there is no [connector.{connector}]{proposal} If a connector with this id was made by request, \
                     give one of the two another id"
                ));
            }
            continue;
        }
        let Some(known) = preconfigured.get(connector) else { continue };
        let is_model = known.type_id == gen_ai::TYPE_ID;
        if is_model && let Some(refused) = advice::refused_params(params) {
            report.problem(format!("{key}: {refused}"));
        }
        if !is_model
            && let Some(kind) = connector_type(&known.type_id)
            && let Err(error) = params.check_languages(&|path: &str| kind.language(&known.config, path))
        {
            report.problem(format!("{key}: `params`: {error}"));
        }
        if !is_model && fields.is_some() {
            report.problem(format!("{key}: `fields` is for connectors of type {}", gen_ai::TYPE_ID));
        }
    }
}

fn no_such_sink<'a>(key: &str, sink: &str, sinks: impl Iterator<Item = &'a str>, report: &mut ConfigReport) {
    let proposal = proposal(sink, sinks);
    report.problem(format!("`{key}` names `{sink}`, but there is no [sink.{sink}]{proposal}"));
}

/// No two sinks may write to one place, and no sink to that of the state.
pub(super) fn places(
    state: Option<&StateSettings>,
    sinks: &BTreeMap<String, SinkSettings>,
    report: &mut ConfigReport,
) {
    let mut owners: BTreeMap<PathBuf, String> = BTreeMap::new();
    if let Some(state) = state {
        owners.insert(normalised(&state.dir), "state".to_owned());
    }
    for (name, settings) in sinks {
        let place = match settings.place() {
            SinkPlace::Database(path) | SinkPlace::Dir(path) | SinkPlace::Alerts(path) => path,
            SinkPlace::StandardOutput => Path::new("-"),
            SinkPlace::Service(_) => continue,
        };
        let owner = dotted(&["sink", name]);
        match owners.get(&normalised(place)) {
            Some(other) => {
                report.problem(format!("`{owner}` and `{other}` both write to {}", place.display()));
            }
            None => {
                owners.insert(normalised(place), owner);
            }
        }
    }
}

/// The path from the root without `.` and `..`. Only by its text, because nothing needs to exist yet: links
/// are not followed.
fn normalised(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut normal = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(component),
        }
    }
    normal
}
