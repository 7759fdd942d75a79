//! Delivers one batch: request by request, in halves if a request as a whole is refused.

use std::{collections::HashSet, ops::Range, sync::Arc};

use http::HeaderMap;

use super::{
    classify::{self, Answered, BulkReply, ItemFault},
    encode::{self, Bulk},
    sink::ElasticsearchConnection,
};
use crate::{
    sinks::{
        Batch, PartialWrite, Receipt, Refused, SinkError, WriteFailure,
        remote::{RemoteError, RemoteErrorKind},
        request_size::{TooLarge, Weight},
    },
    units::size,
};

/// After this many rows refused one by one, and none accepted, the rows are not at fault. With a witness,
/// this many rows are enough to show whether the index is.
const SUSPECTS_MAX: usize = 8;

/// The state of a batch.
struct Writing {
    batch: Batch,
    index: String,
    /// What is still to be sent, the next last. Parts with a witness come first.
    todo: Vec<RequestPart>,
    /// Positions in the batch of rows that were sent in vain, and the gravest reason, with the headers of its
    /// response.
    left: Vec<usize>,
    fault: Option<(ItemFault, HeaderMap)>,
    /// Rows that were refused although each was the whole of a request; and the last refusal.
    suspects: Vec<Refused>,
    suspicion: Option<RemoteError>,
    /// Rows that a proxy or gateway refused alone, and that were sent once more.
    again: HashSet<usize>,
    /// Whether any request was carried out.
    taken: bool,
    receipt: Receipt,
}

/// Rows to send, behind a witness or without.
struct RequestPart {
    /// Positions in the batch, and the range of them that this part sends.
    places: Arc<[usize]>,
    rows: Range<usize>,
    witness: Option<Batch>,
}

impl RequestPart {
    /// The same, with other rows.
    fn with(&self, rows: Range<usize>) -> Self {
        Self { places: self.places.clone(), rows, witness: self.witness.clone() }
    }

    fn places(&self) -> &[usize] {
        self.places.get(self.rows.clone()).unwrap_or_default()
    }
}

/// Writes a batch.
pub(super) async fn write(
    state: &Arc<ElasticsearchConnection>,
    batch: Batch,
) -> Result<Receipt, WriteFailure> {
    let index = state.settings.index.of(&batch.table).to_owned();
    let (places, refused) = encode::admit(&batch.records);
    let all = RequestPart { rows: 0..places.len(), places: places.into(), witness: None };
    let mut writing = Writing {
        batch,
        index,
        todo: vec![all],
        left: Vec::new(),
        fault: None,
        suspects: Vec::new(),
        suspicion: None,
        again: HashSet::new(),
        taken: false,
        receipt: Receipt { refused, ..Receipt::default() },
    };
    let ended = writing.send_all(state).await;
    match ended.and(writing.judge_suspects()) {
        Ok(()) => Ok(writing.receipt),
        Err(error) => Err(WriteFailure { error, partial: writing.partial() }),
    }
}

impl Writing {
    async fn send_all(&mut self, state: &Arc<ElasticsearchConnection>) -> Result<(), SinkError> {
        // After a failure only doubtful rows are sent: they can be judged now, and the rest must wait anyway.
        while let Some(part) = self.todo.pop() {
            if part.rows.is_empty() {
                continue;
            }
            if self.fault.is_some() && part.witness.is_none() {
                self.todo.push(part);
                break;
            }
            let mut bulk = match self.encode(state, &part).await {
                Ok(bulk) => bulk,
                Err(error) => {
                    self.todo.push(part);
                    return Err(error);
                }
            };
            self.todo.push(part.with(bulk.rows.end..part.rows.end));
            let part = part.with(bulk.rows.clone());
            let weight = Weight { bytes: bulk.bytes, wire: bulk.body.len() };
            let request = state.bulk_request(&self.index, std::mem::take(&mut bulk.body)).await;
            let reply = state.cluster.bulk(&request, &self.index).await;
            state.buffers.give_back(request.body);
            match reply {
                Ok(BulkReply::Items(response)) => {
                    let (rows, op_type) = (bulk.rows.len(), state.op_type(&self.batch.table));
                    let read = classify::read(&response.body, rows, part.witness.is_some(), op_type);
                    let answered = match read {
                        Ok(answered) => answered,
                        Err(why) => {
                            state.size.failed(weight);
                            let kind = RemoteErrorKind::NotUnderstood(why);
                            return self.leave(part, state.cluster.error(kind, &response.headers));
                        }
                    };
                    state.log_failure_store(&self.index, answered.in_failure_store);
                    if !self.take(state, &part, weight, answered, response.headers) {
                        break;
                    }
                }
                Ok(BulkReply::TooLarge(error)) => match state.size.too_large(weight, bulk.rows.len()) {
                    TooLarge::Incredible => return self.leave(part, error),
                    TooLarge::Credible => {
                        if let Some(row) = self.halve(&part) {
                            let reason =
                                format!("{} is more than one request may contain", size(bulk.bytes as u64));
                            self.receipt.refused.push(Refused { index: row, kind: "too_large", reason });
                        }
                    }
                },
                Ok(BulkReply::Refused(error, reason)) => {
                    let Some(row) = self.halve(&part) else { continue };
                    let refused = Refused { index: row, kind: "refused", reason };
                    if !self.suspect(state, refused, error).await? {
                        break;
                    }
                }
                Err(error) => {
                    if error.kind.may_be_the_size() {
                        state.size.failed(weight);
                    }
                    return self.leave(part, error);
                }
            }
        }
        self.fault.take().map_or(Ok(()), |(fault, headers)| {
            let kind = fault.kind(&self.index);
            Err(state.cluster.error(kind, &headers).into())
        })
    }

