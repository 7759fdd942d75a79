//! Maps by the id of a group. The ids are hashes, so they are not hashed again.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// Values by the id of a group.
pub(super) type GroupMap<T> = HashMap<i64, T, BuildHasherDefault<GroupIdHasher>>;

/// The hash of an id is the id.
#[derive(Debug, Default)]
pub(super) struct GroupIdHasher(u64);

impl Hasher for GroupIdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_i64(&mut self, id: i64) {
        self.0 = id.cast_unsigned();
    }
}
