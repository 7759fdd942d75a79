//! `type = "elasticsearch"`

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytesize::ByteSize;
use collectors::{ClientIdentity, HttpSettings, TlsVerification};
use config::{Value, ValueKind};
use url::Url;

use super::{
    SinkPlace, SinkType,
    documents::{index_name, time_field},
};
use crate::{
    config::{
        ConnectionSettings, Environment, HttpAuth, SecretError, SettingError, TableNames, check_secret_file,
        section::Section,
        table_names::NamedResource,
        urls::base_urls,
        values::{ValueProblem, as_text, flag, one_of, path, wanted},
    },
    tables::{Table, Tables},
};

/// Documents of Elasticsearch or OpenSearch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElasticsearchSettings {
    /// Addresses of the cluster, tried in turn, without a slash at their end. At least one.
    pub urls: Vec<Url>,
    /// Who sends; `None` where nobody asks.
    pub auth: Option<HttpAuth>,
    /// The index, alias or data stream for the records of each table.
    pub index: TableNames,
    /// What happens to a record whose id exists already.
    pub op_type: OpType,
    /// When a written record can be found.
    pub refresh: Refresh,
    /// The field with the time of sending.
    pub execution_time_field: Option<String>,
    /// Whether each document contains the record as received.
    pub raw_record: bool,
    /// The ingest pipeline for documents.
    pub pipeline: Option<String>,
    /// The most bytes of one request, before compression.
    pub bulk_bytes_max: u64,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// How many requests of one route may be in flight.
    pub calls_in_flight: u32,
    /// How the cluster's certificate is checked.
    pub verification: TlsVerification,
    /// Our own certificate.
    pub identity: Option<ClientIdentity>,
    /// How the cluster is reached.
    pub connection: ConnectionSettings,
}

/// What happens to a record whose id exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpType {
    /// It is ignored: the first version stays.
    Create,
    /// It replaces the older version. Data streams do not allow that.
    Index,
}

/// When a written record can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// When the index refreshes by itself.
    Later,
    /// Immediately: the index refreshes for each request.
    AtOnce,
    /// When the index refreshes by itself, for which the request waits.
    WaitFor,
}

const OP_TYPES: &[(&str, OpType)] = &[("create", OpType::Create), ("index", OpType::Index)];

const VERIFICATIONS: &[(&str, TlsVerification)] = &[
    ("full", TlsVerification::Full),
    ("certificate", TlsVerification::Certificate),
    ("none", TlsVerification::None),
];

impl SinkType for ElasticsearchSettings {
    const NAME: &'static str = "elasticsearch";

    fn read(section: &mut Section<'_>, tables: &Tables) -> Option<Self> {
        let urls = urls(section);
        let auth = section.optional_place("auth", HttpAuth::read);
        let index = TableNames::read(section, "index", NamedResource::Index, tables, index_name);
        let op_type = section.required("op_type", one_of(OP_TYPES));
        let refresh = section.required("refresh", Refresh::read);
        let execution_time_field = section.required("execution_time_field", time_field(tables));
        let raw_record = section.required("raw_record", flag);
        let pipeline = section.required("pipeline", pipeline);
        let bulk_bytes_max = section.size("bulk_bytes_max", ByteSize::kib(64)..=ByteSize::mib(90));
        let gzip = section.required("gzip", flag);
        let calls_in_flight = section.number("calls_in_flight", 1..=16);
        let verification = section.required("verification", one_of(VERIFICATIONS));
        let identity = identity(section);
        let connection = ConnectionSettings::read(section);
        let unnamed = verification == Some(TlsVerification::Certificate);
        if section.is_complete() && unnamed && connection.ca_file.is_none() {
            let reason = "requires `ca_file`: unless the name is checked, a certificate of any public \
                          authority would be accepted";
            section.problem("verification", reason);
        }
        Some(Self {
            urls: urls?,
            auth,
            index: index?,
            op_type: op_type?,
            refresh: refresh?,
            execution_time_field: execution_time_field?,
            raw_record: raw_record?,
            pipeline: pipeline?,
            bulk_bytes_max,
            gzip: gzip?,
            calls_in_flight,
            verification: verification?,
            identity,
            connection,
        })
    }

