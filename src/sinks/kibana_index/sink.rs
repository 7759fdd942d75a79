//! The sink itself: how it is built, and which connectors it uses.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use collectors::IdHash;
use tokio::{sync::Mutex, time::Instant};

use super::{
    client::Client,
    connector::{self, WantedConnector},
    delivery::Run,
};
use crate::{
    config::{Environment, KibanaIndexSettings},
    sinks::{
        Batch, Concern, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure,
        counters::SinkCounters,
        remote::{RemoteError, RemoteErrorKind},
        request_size::RequestSize,
    },
    tables::Table,
};

/// Requests per batch: enough that the last one, which is not full, hardly matters.
const REQUESTS_PER_BATCH: usize = 4;

/// How long the last check of a connector is valid: an edit may send the records elsewhere.
const LOOKED_FOR: Duration = Duration::from_secs(60);
/// After this many writes in a row with unreadable responses the route parks, because each further write may
/// duplicate its records.
const UNCONFIRMED: u32 = 3;

/// The sink. Connects at the first check or write.
pub struct KibanaIndexSink {
    pub(super) settings: KibanaIndexSettings,
    pub(super) client: Client,
    /// The connectors in use, by table name. Held during a search, so that routes do not search at the same
    /// time.
    connectors: Mutex<BTreeMap<String, KnownConnector>>,
    pub(super) size: RequestSize,
    /// Writes in a row whose responses were not understood.
    pub(super) unconfirmed: AtomicU32,
    /// Documents that were written although it is unknown whether their connector writes to the right index,
    /// because the check after the write failed.
    unproven: std::sync::Mutex<HashSet<IdHash>>,
    /// Whether it was logged that documents are sent again in parts.
    pub(super) has_logged_parts: AtomicBool,
}

/// A connector in use.
struct KnownConnector {
    table: Arc<Table>,
    id: String,
    /// When it was checked; `None` if it must be checked before the next write.
    looked: Option<Instant>,
    /// The index of the last documents, as the response named it.
    index: Option<String>,
}

impl KibanaIndexSink {
    /// A sink with these settings; the environment may hold its secret. Connects to nothing yet.
    pub fn new(settings: KibanaIndexSettings, environment: Environment) -> Self {
        let client = Client::new(&settings, environment);
        let body_max = usize::try_from(settings.body_max).unwrap_or(usize::MAX);
        Self {
            settings,
            client,
            connectors: Mutex::default(),
            size: RequestSize::new(body_max, 1),
            unconfirmed: AtomicU32::new(0),
            unproven: std::sync::Mutex::default(),
            has_logged_parts: AtomicBool::new(false),
        }
    }

    /// The id of the connector of a table: found or created at the first call, checked again from time to
    /// time.
    pub(super) async fn connector(&self, table: &Arc<Table>) -> Result<String, RemoteError> {
        let mut connectors = self.connectors.lock().await;
        let wanted = WantedConnector::of(&self.settings, table);
        if let Some(known) = connectors.get_mut(&*table.name) {
            if known.looked.is_some_and(|looked| looked.elapsed() < LOOKED_FOR) {
                return Ok(known.id.clone());
            }
            known.looked = None;
            if wanted.look_at(&self.client, &known.id).await?.is_some() {
                known.looked = Some(Instant::now());
                return Ok(known.id.clone());
            }
        }
        let found = wanted.find_or_make(&self.client).await?;
        let looked = Some(Instant::now());
        let known = KnownConnector { table: table.clone(), id: found.id.clone(), looked, index: None };
        connectors.insert(table.name.to_string(), known);
        Ok(found.id)
    }

    /// Forgets a connector that no longer exists, unless another one has taken its place.
    pub(super) async fn forget(&self, table: &Arc<Table>, id: &str) {
        let mut connectors = self.connectors.lock().await;
        if connectors.get(&*table.name).is_some_and(|known| known.id == id) {
            connectors.remove(&*table.name);
        }
    }

    /// Notes the index to which documents went. If it is a new one, the connector is checked: the index
    /// behind an alias or a data stream may change, the connector must not.
    pub(super) async fn note_index(&self, table: &Arc<Table>, index: String) -> Result<(), RemoteError> {
        {
            let mut connectors = self.connectors.lock().await;
            let Some(known) = connectors.get_mut(&*table.name) else { return Ok(()) };
            let before = known.index.replace(index);
            if before.is_none() || before == known.index {
                return Ok(());
            }
            known.looked = None;
        }
        self.connector(table).await.map(drop)
    }

    pub(super) fn unproven(&self) -> MutexGuard<'_, HashSet<IdHash>> {
        self.unproven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response to a write was not understood. Before the next write the connector is checked, which
    /// shows whether responses can be read at all; after a few such writes in a row an operator must act.
    pub(super) async fn unconfirmed(&self, table: &Arc<Table>, error: RemoteError) -> RemoteError {
        if let Some(known) = self.connectors.lock().await.get_mut(&*table.name) {
            known.looked = None;
        }
        match self.unconfirmed.fetch_add(1, Ordering::Relaxed) + 1 {
            writes @ UNCONFIRMED.. => RemoteError { kind: RemoteErrorKind::Unconfirmed { writes }, ..error },
            _ => error,
        }
    }
}

#[async_trait]
impl Sink for KibanaIndexSink {
    fn redelivery(&self) -> Redelivery {
        Redelivery::Repeats
    }

    fn batch_bytes(&self) -> usize {
        usize::try_from(self.settings.body_max).unwrap_or(usize::MAX).saturating_mul(REQUESTS_PER_BATCH)
    }

    fn identity(&self, table: &Table) -> String {
        self.settings.destination(table)
    }

    async fn check(&self, tables: &[Arc<Table>]) -> Result<Looked, SinkError> {
        let text = self.look(tables).await?;
        let versions = tables.iter().filter(|table| table.newest_wins).map(|table| Concern {
            text: format!(
                "{} keeps the first version of each row: a connector adds documents and changes none",
                self.settings.index.of(table)
            ),
            advice: "a new status or more records do not arrive there: use a sink of type elasticsearch for alerts, or look at \
                     them with `ccfd alerts`",
        });
        Ok(Looked { text, concerns: versions.collect() })
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        Run::new(self, batch).all().await
    }

    fn counters(&self) -> SinkCounters {
        self.client.counters()
    }

    async fn close(&self) -> Result<(), SinkError> {
        if !self.settings.delete_on_exit {
            return Ok(());
        }
        let mut known = self.connectors.lock().await;
        while let Some((_, KnownConnector { table, id, .. })) = known.pop_first() {
            let wanted = WantedConnector::of(&self.settings, &table);
            if wanted.is_own(&id) {
                connector::delete(&self.client, &id).await?;
                tracing::info!(name = wanted.name, id, "connector deleted from Kibana");
            }
        }
        Ok(())
    }
}