    async fn encode(
        &self,
        state: &Arc<ElasticsearchConnection>,
        part: &RequestPart,
    ) -> Result<Bulk, SinkError> {
        let (form, bytes_max) = (state.form(&self.batch.table), state.size.bytes());
        let (batch, places) = (self.batch.clone(), part.places.clone());
        let (range, witness) = (part.rows.clone(), part.witness.clone());
        let wanted = encode::estimate(&form, &batch, part.places()).min(bytes_max);
        // Audit events shrink to a tenth.
        let buffer = state.buffers.take(if form.gzip { wanted / 8 } else { wanted });
        let work = move || encode::encode(&form, &batch, &places, range, witness.as_ref(), bytes_max, buffer);
        let failed = |source| SinkError::Io { path: "a request for Elasticsearch".to_owned(), source };
        state.encoding.run(work).await.and_then(|encoded| encoded).map_err(failed)
    }

    fn leave(&mut self, part: RequestPart, error: RemoteError) -> Result<(), SinkError> {
        self.todo.push(part);
        Err(error.into())
    }

    /// Removes the rows that are done from one request's rows. False if not even the witness was accepted:
    /// then nothing is.
    fn take(
        &mut self,
        state: &ElasticsearchConnection,
        part: &RequestPart,
        weight: Weight,
        mut answered: Answered,
        headers: HeaderMap,
    ) -> bool {
        self.taken = true;
        let places = part.places();
        if !answered.passed()
            && part.witness.is_none()
            && !answered.doubts.is_empty()
            && let Some(witness) = state.witnesses.of(&self.index)
        {
            let doubtful = std::mem::take(&mut answered.doubts).into_iter();
            self.send_behind(witness, doubtful.filter_map(|doubt| places.get(doubt.row).copied()).collect());
        }
        let others_passed = answered.passed() || answered.witnessed;
        let mut is_throttled = answered.is_throttled();
        self.resolve(state, places, others_passed, &mut answered);
        // What one row meets while others are accepted is not about the size.
        is_throttled |= !others_passed && answered.is_throttled();
        if is_throttled {
            state.size.failed(weight);
        } else {
            state.size.passed(weight);
        }
        if answered.passed() {
            let failed: HashSet<usize> = answered
                .left
                .iter()
                .copied()
                .chain(answered.receipt.refused.iter().map(|one| one.index))
                .collect();
            let passed = (0..places.len()).filter(|row| !failed.contains(row));
            state.witnesses.keep(&self.index, &self.batch, passed.filter_map(|row| places.get(row).copied()));
        }
        let Answered { receipt, left, fault, .. } = answered;
        self.receipt.add(receipt, places);
        self.left.extend(left.into_iter().filter_map(|row| places.get(row)));
        if let Some(fault) = fault
            && self.fault.as_ref().is_none_or(|(known, _)| *known < fault)
        {
            self.fault = Some((fault, headers));
        }
        others_passed || part.witness.is_none()
    }

