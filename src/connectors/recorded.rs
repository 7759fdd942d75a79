//! What is kept of a run: who ran what, what came of it, how long it took, and its tokens. Not what was sent or answered.

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{
    connector::Connector,
    outgoing::SentMark,
    run::{Caller, RunFailure, RunOutput, StreamEnd, StreamEnding, TokenUsage},
};
use crate::detect_db::{CallerKind, ConnectorRunOutcome, RunRecord, RunSent, new_uid};

/// The longest name of a caller that is kept, in characters.
const CALLER_CHARS_MAX: usize = 128;

/// Takes what is kept of a run.
type KeepRun = Box<dyn FnOnce(RunRecord) + Send>;

/// A run that has begun. One that is dropped before its end is kept as one whose caller has left: a connection ended, a
/// configuration was read again, or the time was over.
pub struct BegunRun {
    record: RunRecord,
    begun: Instant,
    has_sent: SentMark,
    /// Whether the type has come to its end.
    is_over: bool,
    keep: Option<KeepRun>,
}

impl BegunRun {
    /// Begins to take the time.
    pub fn new(
        connector: &Connector,
        space: &str,
        caller: &Caller,
        now: DateTime<Utc>,
        has_sent: SentMark,
        keep: impl FnOnce(RunRecord) + Send + 'static,
    ) -> Self {
        let (caller_kind, caller) = match caller {
            Caller::Operator(name) => (CallerKind::Operator, name),
            Caller::ApiKey(name) => (CallerKind::ApiKey, name),
            Caller::Rule(name) => (CallerKind::Rule, name),
        };
        let record = RunRecord {
            id: new_uid(now.timestamp()),
            at: now.timestamp_millis(),
            connector: connector.id.to_string(),
            type_id: connector.type_id.to_string(),
            space: space.to_owned(),
            caller_kind,
            caller: caller.chars().take(CALLER_CHARS_MAX).collect(),
            usage: TokenUsage::default(),
            sent: RunSent::Unknown,
            duration: None,
            outcome: ConnectorRunOutcome::Unknown,
        };
        let keep: Option<KeepRun> = Some(Box::new(keep));
        Self { record, begun: Instant::now(), has_sent, is_over: false, keep }
    }

    /// What is known of it at its begin.
    pub fn record(&self) -> RunRecord {
        self.record.clone()
    }

    /// Keeps what came of it: at once, or after the end of a stream, whatever becomes of its reader.
    pub fn ended(mut self, result: &mut Result<RunOutput, RunFailure>) {
        self.is_over = true;
        match result {
            Ok(RunOutput::Nothing) => self.keep(ConnectorRunOutcome::Done, TokenUsage::default()),
            Ok(RunOutput::Data { usage, .. }) => {
                self.keep(ConnectorRunOutcome::Done, usage.clone().unwrap_or_default());
            }
            Ok(RunOutput::Stream { end, .. }) => {
                if let Some(end) = end.take() {
                    tokio::spawn(async move {
                        // Without a word of its end it was dropped with the daemon.
                        let dropped =
                            StreamEnd { usage: TokenUsage::default(), ending: StreamEnding::ReaderLeft };
                        let StreamEnd { usage, ending } = end.await.unwrap_or(dropped);
                        let outcome = match ending {
                            StreamEnding::Complete => ConnectorRunOutcome::Done,
                            StreamEnding::Failed => ConnectorRunOutcome::Failed,
                            StreamEnding::Cut => ConnectorRunOutcome::Cut,
                            StreamEnding::ReaderLeft => ConnectorRunOutcome::CallerLeft,
                        };
                        self.keep(outcome, usage);
                    });
                }
            }
            Err(_) => self.keep(ConnectorRunOutcome::Failed, TokenUsage::default()),
        }
    }

