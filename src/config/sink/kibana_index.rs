//! `type = "kibana_index"`

use std::path::PathBuf;

use bytesize::ByteSize;
use config::Value;
use url::Url;

use super::{
    SinkPlace, SinkType,
    documents::{index_name, time_field},
};
use crate::{
    config::{
        ConnectionSettings, Environment, HttpAuth, TableNames,
        section::Section,
        table_names::NamedResource,
        urls::base_url,
        values::{ValueProblem, as_text, flag, text, wanted},
    },
    tables::{Table, Tables},
};

/// Documents through an index connector of Kibana.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KibanaIndexSettings {
    /// Kibana's address, with its base path, if any, and without a slash at the end.
    pub url: Url,
    /// The id of the space of the connectors.
    pub space: String,
    /// Who sends; `None` where nobody asks.
    pub auth: Option<HttpAuth>,
    /// The name of each table's connector, which is found or created.
    pub connectors: TableNames,
    /// The index, alias or data stream that each connector writes to.
    pub index: TableNames,
    /// Whether a connector created by ccfd refreshes the index with each request.
    pub refresh: bool,
    /// The field with the time of writing, in a connector created by ccfd.
    pub execution_time_field: Option<String>,
    /// Whether each document contains the record as received.
    pub raw_record: bool,
    /// Documents of one request at most.
    pub documents_max: u32,
    /// The most bytes of one request; a single document may be larger.
    pub body_max: u64,
    /// Whether connectors that ccfd created are deleted when it ends.
    pub delete_on_exit: bool,
    /// The sink of type `elasticsearch` through which its documents are read back, for `ccfd verify`.
    pub compare_with: Option<String>,
    /// How Kibana is reached.
    pub connection: ConnectionSettings,
}

impl SinkType for KibanaIndexSettings {
    const NAME: &'static str = "kibana_index";

    fn read(section: &mut Section<'_>, tables: &Tables) -> Option<Self> {
        let url = section.required("url", base_url);
        let space = section.required("space", space_id);
        let auth = section.optional_place("auth", HttpAuth::read);
        let connectors = TableNames::read(section, "connectors", NamedResource::Connector, tables, text);
        let index = TableNames::read(section, "index", NamedResource::Index, tables, index_name);
        let refresh = section.required("refresh", flag);
        let execution_time_field = section.required("execution_time_field", time_field(tables));
        let raw_record = section.required("raw_record", flag);
        let documents_max = section.number("documents_max", 1..=10_000);
        let body_max = section.size("body_max", ByteSize::kib(16)..=ByteSize::mib(90));
        let delete_on_exit = section.required("delete_on_exit", flag);
        let compare_with = section.required("compare_with", sink_name);
        let connection = ConnectionSettings::read(section);
        if let (true, Some(names), Some(index)) = (section.is_complete(), &connectors, &index) {
            let targets: Vec<(&str, &str)> =
                tables.iter().map(|table| (names.of(table), index.of(table))).collect();
            let differ = |(name, index): &(&str, &str)| {
                targets.iter().any(|(other, elsewhere)| name == other && index != elsewhere)
            };
            if targets.iter().any(differ) {
                let reason = "one connector writes to one index: give each index its own connector";
                section.problem("connectors", reason);
            }
        }
        Some(Self {
            url: url?,
            space: space?,
            auth,
            connectors: connectors?,
            index: index?,
            refresh: refresh?,
            execution_time_field: execution_time_field?,
            raw_record: raw_record?,
            documents_max,
            body_max,
            delete_on_exit: delete_on_exit?,
            compare_with: compare_with?,
            connection,
        })
    }

    fn place(&self) -> SinkPlace<'_> {
        SinkPlace::Service(vec![&self.url])
    }

    fn files(&self, environment: &Environment) -> Vec<PathBuf> {
        let secret = self.auth.as_ref().and_then(|auth| auth.secret().file(environment));
        self.connection.files(environment).chain(secret).collect()
    }
}

impl KibanaIndexSettings {
    /// Which destination the rows of a table go to: a checkpoint counts for no other.
    pub fn destination(&self, table: &Table) -> String {
        format!("kibana_index {} {} {}", self.url, self.space, self.index.of(table))
    }
}

/// The id of a space, as in Kibana's addresses after `/s/`.
fn space_id(value: &Value) -> Result<String, ValueProblem> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let id = as_text(value).filter(|id| !id.is_empty() && id.chars().all(allowed));
    id.map(str::to_owned).ok_or_else(|| wanted("the id of a space: lower-case letters, digits, `_` and `-`"))
}

/// Empty means none.
fn sink_name(value: &Value) -> Result<Option<String>, ValueProblem> {
    let name = as_text(value).ok_or_else(|| wanted("the name of a sink of type `elasticsearch`, or \"\""))?;
    Ok(Some(name.to_owned()).filter(|name| !name.is_empty()))
}
