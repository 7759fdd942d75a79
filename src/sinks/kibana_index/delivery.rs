//! Runs a connector until every document of a batch is acknowledged or refused.
//!
//! A failed run keeps its good documents and does not name them, so sending them again duplicates them unless
//! the index has a pipeline that sets ids. Runs are therefore split only if documents are at fault.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use collectors::{IdHash, Response};
use http::{Method, StatusCode};

use super::{
    classify::{ConnectorRun, RunVerdict, is_intercepted, names_as_there},
    encode::{Documents, nothing},
    sink::KibanaIndexSink,
};
use crate::{
    config::KibanaIndexSettings,
    sinks::{
        Batch, PartialWrite, Receipt, Refused, WriteFailure,
        http::intercepted,
        remote::{RemoteError, RemoteErrorKind},
        request_size::{TooLarge, Weight},
    },
};

/// A batch on its way.
pub(super) struct Run<'s> {
    sink: &'s KibanaIndexSink,
    batch: Batch,
    documents: Documents,
    receipt: Receipt,
    /// Whether a missing connector was searched for during this batch.
    looked_again: bool,
    /// Documents that a proxy or gateway refused, each alone; and the last such refusal.
    intercepted: Vec<Refused>,
    interception: Option<RemoteError>,
}

/// After this many documents refused by a proxy or gateway, and none accepted, it refuses everything.
const INTERCEPTED_MAX: usize = 8;

/// What one request did to its documents.
enum RunStep {
    Done,
    /// They are to be sent again, in these parts.
    Apart(Vec<Vec<usize>>),
}

impl<'s> Run<'s> {
    pub(super) fn new(sink: &'s KibanaIndexSink, batch: Batch) -> Self {
        let KibanaIndexSettings { execution_time_field, raw_record, .. } = &sink.settings;
        let documents = Documents::of(&batch, execution_time_field.as_deref(), *raw_record);
        Self {
            sink,
            batch,
            documents,
            receipt: Receipt::default(),
            looked_again: false,
            intercepted: Vec::new(),
            interception: None,
        }
    }

    /// Sends everything. A failure carries what was acknowledged before it.
    pub(super) async fn all(mut self) -> Result<Receipt, WriteFailure> {
        let documents_max = usize::try_from(self.sink.settings.documents_max).unwrap_or(usize::MAX);
        // What is to be sent, the next last.
        let mut waiting: Vec<Vec<usize>> = vec![self.unsent().await?];
        while let Some(mut places) = waiting.pop() {
            if places.is_empty() {
                continue;
            }
            let request = self.documents.request(&places, documents_max, self.sink.size.bytes());
            let rest = places.split_off(request.documents.min(places.len()));
            if !rest.is_empty() {
                waiting.push(rest);
            }
            match self.one(&places, request.body).await {
                Ok(RunStep::Done) => {}
                Ok(RunStep::Apart(parts)) => waiting.extend(parts.into_iter().rev()),
                Err(error) => {
                    waiting.push(places);
                    return Err(self.failure(error, waiting));
                }
            }
            if !self.has_taken()
                && self.intercepted.len() >= INTERCEPTED_MAX
                && let Some(error) = self.interception.take()
            {
                return Err(self.failure(error, waiting));
            }
        }
        self.receipt.refused.append(&mut self.intercepted);
        Ok(self.receipt)
    }

    /// The positions to send: all but the documents that an earlier attempt sent, if checking the connector
    /// now shows that they went to the right index.
    async fn unsent(&mut self) -> Result<Vec<usize>, RemoteError> {
        let all: Vec<usize> = (0..self.batch.records.len()).collect();
        let (sent, unsent): (Vec<_>, Vec<_>) = {
            let unproven = self.sink.unproven();
            all.into_iter().partition(|place| self.ids(&[*place]).any(|id| unproven.contains(&id)))
        };
        if sent.is_empty() {
            return Ok(unsent);
        }
        let looked = self.sink.connector(&self.batch.table).await;
        let is_known = match &looked {
            Ok(_) => {
                self.receipt.accepted += sent.len() as u64;
                true
            }
            Err(error) => matches!(error.kind, RemoteErrorKind::Settings(_)),
        };
        if is_known {
            let mut unproven = self.sink.unproven();
            self.ids(&sent).for_each(|id| {
                unproven.remove(&id);
            });
        }
        looked.map(|_| unsent)
    }

