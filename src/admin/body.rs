//! Bodies of requests: as large as their route allows, not slower than a bad line, and together within one memory.
//!
//! ```text
//! a body          BODY_TIME, and a second more for each BYTES_PER_SECOND that came
//! all bodies      BODIES_BYTES_MAX in this process; who finds no room waits ROOM_TIME
//! a refused body  is read and dropped, so that the peer gets to read the response
//! ```

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// Time for a body, and how much of one must come in each further second.
const BODY_TIME: Duration = Duration::from_secs(10);
const BYTES_PER_SECOND: usize = 16 << 10;
/// The memory of all bodies that are received or worked on at the same time, with what is parsed from them.
pub(super) const BODIES_BYTES_MAX: usize = 96 << 20;
/// How long a request waits for a part of that memory.
const ROOM_TIME: Duration = Duration::from_secs(10);
/// How much of a refused body is dropped, and how long that may take.
const DROPPED_BYTES_MAX: usize = 32 << 20;
const DROPPED_TIME: Duration = Duration::from_secs(10);

/// The memory for bodies.
#[derive(Clone)]
pub(super) struct BodyMemory(Arc<Semaphore>);

impl BodyMemory {
    /// That of this process.
    pub(super) fn shared() -> Self {
        static SHARED: OnceLock<BodyMemory> = OnceLock::new();
        SHARED.get_or_init(|| Self::of(BODIES_BYTES_MAX)).clone()
    }

    fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BodyError> {
        let bytes = u32::try_from(bytes).map_err(|_| BodyError::Busy)?;
        match timeout(ROOM_TIME, self.0.clone().acquire_many_owned(bytes)).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(BodyError::Busy),
        }
    }
}

/// A body, and its part of the memory.
pub(super) struct ReceivedBody {
    /// The body.
    pub(super) bytes: Bytes,
    memory: BodyMemory,
    room: OwnedSemaphorePermit,
}

/// The part of the memory that a body, or what was parsed from it, takes until this is dropped.
pub(super) struct BodyRoom(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit);

/// Why a body was not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is larger than the route allows.
    TooLarge {
        /// What the route allows.
        max: usize,
    },
    /// What is made of it is larger than the memory for all bodies.
    TooMuch,
    /// It came too slowly.
    TooSlow,
    /// It ended early.
    Cut,
    /// Others take all memory.
    Busy,
}

impl BodyError {
    /// The status of the response.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge { .. } | Self::TooMuch => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Cut => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl ReceivedBody {
    /// Reads a body.
    pub(super) async fn read(
        headers: &HeaderMap,
        body: Body,
        max: usize,
        memory: &BodyMemory,
    ) -> Result<Self, BodyError> {
        let announced = headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|announced| announced > max) {
            drop_body(headers, body).await;
            return Err(BodyError::TooLarge { max });
        }
        let room = memory.room(announced.unwrap_or(max)).await?;
        let mut stream = body.into_data_stream();
        let mut whole = BytesMut::with_capacity(announced.unwrap_or_default());
        let begun = Instant::now();
        loop {
            let earned = Duration::from_secs((whole.len() / BYTES_PER_SECOND) as u64);
            let left = (BODY_TIME + earned).saturating_sub(begun.elapsed());
            match timeout(left, stream.next()).await {
                Err(_) => return Err(BodyError::TooSlow),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(BodyError::Cut),
                Ok(Some(Ok(piece))) if whole.len() + piece.len() > max => {
                    drop(whole);
                    drop_rest(stream).await;
                    return Err(BodyError::TooLarge { max });
                }
                Ok(Some(Ok(piece))) => whole.extend_from_slice(&piece),
            }
        }
        Ok(Self { bytes: whole.freeze(), memory: memory.clone(), room })
    }

    /// Takes so much memory for what is made of the body, which is kept, too.
    pub(super) async fn with_parsed(self, bytes: usize) -> Result<(Bytes, BodyRoom), BodyError> {
        let Self { bytes: body, memory, mut room } = self;
        let wanted = body.len().saturating_add(bytes);
        if wanted > BODIES_BYTES_MAX {
            return Err(BodyError::TooMuch);
        }
        match wanted.checked_sub(room.num_permits()) {
            Some(more) => room.merge(memory.room(more).await?),
            None => drop(room.split(room.num_permits() - wanted)),
        }
        Ok((body, BodyRoom(room)))
    }
}

