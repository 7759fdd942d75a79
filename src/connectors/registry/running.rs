//! Runs of connectors.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::{sync::oneshot, time::Instant};

use super::{Registry, system_type};
use crate::{
    connectors::{
        connector::{Connector, ConnectorSecrets},
        error::ConnectorError,
        outgoing::Outgoing,
        progress::{CreationMark, RunProgress},
        receiver::doer,
        recorded::BegunRun,
        run::{Caller, Retry, RunContext, RunFailure, RunOutput},
    },
    detect_db::{DetectDb, KeyedRun, RunRecord, new_uid},
    sinks::SinkError,
};

/// How many tasks at most have their turn between the end of a stream and its record.
const TURNS: usize = 8;

impl Registry {
    /// Waits until what came of runs that have ended is kept, as far as it can be: before the process ends.
    pub async fn settle(&self) {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        if !self.parts().secrets.database().exists() {
            return;
        }
        // The database does one thing after the other.
        self.unwritten.write().await;
    }

    /// Does this work on the database, once all that came of runs is in it.
    ///
    /// # Errors
    ///
    /// Those of the work, and if something cannot be written.
    pub async fn run_written<T, E>(
        &self,
        work: impl FnOnce(&mut DetectDb) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SinkError> + Send + 'static,
    {
        self.unwritten.run_written(work).await
    }

    /// Parts of a run that are done and wait to be written.
    #[cfg(test)]
    pub(crate) fn wait_with_parts(&self, run: &KeyedRun, parts: &[String]) {
        self.unwritten.wait_with_parts(run, parts);
    }

    /// Runs a connector: with these parameters, or with those of a test.
    pub(super) async fn run_kept(
        &self,
        space: &str,
        id: &str,
        params: Option<Map<String, Value>>,
        caller: Caller,
        idempotency_key: Option<&str>,
        creation: CreationMark,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        if system_type(id).is_some() {
            return Err(ConnectorError::RunSystem);
        }
        let (connector, secrets) = self.with_secrets(space, id).await?;
        let outgoing = self.parts().outgoing.for_run();
        let run = Attempt {
            registry: self,
            space,
            caller: &caller,
            idempotency_key,
            creation,
            now: Utc::now(),
            outgoing: &outgoing,
        };
        let (keep, kept) = oneshot::channel();
        let keep = |record| _ = keep.send(record);
        let begun = BegunRun::new(&connector, space, &caller, run.now, outgoing.has_sent(), keep);
        let unwritten = Arc::clone(&self.unwritten);
        // In a task of its own: a run whose caller leaves is recorded as well.
        let recording = tokio::spawn(async move {
            if let Ok(record) = kept.await {
                unwritten.record(record).await;
            }
        });
        self.keep_begun(begun.record()).await;
        let mut result =
            run.result(&connector, secrets, params).await.map_err(|failure| failure.dated(run.now));
        let is_stream = matches!(result, Ok(RunOutput::Stream { .. }));
        begun.ended(&mut result);
        // That of a stream is known after its end.
        if !is_stream {
            _ = recording.await;
        }
        Ok(result)
    }
}

impl Registry {
    /// From now on runs are those of the daemon of this state, of which there is one at a time.
    pub fn serve(&self) {
        _ = self.daemon.set(new_uid(self.clock.now()).into());
    }

    /// Before anything is sent: should this process end then, the next daemon knows of the run. For a database that is locked
    /// it waits some seconds; that a run is not recorded must not keep it from its work.
    async fn keep_begun(&self, record: RunRecord) {
        let (daemon, asked) = (self.daemon.get().cloned(), Instant::now());
        let kept = self.database().run_briefly(move |db| db.begin_run(&record, daemon.as_deref())).await;
        self.late.note(asked.elapsed(), kept);
    }

    /// Records the runs that earlier processes left in flight, if this is the daemon.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub async fn end_left_runs(&self) -> Result<(), SinkError> {
        let Some(daemon) = self.daemon.get().cloned() else { return Ok(()) };
        if !self.parts().secrets.database().exists() {
            return Ok(());
        }
        let now = self.clock.now();
        let database = self.database();
        let ended = database.run(move |db| {
            db.clear_run_parts(now)?;
            db.end_left_runs(&daemon, now)
        });
        let runs = ended.await?;
        if runs > 0 {
            tracing::warn!(
                runs,
                "runs of connectors were in flight when ccfd ended: what came of them is not known"
            );
        }
        Ok(())
    }
}

/// One run.
struct Attempt<'a> {
    registry: &'a Registry,
    space: &'a str,
    caller: &'a Caller,
    idempotency_key: Option<&'a str>,
    creation: CreationMark,
    now: DateTime<Utc>,
    outgoing: &'a Outgoing,
}

impl Attempt<'_> {
    async fn result(
        &self,
        connector: &Connector,
        secrets: Result<ConnectorSecrets, String>,
        params: Option<Map<String, Value>>,
    ) -> Result<RunOutput, RunFailure> {
        let parts = self.registry.parts();
        let kind = self.registry.type_of(&connector.type_id).map_err(|error| refused(error.to_string()))?;
        if let Some(Err(error)) = parts.preconfigured.get(connector.id.as_str()).map(|known| &known.config) {
            return Err(refused(format!("error validating connector type config: {error}")));
        }
        // The reason is for the operator: callers need not know where a key is kept.
        let secrets = secrets.map_err(|error| {
            tracing::error!(connector = %connector.id, error, "the secrets of a connector cannot be used");
            // A key or a secret that is put back helps: what is at least once must not end here.
            RunFailure { retry: Retry::Yes, ..refused(without_secrets(connector)) }
        })?;
        if connector.is_missing_secrets {
            return Err(refused(without_secrets(connector)));
        }
        let params = params.unwrap_or_else(|| kind.test_params(&connector.config));
        kind.check_params(&params)
            .map_err(|error| refused(format!("error validating action params: {error}")))?;
        let progress = match self.idempotency_key {
            Some(key) => {
                let run = KeyedRun { doer: doer(kind, &connector.config, &secrets), key: key.to_owned() };
                let (unwritten, clock) = (Arc::clone(&self.registry.unwritten), self.registry.clock.clone());
                RunProgress::kept(unwritten, run, clock).with_creation(self.creation.clone())
            }
            None => RunProgress::forgotten(),
        };
        let context = RunContext {
            connector,
            secrets: &secrets,
            params: &params,
            space: self.space,
            caller: self.caller,
            idempotency_key: self.idempotency_key,
            progress: &progress,
            now: self.now,
            outgoing: self.outgoing,
            index: &*parts.index,
        };
        kind.execute(context).await
    }
}

fn refused(message: String) -> RunFailure {
    RunFailure::returned(message, None, Retry::No)
}

fn without_secrets(connector: &Connector) -> String {
    format!(
        "Unable to execute action because no secrets are defined for the \"{}\" connector.",
        connector.name
    )
}
