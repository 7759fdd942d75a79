//! Documents through Kibana's index connector, where Elasticsearch itself cannot be reached. The connector gives documents
//! no ids: what is sent again stands there twice, unless the index has a pipeline that sets them.

mod answer;
mod check;
mod client;
mod connector;
mod documents;
mod execute;
mod fault;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use tokio::sync::Mutex;

use self::client::Client;
use self::connector::Wanted;
use self::execute::Run;
use super::meters::SinkMeters;
use super::remote::RemoteError;
use super::{Batch, Receipt, Redelivery, Sink, SinkError, Unfinished};
use crate::config::{Environment, KibanaIndexSettings};
use crate::tables::{ALL, Source, Table};

/// Requests that make a good batch: the last of them is not full, which then hardly counts.
const REQUESTS_PER_BATCH: usize = 4;

/// The sink. Connects at the first check or write.
pub struct KibanaIndexSink {
    settings: KibanaIndexSettings,
    client: Client,
    /// The ids of the connectors in use, by the key of the source. Held while one is looked for, so that no other route
    /// looks at the same time.
    connectors: Mutex<BTreeMap<&'static str, String>>,
    /// Whether it was said that documents are sent again.
    told_of_parts: AtomicBool,
}

impl KibanaIndexSink {
    /// A sink with these settings; the environment may hold its secret. Touches nothing yet.
    pub fn new(settings: KibanaIndexSettings, environment: Environment) -> Self {
        let client = Client::new(&settings, environment);
        Self { settings, client, connectors: Mutex::default(), told_of_parts: AtomicBool::new(false) }
    }

    /// The id of the connector for a source, found or made at the first call.
    async fn connector(&self, source: Source) -> Result<String, RemoteError> {
        let mut known = self.connectors.lock().await;
        if let Some(id) = known.get(source.key()) {
            return Ok(id.clone());
        }
        let found = Wanted::of(&self.settings, source).find_or_make(&self.client).await?;
        known.insert(source.key(), found.id.clone());
        Ok(found.id)
    }

    /// Forgets a connector that is not there any more, unless another one took its place meanwhile.
    async fn forget(&self, source: Source, id: &str) {
        let mut known = self.connectors.lock().await;
        if known.get(source.key()).is_some_and(|held| held == id) {
            known.remove(source.key());
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
        let KibanaIndexSettings { url, space, index, .. } = &self.settings;
        format!("kibana_index {url} {space} {}", index.of(table.source))
    }

    async fn check(&self, tables: &[&'static Table]) -> Result<String, SinkError> {
        Ok(self.look(tables).await?)
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, Unfinished> {
        Run::new(self, batch).all().await
    }

    fn meters(&self) -> SinkMeters {
        self.client.meters()
    }

    async fn close(&self) -> Result<(), SinkError> {
        if !self.settings.delete_on_exit {
            return Ok(());
        }
        let mut known = self.connectors.lock().await;
        for source in ALL.map(|table| table.source) {
            let wanted = Wanted::of(&self.settings, source);
            if let Some(id) = known.remove(source.key()).filter(|id| wanted.is_own(id)) {
                connector::delete(&self.client, &id).await?;
                tracing::info!(name = wanted.name, id, "connector deleted from Kibana");
            }
        }
        Ok(())
    }
}
