//! Reads a response: as much and as long as allowed.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use collectors::TransportError;
use futures::{StreamExt as _, stream};
use http::header;
use reqwest::Response;
use tokio::time::timeout;

use super::{OutgoingBody, OutgoingError, OutgoingResponse};

/// All of it. Decompressed, whether that was asked for or not. Of a failure, and where that is enough, the beginning: what its
/// status and headers say counts, however long the page behind them is.
pub(super) async fn whole(
    mut response: Response,
    bytes_max: usize,
    is_beginning_enough: bool,
    failed: impl Fn(reqwest::Error) -> OutgoingError,
) -> Result<OutgoingResponse, OutgoingError> {
    let too_large = || OutgoingError::TooLarge(bytes_max);
    let is_enough = is_beginning_enough || !response.status().is_success();
    let announced = response.content_length().unwrap_or(0);
    if announced > bytes_max as u64 && !is_enough {
        return Err(too_large());
    }
    let (mut body, mut is_cut) = (BytesMut::new(), false);
    while let Some(chunk) = response.chunk().await.map_err(&failed)? {
        let room = bytes_max.saturating_sub(body.len());
        if chunk.len() > room {
            if !is_enough {
                return Err(too_large());
            }
            body.extend_from_slice(chunk.get(..room).unwrap_or_default());
            is_cut = true;
            break;
        }
        body.extend_from_slice(&chunk);
    }
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let beginning = |headers, body| Ok(OutgoingResponse { status, headers, body: OutgoingBody::Whole(body) });
    if is_cut {
        // What is compressed and cut cannot be read.
        let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
        let body = if is_plain { body.freeze() } else { Bytes::new() };
        return beginning(headers, body);
    }
    let kept = is_enough.then(|| headers.clone());
    let whole = collectors::Response { status, headers, body: body.freeze() };
    match (whole.decoded(bytes_max), kept) {
        (Ok(whole), _) => beginning(whole.headers, whole.body),
        (Err(TransportError::TooLarge { .. }), None) => Err(too_large()),
        (Err(TransportError::TooLarge { .. }), Some(headers)) => beginning(headers, Bytes::new()),
        (
            Err(
                TransportError::Unreachable(why)
                | TransportError::Unanswered(why)
                | TransportError::Untrusted(why)
                | TransportError::TooSlow(why),
            ),
            _,
        ) => Err(OutgoingError::Cut(why)),
    }
}

/// As it comes. It fails when nothing comes for a while.
pub(super) fn streamed(mut response: Response, pause_max: Duration) -> OutgoingResponse {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let bytes = stream::unfold(Some(response), move |response| async move {
        let mut response = response?;
        let next: Option<io::Result<Bytes>> = match timeout(pause_max, response.chunk()).await {
            Ok(Ok(chunk)) => chunk.map(Ok),
            Ok(Err(error)) => Some(Err(io::Error::other(collectors::with_reasons(&error.without_url())))),
            Err(_) => Some(Err(io::Error::from(io::ErrorKind::TimedOut))),
        };
        let rest = matches!(next, Some(Ok(_))).then_some(response);
        Some((next?, rest))
    });
    OutgoingResponse { status, headers, body: OutgoingBody::Streamed(bytes.boxed()) }
}
