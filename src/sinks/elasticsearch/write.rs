//! One batch on its way: request by request, in halves where a request as a whole is refused.

use std::ops::Range;
use std::sync::Arc;

use super::State;
use super::answer::{self, Answered};
use super::bulk::{self, Bulk};
use super::call::Reply;
use crate::sinks::remote::{RemoteError, RemoteErrorKind};
use crate::sinks::request_size::{TooLarge, Weight};
use crate::sinks::{Batch, Partly, Receipt, Refused, SinkError, Unfinished};

/// So many rows refused one by one, while not one was taken: it is not them. Nor is it more rows than this which fail
/// together while a lone witness passes.
const SUSPECTS_MAX: usize = 8;

/// The state of a batch.
struct Writing {
    batch: Batch,
    index: String,
    /// Places in the batch of what can be sent. Everything below counts these rows from 0.
    rows: Arc<[usize]>,
    /// What is still to be sent, the next last.
    todo: Vec<Part>,
    /// Places in the batch of what was sent in vain.
    left: Vec<usize>,
    /// Rows that were refused alone, each as the whole of a request; and the last refusal.
    suspects: Vec<Refused>,
    suspicion: Option<RemoteError>,
    /// Whether some request was carried out.
    taken: bool,
    settled: Receipt,
}

/// Rows to be sent, behind a witness or without.
struct Part {
    rows: Range<usize>,
    witness: Option<Batch>,
}

/// Writes a batch.
pub(super) async fn write(state: &Arc<State>, batch: Batch) -> Result<Receipt, Unfinished> {
    let index = state.settings.index.of(batch.table.source).clone();
    let (rows, refused) = bulk::admit(&batch.records);
    let mut writing = Writing {
        batch,
        index,
        todo: Vec::new(),
        rows: rows.into(),
        left: Vec::new(),
        suspects: Vec::new(),
        suspicion: None,
        taken: false,
        settled: Receipt { refused, ..Receipt::default() },
    };
    writing.put(0..writing.rows.len());
    let ended = writing.send_all(state).await;
    match ended.and(writing.judge_suspects()) {
        Ok(()) => Ok(writing.settled),
        Err(error) => Err(Unfinished { error, partly: writing.partly() }),
    }
}

impl Writing {
    async fn send_all(&mut self, state: &Arc<State>) -> Result<(), SinkError> {
        while let Some(Part { rows: range, witness }) = self.todo.pop() {
            if range.is_empty() {
                continue;
            }
            let end = range.end;
            let mut bulk = match self.encode(state, range.clone(), witness.clone()).await {
                Ok(bulk) => bulk,
                Err(error) => {
                    self.put(range);
                    return Err(error);
                }
            };
            self.put(bulk.rows.end..end);
            let weight = Weight { bytes: bulk.bytes, wire: bulk.body.len() };
            let request = state.bulk_request(&self.index, std::mem::take(&mut bulk.body)).await;
            let reply = state.cluster.bulk(&request, &self.index).await;
            state.buffers.give_back(request.body);
            match reply {
                Ok(Reply::Items(response)) => {
                    let (rows, op_type) = (bulk.rows.len(), state.settings.op_type);
                    let read = answer::read(&response.body, rows, witness.is_some(), op_type);
                    let answered = match read {
                        Ok(answered) => answered,
                        Err(why) => {
                            state.size.failed(weight);
                            let kind = RemoteErrorKind::NotUnderstood(why);
                            return self.leave(bulk.rows, state.cluster.error(kind, &response.headers));
                        }
                    };
                    if answered.is_throttled() {
                        state.size.failed(weight);
                    } else {
                        state.size.passed(weight);
                    }
                    state.tell_of_failure_store(&self.index, answered.in_failure_store);
                    self.take(state, bulk.rows, witness.is_some(), answered).map_err(|kind| {
                        let error = state.cluster.error(kind, &response.headers);
                        SinkError::Remote(error)
                    })?;
                }
                Ok(Reply::TooLarge(error)) => match state.size.too_large(weight, bulk.rows.len()) {
                    TooLarge::Incredible => return self.leave(bulk.rows, error),
                    TooLarge::Credible => self.halve_or(bulk.rows, |writing, row| {
                        let reason = format!("{} bytes are more than one request may have", bulk.bytes);
                        writing.settled.refused.push(writing.refused(row, "too_large", reason));
                    }),
                },
                Ok(Reply::Refused(error, reason)) => {
                    self.halve_or(bulk.rows, |writing, row| {
                        writing.suspects.push(writing.refused(row, "refused", reason));
                        writing.suspicion = Some(error);
                    });
                    if self.suspects.len() >= SUSPECTS_MAX && !self.taken {
                        break;
                    }
                }
                Err(error) => {
                    if error.kind.may_be_the_size() {
                        state.size.failed(weight);
                    }
                    return self.leave(bulk.rows, error);
                }
            }
        }
        Ok(())
    }

