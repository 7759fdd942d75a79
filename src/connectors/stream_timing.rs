//! When the pieces of a stream come: a proxy that holds an answer back delivers all events together, in the end.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use memchr::memmem;
use tokio::time::Instant;

use super::{gen_ai::EventReader, run::StreamEnding};

/// How many events a stream must have before it says something of how they were delivered.
const EVENTS_MIN: u32 = 8;
/// The same for the time that it took: what takes no time is not held back.
const END_MIN: Duration = Duration::from_millis(200);
/// No model writes its events closer together: four thousand in a second.
const SPACING_MIN: Duration = Duration::from_micros(250);
/// How many waits do not count: what is delivered together may take the network some rounds.
const ROUNDS_MAX: usize = 2;
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
    pub events: u32,
    /// The time between the pieces after the first, without the longest waits.
    pub spacing: Duration,
    /// How it ended, as its reader sees it.
    pub ending: StreamEnding,
}

impl StreamTiming {
    /// Reads a stream to its end. `begun` is when the request was sent: a proxy may hold back the head, too. One that is far
    /// longer than the answer to a test is cut.
    pub async fn since(begun: Instant, mut bytes: BoxStream<'static, io::Result<Bytes>>) -> Self {
        let (mut first, mut events, mut read) = (None, 0_u32, 0);
        let (mut waits, mut last) = (Vec::new(), None);
        let mut reader = EventReader::default();
        while let Some(Ok(piece)) = bytes.next().await
            && read <= BYTES_MAX
        {
            let now = begun.elapsed();
            first.get_or_insert(now);
            waits.extend(last.replace(now).map(|last| now.saturating_sub(last)));
            let found = memmem::find_iter(&piece, b"data:").count();
            events = events.saturating_add(u32::try_from(found).unwrap_or(u32::MAX));
            read += piece.len();
            reader.take(&piece);
            // A server may keep the connection open behind it.
            if reader.is_done {
                break;
            }
        }
        let ending = match (reader.has_failed, reader.is_done) {
            (true, _) => StreamEnding::Failed,
            (false, true) => StreamEnding::Complete,
            (false, false) => StreamEnding::Cut,
        };
        let end = begun.elapsed();
        waits.sort_unstable();
        let spacing = waits.iter().rev().skip(ROUNDS_MAX).sum();
        Self { first: first.unwrap_or(end), end, events, spacing, ending }
    }

    /// Whether something between here and the model gathers the events: they came together, although the answer took its time.
    /// How long the first one took says nothing: models think.
    pub fn is_held_back(&self) -> bool {
        self.events >= EVENTS_MIN && self.end >= END_MIN && self.spacing < SPACING_MIN * self.events
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    const EVENTS: u32 = 20;
    const EVENT: &str = "data: {}\n\n";

    /// The timing of pieces of so many events, each after a wait.
    async fn timed(pieces: impl IntoIterator<Item = (Duration, u32)>) -> StreamTiming {
        let begun = Instant::now();
        let pieces: Vec<_> = pieces.into_iter().collect();
        let pieces = stream::iter(pieces).then(|(wait, events)| async move {
            tokio::time::sleep(wait).await;
            Ok(Bytes::from(EVENT.repeat(events as usize)))
        });
        StreamTiming::since(begun, pieces.boxed()).await
    }

    /// A model that takes this long for its first event, and this long for each of the others.
    async fn written(first: Duration, pace: Duration) -> StreamTiming {
        timed((0..EVENTS).map(|place| (if place == 0 { first } else { pace }, 1))).await
    }

    const SECOND: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_model_that_is_slow_is_not_held_back() {
        for (first, pace) in [
            (SECOND * 10, MS * 2),
            (SECOND * 60, MS * 20),
            (MS * 100, MS * 100),
            (SECOND * 2, SECOND * 2),
            (Duration::ZERO, MS * 100),
        ] {
            let timing = written(first, pace).await;
            assert!(!timing.is_held_back(), "{timing:?}");
        }
        let several = timed([(SECOND, 3), (MS * 40, 3), (MS * 40, 3), (MS * 40, 3), (MS * 40, 3)]).await;
        assert!(!several.is_held_back(), "several events in each piece: {several:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn events_that_come_together_in_the_end_were_held_back() {
        assert!(timed([(SECOND, EVENTS)]).await.is_held_back());
        assert!(written(SECOND, Duration::ZERO).await.is_held_back());
        let rounds = timed([(SECOND, 10), (MS * 50, 20), (MS * 50, 10)]).await;
        assert!(rounds.is_held_back(), "the network needs some rounds: {rounds:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_ends_with_the_last_event_however_long_the_connection_stays_open() {
        let events = stream::iter([Ok(Bytes::from_static(b"data: {}\n\ndata: [DONE]\n\n"))]);
        let stays_open = events.chain(stream::pending());
        let timing = StreamTiming::since(Instant::now(), stays_open.boxed());
        let timing = tokio::time::timeout(SECOND, timing).await.unwrap();
        assert_eq!((timing.end, timing.ending), (Duration::ZERO, StreamEnding::Complete));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_short_says_nothing() {
        assert!(!timed([(MS * 100, EVENTS)]).await.is_held_back(), "too fast to tell");
        assert!(!timed([(SECOND, 2)]).await.is_held_back(), "too few to tell");
    }
}
