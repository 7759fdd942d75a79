//! A stream that is passed on while its tokens are counted.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, stream::BoxStream};
use tokio::sync::oneshot;

use super::sse::EventReader;
use crate::connectors::run::{StreamEnd, StreamEnding};

/// The chunks of an answer as they came. When it ends, or nobody reads it any longer, it says what is known of its tokens.
pub(super) struct CountedStream {
    chunks: BoxStream<'static, io::Result<Bytes>>,
    /// Whether it is a stream of events, which says itself when it is complete.
    has_events: bool,
    reader: EventReader,
    ended: Option<oneshot::Sender<StreamEnd>>,
}

impl CountedStream {
    /// The stream, and what will be said of its end.
    pub(super) fn new(
        chunks: BoxStream<'static, io::Result<Bytes>>,
        has_events: bool,
    ) -> (Self, oneshot::Receiver<StreamEnd>) {
        let (ended, receiver) = oneshot::channel();
        (Self { chunks, has_events, reader: EventReader::default(), ended: Some(ended) }, receiver)
    }

    fn end(&mut self, ending: StreamEnding) {
        let Some(ended) = self.ended.take() else { return };
        let ending = if self.reader.has_failed {
            StreamEnding::Failed
        } else if self.reader.is_done {
            StreamEnding::Complete
        } else {
            ending
        };
        // If nobody waits for it, nobody needs it.
        _ = ended.send(StreamEnd { usage: std::mem::take(&mut self.reader.usage), ending });
    }
}

impl Stream for CountedStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended.is_none() {
            return Poll::Ready(None);
        }
        let next = std::task::ready!(self.chunks.as_mut().poll_next(context));
        match &next {
            Some(Ok(chunk)) => self.reader.take(chunk),
            Some(Err(_)) => self.end(StreamEnding::Cut),
            None if self.has_events => self.end(StreamEnding::Cut),
            None => self.end(StreamEnding::Complete),
        }
        Poll::Ready(next)
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        self.end(StreamEnding::ReaderLeft);
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};

    use super::*;

    const EVENTS: &[&str] = &[
        "data: {\"model\":\"m\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    ];

    fn counted(
        pieces: &[&'static str],
        cut: bool,
        has_events: bool,
    ) -> (CountedStream, oneshot::Receiver<StreamEnd>) {
        let pieces: Vec<io::Result<Bytes>> = pieces
            .iter()
            .map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
            .chain(cut.then(|| Err(io::ErrorKind::ConnectionReset.into())))
            .collect();
        CountedStream::new(stream::iter(pieces).boxed(), has_events)
    }

    async fn read(pieces: &[&'static str], cut: bool, has_events: bool) -> (Vec<Bytes>, usize, StreamEnd) {
        let (stream, end) = counted(pieces, cut, has_events);
        let all: Vec<_> = stream.collect().await;
        let errors = all.iter().filter(|one| one.is_err()).count();
        (all.into_iter().flatten().collect(), errors, end.await.unwrap())
    }

    #[tokio::test]
    async fn chunks_pass_unchanged_and_their_tokens_are_known_at_the_end() {
        let (chunks, errors, end) = read(EVENTS, false, true).await;
        assert_eq!((chunks, errors), (EVENTS.iter().map(|event| Bytes::from(*event)).collect(), 0));
        assert_eq!((end.ending, end.usage.total), (StreamEnding::Complete, Some(3)));
    }

    #[tokio::test]
    async fn a_stream_that_ends_early_is_cut_and_says_what_it_knows() {
        for cut in [false, true] {
            let (_, errors, end) = read(&EVENTS[..1], cut, true).await;
            assert_eq!((end.ending, end.usage.total), (StreamEnding::Cut, Some(3)));
            assert_eq!(errors, usize::from(cut), "the reader sees the cut once");
        }
        let (_, _, end) = read(&["{}"], false, false).await;
        assert_eq!(end.ending, StreamEnding::Complete, "what is not events says nothing of its end");
    }

    #[tokio::test]
    async fn a_reader_that_leaves_ends_the_stream() {
        let (mut stream, end) = counted(EVENTS, false, true);
        _ = stream.next().await;
        drop(stream);
        let end = end.await.unwrap();
        assert_eq!((end.ending, end.usage.total), (StreamEnding::ReaderLeft, Some(3)));
        let (stream, end) = counted(EVENTS, false, true);
        let _: Vec<_> = stream.take(2).collect().await;
        assert_eq!(end.await.unwrap().ending, StreamEnding::Complete, "it left after the last event");
    }
}
