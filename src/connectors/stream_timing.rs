//! When the pieces of a stream come: a proxy that holds answers back delivers all of them at the end.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use memchr::memmem;
use tokio::time::Instant;

use super::{gen_ai::EventReader, run::StreamEnding};

/// How many events a stream must have before it says something of how they were delivered.
const EVENTS_MIN: u64 = 8;
/// The same for the time that it took: what takes no time is not held back.
const END_MIN: Duration = Duration::from_millis(200);
/// Held back is what comes in the last part of the time, one in this many.
const LAST_PART: u32 = 20;
/// The most of a stream that is read: a test asks for a short answer.
const BYTES_MAX: usize = 4 << 20;

/// When the pieces of a stream came, from the moment at which the request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTiming {
    /// The first piece.
    pub first: Duration,
    /// The end.
    pub end: Duration,
    /// How many events there were.
    pub events: u64,
    /// How it ended, as its reader sees it.
    pub ending: StreamEnding,
}

impl StreamTiming {
    /// Reads a stream to its end. `begun` is when the request was sent: a proxy may hold back the head, too. One that is far
    /// longer than the answer to a test is cut.
    pub async fn since(begun: Instant, mut bytes: BoxStream<'static, io::Result<Bytes>>) -> Self {
        let (mut first, mut events, mut read) = (None, 0, 0);
        let mut reader = EventReader::default();
        while let Some(Ok(piece)) = bytes.next().await
            && read <= BYTES_MAX
        {
            first.get_or_insert_with(|| begun.elapsed());
            events += memmem::find_iter(&piece, b"data:").count() as u64;
            read += piece.len();
            reader.take(&piece);
        }
        let ending = match (reader.has_failed, reader.is_done) {
            (true, _) => StreamEnding::Failed,
            (false, true) => StreamEnding::Complete,
            (false, false) => StreamEnding::Cut,
        };
        let end = begun.elapsed();
        Self { first: first.unwrap_or(end), end, events, ending }
    }

    /// Whether something between here and the model gathers the pieces: they all came at the end, although the answer took
    /// its time.
    pub fn is_held_back(&self) -> bool {
        let apart = self.end.saturating_sub(self.first);
        self.events >= EVENTS_MIN && self.end >= END_MIN && apart * LAST_PART < self.end
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    const EVENTS: u64 = 20;

    /// The timing of events that come after a wait, with a pause after each.
    async fn timed(wait: Duration, pause: Duration) -> StreamTiming {
        let begun = Instant::now();
        tokio::time::sleep(wait).await;
        let events = stream::iter(0..EVENTS).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok(Bytes::from_static(b"data: {}\n\n"))
        });
        StreamTiming::since(begun, events.boxed()).await
    }

    #[tokio::test(start_paused = true)]
    async fn pieces_that_all_come_at_the_end_were_held_back() {
        let second = Duration::from_secs(1);
        let tenth = Duration::from_millis(100);
        assert!(timed(second, Duration::ZERO).await.is_held_back());
        assert!(!timed(second, tenth).await.is_held_back(), "a model that thinks first");
        assert!(!timed(Duration::ZERO, tenth).await.is_held_back());
        assert!(!timed(tenth, Duration::ZERO).await.is_held_back(), "too fast to tell");
        let few = StreamTiming { first: second, end: second, events: 2, ending: StreamEnding::Complete };
        assert!(!few.is_held_back(), "one piece has nothing to be apart from");
    }
}
