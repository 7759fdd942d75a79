//! Memory for the bodies of requests, passed from one request to the next.

use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

/// A buffer that is this many times as large as needed is freed: the catch-up that needed it is over.
const TOO_LARGE: usize = 4;
/// Smaller buffers are not worth keeping.
const SMALL: usize = 256 << 10;

/// The buffers of one sink. Bodies are encoded on whichever thread is free, and the allocator keeps the last
/// large allocation of each thread; so a few shared buffers need less memory than one per thread.
#[derive(Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer for about this many bytes.
    pub fn take(&self, bytes: usize) -> Vec<u8> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|buffer| buffer.capacity() <= SMALL.max(bytes.saturating_mul(TOO_LARGE)));
        let mut buffer = kept.pop().unwrap_or_default();
        drop(kept);
        buffer.reserve_exact(bytes);
        buffer
    }

    /// Takes a body back, unless something else still holds it.
    pub fn give_back(&self, body: Bytes) {
        let Ok(mut body) = body.try_into_mut() else { return };
        body.clear();
        if body.capacity() > SMALL {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(BytesMut::into(body));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 1 << 20;

    #[test]
    fn a_body_that_was_sent_gives_its_memory_to_the_next_one() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(LARGE);
        buffer.extend_from_slice(b"body");
        let place = buffer.as_ptr();
        buffers.give_back(Bytes::from(buffer));
        let again = buffers.take(LARGE);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }

    #[test]
    fn a_body_that_someone_still_reads_is_left_to_them() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(LARGE);
        buffer.extend_from_slice(b"body");
        let body = Bytes::from(buffer);
        let reader = body.clone();
        buffers.give_back(body);
        assert_eq!(buffers.take(LARGE).as_slice(), b"");
        assert_eq!(reader.as_ref(), b"body");
    }

    #[test]
    fn large_buffers_go_when_bodies_are_small_again() {
        let buffers = Buffers::default();
        buffers.give_back(Bytes::from(Vec::with_capacity(8 * LARGE)));
        assert!(buffers.take(1_000).capacity() < LARGE);
        assert!(buffers.0.lock().unwrap().is_empty());
    }
}
