//! The destinations, each behind a gateway.

use std::{collections::BTreeMap, fs, sync::Arc};

use ccfd::{
    config::{Config, Environment},
    simulator::SimulatedList,
    sinks::{Sink, registry},
};
use collectors::Clock;
use serde_json::Value;

use crate::support::{
    chaos::Chaos,
    fake::Fake,
    fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, DCR, TENANT},
    fake_elastic::Elastic,
    fake_kibana::{AUTHORIZATION, Kibana},
};

/// A service.
pub enum There {
    Elastic(Elastic),
    /// Each of its indices has a pipeline that gives ids.
    Kibana(Kibana),
    Azure(Box<Azure>),
}

/// What makes one.
pub const ALL: [fn() -> There; 3] = [There::elastic, There::kibana, There::azure];

impl There {
    pub fn elastic() -> Self {
        Self::Elastic(Elastic::plain())
    }

    pub fn kibana() -> Self {
        let kibana = Kibana::plain();
        for list in [SimulatedList::AuditLogs, SimulatedList::Completions] {
            kibana.set_ids_from(index(list), "Id");
        }
        Self::Kibana(kibana)
    }

    pub fn azure() -> Self {
        Self::Azure(Box::new(Azure::start()))
    }

    /// Where rows are written to.
    pub fn server(&self) -> &Fake {
        match self {
            Self::Elastic(elastic) => &elastic.server,
            Self::Kibana(kibana) => &kibana.server,
            Self::Azure(azure) => &azure.ingestion.server,
        }
    }

    /// From now on a gateway is in front of all of it.
    pub fn put_behind_a_gateway(&self, seed: u64) {
        self.server().put_behind(Chaos::gateway(seed));
        if let Self::Azure(azure) = self {
            azure.entra.server.put_behind(Chaos::gateway(seed + 1_000_000));
        }
    }

    /// Never takes the record of this id.
    pub fn refuse(&self, id: &str) {
        match self {
            Self::Elastic(elastic) => elastic.fail(id, usize::MAX, 400, "document_parsing_exception"),
            Self::Kibana(kibana) => kibana.refuse(id, "failed to parse field [n]", None),
            Self::Azure(azure) => azure.ingestion.refuse(id),
        }
    }

    /// The section of a sink called `there` that writes to it by way of this URL, with more keys.
    pub fn section(&self, url: &str, keys: &str) -> String {
        let of_type = match self {
            Self::Elastic(_) => {
                format!("type = \"elasticsearch\"\nurls = [\"{url}\"]\nbulk_bytes_max = \"64KiB\"")
            }
            Self::Kibana(_) => format!(
                "type = \"kibana_index\"\nurl = \"{url}\"\ndocuments_max = 50\n\
                 auth = {{ api_key = {{ env = \"KIBANA_API_KEY\" }} }}"
            ),
            Self::Azure(azure) => format!(
                "type = \"logs_ingestion\"\nendpoint = \"{url}\"\ndcr_immutable_id = \"{DCR}\"\n\
                 inflated_max = \"64KiB\"\nca_file = {:?}\nauth = {{ kind = \"client_secret\", \
                 tenant_id = \"{TENANT}\", client_id = \"{CLIENT_ID}\", authority_host = \"{}\", \
                 client_secret = {{ env = \"AZURE_SECRET\" }} }}",
                azure.ca.path(),
                azure.entra.server.url()
            ),
        };
        format!("[sink.there]\n{of_type}\n{keys}\n")
    }

    /// The variables that the section names.
    pub fn variables() -> [(&'static str, &'static str); 2] {
        let key = AUTHORIZATION.strip_prefix("ApiKey ").unwrap();
        [("KIBANA_API_KEY", key), ("AZURE_SECRET", CLIENT_SECRET)]
    }

    /// A sink that writes to it.
    pub fn sink(&self, clock: Clock) -> Arc<dyn Sink> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ccfd.toml");
        let collector =
            "[collector.a]\nsource = \"audit_logs\"\napi_key = { env = \"K\" }\nsinks = [\"there\"]\n";
        fs::write(&file, format!("{collector}{}", self.section(self.server().url(), ""))).unwrap();
        let environment: Environment = Self::variables().into_iter().collect();
        let mut config = Config::load(Some(&file), &environment, &[]).unwrap();
        registry::build(&config.sinks.remove("there").unwrap(), &environment, clock)
    }

    /// How often each record of a list is there, by its id.
    pub fn times(&self, list: SimulatedList) -> BTreeMap<String, usize> {
        match self {
            Self::Elastic(elastic) => elastic.documents(index(list)).into_keys().map(|id| (id, 1)).collect(),
            Self::Kibana(kibana) => counted(kibana.documents(index(list)).iter(), "Id"),
            Self::Azure(azure) => counted(azure.ingestion.rows(stream(list)).iter(), "id"),
        }
    }

    /// How often each record was in a call that was carried out while its sender heard something else.
    pub fn unheard(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for request in self.server().unheard() {
            let Ok(Value::Array(rows)) = serde_json::from_slice(&request.content().unwrap()) else {
                continue;
            };
            for (id, count) in counted(rows.iter(), "id") {
                *times.entry(id).or_default() += count;
            }
        }
        times
    }
}

fn counted<'a>(rows: impl Iterator<Item = &'a Value>, field: &str) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for row in rows {
        *times.entry(row[field].as_str().unwrap().to_owned()).or_default() += 1;
    }
    times
}

fn index(list: SimulatedList) -> &'static str {
    match list {
        SimulatedList::AuditLogs => "openai-audit-logs",
        SimulatedList::Completions => "openai-chat-completions",
    }
}

fn stream(list: SimulatedList) -> &'static str {
    match list {
        SimulatedList::AuditLogs => "Custom-OpenAIAuditLogs_CL",
        SimulatedList::Completions => "Custom-OpenAIChatCompletions_CL",
    }
}
