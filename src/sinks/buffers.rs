//! Memory for the bodies of requests, handed from one to the next.

use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

/// A buffer that is this many times as large as what is wanted has had its time: the catching up is over.
const TOO_LARGE: usize = 4;
/// Buffers up to this many bytes are not worth the trouble.
const SMALL: usize = 256 << 10;

/// The buffers of one sink. Bodies are encoded on whichever thread is free, and the system's allocator keeps for each
/// thread what its last body took; so it is better that few buffers go around.
#[derive(Default)]
pub struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer for about so many bytes.
    pub fn take(&self, bytes: usize) -> Vec<u8> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|buffer| buffer.capacity() <= SMALL.max(bytes.saturating_mul(TOO_LARGE)));
        let mut buffer = kept.pop().unwrap_or_default();
        drop(kept);
        buffer.reserve_exact(bytes);
        buffer
    }

    /// Takes a body back, if nobody else holds it.
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