    fn place(&self) -> SinkPlace<'_> {
        SinkPlace::Service(self.urls.iter().collect())
    }

    fn files(&self, environment: &Environment) -> Vec<PathBuf> {
        let secret = self.auth.as_ref().and_then(|auth| auth.secret().file(environment));
        let identity = self.identity.iter().flat_map(|of| [of.cert_file.clone(), of.key_file.clone()]);
        self.connection.files(environment).chain(identity).chain(secret).collect()
    }
}

impl ElasticsearchSettings {
    /// Which destination the rows of a table go to: a checkpoint counts for no other.
    pub fn destination(&self, table: &Table) -> String {
        let url = self.urls.first().map(Url::as_str).unwrap_or_default();
        format!("elasticsearch {} {}", url.trim_end_matches('/'), self.index.of(table))
    }
}

impl ElasticsearchSettings {
    /// The settings of the HTTP client, which reads at most `body_max` bytes of a response.
    ///
    /// # Errors
    ///
    /// If the proxy's URL is kept as a secret that cannot be read, or if everyone can read the key of our
    /// certificate.
    pub fn http(&self, body_max: u64, environment: &Environment) -> Result<HttpSettings, SettingError> {
        if let Some(identity) = &self.identity {
            check_secret_file(&identity.key_file, environment).map_err(SecretError::of("client_key_file"))?;
        }
        Ok(HttpSettings {
            verification: self.verification,
            identity: self.identity.clone(),
            ..self.connection.http(body_max, environment)?
        })
    }
}

impl Refresh {
    fn read(value: &Value) -> Result<Self, ValueProblem> {
        match (&value.kind, as_text(value)) {
            (ValueKind::Boolean(false), _) | (_, Some("false")) => Ok(Self::Later),
            (ValueKind::Boolean(true), _) | (_, Some("true")) => Ok(Self::AtOnce),
            (_, Some("wait_for")) => Ok(Self::WaitFor),
            _ => Err(wanted("false, true or \"wait_for\"")),
        }
    }
}

/// The cluster's addresses, given in one of two ways.
fn urls(section: &mut Section<'_>) -> Option<Vec<Url>> {
    let cloud = section.optional("cloud_id", cloud_url);
    if cloud.is_none() && !section.gives("cloud_id") {
        return section.required("urls", base_urls);
    }
    if section.optional("urls", base_urls).is_some() && section.is_complete() {
        section.problem(
            "cloud_id",
            "conflicts with `urls`, which also says where the cluster is: set one \
                                     of them",
        );
    }
    cloud.map(|cloud| vec![cloud])
}

/// The address in a cloud id: a label, `:`, and the base64 of `<domain>$<cluster>$<Kibana>`. Each name may
/// have a port.
fn cloud_url(value: &Value) -> Result<Url, ValueProblem> {
    let url = || {
        let (_, encoded) = as_text(value)?.rsplit_once(':')?;
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let mut parts = decoded.split('$');
        let (domain, cluster) = (parts.next()?, parts.next().filter(|cluster| !cluster.is_empty())?);
        let (domain, of_all) = domain.split_once(':').unwrap_or((domain, "443"));
        let (cluster, port) = cluster.split_once(':').unwrap_or((cluster, of_all));
        let names_only = [domain, cluster].iter().all(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        });
        Url::parse(&format!("https://{cluster}.{domain}:{port}")).ok().filter(|_| names_only)
    };
    url()
        .ok_or_else(|| ValueProblem::Because("not a cloud id: copy it from the deployment's page".to_owned()))
}

/// The name of an ingest pipeline; `None` if it is empty.
fn pipeline(value: &Value) -> Result<Option<String>, ValueProblem> {
    let name = as_text(value).ok_or_else(|| wanted("the name of an ingest pipeline, or \"\""))?;
    Ok(Some(name.to_owned()).filter(|name| !name.is_empty()))
}

/// Both files or none.
fn identity(section: &mut Section<'_>) -> Option<ClientIdentity> {
    let cert_file = section.optional_place("client_cert_file", path);
    let key_file = section.optional_place("client_key_file", path);
    if section.is_complete() && cert_file.is_some() != key_file.is_some() {
        let (key, other) = match cert_file {
            Some(_) => ("client_cert_file", "client_key_file"),
            None => ("client_key_file", "client_cert_file"),
        };
        section.problem(key, &format!("requires `{other}`, too"));
    }
    Some(ClientIdentity { cert_file: cert_file?, key_file: key_file? })
}