/// Reads a body that nobody wants: a connection that ends before the peer has sent all of it would take the response with
/// it. A peer that waits to be asked for the body is not asked.
pub(super) async fn drop_body(headers: &HeaderMap, body: Body) {
    let waits = headers.get(header::EXPECT).is_some_and(|expected| expected.as_bytes() == b"100-continue");
    if !waits {
        drop_rest(body.into_data_stream()).await;
    }
}

async fn drop_rest(mut stream: BodyDataStream) {
    let dropping = async {
        let mut dropped = 0;
        while let Some(Ok(piece)) = stream.next().await {
            dropped += piece.len();
            if dropped > DROPPED_BYTES_MAX {
                return;
            }
        }
    };
    _ = timeout(DROPPED_TIME, dropping).await;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;
    use tokio::time::sleep;

    use super::*;

    /// A body of pieces, one in each second.
    fn slow(pieces: usize, bytes: usize) -> Body {
        Body::from_stream(stream::unfold(0, move |sent| async move {
            sleep(Duration::from_secs(1)).await;
            (sent < pieces).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'x'; bytes])), sent + 1))
        }))
    }

    async fn read(body: Body, max: usize) -> Result<usize, BodyError> {
        let memory = BodyMemory::of(1 << 20);
        let read = ReceivedBody::read(&HeaderMap::new(), body, max, &memory).await;
        read.map(|read| read.bytes.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_take_long_if_it_keeps_coming() {
        assert_eq!(read(slow(50, 20 << 10), 1 << 20).await, Ok(1000 << 10));
        assert_eq!(read(slow(50, 1), 1 << 20).await, Err(BodyError::TooSlow));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_not_larger_than_its_route_allows() {
        assert_eq!(read(Body::from(vec![0; 100]), 100).await, Ok(100));
        assert_eq!(read(Body::from(vec![0; 101]), 100).await, Err(BodyError::TooLarge { max: 100 }));
        let announced: HeaderMap = [(header::CONTENT_LENGTH, "101".parse().unwrap())].into_iter().collect();
        let begun = Instant::now();
        let read = ReceivedBody::read(&announced, slow(100, 1), 100, &BodyMemory::of(200)).await;
        assert_eq!(read.err(), Some(BodyError::TooLarge { max: 100 }));
        assert_eq!(begun.elapsed(), DROPPED_TIME, "it is dropped, and not for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_together_take_no_more_than_the_memory() {
        let memory = BodyMemory::of(250);
        let none = HeaderMap::new();
        let one = || async { ReceivedBody::read(&none, Body::from(vec![0; 10]), 100, &memory).await };
        let (first, second) = (one().await.unwrap(), one().await.unwrap());
        assert_eq!(one().await.err(), Some(BodyError::Busy));
        drop(first);
        let third = one().await.unwrap();
        let (_, room) = second.with_parsed(40).await.map_err(|error| panic!("{error:?}")).unwrap();
        assert!(
            one().await.is_ok(),
            "what was reserved for a whole body is given back once its size is known"
        );
        drop((third, room));
        assert_eq!(memory.0.available_permits(), 250);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_parsed_counts_too() {
        let memory = BodyMemory::of(250);
        let body =
            ReceivedBody::read(&HeaderMap::new(), Body::from(vec![0; 10]), 100, &memory).await.unwrap();
        assert_eq!(body.with_parsed(300).await.err(), Some(BodyError::Busy));
        let body =
            ReceivedBody::read(&HeaderMap::new(), Body::from(vec![0; 10]), 100, &memory).await.unwrap();
        assert_eq!(body.with_parsed(BODIES_BYTES_MAX).await.err(), Some(BodyError::TooMuch));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_waits_to_be_asked_is_not_asked_for_what_nobody_wants() {
        let waits: HeaderMap = [(header::EXPECT, "100-continue".parse().unwrap())].into_iter().collect();
        let begun = Instant::now();
        drop_body(&waits, slow(5, 1)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        drop_body(&HeaderMap::new(), slow(5, 1)).await;
        assert!(begun.elapsed() >= Duration::from_secs(5));
    }
}