    fn ids(&self, places: &[usize]) -> impl Iterator<Item = IdHash> {
        places.iter().filter_map(|place| self.batch.records.get(*place)).map(|record| record.id)
    }

    fn has_taken(&self) -> bool {
        self.receipt.accepted + self.receipt.already_there > 0
    }

    /// A failure with everything that is still to be sent.
    fn failure(mut self, error: RemoteError, waiting: Vec<Vec<usize>>) -> WriteFailure {
        let mut left = waiting.concat();
        if self.has_taken() {
            self.receipt.refused.append(&mut self.intercepted);
        }
        left.extend(self.intercepted.iter().map(|one| one.index));
        left.sort_unstable();
        let is_partial = self.receipt != Receipt::default();
        let partial = is_partial.then(|| Box::new(PartialWrite { receipt: self.receipt, left }));
        WriteFailure { error: error.into(), partial }
    }

    /// Sends the documents at these places, never none, and learns what a request may carry.
    async fn one(&mut self, places: &[usize], body: Bytes) -> Result<RunStep, RemoteError> {
        let weight = Weight::plain(body.len());
        let answer = match self.execute(&body).await {
            Ok(answer) if answer.status == StatusCode::PAYLOAD_TOO_LARGE => {
                return self.too_large(places, weight, &answer);
            }
            sent => sent,
        };
        let step = match answer {
            Ok(answer) => self.step(places, &body, &answer).await,
            Err(error) => Err(error),
        };
        match &step {
            Ok(_) => self.sink.size.passed(weight),
            Err(error) if error.kind.may_be_the_size() => self.sink.size.failed(weight),
            Err(_) => {}
        }
        step
    }

    fn too_large(
        &mut self,
        places: &[usize],
        weight: Weight,
        answer: &Response,
    ) -> Result<RunStep, RemoteError> {
        match self.sink.size.too_large(weight, places.len()) {
            TooLarge::Incredible => {
                let kind = RemoteErrorKind::Overloaded {
                    status: answer.status.as_u16(),
                    retry_after: self.sink.client.retry_after(answer),
                };
                Err(self.sink.client.error(kind, answer))
            }
            TooLarge::Credible => {
                let reason = "larger than Kibana accepts in one request (server.maxPayload)";
                Ok(self.halve(places, "too_large", || reason.to_owned()))
            }
        }
    }

    async fn step(
        &mut self,
        places: &[usize],
        body: &Bytes,
        answer: &Response,
    ) -> Result<RunStep, RemoteError> {
        let step = match answer.status {
            StatusCode::OK => self.judge(places, answer).await,
            // Nothing of it was carried out. A name such as `__proto__` in one document is enough for that.
            StatusCode::BAD_REQUEST => {
                if let [_] = places {
                    self.prove_taking(answer).await?;
                }
                Ok(self.halve(places, "refused", || self.sink.client.said(answer)))
            }
            // A firewall rule that one document matches.
            status if is_intercepted(answer) => {
                let [index] = *places else {
                    return Ok(self.halve(places, "refused", String::new));
                };
                self.prove_taking(answer).await?;
                // It may refuse for a moment.
                let again = self.execute(body).await?;
                if again.status == StatusCode::OK {
                    self.judge(places, &again).await
                } else if is_intercepted(&again) {
                    self.intercepted.push(Refused { index, kind: "refused", reason: intercepted(status) });
                    self.interception = Some(self.refusal(answer));
                    Ok(RunStep::Done)
                } else {
                    Err(self.refusal(&again))
                }
            }
            _ => Err(self.refusal(answer)),
        };
        match step {
            Err(error) if matches!(error.kind, RemoteErrorKind::NotUnderstood(_)) => {
                Err(self.sink.unconfirmed(&self.batch.table, error).await)
            }
            step => {
                self.sink.unconfirmed.store(0, Ordering::Relaxed);
                step
            }
        }
    }