    /// Sends the rows again behind a witness: a few first, to see whether the witness is accepted.
    fn send_behind(&mut self, witness: Batch, places: Arc<[usize]>) {
        let first = places.len().min(SUSPECTS_MAX);
        let some = RequestPart { places, rows: 0..first, witness: Some(witness) };
        self.todo.push(some.with(first..some.places.len()));
        self.todo.push(some);
    }

    /// If other rows of the request were accepted, a doubtful row is at fault: at once, or after it has
    /// failed several times. If none was, the rows are not at fault.
    fn resolve(
        &self,
        state: &ElasticsearchConnection,
        places: &[usize],
        others_passed: bool,
        answered: &mut Answered,
    ) {
        for doubt in std::mem::take(&mut answered.doubts) {
            let struck = || {
                let record = places.get(doubt.row).and_then(|place| self.batch.records.get(*place));
                record.is_some_and(|record| state.strikes.add(record.id))
            };
            if others_passed && (doubt.is_final || struck()) {
                let refused = Refused { index: doubt.row, kind: "refused", reason: doubt.reason };
                answered.receipt.refused.push(refused);
            } else {
                answered.leave(doubt.row, doubt.fault);
            }
        }
    }

    /// Sends the rows again in two requests. A single row cannot be split: returns its position.
    fn halve(&mut self, part: &RequestPart) -> Option<usize> {
        if let [place] = part.places() {
            return Some(*place);
        }
        let middle = part.rows.start + part.rows.len() / 2;
        self.todo.push(part.with(middle..part.rows.end));
        self.todo.push(part.with(part.rows.start..middle));
        None
    }

    /// A row was refused as the whole of a request. It is at fault if its witness is accepted alone; without
    /// a witness, if other rows are. False if it is not the rows.
    async fn suspect(
        &mut self,
        state: &Arc<ElasticsearchConnection>,
        refused: Refused,
        error: RemoteError,
    ) -> Result<bool, SinkError> {
        // A proxy or gateway may refuse everything for a while.
        let is_intercepted = matches!(error.kind, RemoteErrorKind::Intercepted { .. });
        if is_intercepted && self.again.insert(refused.index) {
            self.todo.push(RequestPart { places: [refused.index].into(), rows: 0..1, witness: None });
            return Ok(true);
        }
        if (!self.taken || is_intercepted)
            && let Some(witness) = state.witnesses.of(&self.index)
        {
            let part = RequestPart { places: [].into(), rows: 0..0, witness: Some(witness) };
            let passed = match self.encode(state, &part).await {
                Ok(bulk) => self.passes(state, bulk).await,
                Err(error) => Err(error),
            };
            match passed {
                Ok(true) => self.receipt.refused.push(refused),
                Ok(false) => {
                    self.left.push(refused.index);
                    return Err(error.into());
                }
                Err(error) => {
                    self.left.push(refused.index);
                    return Err(error);
                }
            }
            return Ok(true);
        }
        self.suspects.push(refused);
        self.suspicion = Some(error);
        Ok(self.taken || self.suspects.len() < SUSPECTS_MAX)
    }

    /// Whether this request, with only a witness, is accepted.
    async fn passes(&self, state: &Arc<ElasticsearchConnection>, bulk: Bulk) -> Result<bool, SinkError> {
        let request = state.bulk_request(&self.index, bulk.body).await;
        Ok(match state.cluster.bulk(&request, &self.index).await? {
            BulkReply::Items(response) => {
                classify::read(&response.body, 0, true, state.op_type(&self.batch.table))
                    .is_ok_and(|answered| answered.witnessed)
            }
            BulkReply::Refused(..) | BulkReply::TooLarge(_) => false,
        })
    }

    /// If others were accepted, these rows are at fault; if none was, they are not.
    fn judge_suspects(&mut self) -> Result<(), SinkError> {
        if self.taken {
            self.receipt.refused.append(&mut self.suspects);
            return Ok(());
        }
        self.suspicion.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// The part of a failed batch that is done, if any.
    fn partial(self) -> Option<Box<PartialWrite>> {
        let mut left = self.left;
        left.extend(self.suspects.iter().map(|suspect| suspect.index));
        self.todo.iter().for_each(|part| left.extend_from_slice(part.places()));
        left.sort_unstable();
        let some = left.len() < self.batch.records.len();
        some.then(|| Box::new(PartialWrite { receipt: self.receipt, left }))
    }
}
