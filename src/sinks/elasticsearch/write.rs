//! One batch on its way: request by request, in halves where a request as a whole is refused.

use std::ops::Range;
use std::sync::Arc;

use super::State;
use super::answer::{self, Answered};
use super::bulk::{self, Bulk};
use super::call::Reply;
use crate::sinks::remote::{RemoteError, RemoteErrorKind};
use crate::sinks::{Batch, Partly, Receipt, Refused, SinkError, Unfinished};

/// So many rows refused one by one, while not one was taken: it is not them.
const SUSPECTS_MAX: usize = 8;

/// The state of a batch.
struct Writing {
    batch: Batch,
    index: String,
    /// Places in the batch of what can be sent. Everything below counts these rows from 0.
    rows: Arc<[usize]>,
    /// What is still to be sent, the next last.
    todo: Vec<Range<usize>>,
    /// Places in the batch of what was sent in vain.
    left: Vec<usize>,
    /// Rows that were refused alone, each as the whole of a request; and the last refusal.
    suspects: Vec<Refused>,
    suspicion: Option<RemoteError>,
    /// Whether some request was carried out.
    taken: bool,
    settled: Receipt,
}

/// Writes a batch.
pub(super) async fn write(state: &Arc<State>, batch: Batch) -> Result<Receipt, Unfinished> {
    let index = state.settings.index.of(batch.table.source).clone();
    let (rows, refused) = bulk::admit(&batch.records);
    let all = 0..rows.len();
    let mut writing = Writing {
        batch,
        index,
        todo: vec![all],
        rows: rows.into(),
        left: Vec::new(),
        suspects: Vec::new(),
        suspicion: None,
        taken: false,
        settled: Receipt { refused, ..Receipt::default() },
    };
    let ended = writing.send_all(state).await;
    match ended.and(writing.judge_suspects()) {
        Ok(()) => Ok(writing.settled),
        Err(error) => Err(Unfinished { error, partly: writing.partly() }),
    }
}

impl Writing {
    async fn send_all(&mut self, state: &Arc<State>) -> Result<(), SinkError> {
        while let Some(range) = self.todo.pop() {
            if range.is_empty() {
                continue;
            }
            let end = range.end;
            let mut bulk = match self.encode(state, range.clone()).await {
                Ok(bulk) => bulk,
                Err(error) => {
                    self.todo.push(range);
                    return Err(error);
                }
            };
            self.todo.push(bulk.rows.end..end);
            let request = state.bulk_request(&self.index, std::mem::take(&mut bulk.body)).await;
            let reply = state.cluster.bulk(&request, &self.index).await;
            state.buffers.give_back(request.body);
            match reply {
                Ok(Reply::Items(response)) => {
                    let rows = bulk.rows.len();
                    let read = answer::read(&response.body, rows, state.settings.op_type).map_err(|why| {
                        state.cluster.error(RemoteErrorKind::NotUnderstood(why), &response.headers)
                    });
                    let answered = match read {
                        Ok(answered) => answered,
                        Err(error) => return self.leave(bulk.rows, error),
                    };
                    state.tell_of_failure_store(&self.index, answered.in_failure_store);
                    self.take(bulk.rows, answered).map_err(|kind| {
                        let error = state.cluster.error(kind, &response.headers);
                        SinkError::Remote(error)
                    })?;
                }
                Ok(Reply::TooLarge) => {
                    state.shrink(bulk.rows.len(), bulk.bytes);
                    self.halve_or(bulk.rows, |writing, row| {
                        let reason = format!("{} bytes are more than one request may have", bulk.bytes);
                        writing.settled.refused.push(writing.refused(row, "too_large", reason));
                    });
                }
                Ok(Reply::Refused(error, reason)) => {
                    self.halve_or(bulk.rows, |writing, row| {
                        writing.suspects.push(writing.refused(row, "refused", reason));
                        writing.suspicion = Some(error);
                    });
                    if self.suspects.len() >= SUSPECTS_MAX && !self.taken {
                        break;
                    }
                }
                Err(error) => return self.leave(bulk.rows, error),
            }
        }
        Ok(())
    }

    async fn encode(&self, state: &Arc<State>, range: Range<usize>) -> Result<Bulk, SinkError> {
        let (form, bytes_max) = (state.form(), state.bytes_max());
        let (batch, rows) = (self.batch.clone(), self.rows.clone());
        let wanted = bulk::estimate(&batch, &rows[range.clone()]).min(bytes_max);
        // Audit events shrink to a tenth.
        let buffer = state.buffers.take(if form.gzip { wanted / 8 } else { wanted });
        let work = move || bulk::encode(&form, &batch, &rows, range, bytes_max, buffer);
        let failed = |source| SinkError::Io { path: "a request for Elasticsearch".to_owned(), source };
        state.encoding.run(work).await.and_then(|encoded| encoded).map_err(failed)
    }

    fn refused(&self, row: usize, kind: &'static str, reason: String) -> Refused {
        Refused { index: self.rows.get(row).copied().unwrap_or(row), kind, reason }
    }

    fn leave(&mut self, rows: Range<usize>, error: RemoteError) -> Result<(), SinkError> {
        self.todo.push(rows);
        Err(error.into())
    }

    /// Takes what is settled out of the rows of one request; the fault of the others, if there are any.
    fn take(&mut self, rows: Range<usize>, answered: Answered) -> Result<(), RemoteErrorKind> {
        self.taken = true;
        let Answered { receipt, left, fault, in_failure_store: _ } = answered;
        let places = &self.rows[rows];
        self.settled.add(receipt, places);
        self.left.extend(left.into_iter().filter_map(|row| places.get(row)));
        fault.map_or(Ok(()), |fault| Err(fault.kind(&self.index)))
    }

    /// Sends the rows again in two requests; what is one row is up to `lone`.
    fn halve_or(&mut self, rows: Range<usize>, lone: impl FnOnce(&mut Self, usize)) {
        if rows.len() == 1 {
            return lone(self, rows.start);
        }
        let middle = rows.start + rows.len() / 2;
        self.todo.push(middle..rows.end);
        self.todo.push(rows.start..middle);
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
        for rows in self.todo {
            left.extend_from_slice(&self.rows[rows]);
        }
        left.sort_unstable();
        let some = left.len() < self.batch.records.len();
        some.then(|| Box::new(Partly { receipt: self.settled, left }))
    }
}