    async fn judge(&mut self, places: &[usize], answer: &Response) -> Result<RunStep, RemoteError> {
        let outcome: ConnectorRun<'_> = self.sink.client.read(answer)?;
        let index = outcome.index();
        match outcome.judge(places.len(), self.name()) {
            RunVerdict::There { already } => {
                if let Some(index) = index
                    && let Err(error) = self.sink.note_index(&self.batch.table, index).await
                {
                    // In another index they are not delivered; if only the check failed, the next one
                    // decides.
                    if !matches!(error.kind, RemoteErrorKind::Settings(_)) {
                        self.sink.unproven().extend(self.ids(places));
                    }
                    return Err(error);
                }
                self.receipt.already_there += already as u64;
                self.receipt.accepted += (places.len() - already) as u64;
                Ok(RunStep::Done)
            }
            RunVerdict::Failed(kind) => Err(self.sink.client.error(kind, answer)),
            RunVerdict::Documents { reasons } => {
                if places.len() > 1 && !self.sink.has_logged_parts.swap(true, Ordering::Relaxed) {
                    let documents = places.len();
                    tracing::warn!(
                        documents,
                        "a run failed for some of its documents: they are sent again in parts, now and whenever \
                         this happens"
                    );
                }
                // Those that are stored already are sent together: one request shows that they are.
                let id = |place: &usize| self.batch.records.get(*place)?.id_text();
                let there = |place: &usize| id(place).is_some_and(|id| names_as_there(&reasons, &id));
                let (there, others): (Vec<_>, Vec<_>) = places.iter().partition(|place| there(place));
                if !there.is_empty() && !others.is_empty() {
                    return Ok(RunStep::Apart(vec![there, others]));
                }
                Ok(self.halve(places, "refused", || reasons))
            }
        }
    }

    /// Two halves; a single document is refused.
    fn halve(&mut self, places: &[usize], kind: &'static str, reason: impl FnOnce() -> String) -> RunStep {
        if let [index] = *places {
            self.receipt.refused.push(Refused { index, kind, reason: reason() });
            return RunStep::Done;
        }
        let (first, second) = places.split_at(places.len() / 2);
        RunStep::Apart(vec![first.to_vec(), second.to_vec()])
    }

    /// Fails with this response if a request without documents is refused as well: then no document is at
    /// fault.
    async fn prove_taking(&mut self, refused: &Response) -> Result<(), RemoteError> {
        let empty = self.execute(&nothing()).await?;
        match empty.status {
            StatusCode::OK => Ok(()),
            StatusCode::BAD_REQUEST if refused.status == StatusCode::BAD_REQUEST => {
                Err(self.refusal(refused))
            }
            _ => Err(self.refusal(&empty)),
        }
    }

    /// One run. A connector that somebody deleted is looked for, and created again, once in a batch.
    async fn execute(&mut self, body: &Bytes) -> Result<Response, RemoteError> {
        loop {
            let id = self.sink.connector(&self.batch.table).await?;
            let path = format!("/api/actions/connector/{id}/_execute");
            let answer = self.sink.client.request(Method::POST, &path, body.clone()).await?;
            if answer.status != StatusCode::NOT_FOUND {
                return Ok(answer);
            }
            self.sink.forget(&self.batch.table, &id).await;
            if std::mem::replace(&mut self.looked_again, true) {
                return Err(self.refusal(&answer));
            }
            tracing::warn!(
                name = self.name(),
                id,
                "the connector is gone from Kibana; it is searched for, or created again"
            );
        }
    }

    /// The response as an error. A response about documents may quote them, so only other refusals show their
    /// text.
    fn refusal(&self, answer: &Response) -> RemoteError {
        if answer.status == StatusCode::BAD_REQUEST {
            let code = "words_withheld".to_owned();
            return self.sink.client.error(RemoteErrorKind::Refused { status: 400, code }, answer);
        }
        self.sink.client.refusal(answer, &format!("connector `{}`", self.name()))
    }

    fn name(&self) -> &str {
        self.sink.settings.connectors.of(&self.batch.table)
    }
}
