//! Maps by the id of a group. The ids are hashes, so one multiplication is enough to spread them; its factor is random, so that
//! nobody can choose groups that meet in one place.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
};

/// Values by the id of a group.
pub(super) type GroupMap<T> = HashMap<i64, T, GroupIdState>;

/// The factor of one map.
#[derive(Clone, Debug)]
pub(super) struct GroupIdState(u64);

impl Default for GroupIdState {
    fn default() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }
}

impl BuildHasher for GroupIdState {
    type Hasher = GroupIdHasher;

    fn build_hasher(&self) -> GroupIdHasher {
        GroupIdHasher { factor: self.0, hash: 0 }
    }
}

/// The hash of one id.
#[derive(Debug)]
pub(super) struct GroupIdHasher {
    factor: u64,
    hash: u64,
}

impl Hasher for GroupIdHasher {
    fn finish(&self) -> u64 {
        self.hash
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_i64(i64::from(*byte) ^ self.hash.rotate_left(8).cast_signed());
        }
    }

    fn write_i64(&mut self, id: i64) {
        let product = u128::from(id.cast_unsigned()) * u128::from(self.factor);
        self.hash = (product >> 64) as u64 ^ product as u64;
    }
}