    fn keep(&mut self, outcome: ConnectorRunOutcome, usage: TokenUsage) {
        let Some(keep) = self.keep.take() else { return };
        let sent = match (self.has_sent.is_set(), self.is_over) {
            (true, _) => RunSent::Yes,
            (false, true) => RunSent::No,
            // A request may be on its way.
            (false, false) => RunSent::Unknown,
        };
        let duration = Some(self.begun.elapsed());
        keep(RunRecord { sent, outcome, usage, duration, ..self.record.clone() });
    }
}

impl Drop for BegunRun {
    fn drop(&mut self) {
        self.keep(ConnectorRunOutcome::CallerLeft, TokenUsage::default());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::StreamExt as _;
    use serde_json::Map;
    use tokio::sync::oneshot;

    use super::*;
    use crate::connectors::{ConnectorId, ErrorSource};

    fn begun(caller: Caller, keep: oneshot::Sender<RunRecord>) -> BegunRun {
        let connector = Connector {
            id: ConnectorId::parse("advice").unwrap(),
            space: None,
            name: "Advice".to_owned(),
            type_id: ".gen-ai".into(),
            config: Map::new(),
            is_preconfigured: false,
            is_missing_secrets: false,
        };
        let keep = move |record| keep.send(record).unwrap();
        BegunRun::new(&connector, "default", &caller, DateTime::UNIX_EPOCH, SentMark::default(), keep)
    }

    async fn kept(mut result: Result<RunOutput, RunFailure>) -> RunRecord {
        let (sender, kept) = oneshot::channel();
        let begun = begun(Caller::ApiKey("ci".to_owned()), sender);
        tokio::time::advance(Duration::from_secs(3)).await;
        begun.ended(&mut result);
        // As a reader that goes away.
        drop(result);
        kept.await.unwrap()
    }

    fn usage() -> TokenUsage {
        TokenUsage { total: Some(7), ..TokenUsage::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_kept_with_its_caller_its_time_and_its_outcome() {
        let data = RunOutput::Data { data: "answer".into(), usage: Some(usage()) };
        let record = kept(Ok(data)).await;
        assert_eq!((record.caller_kind, &*record.caller), (CallerKind::ApiKey, "ci"));
        assert_eq!(
            (record.duration, record.outcome, record.sent),
            (Some(Duration::from_secs(3)), ConnectorRunOutcome::Done, RunSent::No)
        );
        assert_eq!((&*record.connector, &*record.space, record.usage), ("advice", "default", usage()));
        let failed = kept(Err(RunFailure::thrown("Status code: 400.", ErrorSource::User))).await;
        assert_eq!((failed.outcome, failed.usage), (ConnectorRunOutcome::Failed, TokenUsage::default()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_given_up_is_kept_too() {
        let (sender, kept) = oneshot::channel();
        let run = async {
            let _begun = begun(Caller::Rule("many_failed".to_owned()), sender);
            std::future::pending::<()>().await;
        };
        assert!(tokio::time::timeout(Duration::from_secs(9), run).await.is_err());
        let record = kept.await.unwrap();
        assert_eq!(
            (record.outcome, record.duration),
            (ConnectorRunOutcome::CallerLeft, Some(Duration::from_secs(9)))
        );
        assert_eq!(record.sent, RunSent::Unknown, "a request may have been on its way");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_kept_after_its_end_also_without_a_reader() {
        for (ending, outcome) in [
            (StreamEnding::Complete, ConnectorRunOutcome::Done),
            (StreamEnding::Failed, ConnectorRunOutcome::Failed),
            (StreamEnding::Cut, ConnectorRunOutcome::Cut),
            (StreamEnding::ReaderLeft, ConnectorRunOutcome::CallerLeft),
        ] {
            let (sender, end) = oneshot::channel();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(5)).await;
                _ = sender.send(StreamEnd { usage: usage(), ending });
            });
            let bytes = futures::stream::empty().boxed();
            let record =
                kept(Ok(RunOutput::Stream { content_type: String::new(), bytes, end: Some(end) })).await;
            assert_eq!((record.outcome, record.usage), (outcome, usage()));
            assert!(record.duration >= Some(Duration::from_secs(5)), "{:?}", record.duration);
        }
    }
}
