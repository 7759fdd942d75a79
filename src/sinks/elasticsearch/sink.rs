//! The sink itself: how it is built, and what it does.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use collectors::{Clock, TlsVerification};
use http::Method;
use tokio::sync::OnceCell;
use url::{Url, form_urlencoded};

use super::{
    check, classify,
    client::{Cluster, Request},
    delivery,
    encode::Form,
    install,
    server::Server,
    witness::{Strikes, Witnesses},
};
use crate::{
    config::{ElasticsearchSettings, Environment, OpType, Refresh},
    log_throttle::LogThrottle,
    sinks::{
        Batch, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure, buffers::Buffers,
        counters::SinkCounters, http::Remote, remote::Service, request_size::RequestSize,
        sink_thread::SinkThread,
    },
    tables::Table,
};

/// The most bytes of a response that are read: about 60 for each row of the largest request, and errors with
/// their reasons.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// A good size of a request in bytes of records: about 40 pages. Several fit into the daemon's memory even
/// when a node is slower than the source, although each is there twice: as read and as sent.
const BATCH_BYTES: usize = 9 << 18;

/// The time between two lines about records in a failure store.
const FAILURE_STORE_INTERVAL: Duration = Duration::from_secs(300);

/// The sink. Connects at the first check or write.
pub struct ElasticsearchSink {
    state: Arc<ElasticsearchConnection>,
}

pub(super) struct ElasticsearchConnection {
    pub(super) settings: ElasticsearchSettings,
    pub(super) clock: Clock,
    pub(super) cluster: Cluster,
    /// The server; unknown until one has responded.
    pub(super) server: OnceCell<Option<Server>>,
    pub(super) size: RequestSize,
    pub(super) witnesses: Witnesses,
    pub(super) strikes: Strikes,
    pub(super) encoding: SinkThread,
    pub(super) buffers: Buffers,
    /// Records that went to a failure store and are not logged yet.
    pub(super) in_failure_store: Mutex<LogThrottle<u64>>,
}

impl ElasticsearchSink {
    /// A sink with these settings; connects to nothing yet. The clock gives the time of sending, the
    /// environment holds keys.
    pub fn new(settings: ElasticsearchSettings, environment: Environment, clock: Clock) -> Self {
        if settings.verification == TlsVerification::None {
            let url = settings.urls.first().map(Url::as_str).unwrap_or_default();
            tracing::warn!(
                url,
                "certificates are not verified: anyone on the network path can read and change everything"
            );
        }
        let in_flight = usize::try_from(settings.calls_in_flight).unwrap_or(usize::MAX);
        let state = ElasticsearchConnection {
            cluster: cluster(&settings, environment),
            server: OnceCell::new(),
            size: RequestSize::new(bulk_bytes_max(&settings), in_flight),
            witnesses: Witnesses::default(),
            strikes: Strikes::default(),
            encoding: SinkThread::default(),
            buffers: Buffers::default(),
            in_failure_store: Mutex::new(LogThrottle::new(FAILURE_STORE_INTERVAL)),
            settings,
            clock,
        };
        Self { state: Arc::new(state) }
    }
}

impl ElasticsearchConnection {
    /// What becomes of a document whose id exists.
    pub(super) fn op_type(&self, table: &Table) -> OpType {
        if table.newest_wins { OpType::Index } else { self.settings.op_type }
    }

    pub(super) fn form(&self, table: &Table) -> Form {
        let ElasticsearchSettings { gzip, raw_record, execution_time_field, .. } = &self.settings;
        let stamp = execution_time_field.clone().map(|field| (field, self.clock.now()));
        Form { op_type: self.op_type(table), gzip: *gzip, original: *raw_record, stamp }
    }

    /// Warns that records are in the failure store, where someone must look at them.
    pub(super) fn log_failure_store(&self, index: &str, records: u64) {
        let mut unlogged = self.in_failure_store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(records) = unlogged.add(|sum| *sum += records) {
            let advice = "see the failure store (GET INDEX::failures/_search) for what the mapping refuses";
            tracing::warn!(index, records, advice, "records went to the failure store of the data stream");
        }
    }

    pub(super) async fn bulk_request(&self, index: &str, body: Bytes) -> Request {
        let can_withhold_source = self.server().await.is_some_and(Server::can_withhold_source);
        let mut query = form_urlencoded::Serializer::new(format!("filter_path={}", classify::FILTER));
        match self.settings.refresh {
            Refresh::Later => &mut query,
            Refresh::AtOnce => query.append_pair("refresh", "true"),
            Refresh::WaitFor => query.append_pair("refresh", "wait_for"),
        };
        if let Some(pipeline) = &self.settings.pipeline {
            query.append_pair("pipeline", pipeline);
        }
        if can_withhold_source {
            query.append_pair("include_source_on_error", "false");
        }
        Request {
            method: Method::POST,
            path: format!("/{}/_bulk?{}", segment(index), query.finish()),
            content_type: Some("application/x-ndjson"),
            gzip: self.settings.gzip,
            body,
        }
    }

    /// The names that the tables have at the cluster, each once.
    pub(super) fn indices<'a>(&'a self, tables: &'a [Arc<Table>]) -> Vec<&'a str> {
        let mut names: Vec<&str> = tables.iter().map(|table| self.settings.index.of(table)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The cluster of these settings; connects to nothing yet.
pub(super) fn cluster(settings: &ElasticsearchSettings, environment: Environment) -> Cluster {
    let reach = settings.clone();
    let remote = Remote::new(
        Service::Elasticsearch,
        Box::new(move |environment| reach.http(ANSWER_BYTES_MAX, environment)),
        settings.auth.clone(),
        environment,
        settings.connection.retry_after_max,
    );
    let urls = settings.urls.iter().map(|url| url.as_str().trim_end_matches('/').to_owned()).collect();
    Cluster::new(remote, urls)
}

/// The most bytes of a request, as configured.
fn bulk_bytes_max(settings: &ElasticsearchSettings) -> usize {
    usize::try_from(settings.bulk_bytes_max).unwrap_or(usize::MAX)
}

/// A name as a part of a path.
pub(super) fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

#[async_trait]
impl Sink for ElasticsearchSink {
    fn redelivery(&self) -> Redelivery {
        Redelivery::Harmless
    }

    /// As configured, not as learned: routes plan with it, and what is learned soon changes.
    fn batch_bytes(&self) -> usize {
        BATCH_BYTES.min(bulk_bytes_max(&self.state.settings))
    }

    fn writes_in_flight(&self) -> usize {
        usize::try_from(self.state.settings.calls_in_flight).unwrap_or(usize::MAX)
    }

    /// The first address identifies the cluster, so that others can be added.
    fn identity(&self, table: &Table) -> String {
        self.state.settings.destination(table)
    }

    async fn check(&self, tables: &[Arc<Table>]) -> Result<Looked, SinkError> {
        Ok(check::check(&self.state, tables).await?)
    }

    async fn install(&self, tables: &[Arc<Table>]) -> Result<Option<String>, SinkError> {
        Ok(Some(install::install(&self.state, tables).await?))
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        delivery::write(&self.state, batch).await
    }

    fn counters(&self) -> SinkCounters {
        self.state.cluster.counters()
    }
}
