//! The sink itself: how it is built and connected.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use collectors::{Clock, Http, HttpSettings};

use super::{
    auth::{Credential, Tokens},
    check,
    client::LogsIngestionConnection,
    delivery::StreamDelivery,
    encode::Encoder,
};
use crate::{
    config::{AzureIdentity, Environment, LogsIngestionSettings, OldRecords, Profile},
    sinks::{
        Batch, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure,
        counters::{SinkCounter, SinkCounters},
        remote::{RemoteErrorKind, Service},
        request_size::RequestSize,
        sink_thread::SinkThread,
    },
    tables::Table,
};

/// How long Azure keeps a row's own `TimeGenerated`, in seconds.
const KEPT: i64 = 2 * 24 * 60 * 60;
/// Responses have a few hundred bytes; a token with many groups some thousand.
const ANSWER_BYTES_MAX: u64 = 256 << 10;
/// A good size of a call in bytes of records: 50 pages and more, which compress to nearly a full call. More
/// would be split into two calls, and several batches in flight would not fit into the daemon's memory.
const BATCH_BYTES: usize = 11 << 18;
/// How long one token may take: less than the limit of `check`.
const TOKEN_WAIT_MAX: Duration = Duration::from_secs(25);

/// The sink. Connects at the first check or write.
pub struct LogsIngestionSink {
    settings: LogsIngestionSettings,
    clock: Clock,
    environment: Environment,
    api: Mutex<Option<Arc<LogsIngestionConnection>>>,
    meter: Arc<SinkCounter>,
    /// The tables for which it was logged that Azure changes the time of old records.
    old_logged: Mutex<BTreeSet<String>>,
}

impl LogsIngestionSink {
    /// A sink with these settings; sends nothing yet. The clock gives the age of records and tokens; secrets
    /// are looked up in the environment.
    pub fn new(settings: LogsIngestionSettings, environment: Environment, clock: Clock) -> Self {
        let (api, old_logged) = (Mutex::default(), Mutex::default());
        let meter = Arc::new(SinkCounter::with_tokens());
        Self { settings, clock, environment, api, meter, old_logged }
    }

    /// Built when first needed, and again after a failure of the settings: a missing file may exist by then.
    fn api(&self) -> Result<Arc<LogsIngestionConnection>, SinkError> {
        let mut api = self.api.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(api) = &*api {
            return Ok(api.clone());
        }
        let unusable = |kind: RemoteErrorKind| kind.of(Service::LogsIngestion);
        Ok(api.insert(Arc::new(self.connect().map_err(unusable)?)).clone())
    }

    fn connect(&self) -> Result<LogsIngestionConnection, RemoteErrorKind> {
        let settings = http_settings(&self.settings, ANSWER_BYTES_MAX, &self.environment)?;
        let LogsIngestionSettings { endpoint, dcr_immutable_id, connection, .. } = &self.settings;
        let http = Http::new(&settings).map(Arc::new).map_err(RemoteErrorKind::Settings)?;
        let scope = self.settings.scope().to_owned();
        let credential = credential(&self.settings, scope, (&http, settings), &self.environment)?;
        Ok(LogsIngestionConnection {
            http,
            streams: format!("{endpoint}dataCollectionRules/{dcr_immutable_id}/streams"),
            tokens: Arc::new(Tokens::new(credential, self.clock.clone(), self.meter.clone())),
            meter: self.meter.clone(),
            size: RequestSize::new(self.inflated_max(), self.writes_in_flight()),
            retry_after_max: connection.retry_after_max,
            encoding: SinkThread::default(),
            surprised: AtomicBool::new(false),
        })
    }

    /// The most bytes of the rows of one call, as configured.
    fn inflated_max(&self) -> usize {
        usize::try_from(self.settings.inflated_max).unwrap_or(usize::MAX)
    }

    /// The second before which records are refused.
    fn since(&self, batch: &Batch) -> Option<i64> {
        let kept_since = self.clock.now() - KEPT;
        match self.settings.old_records {
            OldRecords::Reject => Some(kept_since),
            OldRecords::Send => {
                if batch.records.iter().any(|record| record.second < kept_since) {
                    self.log_old(&batch.table);
                }
                None
            }
        }
    }

    /// Logs once per table that old records get a new date.
    fn log_old(&self, table: &Table) {
        let mut logged = self.old_logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.insert(table.name.to_string()) {
            tracing::warn!(
                table = &*table.name,
                "records are older than two days: Azure sets their TimeGenerated to the time of arrival"
            );
        }
    }
}

/// The settings of connections that read at most `body_max` bytes of a response.
pub(super) fn http_settings(
    settings: &LogsIngestionSettings,
    body_max: u64,
    environment: &Environment,
) -> Result<HttpSettings, RemoteErrorKind> {
    let settings = settings.connection.http(body_max, environment);
    settings.map_err(|error| RemoteErrorKind::Secret((&error).into()))
}

/// The identity of the sink, for tokens of this scope.
pub(super) fn credential(
    settings: &LogsIngestionSettings,
    scope: String,
    (http, reach): (&Arc<Http>, HttpSettings),
    environment: &Environment,
) -> Result<Credential, RemoteErrorKind> {
    let LogsIngestionSettings { auth, connection, .. } = settings;
    let issuer = match &auth.identity {
        // A machine's own issuer has an address that no proxy reaches.
        AzureIdentity::ManagedIdentity { .. } => {
            let direct = HttpSettings { direct: true, ..reach };
            Http::new(&direct).map(Arc::new).map_err(RemoteErrorKind::Settings)?
        }
        AzureIdentity::ClientSecret { .. }
        | AzureIdentity::WorkloadIdentity { .. }
        | AzureIdentity::AzureCli { .. } => http.clone(),
    };
    Ok(Credential {
        identity: auth.identity.clone(),
        authority_host: settings.authority().to_owned(),
        scope,
        environment: environment.clone(),
        http: issuer,
        timeout: connection.timeout.min(TOKEN_WAIT_MAX),
        retry_after_max: connection.retry_after_max,
    })
}

#[async_trait]
impl Sink for LogsIngestionSink {
    fn redelivery(&self) -> Redelivery {
        Redelivery::Repeats
    }

    fn batch_bytes(&self) -> usize {
        self.inflated_max().min(BATCH_BYTES)
    }

    fn writes_in_flight(&self) -> usize {
        usize::try_from(self.settings.calls_in_flight).unwrap_or(usize::MAX)
    }

    fn identity(&self, table: &Table) -> String {
        self.settings.destination(table)
    }

    async fn check(&self, tables: &[Arc<Table>]) -> Result<Looked, SinkError> {
        let api = self.api()?;
        check::check(&self.settings, &api, tables).await
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        let api = self.api()?;
        let encoder =
            Encoder { asim: self.settings.profile == Profile::Asim, inflated_max: self.inflated_max() };
        let table = batch.table.clone();
        let stream = self.settings.streams.of(&table);
        let since = self.since(&batch);
        StreamDelivery { api: &api, encoder, batch, stream, since }.run().await
    }

    fn counters(&self) -> SinkCounters {
        self.meter.read()
    }
}