    async fn encode(
        &self,
        state: &Arc<State>,
        range: Range<usize>,
        witness: Option<Batch>,
    ) -> Result<Bulk, SinkError> {
        let (form, bytes_max) = (state.form(), state.size.bytes());
        let (batch, rows) = (self.batch.clone(), self.rows.clone());
        let wanted = bulk::estimate(&form, &batch, &rows[range.clone()]).min(bytes_max);
        // Audit events shrink to a tenth.
        let buffer = state.buffers.take(if form.gzip { wanted / 8 } else { wanted });
        let work = move || bulk::encode(&form, &batch, &rows, range, witness.as_ref(), bytes_max, buffer);
        let failed = |source| SinkError::Io { path: "a request for Elasticsearch".to_owned(), source };
        state.encoding.run(work).await.and_then(|encoded| encoded).map_err(failed)
    }

    fn put(&mut self, rows: Range<usize>) {
        self.todo.push(Part { rows, witness: None });
    }

    fn refused(&self, row: usize, kind: &'static str, reason: String) -> Refused {
        Refused { index: self.rows.get(row).copied().unwrap_or(row), kind, reason }
    }

    fn leave(&mut self, rows: Range<usize>, error: RemoteError) -> Result<(), SinkError> {
        self.put(rows);
        Err(error.into())
    }

    /// Takes what is settled out of the rows of one request; the fault of the others, if there are any.
    fn take(
        &mut self,
        state: &State,
        rows: Range<usize>,
        witnessed: bool,
        mut answered: Answered,
    ) -> Result<(), RemoteErrorKind> {
        self.taken = true;
        let all_doubtful = answered.doubts.len() == rows.len();
        if all_doubtful
            && !witnessed
            && rows.len() <= SUSPECTS_MAX
            && let Some(witness) = state.witnesses.of(&self.index)
        {
            self.todo.push(Part { rows, witness: Some(witness) });
            return Ok(());
        }
        let places: Arc<[usize]> = self.rows[rows].into();
        self.resolve(state, &places, &mut answered);
        if answered.passed() {
            let failed = |row: &usize| {
                answered.left.contains(row) || answered.receipt.refused.iter().any(|one| one.index == *row)
            };
            if let Some(row) = (0..places.len()).find(|row| !failed(row)) {
                state.witnesses.keep(&self.index, &self.batch, places[row]);
            }
        }
        let Answered { receipt, left, fault, .. } = answered;
        self.settled.add(receipt, &places);
        self.left.extend(left.into_iter().filter_map(|row| places.get(row)));
        fault.map_or(Ok(()), |fault| Err(fault.kind(&self.index)))
    }

    /// Where others passed in the same request, a row of which the words do not tell is at fault, at once or after it
    /// failed again and again. Where none did, it is not the rows.
    fn resolve(&self, state: &State, places: &[usize], answered: &mut Answered) {
        let others_passed = answered.passed() || answered.witnessed;
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

    /// Sends the rows again in two requests; what is one row is up to `lone`.
    fn halve_or(&mut self, rows: Range<usize>, lone: impl FnOnce(&mut Self, usize)) {
        if rows.len() == 1 {
            return lone(self, rows.start);
        }
        let middle = rows.start + rows.len() / 2;
        self.put(middle..rows.end);
        self.put(rows.start..middle);
    }

    /// Where others passed, it is the rows that did not. Where none did, it is not them.
    fn judge_suspects(&mut self) -> Result<(), SinkError> {
        if self.taken {
            self.settled.refused.append(&mut self.suspects);
            return Ok(());
        }
        self.suspicion.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// What is settled of a batch that failed, if anything is.
    fn partly(self) -> Option<Box<Partly>> {
        let mut left = self.left;
        left.extend(self.suspects.iter().map(|suspect| suspect.index));
        for part in self.todo {
            left.extend_from_slice(&self.rows[part.rows]);
        }
        left.sort_unstable();
        let some = left.len() < self.batch.records.len();
        some.then(|| Box::new(Partly { receipt: self.settled, left }))
    }
}
