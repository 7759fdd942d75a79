//! Reads a response: as much and as long as allowed.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use collectors::TransportError;
use futures::{StreamExt as _, stream};
use reqwest::Response;
use tokio::time::timeout;

use super::{OutgoingBody, OutgoingError, OutgoingResponse};

/// All of it. Decompressed, whether that was asked for or not.
pub(super) async fn whole(
    mut response: Response,
    bytes_max: usize,
    failed: impl Fn(reqwest::Error) -> OutgoingError,
) -> Result<OutgoingResponse, OutgoingError> {
    let too_large = || OutgoingError::TooLarge(bytes_max);
    let announced = response.content_length().unwrap_or(0);
    if announced > bytes_max as u64 {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(&failed)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let whole = collectors::Response { status, headers, body: body.freeze() };
    let whole = whole.decoded(bytes_max).map_err(|error| match error {
        TransportError::TooLarge { .. } => too_large(),
        TransportError::Unreachable(why)
        | TransportError::Unanswered(why)
        | TransportError::Untrusted(why)
        | TransportError::TooSlow(why) => OutgoingError::Cut(why),
    })?;
    Ok(OutgoingResponse { status, headers: whole.headers, body: OutgoingBody::Whole(whole.body) })
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
