//! Delivers one batch in calls, one after the other, and in smaller ones around what is not accepted.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;

use super::{
    classify::CallAnswer,
    client::LogsIngestionConnection,
    encode::{Call, Encoder, broken},
};
use crate::sinks::{
    Batch, PartialWrite, Receipt, Refused, SinkError, WriteFailure,
    remote::{RemoteError, RemoteErrorKind, Service},
    request_size::{TooLarge, Weight},
};

/// After this many records refused one by one, and none accepted, as many others are tried first.
const ALONE_MAX: usize = 8;

/// One batch for one stream.
pub(super) struct StreamDelivery<'a> {
    /// Connections and tokens.
    pub api: &'a LogsIngestionConnection,
    /// Makes the bodies.
    pub encoder: Encoder,
    /// The batch.
    pub batch: Batch,
    /// The stream.
    pub stream: &'a str,
    /// Records before this second are refused.
    pub since: Option<i64>,
}

impl StreamDelivery<'_> {
    /// Sends all of it. Everything before the call that fails is acknowledged or refused.
    pub(super) async fn run(&self) -> Result<Receipt, WriteFailure> {
        let count = self.batch.records.len();
        let mut total = Receipt::default();
        let mut at = 0;
        // Where calls must end, the next one last: a call that is not accepted is halved.
        let mut ends = vec![count];
        let mut alone = 0;
        // What was tried ahead and is done.
        let mut taken = BTreeMap::new();
        while let Some(&end) = ends.last() {
            if at == end {
                ends.pop();
                continue;
            }
            if let Some(receipt) = taken.remove(&at) {
                total.add(receipt, &[]);
                at += 1;
                continue;
            }
            let end = taken.range(at..end).next().map_or(end, |(place, _)| *place);
            let sent = match self.send(at..end).await {
                Ok(sent) => sent,
                Err(error) => return Err(failure(error, total, at..count, taken)),
            };
            match sent {
                Sent::Done { receipt, end } => {
                    total.add(receipt, &[]);
                    at = end;
                }
                Sent::TooMuch { end } => ends.push(at + (end - at) / 2),
                Sent::Refused { receipt, end, fault } => {
                    total.add(receipt, &[]);
                    at = end;
                    alone += 1;
                    if alone == ALONE_MAX
                        && total.accepted == 0
                        && self.is_refused_throughout(at..count, &mut taken).await?
                    {
                        return Err(SinkError::from(fault).into());
                    }
                }
            }
        }
        Ok(total)
    }

    /// Whether records from all over the batch are refused one by one: then the rule or the stream is at
    /// fault, and the rejects are no place for all of them. Accepted ones are added to `taken`.
    async fn is_refused_throughout(
        &self,
        places: Range<usize>,
        taken: &mut BTreeMap<usize, Receipt>,
    ) -> Result<bool, SinkError> {
        if places.len() < ALONE_MAX {
            return Ok(false);
        }
        for place in places.clone().step_by(places.len() / ALONE_MAX) {
            let call = self.encode(place..place + 1).await?;
            if call.rows > 0 && matches!(self.api.post(self.stream, call.body).await?, CallAnswer::Accepted) {
                taken.insert(place, call.receipt);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends as many records, from the first of `places` on, as one call may contain.
    async fn send(&self, places: Range<usize>) -> Result<Sent, SinkError> {
        let Call { body, rows, first, end, inflated, receipt } = self.encode(places).await?;
        if rows == 0 {
            return Ok(Sent::Done { receipt, end });
        }
        let weight = Weight { bytes: inflated, wire: body.len() };
        match self.post(body.clone(), weight, rows).await? {
            CallAnswer::Accepted => Ok(Sent::Done { receipt, end }),
            CallAnswer::TooLarge(_) | CallAnswer::Malformed(_) if rows > 1 => Ok(Sent::TooMuch { end }),
            CallAnswer::TooLarge(refusal) => {
                let receipt = without(receipt, first, "too_large", refusal.reason);
                Ok(Sent::Done { receipt, end })
            }
            CallAnswer::Malformed(refusal) => {
                self.api.probe(self.stream).await?;
                // A proxy in between may refuse for a moment.
                if refusal.is_intercepted
                    && matches!(self.post(body, weight, rows).await?, CallAnswer::Accepted)
                {
                    return Ok(Sent::Done { receipt, end });
                }
                let fault = refusal.fault_of_rule();
                let receipt = without(receipt, first, "refused", refusal.reason);
                Ok(Sent::Refused { receipt, end, fault })
            }
        }
    }

    /// One call, which shows how much the next one may contain.
    async fn post(&self, body: Bytes, weight: Weight, rows: usize) -> Result<CallAnswer, SinkError> {
        let size = &self.api.size;
        match self.api.post(self.stream, body).await {
            Ok(CallAnswer::TooLarge(refusal)) if size.too_large(weight, rows) == TooLarge::Incredible => {
                let kind = RemoteErrorKind::Overloaded { status: refusal.status.as_u16(), retry_after: None };
                Err(RemoteError { kind, ..refusal.into_error() }.into())
            }
            Ok(CallAnswer::Accepted) => {
                size.passed(weight);
                Ok(CallAnswer::Accepted)
            }
            Ok(other) => Ok(other),
            Err(error) => {
                // A failure before the call, such as a missing token, says nothing about its size.
                if error.service == Service::LogsIngestion && error.kind.may_be_the_size() {
                    size.failed(weight);
                }
                Err(error.into())
            }
        }
    }

    async fn encode(&self, places: Range<usize>) -> Result<Call, SinkError> {
        let (mut encoder, batch, since) = (self.encoder.clone(), self.batch.clone(), self.since);
        encoder.inflated_max = encoder.inflated_max.min(self.api.size.bytes());
        let encoded = self.api.encoding.run(move || encoder.encode(&batch, places, since)).await;
        encoded.and_then(|call| call).map_err(broken)
    }
}

/// What became of one call.
enum Sent {
    /// The records up to `end` are done.
    Done { receipt: Receipt, end: usize },
    /// None is; the records up to `end` are too many for one call, or one of them is at fault.
    TooMuch { end: usize },
    /// The records up to `end` are done if the refused one is at fault and not the rule.
    Refused { receipt: Receipt, end: usize, fault: RemoteError },
}

/// The receipt of a call with a single row, which is refused.
fn without(receipt: Receipt, index: usize, kind: &'static str, reason: String) -> Receipt {
    let mut refused = receipt.refused;
    refused.push(Refused { index, kind, reason });
    Receipt { accepted: 0, cut: Vec::new(), refused, already_there: 0 }
}

fn failure(
    error: SinkError,
    mut total: Receipt,
    left: Range<usize>,
    taken: BTreeMap<usize, Receipt>,
) -> WriteFailure {
    let is_partial = left.start > 0 || !taken.is_empty();
    let left = left.filter(|place| !taken.contains_key(place)).collect();
    taken.into_values().for_each(|receipt| total.add(receipt, &[]));
    let partial = is_partial.then(|| Box::new(PartialWrite { receipt: total, left }));
    WriteFailure { error, partial }
}
