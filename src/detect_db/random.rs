//! Random bytes for ids. They are drawn many at a time: an attacker who raises many alerts must not make ccfd ask for each.

use std::cell::RefCell;

/// Bytes that are drawn at a time.
const DRAWN: usize = 1024;

/// Bytes that were drawn and not given out yet.
struct RandomPool {
    bytes: [u8; DRAWN],
    left: usize,
}

thread_local! {
    static POOL: RefCell<RandomPool> = const { RefCell::new(RandomPool { bytes: [0; DRAWN], left: 0 }) };
}

/// Random bytes for an id of 16. Without a source of randomness they are zero: the database refuses the second id of a second,
/// and the batch is tried again.
pub(super) fn random_id() -> [u8; 16] {
    POOL.with_borrow_mut(|pool| {
        if pool.left < 16 {
            pool.left = getrandom::fill(&mut pool.bytes).map_or(0, |()| DRAWN);
        }
        let Some((rest, id)) = pool.bytes[..pool.left].split_last_chunk() else { return [0; 16] };
        pool.left = rest.len();
        *id
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_out_twice() {
        let ids: BTreeSet<[u8; 16]> = (0..1_000).map(|_| random_id()).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
