//! `type = "logs_ingestion"`

mod auth;
mod query;

use std::path::PathBuf;

pub use auth::{AzureAuth, AzureIdentity};
use bytesize::ByteSize;
use config::Value;
pub use query::{QuerySettings, Workspace};
use url::Url;

use super::{SinkPlace, SinkType};
use crate::{
    config::{
        ConnectionSettings, Environment, TableNames,
        section::Section,
        table_names::NamedResource,
        urls::address,
        values::{ValueProblem, as_text, one_of, wanted},
    },
    tables::{Table, Tables},
};

/// The prefix of all input streams: only those with it can be written to.
const STREAM_PREFIX: &str = "Custom-";
const RULE_PREFIX: &str = "dcr-";
const RULE_DIGITS: usize = 32;

/// The Logs Ingestion API of Azure Monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogsIngestionSettings {
    /// The data collection endpoint, or that of the rule itself.
    pub endpoint: Url,
    /// Which data collection rule.
    pub dcr_immutable_id: String,
    /// What that rule makes of the rows.
    pub profile: Profile,
    /// The rule's input streams.
    pub streams: TableNames,
    /// The cloud of the endpoint, the authority and the audience.
    pub cloud: Cloud,
    /// What happens to records to which Azure would give a new date.
    pub old_records: OldRecords,
    /// How a token is had.
    pub auth: AzureAuth,
    /// Calls on their way at the same time.
    pub calls_in_flight: u32,
    /// The most bytes of rows in one call, before compression.
    pub inflated_max: u64,
    /// How its rows are read back, for `ccfd verify`.
    pub query: Option<QuerySettings>,
    /// How to connect to the endpoint and the authority.
    pub connection: ConnectionSettings,
}

/// The tables for which the data collection rule transforms the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Rows of the tables `OpenAIAuditLogs_CL` and `OpenAIChatCompletions_CL`.
    Table,
    /// Rows of `ASimAgentEventLogs` for completions, which needs some constants in each.
    Asim,
}

/// One of Azure's clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// The public one.
    Public,
    /// The cloud of the United States government.
    UsGov,
    /// That in China.
    China,
}

/// What happens to records older than the two days for which Azure keeps a row's own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldRecords {
    /// They are sent; their `TimeGenerated` becomes the time of arrival.
    Send,
    /// They go to the rejects.
    Reject,
}

const PROFILES: &[(&str, Profile)] = &[("table", Profile::Table), ("asim", Profile::Asim)];
const CLOUDS: &[(&str, Cloud)] =
    &[("public", Cloud::Public), ("usgov", Cloud::UsGov), ("china", Cloud::China)];
const OLD_RECORDS: &[(&str, OldRecords)] = &[("send", OldRecords::Send), ("reject", OldRecords::Reject)];

impl SinkType for LogsIngestionSettings {
    const NAME: &'static str = "logs_ingestion";

    fn read(section: &mut Section<'_>, tables: &Tables) -> Option<Self> {
        let endpoint = section.required("endpoint", endpoint);
        let dcr_immutable_id = section.required("dcr_immutable_id", rule);
        let profile = section.required("profile", one_of(PROFILES));
        let streams = TableNames::read(section, "streams", NamedResource::Stream, tables, stream);
        let cloud = section.required("cloud", one_of(CLOUDS));
        let old_records = section.required("old_records", one_of(OLD_RECORDS));
        let auth = section.nested("auth", AzureAuth::read);
        let calls_in_flight = section.number("calls_in_flight", 1..=64);
        // Azure silently loses rows above 50 MiB.
        let inflated_max = section.size("inflated_max", ByteSize::kib(64)..=ByteSize::mib(48));
        let query = QuerySettings::read(section);
        let connection = ConnectionSettings::read(section);
        Some(Self {
            endpoint: endpoint?,
            dcr_immutable_id: dcr_immutable_id?,
            profile: profile?,
            streams: streams?,
            cloud: cloud?,
            old_records: old_records?,
            auth: auth?,
            calls_in_flight,
            inflated_max,
            query: query?,
            connection,
        })
    }

    fn place(&self) -> SinkPlace<'_> {
        SinkPlace::Service(vec![&self.endpoint])
    }

    fn files(&self, environment: &Environment) -> Vec<PathBuf> {
        // The token of a workload identity is not included: it is read for each use.
        let secret = self.auth.identity.secret().and_then(|secret| secret.file(environment));
        self.connection.files(environment).chain(secret).collect()
    }
}

impl LogsIngestionSettings {
    /// Which destination the rows of a table go to: a checkpoint counts for no other.
    pub fn destination(&self, table: &Table) -> String {
        let Self { endpoint, dcr_immutable_id, streams, .. } = self;
        format!("logs_ingestion {endpoint} {dcr_immutable_id} {}", streams.of(table))
    }
}

impl LogsIngestionSettings {
    /// The authority that issues tokens, without a slash at its end.
    pub fn authority(&self) -> &str {
        let of_cloud = match self.cloud {
            Cloud::Public => "https://login.microsoftonline.com",
            Cloud::UsGov => "https://login.microsoftonline.us",
            Cloud::China => "https://login.chinacloudapi.cn",
        };
        self.auth.authority_host.as_deref().unwrap_or(of_cloud)
    }

    /// What the tokens are for.
    pub fn scope(&self) -> &str {
        let of_cloud = match self.cloud {
            Cloud::Public => "https://monitor.azure.com/.default",
            Cloud::UsGov => "https://monitor.azure.us/.default",
            Cloud::China => "https://monitor.azure.cn/.default",
        };
        self.auth.scope.as_deref().unwrap_or(of_cloud)
    }
}

fn endpoint(value: &Value) -> Result<Url, ValueProblem> {
    let url =
        address(value, "an https URL such as \"https://NAME-x1y2.westeurope-1.ingest.monitor.azure.com\"")?;
    if url.path() != "/" {
        return Err(ValueProblem::Because(
            "an endpoint is a host without a path: ccfd adds the rest".to_owned(),
        ));
    }
    Ok(url)
}

fn rule(value: &Value) -> Result<String, ValueProblem> {
    let is_rule = |text: &&str| {
        text.strip_prefix(RULE_PREFIX).is_some_and(|digits| {
            digits.len() == RULE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    as_text(value).filter(is_rule).map(str::to_owned).ok_or_else(|| {
        wanted(format!("the rule's immutable id, `{RULE_PREFIX}` and {RULE_DIGITS} hexadecimal digits"))
    })
}

fn stream(value: &Value) -> Result<String, ValueProblem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_stream = |text: &&str| {
        text.strip_prefix(STREAM_PREFIX).is_some_and(|name| !name.is_empty() && name.bytes().all(allowed))
    };
    as_text(value)
        .filter(is_stream)
        .map(str::to_owned)
        .ok_or_else(|| wanted(format!("the name of an input stream, `{STREAM_PREFIX}…`")))
}
